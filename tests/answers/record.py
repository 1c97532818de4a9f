"""Record the answers of a capture anew, or check them against the record, with a table of what changed.

python -m tests.answers.record desk            # writes tests/answers/desk.json.gz
python -m tests.answers.record desk --check    # writes nothing; 1 when an answer is another one
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tests.answers.asking import settled_answers
from tests.answers.keeping import Answers, compare, table
from tests.answers.plans import PLANS
from tests.answers.truth import truth_ious


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

    if arguments.check and not plan.recorded:
        sys.exit(f"There is no record of {plan.name} yet.")
    with tempfile.TemporaryDirectory() as folder:
        splats = Path(folder) / plan.splats.name
        if plan.splats.exists():
            shutil.copyfile(plan.splats, splats)
        answers = settled_answers(plan, splats, renew=not arguments.check, say=print)
        trained = splats.read_bytes() if splats.exists() else b""
    changed = []
    if plan.record.exists():
        before = Answers.load(plan.record)
        lines = compare(before, answers)
        bytes_too = before.machine == answers.machine
        changed = [line for line in lines if not line.holds(bytes_too=bytes_too)]
        print(table(lines))
        print(f"{len(changed)} of {len(lines)} changed; {'same' if bytes_too else 'another'} machine")
    print("\nIoU of the first clicks to the truth")
    for method in answers.answers:
        print(f"{method:<17}" + " ".join(f"{value:.2f}" for value in truth_ious(plan, answers, method)))
    if not arguments.check:
        answers.save(plan.record)
        if trained:
            plan.splats.write_bytes(trained)
        print(f"\nRecorded in {plan.record.name}, {plan.record.stat().st_size / 1000:.0f} kB")
    return 1 if arguments.check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
