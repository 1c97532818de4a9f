"""One id over all photos by the matches of pairs alone."""

from dataclasses import replace

import numpy as np
import pytest

from liftlab.components.geometry.projection import pixel_centers, project
from liftlab.components.masks.regions.agreement import AgreementConfig
from liftlab.components.masks.regions.matching import objects_of_matches
from liftlab.components.pointmaps.pairs import PairResult
from liftlab.components.types import MaskSet
from tests.toy import FLOOR, HEIGHT, WIDTH, Toy, make_toy

VIEWS = 3
CONFIG = AgreementConfig(min_voxels=10)


@pytest.fixture(scope="module")
def toy() -> Toy:
    return make_toy(views=VIEWS)


def true_pair(toy: Toy, n: int, m: int) -> PairResult:
    """A pair whose matches are the truth: pixels of the first photo that the second sees."""
    view, other = toy.scene.views[n], toy.scene.views[m]
    points = toy.scene.pointmap.pts3d[n].astype(np.float64)
    xy, depth = project(other.camera, points.reshape(-1, 3))
    column, row = np.floor(np.nan_to_num(xy, nan=-1.0, posinf=-1.0, neginf=-1.0)).astype(int).T
    inside = (column >= 0) & (row >= 0) & (column < WIDTH) & (row < HEIGHT) & np.isfinite(depth)
    seen = np.zeros(len(xy), bool)
    there = toy.depth[m][row[inside], column[inside]]
    seen[inside] = np.abs(depth[inside] / there - 1) < 0.02
    here = pixel_centers(view.camera.width, view.camera.height).reshape(-1, 2)
    matches = np.concatenate([here, xy], axis=1)[seen].astype(np.float32)
    conf = np.full((HEIGHT, WIDTH), 2.0, np.float32)
    nothing = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    return PairResult(nothing, nothing, conf, conf, matches)


def pairs_of(toy: Toy) -> dict[tuple[int, int], PairResult]:
    return {(n, m): true_pair(toy, n, m) for n in range(VIEWS) for m in range(n + 1, VIEWS)}


def proposals_of(toy: Toy) -> list[MaskSet]:
    """The boxes of every photo, in an order of the photo's own."""
    found = []
    for view in range(VIEWS):
        boxes = np.roll([1, 2, 3], view)
        masks = np.stack([toy.instance[view] == box for box in boxes])
        found.append(MaskSet(masks, np.ones(3, np.float32)))
    return found


def boxes_of(toy: Toy, masks: tuple[np.ndarray, ...]) -> list[set[int]]:
    return [set(np.unique(toy.instance[view][mask]).tolist()) for view, mask in enumerate(masks)]


def test_what_photos_show_of_one_thing_gets_one_id(toy: Toy) -> None:
    found = objects_of_matches(proposals_of(toy), pairs_of(toy), CONFIG)
    assert len(found) == 3
    assert sorted(min(boxes_of(toy, one.masks)[0]) for one in found) == [1, 2, 3]
    for one in found:
        boxes = boxes_of(toy, one.masks)
        assert boxes[0] == boxes[1] == boxes[2] and one.support > 0.4
        assert set(one.members) == {0, 1, 2}


def test_a_photo_that_shows_a_thing_in_pieces_gives_all_of_them(toy: Toy) -> None:
    proposals = proposals_of(toy)
    first = toy.instance[2] == 1
    rows, columns = np.indices(first.shape)
    quarter = 2 * (rows > np.median(rows[first])) + (columns > np.median(columns[first]))
    pieces = np.stack([first & (quarter == i) for i in range(4)])
    proposals[2] = MaskSet(pieces, np.ones(4, np.float32))
    found = objects_of_matches(proposals, pairs_of(toy), CONFIG)
    one = next(one for one in found if boxes_of(toy, one.masks)[0] == {1})
    assert (one.masks[2] & first).sum() > 0.9 * first.sum() and not (one.masks[2] & ~first).any()


def test_matches_that_say_nothing_join_nothing(toy: Toy) -> None:
    rng = np.random.default_rng(0)
    spoilt = {
        edge: replace(pair, matches=np.concatenate([pair.matches[:, :2], rng.permutation(pair.matches[:, 2:])], 1))
        for edge, pair in pairs_of(toy).items()
    }  # fmt: skip
    assert objects_of_matches(proposals_of(toy), spoilt, CONFIG) == []
    none = {edge: replace(pair, matches=pair.matches[:0]) for edge, pair in pairs_of(toy).items()}
    assert objects_of_matches(proposals_of(toy), none, CONFIG) == []
    assert objects_of_matches([], {}, CONFIG) == []


def test_nearly_the_same_regions_are_one_object(toy: Toy) -> None:
    proposals = [
        MaskSet(np.concatenate([one.masks, one.masks]), np.ones(6, np.float32)) for one in proposals_of(toy)
    ]
    assert len(objects_of_matches(proposals, pairs_of(toy), CONFIG)) == 3
    floor = [MaskSet((toy.instance[v] == FLOOR)[None], np.ones(1, np.float32)) for v in range(VIEWS)]
    assert len(objects_of_matches(floor, pairs_of(toy), CONFIG)) == 1
