"""Is this a reconstruction, or does it only look like one? Registered counts and reprojection errors do not
tell.

A camera that turns without moving registers every photo at 0.1 px; so the gates look at how many points
each photo has, at the angle under which points are seen, and at what kind of motion explains the pairs of
photos.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from liftlab.components.errors import InputError, listed
from liftlab.components.sfm.confirmation import CONFIRMED
from liftlab.components.sfm.gaps import advice
from liftlab.components.sfm.judging import Judged
from liftlab.components.sfm.model import SfmEvidence, SfmPhoto, SparseModel

MIN_FEATURES = 100
"""Fewer details in a photo are reported."""
MIN_POINTS_PER_VIEW = 12
MIN_ANGLE_DEG = 3.0
"""A false reconstruction of a pure rotation had 2.4 degrees; real walks around a thing have 8 and more."""
SAME_PLACE_PX = 0.7
"""Matches that moved less than this: the same picture twice."""
MIN_PARALLAX = 0.002
"""Share of the longer side by which some details must leave the path of a mere rotation."""
MAX_EPIPOLAR, DOUBTFUL_EPIPOLAR = 0.006, 0.002
"""Known cameras that miss by more of the longer side are not those of the photos; or fit them only
roughly."""


def require_enough(photos: Sequence[SfmPhoto]) -> None:
    """Raises InputError for fewer than two photos, or when all of them are one picture, pixel by pixel."""
    if not photos:
        raise InputError("There are no photos; add at least three, taken from different places.")
    if len(photos) == 1:
        raise InputError("One photo is not enough; add at least two more, taken from different places.")
    first = photos[0].image
    if all(np.array_equal(photo.image, first) for photo in photos[1:]):
        raise InputError("All photos are the same picture; take photos from different places.")


def duplicate_groups(evidence: SfmEvidence) -> list[list[int]]:
    """Groups of photos taken from one place in one direction (their details do not move)."""
    leader = list(range(len(evidence.num_features)))

    def root(index: int) -> int:
        while leader[index] != index:
            index = leader[index]
        return index

    for pair in evidence.pairs:
        if pair.median_shift_px < SAME_PLACE_PX:
            low, high = sorted((root(pair.first), root(pair.second)))
            leader[high] = low
    groups: dict[int, list[int]] = {}
    for index in range(len(leader)):
        groups.setdefault(root(index), []).append(index)
    return [group for group in groups.values() if len(group) > 1]


def require_parallax(photos: Sequence[SfmPhoto], evidence: SfmEvidence) -> None:
    """Raises InputError when all photos were taken from one place: no work will give them depth."""
    if len(photos) - sum(len(group) - 1 for group in duplicate_groups(evidence)) < 2:
        raise InputError("All photos are the same picture; take photos from different places.")
    if _only_turned(photos, evidence):
        raise InputError(
            "The camera seems to turn without moving, so depth cannot be seen; step sideways between photos."
        )


def judged(
    photos: Sequence[SfmPhoto],
    evidence: SfmEvidence,
    found: Judged | None = None,
    *,
    keep_doubtful: bool = False,
) -> SparseModel:
    """The model with its warnings.

    Args:
        found: What the photos said about it.
        keep_doubtful: Photos that the others do not confirm are in it, on request.

    Raises:
        InputError: The photos give no trustworthy cameras; the sentence says what to do.
    """
    names = [photo.name for photo in photos]
    duplicates = duplicate_groups(evidence)
    distinct = len(photos) - sum(len(group) - 1 for group in duplicates)
    require_parallax(photos, evidence)
    poor = [name for name, count in zip(names, evidence.num_features, strict=True) if count < MIN_FEATURES]
    model = evidence.model
    if model is None or not _is_solid(model):
        if len(poor) * 2 >= len(photos):
            raise InputError(
                f"There is too little sharp detail in {listed(poor)}; use sharp, well-lit photos of textured things."
            )
        raise InputError(
            f"The {len(photos)} photos do not connect to each other; take more photos with at least half of the "
            f"picture in common between neighbours.{_ending(advice(names, evidence.pairs, None))}"
        )
    warnings = []
    if found is not None and len(found.confirmed) < 2 and not keep_doubtful:
        raise InputError(
            f"The {len(photos)} photos do not connect to each other: from the cameras that were found they would not "
            "look as they do. Take more photos with at least half of the picture in common between neighbours, or "
            "bring cameras; to look at it all the same, keep doubtful photos (in the page, or --set doubtful=keep)."
            f"{_ending(advice(names, evidence.pairs, None))}"
        )
    if model.missing:
        warnings.append(
            f"Only {len(model.names)} of {len(photos)} photos connect: {listed(model.missing)} left out; "
            "add photos in between."
        )
    if (one_more := advice(names, evidence.pairs, model)) is not None:
        warnings.append(one_more)
    if evidence.still:
        warnings.append(
            f"{evidence.still:.0%} of the details stand still in the pictures while the rest moves (text in them, or a "
            "still background), and were left out when cameras were looked for."
        )
    if poor:
        warnings.append(f"There is too little sharp detail in {listed(poor)}.")
    warnings += [f"{listed([names[i] for i in group])} are the same picture." for group in duplicates]
    if distinct == 2 and all(photo.focal_px is None for photo in photos):
        warnings.append(
            "With two photos and no EXIF focal length the depth may be stretched; add a third photo."
        )
    model = _with_warnings(model, warnings)
    return model if found is None else with_doubtful(model, found)


def judged_known(photos: Sequence[SfmPhoto], evidence: SfmEvidence) -> SparseModel:
    """As `judged`, for given cameras: they must fit the matches between the photos.

    Raises:
        InputError: The cameras do not fit the photos, or nothing matches between them.
    """
    names = [photo.name for photo in photos]
    poor = [name for name, count in zip(names, evidence.num_features, strict=True) if count < MIN_FEATURES]
    warnings = []
    error = _miss(evidence)
    if error is not None:
        side = max(max(photo.image.shape[:2]) for photo in photos)
        if error > MAX_EPIPOLAR * side:
            raise InputError(
                f"The cameras do not fit the photos (details miss their place by {error:.0f} pixels); bring the "
                "cameras made for these photos, or reconstruct without them (--cameras none)."
            )
        if error > DOUBTFUL_EPIPOLAR * side:
            warnings.append(
                f"The cameras fit the photos only roughly (details miss their place by {error:.1f} pixels)."
            )
    model = evidence.model
    if model is None or model.points.shape[0] < MIN_POINTS_PER_VIEW:
        if poor:
            raise InputError(
                f"There is too little sharp detail in {listed(poor)}; use sharp, well-lit photos of textured things."
            )
        raise InputError(
            "The photos show nothing in common under these cameras; check that they belong together."
        )
    if poor:
        warnings.append(f"There is too little sharp detail in {listed(poor)}.")
    if model.missing:
        warnings.append(f"No camera was given for {listed(model.missing)}; left out.")
    return _with_warnings(model, warnings)


def _miss(evidence: SfmEvidence) -> float | None:
    """By how many pixels details miss their place under given cameras; None where nothing was matched.

    The median over photos of the pair of each that fits best: pairs that show the same wallpaper or twins match where
    they are not the same, as one, and under right cameras most pairs of a photo may be of that kind; under wrong ones
    no pair fits. Pairs that only turn say little, and count where there are no others.
    """
    known = [pair for pair in evidence.pairs if pair.epipolar_error_px is not None]
    telling = [pair for pair in known if not pair.panoramic] or known
    best: dict[int, float] = {}
    for pair in telling:
        for photo in (pair.first, pair.second):
            best[photo] = min(best.get(photo, np.inf), pair.epipolar_error_px or 0.0)
    return float(np.median(list(best.values()))) if best else None


def with_doubtful(model: SparseModel, found: Judged) -> SparseModel:
    """The model with what the photos say about its cameras; those that they do not confirm are named, with numbers."""
    doubtful = [view for view in range(len(model.names)) if view not in found.confirmed]
    names = tuple(model.names[view] for view in doubtful)
    model = replace(model, shares=found.shares, tried=found.tried, doubtful=names)
    if not doubtful:
        return model
    told = listed([f"{model.names[view]} ({found.shares[view]:.0%})" for view in doubtful])
    return _with_warnings(
        model,
        [
            f"The other photos do not confirm the cameras of {told}: so much of what the nearest others see there is "
            f"in the picture. It should be {CONFIRMED:.0%} and more, and none of the others should contradict it."
        ],
    )


def _ending(sentence: str | None) -> str:
    return f" {sentence}" if sentence else ""


def _only_turned(photos: Sequence[SfmPhoto], evidence: SfmEvidence) -> bool:
    """Pure rotation: no pair shows parallax, or flat pairs meet points seen under nearly one direction.

    The angle alone does not tell: with focal length and distortion free, a false model reached 10 degrees.
    """
    pairs = [pair for pair in evidence.pairs if pair.median_shift_px >= SAME_PLACE_PX]
    if not pairs:
        return False
    side = max(max(photo.image.shape[:2]) for photo in photos)
    parallax = float(np.percentile([pair.rotation_error_px for pair in pairs], 80))
    if parallax < MIN_PARALLAX * side:
        return True
    flat = sum(pair.matches for pair in pairs if pair.panoramic) / sum(pair.matches for pair in pairs)
    narrow = evidence.model is not None and evidence.model.median_angle_deg < MIN_ANGLE_DEG
    return flat > 0.6 and narrow


def _is_solid(model: SparseModel) -> bool:
    seen = model.visible.sum(axis=1)
    return len(model.names) >= 2 and bool(np.median(seen) >= MIN_POINTS_PER_VIEW)


def _with_warnings(model: SparseModel, warnings: list[str]) -> SparseModel:
    return replace(model, warnings=model.warnings + tuple(warnings))
