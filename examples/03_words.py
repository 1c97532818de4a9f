"""Find objects by words: without weights the lab measures colours, sizes, shapes and places."""

from pathlib import Path

import liftlab

PHOTOS = Path(__file__).parent.parent / "assets" / "captures" / "desk"

lab = liftlab.Lab()
name = lab.import_capture(PHOTOS, "desk").name
words = lab.word_lookup(name, "wildseg3d")  # prepares the method, then measures every object once

for text in ("the tall green thing", "the large red thing", "the lamp"):
    result = words.search(text)
    print(f"{text}: {result.message}")
    for hit in result.found[:3]:
        print(f"  {words.title(hit.object_id)}, score {hit.score:.2f}")

# A name that you give is a word, too.
session = liftlab.Session(lab)
session.open(name)
bottle = session.click("000.jpg", 137, 314)
session.rename_object(bottle.id, "olive oil")
words = lab.word_lookup(name, "wildseg3d")
for text in ("olive oil", "the thing behind the olive oil"):
    best = words.search(text).found[0]
    print(f"{text}: {words.title(best.object_id)}, score {best.score:.2f}")
