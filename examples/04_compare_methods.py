"""Give the same clicks to several methods, and see where they agree.

Gaga answers with splats: the first run trains them, which takes some minutes without a graphics card.
"""

from pathlib import Path

import liftlab

PHOTOS = Path(__file__).parent.parent / "assets" / "captures" / "desk"
METHODS = ("wildseg3d", "gaga")

lab = liftlab.Lab()
name = lab.import_capture(PHOTOS, "desk").name
for method in METHODS:
    lab.prepare(name, method)

session = liftlab.Session(lab)
session.open(name)
comparison = liftlab.Comparison(lab, name, [liftlab.PaneMethod(method) for method in METHODS])

for what, x, y in (("book", 301, 386), ("bear", 282, 279), ("box", 212, 226)):
    session.new_object(what)
    comparison.ask(session.click("000.jpg", x, y).asked)
    reference = comparison.masks_of_pane(0)  # the first method's answer stands for what is right
    for row in comparison.rows(reference):
        print(f"{what:5} {row.method:10} {row.ms:7.1f} ms  IoU with the first {row.iou:.3f}")
