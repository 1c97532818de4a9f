"""Record the answers of a capture anew, or check them against the record, with a table of what changed.

python -m tests.answers.record desk            # writes tests/answers/desk.json.gz
python -m tests.answers.record desk --check    # writes nothing; 1 when an answer is another one
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from tests.answers.asking import settled_answers
from tests.answers.keeping import Answers, compare, iou_of, masks_of, table
from tests.answers.plans import PLANS, Plan


def truth_ious(plan: Plan, answers: Answers, method: str) -> list[float]:
    """Of the first click on each object: IoU to the truth, pooled over all views; it says whether the record means
    something.
    """
    import json

    assert plan.folder is not None
    objects = json.loads((plan.folder / "truth" / "objects.json").read_text())["objects"]
    ids = {thing["name"]: thing["id"] for thing in objects}
    photos = plan.photos or tuple(sorted(path.name for path in (plan.folder / "images").iterdir()))
    files = [plan.folder / "truth" / "instance" / f"{Path(photo).stem}.png" for photo in photos]
    labels = [cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for file in files]
    found = []
    for name in plan.clicks:
        masks = masks_of(answers, answers.answers[method][f"click {name}"])
        pairs = []
        for mask, truth in zip(masks, labels, strict=True):
            assert truth is not None
            rows = np.arange(mask.shape[0]) * truth.shape[0] // mask.shape[0]
            columns = np.arange(mask.shape[1]) * truth.shape[1] // mask.shape[1]
            pairs.append((mask, truth[np.ix_(rows, columns)] == ids[name]))
        found.append(iou_of(pairs))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("capture", choices=sorted(PLANS))
    parser.add_argument("--check", action="store_true", help="compare only")
    arguments = parser.parse_args()
    plan = PLANS[arguments.capture]
    if plan.folder is None:
        sys.exit(f"The capture {plan.name} is not here; set LIFTLAB_DATA to the folder that holds it.")

    answers = settled_answers(plan, say=print)
    changed = []
    if plan.record.exists():
        before = Answers.load(plan.record)
        lines = compare(before, answers)
        bytes_too = before.machine == answers.machine
        changed = [line for line in lines if not line.holds(bytes_too=bytes_too)]
        print(table(lines))
        print(f"{len(changed)} of {len(lines)} changed; {'same' if bytes_too else 'another'} machine")
    elif arguments.check:
        sys.exit(f"There is no record of {plan.name} yet.")
    print("\nIoU of the first clicks to the truth")
    for method in answers.answers:
        print(f"{method:<17}" + " ".join(f"{value:.2f}" for value in truth_ious(plan, answers, method)))
    if not arguments.check:
        answers.save(plan.record)
        print(f"\nRecorded in {plan.record.name}, {plan.record.stat().st_size / 1000:.0f} kB")
    return 1 if arguments.check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
