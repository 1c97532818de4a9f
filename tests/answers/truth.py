"""How near answers are to the truth."""

import json
from pathlib import Path

import cv2
import numpy as np

from tests.answers.keeping import Answers, iou_of, masks_of
from tests.answers.plans import Plan
from tests.not_none import read_image


def truth_ious(plan: Plan, answers: Answers, method: str) -> list[float]:
    """Of the first click on each object: IoU to the truth, pooled over all views; it says whether the record means
    something.
    """
    assert plan.folder is not None
    objects = json.loads((plan.folder / "truth" / "objects.json").read_text())["objects"]
    ids = {thing["name"]: thing["id"] for thing in objects}
    photos = plan.photos or tuple(sorted(path.name for path in (plan.folder / "images").iterdir()))
    files = [plan.folder / "truth" / "instance" / f"{Path(photo).stem}.png" for photo in photos]
    labels = [read_image(file, cv2.IMREAD_UNCHANGED) for file in files]
    found = []
    for name in plan.clicks:
        masks = masks_of(answers, answers.answers[method][f"click {name}"])
        pairs = []
        for mask, truth in zip(masks, labels, strict=True):
            rows = np.arange(mask.shape[0]) * truth.shape[0] // mask.shape[0]
            columns = np.arange(mask.shape[1]) * truth.shape[1] // mask.shape[1]
            pairs.append((mask, truth[np.ix_(rows, columns)] == ids[name]))
        found.append(iou_of(pairs))
    return found
