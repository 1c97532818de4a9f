"""Pictures of the best, the median and the worst object of a case, with the prompts drawn."""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image, ImageOps

from liftlab.components.captures.benchmark_layouts import PhotoPoint
from liftlab.components.types import Array
from liftlab.pipelines.benchmarking.answers import Answers
from liftlab.pipelines.benchmarking.scoring import ObjectScore, SceneScore

WIDTH_PX = 300
JPEG_QUALITY = 80
RIGHT, MISSED, WRONG = (0, 158, 115), (0, 114, 178), (213, 94, 0)
"""Colours of Okabe and Ito, told apart by colour-blind people: in both, only in the truth, only in the answer."""
PLACES = ("best", "median", "worst")


def save_pictures(answers: Answers, score: SceneScore, folder: Path) -> None:
    """Write best.jpg, median.jpg and worst.jpg into `folder`, and their objects' names into `pictures`.

    The picture shows the scored photo in which the object is largest. Nothing is written for a scene with words as
    prompts and no answer.
    """
    ranked = sorted(score.objects, key=lambda entry: (-entry.ious[-1], entry.id))
    for place, entry in zip(PLACES, (ranked[0], ranked[len(ranked) // 2], ranked[-1]), strict=True):
        picture = _picture(answers, entry)
        cv2.imwrite(
            str(folder / f"{place}.jpg"), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        )


def pictured(objects: list[dict]) -> dict[str, dict]:
    """Place to the row of the object that is shown there, by the same rule as `save_pictures`."""
    ranked = sorted(objects, key=lambda entry: (-entry["ious"][-1], entry["id"]))
    return dict(zip(PLACES, (ranked[0], ranked[len(ranked) // 2], ranked[-1]), strict=True))


def _picture(answers: Answers, entry: ObjectScore) -> UInt8[Array, "h w 3"]:
    bench = answers.bench
    text = next(o.text for o in bench.objects if o.id == entry.id)
    masks = (
        answers.of_text(text) if text is not None and not entry.clicks else answers.of_points(entry.clicks)
    )
    truths = [bench.truth_of(entry.id, photo) for photo in bench.scored]
    shown = int(np.argmax([int((truth == 1).sum()) for truth in truths]))
    photo = next(p for p in bench.photos if p.name == bench.scored[shown])
    with Image.open(photo) as opened:
        image = np.array(ImageOps.exif_transpose(opened).convert("RGB"))
    points = [point for point in entry.clicks if point.photo == photo.name]
    return draw(image, truths[shown] == 1, masks[shown], points)


def draw(
    image: UInt8[Array, "h w 3"],
    truth: Bool[Array, "_ _"],
    answer: Bool[Array, "_ _"],
    points: list[PhotoPoint],
) -> UInt8[Array, "_ _ 3"]:
    """The photo with right, missed and wrongly taken pixels tinted and the prompts as rings with + and -.

    Args:
        image: The photo.
        truth: Of any size of the photo's shape.
        answer: Of the truth's size.
        points: Prompts in pixels of the photo.
    """
    scale = min(1.0, WIDTH_PX / image.shape[1])
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    in_truth, in_answer = (
        cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        for mask in (truth, answer)
    )
    tint = small.copy()
    tint[in_truth & in_answer] = RIGHT
    tint[in_truth & ~in_answer] = MISSED
    tint[~in_truth & in_answer] = WRONG
    out = cv2.addWeighted(tint, 0.55, small, 0.45, 0)
    contours, _ = cv2.findContours(in_truth.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(out, contours, -1, (255, 255, 255), 1)
    for point in points:
        centre = (round(point.x * scale - 0.5), round(point.y * scale - 0.5))
        cv2.circle(out, centre, 6, (0, 0, 0), -1, cv2.LINE_AA)
        cv2.circle(out, centre, 6, (255, 255, 255), 1, cv2.LINE_AA)
        cv2.line(out, (centre[0] - 3, centre[1]), (centre[0] + 3, centre[1]), (255, 255, 255), 1)
        if point.positive:
            cv2.line(out, (centre[0], centre[1] - 3), (centre[0], centre[1] + 3), (255, 255, 255), 1)
    return out
