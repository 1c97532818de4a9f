"""What methods share that divide a scene's Gaussians into numbered objects: clicks on numbers, and pictures of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int, Int32, Int64, UInt16
from torch import Tensor

from liftlab.components.errors import InputError
from liftlab.components.features.label_maps import LabelMap, paint, with_rest
from liftlab.components.masks.cache import MaskCache
from liftlab.components.metrics import collision_rate, fragmentation
from liftlab.components.rasterize import GaussianTensors, lift
from liftlab.components.types import Array, Camera, Scene
from liftlab.pipelines.methods.shared.feature_trainer import TrainingFrame
from liftlab.pipelines.methods.shared.gaussian_answers import SeenClick, SeenClicks

SCORE_THRESHOLD = 0.5
"""Scores of objects are 0 or 1."""
MIDDLE = 0.5
"""Share of the largest distance to an object's border from which a further click lies in its middle."""

HOLE = 0.01
"""Of a photo's diagonal: so near to an object, a click on a pixel of no object still means that object. Classes of "no
object" leave small holes in what they border on."""

RIM = 0.15
"""How far a negative click on an object's very rim reaches, as a share of how far it is from the positive one."""

KeepPart = Callable[[Int[Array, "_"], Sequence[SeenClick], Sequence[SeenClick]], Bool[Array, "_"]]
"""Of the Gaussians of one object that was clicked both positively and negatively, which are kept."""


@dataclass(frozen=True)
class Labelling:
    """Which object each Gaussian and each pixel belongs to. Objects are numbered 1..O, 0 is none."""

    gaussians: Int32[Array, "N"]
    maps: tuple[UInt16[Array, "_ _"], ...]
    """One per view, view pixels."""
    thing: Bool[Array, "O_plus_1"]
    """Per object: a thing (True) or surroundings such as table and walls (False); entry 0 is False."""
    _typical_depths: dict[int, float] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What `typical_depth` found before: it looks at every photo, and a click must not wait for hundreds twice."""

    @property
    def count(self) -> int:
        """Objects O."""
        return len(self.thing) - 1

    def typical_depth(self, label: int) -> float:
        """Median, over the views that show an object, of how far its innermost pixel lies from its border, pixels."""
        if label not in self._typical_depths:
            innermost = (float(_border_distances(image == label).max()) for image in self.maps)
            self._typical_depths[label] = float(np.median([depth for depth in innermost if depth]))
        return self._typical_depths[label]


def supervision(
    scene: Scene,
    masks: MaskCache,
    *,
    label_rest: bool,
    generator: torch.Generator,
) -> tuple[LabelMap, ...]:
    """One label map per view whose numbers mean nothing in the next view.

    Args:
        label_rest: Pixels under no mask are one more segment of surroundings.
        generator: Shuffles the numbers of every view.

    Raises:
        InputError: There is no mask in any view.
    """
    maps = [paint(masks, view, generator=generator) for view in range(len(scene.views))]
    if not any(label_map.count for label_map in maps):
        raise InputError("No photo has a mask to learn from: build the masks of this scene again.")
    return tuple(map(with_rest, maps)) if label_rest else tuple(maps)


def frame_labels(frame: TrainingFrame, label_map: LabelMap) -> Int32[Array, "h w"]:
    """A view's label map at the size of training, 0 where Gaussians cover too little to carry a label."""
    labels = frame.shrunk(label_map.labels)
    return np.where(frame.view.alpha.cpu().numpy() >= 0.5, labels, np.int32(0)).astype(np.int32)


def are_things(
    maps: Sequence[UInt16[Array, "_ _"]], truth: Sequence[LabelMap], count: int
) -> Bool[Array, "O_plus_1"]:
    """Which objects are things: most of their pixels lie on masks of things. Objects without pixels are none."""
    on_thing, everywhere = np.zeros(count + 1), np.zeros(count + 1)
    for image, label_map in zip(maps, truth, strict=True):
        foreground = label_map.foreground[label_map.labels]
        on_thing += np.bincount(image[foreground], minlength=count + 1)
        everywhere += np.bincount(image.ravel(), minlength=count + 1)
    out = on_thing > 0.5 * everywhere
    out[0] = False
    return out


