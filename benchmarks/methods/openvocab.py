"""What OVSeg3R's network reaches on scenes it never saw, beside what does without it.

    python -m assets.make_training_captures --kind all --seeds 2000-2001 --photos 9 --width 256 --height 192 --out made
    python -m benchmarks.methods.openvocab --captures made [--stereo room-2000 table-2000] [--bundled]

Points: true depth spoilt as stereo spoils it; of the captures named with --stereo also our own stereo. Beside the
network: what superpoints could reach at best (an oracle says which thing each is), superpoints alone, masks of the
photos merged without learning (SAM3D style: regions of even colour; and true masks with the noise that training's have,
an oracle too), and the lab's default objects (regions of the photos tracked through the geometry). --bundled adds desk
and shelf, made by another maker.
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.common.tables import markdown, write_result
from liftlab.components.masks.regions.proposals import RegionConfig, RegionProposer
from liftlab.components.metrics.instances import InstanceScene, average_precision
from liftlab.components.openvocab.augmentation import MaskNoise, spoilt_map
from liftlab.components.openvocab.cloud import sampled_points
from liftlab.components.openvocab.inference import InferenceConfig
from liftlab.components.openvocab.records import SceneRecord, load_record
from liftlab.components.openvocab.segmenting import segment_cloud
from liftlab.components.openvocab.weights import WEIGHTS, Trained, load_trained
from liftlab.components.text.word_vectors import word_vectors
from liftlab.pipelines.guessed_names import MEANS_ALIKE
from liftlab.pipelines.methods.wildseg3d.everything import painting_order, things_of
from liftlab.pipelines.steps import openvocab_evaluation as scoring
from liftlab.pipelines.steps.masks import MasksConfig, build_masks
from liftlab.pipelines.steps.openvocab_data import (
    DataConfig,
    make_records,
    read_truth,
    scene_by_stereo,
    scene_of_truth,
)

REGION_SCALE = 400.0
"""Size of the regions that are lifted: the third of the four of `RegionConfig`."""
REGIONS_MOST = 60
"""Largest regions of a photo that are lifted."""
BUNDLED = ("assets/captures/desk", "assets/captures/shelf")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--captures", type=Path, required=True, help="captures with truth, seeds from 2000 up"
    )
    parser.add_argument("--stereo", nargs="*", default=[], help="captures that our stereo reconstructs too")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--bundled", action="store_true", help="desk and shelf too")
    parser.add_argument("--no-default-objects", action="store_true", help="leave the slow row out")
    parser.add_argument("--no-lifted", action="store_true", help="leave the rows of lifted masks out")
    options = parser.parse_args()
    trained = load_trained(options.weights)
    with tempfile.TemporaryDirectory(prefix="liftlab-openvocab-") as folder:
        sections = []
        spoilt = _records(options.captures, Path(folder), "spoilt", trained, None)
        sections.append(_section("Spoilt true depth", trained, spoilt, options, stereo=False))
        if options.stereo:
            stereo = _records(options.captures, Path(folder), "stereo", trained, options.stereo)
            sections.append(_section("Our stereo", trained, stereo, options, stereo=True))
        sections.append(_names_section(trained, spoilt))
        if options.bundled:
            sections.append(_bundled_section(trained, Path(folder)))
    write_result("openvocab", "OVSeg3R on scenes it never saw", sections)


def _records(
    captures: Path, out: Path, who: Any, trained: Trained, only: Sequence[str] | None
) -> list[tuple[Path, Path]]:
    """Capture and record, of every capture or of those named."""
    chosen = out / f"captures-{who}"
    chosen.mkdir()
    for capture in sorted(captures.iterdir()):
        if (capture / "truth").is_dir() and (only is None or capture.name in only):
            (chosen / capture.name).symlink_to(capture.resolve())
    config = DataConfig(who, num_points=trained.superpoints.num_points)
    files = make_records(chosen, out / f"records-{who}", config, say=print)
    return [(captures / file.stem, file) for file in files]


def _section(
    title: str, trained: Trained, pairs: list[tuple[Path, Path]], options: argparse.Namespace, *, stereo: bool
) -> str:
    records = [load_record(file) for _, file in pairs]
    text = word_vectors().encode_texts(list(trained.names))

    def network(record: SceneRecord) -> InstanceScene:
        return scoring.agnostic_scene(record, segment_cloud(trained, record, text, InferenceConfig()))

    rows: list[tuple[str, Callable[[SceneRecord], InstanceScene]]] = [
        ("**ovseg3r**", network),
        ("superpoints, at best (oracle)", lambda record: scoring.superpoint_ceiling(trained, record)),
        ("superpoints alone", lambda record: scoring.superpoints_alone(trained, record)),
    ]
    if not options.no_lifted:
        rows += [
            ("regions of the photos lifted and merged", lambda record: scoring.lifted_only(_regions(record))),
            (
                "noisy true masks lifted and merged (oracle)",
                lambda record: scoring.lifted_only(_noisy(record)),
            ),
        ]
    table = []
    for name, make in rows:
        score = average_precision([make(record) for record in records], min_points=scoring.MIN_POINTS)
        table.append([name, score.mean, score.ap50, score.ap25])
    if not options.no_default_objects:
        made = [_default_objects(capture, file, stereo=stereo) for capture, file in pairs]
        score = average_precision(made, min_points=scoring.MIN_POINTS)
        table.append(["default objects of the lab", score.mean, score.ap50, score.ap25])
    scenes = f"{len(pairs)} scenes, class-agnostic, variant scannet."
    return f"## {title}\n\n{scenes}\n\n" + markdown(["", "AP", "AP50", "AP25"], table)


def _noisy(record: SceneRecord) -> SceneRecord:
    """The record with masks as training spoils them."""
    rng = np.random.default_rng(list(record.name.encode()))
    made = [
        spoilt_map(own, names, MaskNoise(), (), rng)
        for own, names in zip(record.maps, record.names, strict=True)
    ]
    return replace(record, maps=np.stack([ids for ids, _ in made]), names=tuple(names for _, names in made))


def _regions(record: SceneRecord) -> SceneRecord:
    """The record with regions of even colour of each photo as masks: lifting without any learning and without truth."""
    finder = RegionProposer(RegionConfig(scales=(REGION_SCALE,)))
    maps = np.zeros_like(record.maps)
    names = []
    for view, image in enumerate(record.images):
        size = maps.shape[2], maps.shape[1]
        photo = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        nothing = np.zeros(photo.shape[:2], np.float32)
        (labels,) = finder.levels(photo, nothing, np.zeros(photo.shape, np.float32))
        largest = np.argsort(-np.bincount(labels.ravel()), kind="stable")[:REGIONS_MOST]
        for number, label in enumerate(largest):
            maps[view][labels == label] = number + 1
        names.append({number + 1: "region" for number in range(len(largest))})
    return replace(record, maps=maps, names=tuple(names))


def _default_objects(capture: Path, file: Path, *, stereo: bool) -> InstanceScene:
    """What the lab finds without any learning across scenes."""
    truth = read_truth(capture)
    scene = (
        scene_by_stereo(truth, capture.name) if stereo else scene_of_truth(truth, capture.name, spoilt=True)
    )
    cache = build_masks(scene, MasksConfig())
    record = load_record(file)
    index = sampled_points(scene, len(record.points))
    if len(index) != len(record.points):
        raise ValueError("the record must be of this scene; it has other points.")
    view, row, column = scene.pointmap.point_index[index].T
    labels = np.zeros(len(index), np.int64)
    things = things_of(cache)
    for number in range(cache.num_views):
        image = np.zeros(cache.sizes[number], np.int64)
        for object_id in painting_order(cache, things, number, None):
            image[cache.mask(number, object_id)] = object_id
        here = view == number
        labels[here] = image[row[here], column[here]]
    found = scoring.labels_scene(record, labels)
    scores = np.array([cache.scores[i - 1] for i in np.unique(labels[labels > 0])], np.float64)
    return InstanceScene(found.masks, found.classes, scores, found.truth, found.truth_classes)


def _names_section(trained: Trained, pairs: list[tuple[Path, Path]]) -> str:
    counts: Any = trained.about.get("counts", {})
    scores = scoring.evaluate(trained, [file for _, file in pairs], word_vectors(), counts=counts)
    rows = [
        [group, scores.by_class[group], scores.by_class[f"{group}50"]]
        for group in ("all", "base", "novel", "head", "common", "tail")
    ]
    by_split = f"{scores.first_base:.2f} base, {scores.first_novel:.2f} novel"
    share = f"{scores.first:.2f} are named right at first ({by_split})"
    words = (
        f"Of {scores.things} things {scores.named} are found with an IoU of .5 or more; of those {share}, and "
        f"{scores.among_three:.2f} among three names, of {len(trained.names)}."
    )
    curve = [[f"{mean:.2f}", f"{right:.2f}", number] for mean, right, number in scores.curve]
    return "\n\n".join(
        [
            "## Names",
            markdown(["classes", "mAP", "mAP at 50"], rows),
            words,
            "Calibration of the first name, by bins of its score:",
            markdown(["mean score", "right", "things"], curve),
        ]
    )


def _bundled_section(trained: Trained, folder: Path) -> str:
    """Desk and shelf: other shapes, another maker; a name is right where it means alike."""
    encoder = word_vectors()
    text = encoder.encode_texts(list(trained.names))
    rows = []
    for place in BUNDLED:
        chosen = folder / f"bundled-{Path(place).name}"
        chosen.mkdir()
        (chosen / Path(place).name).symlink_to(Path(place).resolve())
        (file,) = make_records(
            chosen, chosen / "records", DataConfig("spoilt", num_points=trained.superpoints.num_points)
        )
        record = load_record(file)
        found = segment_cloud(trained, record, text, InferenceConfig())
        score = average_precision([scoring.agnostic_scene(record, found)], min_points=scoring.MIN_POINTS)
        asked, right = _named_alike(trained, record, found, text)
        rows.append([Path(place).name, score.mean, score.ap50, score.ap25, asked, right])
    alike = f"A name is right where its cosine with the true one is at least {MEANS_ALIKE}."
    headers = ["", "AP", "AP50", "AP25", "found", "of those first name right"]
    return f"## Desk and shelf (spoilt true depth)\n\n{alike}\n\n" + markdown(headers, rows)


def _named_alike(trained: Trained, record: SceneRecord, found: Any, text: np.ndarray) -> tuple[int, int]:
    encoder = word_vectors()
    masks, names = found.objects.masks[:, found.superpoint], scoring.names_of(trained, found, text)
    asked = right = 0
    for i, name in record.truth_names.items():
        own = record.truth == i
        if own.sum() < scoring.MIN_POINTS or len(masks) == 0:
            continue
        ious = (masks & own).sum(axis=1) / (masks | own).sum(axis=1)
        if ious.max() >= scoring.NAMED_IOU:
            asked += 1
            pair = encoder.encode_texts([name, names[int(ious.argmax())]])
            right += bool(pair[0] @ pair[1] >= MEANS_ALIKE)
    return asked, right


if __name__ == "__main__":
    main()
