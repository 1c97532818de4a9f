"""Correct an answer: more clicks, growing, undo; then take the object away in several formats."""

from pathlib import Path

import liftlab

PHOTOS = Path(__file__).parent.parent / "assets" / "captures" / "desk"

lab = liftlab.Lab()
name = lab.import_capture(PHOTOS, "desk").name
lab.prepare(name, "wildseg3d")
session = liftlab.Session(lab)
session.open(name)

bear = session.new_object("bear")
bear = session.click("000.jpg", 282, 279)
print(f"one click: {bear.count} points")
bear = session.set_granularity(0.0)  # 0 = smallest part, 1 = largest whole
print(f"the smallest part there: {bear.count} points")
bear = session.set_granularity(None)  # as the method chooses
bear = session.click("000.jpg", 212, 226)  # the box behind it as well
print(f"with the box: {bear.count} points")
bear = session.click("000.jpg", 212, 226, positive=False)  # not the box after all
print(f"without the box: {bear.count} points")
bear = session.grow()  # by one step outwards
print(f"grown: {bear.count} points")
bear = session.undo()  # every edit can be taken back

for kind in ("ply", "glb", "masks", "coco", "notebook"):
    for path in session.export(kind, Path("out/bear")):
        print(path)

# `liftlab run out/bear/notebook.json` replays all of it and says whether the masks are the same.
notebook = liftlab.Notebook.load(Path("out/bear/notebook.json"))
print("replayed alike:", liftlab.replay(notebook, lab).identical)