def meant_objects(under: Sequence[int], clicks: Sequence[SeenClick], labelling: Labelling) -> list[int]:
    """Objects under positive clicks, those that a click hit by mistake as 0.

    Whoever clicked a thing first and then on its rim, where the pixel already shows what lies behind, wants more of the
    thing, not all of that: surroundings count only when they were clicked first, and another thing only in its middle
    (`MIDDLE`), where someone clicks who was given half of what was meant. A click in a hole means what is around it.
    """
    under = [i or object_around(labelling, click) for i, click in zip(under, clicks, strict=True)]
    first = next((i for i in under if i), 0)
    return [
        i
        if i == first or not labelling.thing[first]
        or (labelling.thing[i] and depth_inside(labelling, click, i) >= MIDDLE)
        else 0
        for i, click in zip(under, clicks, strict=True)
    ]  # fmt: skip


def object_around(labelling: Labelling, click: SeenClick) -> int:
    """The object nearest to a click in its photo's label map; 0 where none is within `HOLE`."""
    image = labelling.maps[click.click.view]
    radius = HOLE * float(np.hypot(*image.shape))
    ys, xs = np.nonzero(image)
    squared = (xs + 0.5 - click.click.x) ** 2 + (ys + 0.5 - click.click.y) ** 2
    if len(squared) == 0 or squared.min() > radius**2:
        return 0
    nearest = int(squared.argmin())
    return int(image[ys[nearest], xs[nearest]])


def depth_inside(labelling: Labelling, click: SeenClick, label: int) -> float:
    """How far a click lies from the border of an object in its photo, as a share of the farthest that any of the
    object's pixels does in a typical photo: the middle of a sliver beside another thing is no middle. 0 where the
    photo's label map has another object there.
    """
    here = _border_distances(labelling.maps[click.click.view] == label)
    own = float(here[int(click.click.y), int(click.click.x)])
    if own == 0:
        return 0.0
    return own / labelling.typical_depth(label)


def _border_distances(inside: Bool[Array, "H W"]) -> Float32[Array, "H W"]:
    """Of every pixel inside to the nearest outside, pixels; 0 outside. The photo's rim is outside."""
    padded = np.pad(inside.astype(np.uint8), 1)
    return cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]


def chosen_objects(
    yes: Sequence[int],
    no: Sequence[int],
    distance: Callable[[list[int]], Float[Array, "_ O_plus_1"]],
    tolerance: float,
) -> Bool[Array, "O_plus_1"]:
    """Objects that clicks select: those clicked and those within a tolerance of one, nearer to it than to a negative.

    Args:
        yes: Object under each positive click, 0 = none.
        no: Object under each negative click. One that is also clicked positively stays, to be split.
        distance: From some objects to all, row by row; 0 for an object and itself only.
        tolerance: 0 takes the clicked objects alone.
    """
    positive, negative = sorted({i for i in yes if i}), sorted({i for i in no if i})
    if not positive:
        return np.zeros(distance([0]).shape[1], bool)
    near = distance(positive).min(axis=0)
    chosen = near <= tolerance
    if negative:
        chosen &= near <= distance(negative).min(axis=0)
        chosen[[i for i in negative if i not in positive]] = False
    chosen[0] = False
    return chosen


def select(
    labels: Int32[Array, "N"],
    chosen: Bool[Array, "O_plus_1"],
    clicks: SeenClicks,
    yes: Sequence[int],
    no: Sequence[int],
    keep_part: KeepPart,
) -> Float32[Array, "N"]:
    """Score 1 for the Gaussians of the chosen objects; those clicked positively and negatively are split."""
    selected = chosen[labels]
    for contested in sorted({i for i in no if i} & set(yes)):
        own = np.flatnonzero(labels == contested)
        positives = [click for click, i in zip(clicks.positives, yes, strict=True) if i == contested]
        negatives = [click for click, i in zip(clicks.negatives, no, strict=True) if i == contested]
        selected[own] = keep_part(own, positives, negatives)
    return selected.astype(np.float32)


def nearer_part(
    labelling: Labelling,
    means: Float[Tensor, "N 3"],
    own: Int[Array, "_"],
    positives: Sequence[SeenClick],
    negatives: Sequence[SeenClick],
) -> Bool[Array, "_"]:
    """Gaussians of a contested object that stay: those nearer to a positive than to every negative click.

    A negative click halves the way to the positive one only in the middle of the object, where it means another thing
    that was joined to it. Towards the rim it reaches less far, and only the strip that it lies on goes.

    Args:
        own: The object's Gaussians, ascending.
    """
    if len(own) == 0:
        return np.zeros(0, bool)
    label = int(labelling.gaussians[own[0]])
    points = means.cpu().numpy()[own].astype(np.float64)
    to_yes = np.min([_distances(points, position_of(click, means)) for click in positives], axis=0)
    kept = np.ones(len(own), bool)
    for click in negatives:
        reach = float(np.clip(depth_inside(labelling, click, label) / MIDDLE, RIM, 1.0))
        kept &= reach * to_yes < _distances(points, position_of(click, means))
    return kept


