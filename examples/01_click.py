"""Hello world: photos in, one click, masks of every photo out.

Run it from a clone: `python examples/01_click.py`. The first run finds cameras, points and objects, which takes a
minute or two; results are kept in ~/.liftlab, so that later runs and the other examples start at once.
"""

from pathlib import Path

import liftlab

PHOTOS = Path(__file__).parent.parent / "assets" / "captures" / "desk"  # or a folder of your own photos

lab = liftlab.Lab()
name = lab.import_capture(PHOTOS, "desk").name
lab.prepare(name, "wildseg3d")  # reconstructs and finds objects first

session = liftlab.Session(lab)
session.open(name)
book = session.click("000.jpg", 301, 386)  # pixels of the photo: x to the right, y down
print(f"{book.count} points selected in {book.ms:.1f} ms")

for path in session.export("masks", Path("out/click")):
    print(path)