def _distances(points: Float[Array, "n 3"], place: Float[Array, "3"]) -> Float[Array, "n"]:
    return np.linalg.norm(points - place, axis=1)


def without_structure(labelling: Labelling) -> tuple[UInt16[Array, "_H _W"], ...]:
    """The label maps with surroundings as 0."""
    number = np.where(labelling.thing, np.arange(labelling.count + 1), 0).astype(np.uint16)
    return tuple(number[image] for image in labelling.maps)


def labels_by_votes(
    gaussians: GaussianTensors,
    cameras: Sequence[Camera],
    maps: Sequence[UInt16[Array, "_ _"]],
    otherwise: Int64[Tensor, "N"],
    count: int,
) -> Int32[Array, "N"]:
    """The object of each Gaussian: of the pixels it is seen in, the one with most of its blending weight.

    A classifier that is trained through rendering is right about what Gaussians show together, less so about each by
    itself.

    Args:
        maps: Per camera, objects 0..count of its pixels.
        otherwise: Of Gaussians that are seen nowhere.
    """
    inside = torch.zeros((len(gaussians), count + 1), device=gaussians.means.device)
    for camera, image in zip(cameras, maps, strict=True):
        pixels = torch.from_numpy(image.astype(np.int64))[None].to(inside.device)
        inside += lift(gaussians, [camera], torch.nn.functional.one_hot(pixels, count + 1).bool()).inside
    seen = inside.sum(dim=1) > 0
    return torch.where(seen, inside.argmax(dim=1), otherwise).cpu().numpy().astype(np.int32)


def position_of(click: SeenClick, means: Float[Tensor, "N 3"]) -> Float[Array, "3"]:
    """Where in the world a click hits: the blended centres of the Gaussians its pixel sees."""
    return (click.blend(means) / click.alpha).cpu().numpy().astype(np.float64)


def packed(labelling: Labelling) -> dict[str, Tensor]:
    """As tensors for `save_state`."""
    sizes = [list(image.shape) for image in labelling.maps]
    flat = np.concatenate([*(image.ravel() for image in labelling.maps), np.zeros(0, np.uint16)])
    return {
        "labels": torch.from_numpy(labelling.gaussians),
        "maps": torch.from_numpy(flat.astype(np.int32)),
        "map_sizes": torch.tensor(sizes, dtype=torch.int64).reshape(-1, 2),
        "thing": torch.from_numpy(labelling.thing),
    }


def unpacked(tensors: dict[str, Tensor]) -> Labelling:
    """Inverse of `packed`."""
    sizes = tensors["map_sizes"].tolist()
    flat = np.split(
        tensors["maps"].cpu().numpy().astype(np.uint16), np.cumsum([h * w for h, w in sizes])[:-1]
    )
    maps = tuple(image.reshape(size) for image, size in zip(flat, sizes, strict=True))
    return Labelling(tensors["labels"].cpu().numpy(), maps, tensors["thing"].cpu().numpy())


def code_agreement(
    maps: Sequence[UInt16[Array, "_ _"]], truth: Sequence[LabelMap], codes: Int64[Array, "O_plus_1"]
) -> dict[str, float]:
    """How well codes and the segments they were trained on go together, as means over the views.

    Two segments of one view with the same commonest code collide; a segment with several codes is in pieces.

    Source: docs/methods/metrics.md section 9, against the training's own segments since there is no truth here.
    """
    rates, pieces = [], []
    for image, label_map in zip(maps, truth, strict=True):
        seen = image > 0
        segments, code = label_map.labels[seen].astype(np.int64), codes[image[seen]]
        rates.append(collision_rate(segments, code))
        pieces.append(fragmentation(segments, code))
    return {
        name: round(float(np.nanmean(values)), 5) if np.isfinite(values).any() else 0.0
        for name, values in (("collision_rate", rates), ("codes_per_segment", pieces))
    }
