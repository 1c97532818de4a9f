"""A click means what the photo's own mask under it shows, not what one pixel of under-trained splats does."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from liftlab.components.features.code_objects import read_objects
from liftlab.components.features.heads import ObjectHead
from liftlab.components.masks.cache import MaskCache
from liftlab.components.types import Prompt
from liftlab.pipelines.base import get_method
from liftlab.pipelines.methods.contrastive_lift import ContrastiveLiftPrepared
from liftlab.pipelines.methods.shared.gaussian_answers import SeenClick, gaussian_views, seen_clicks
from liftlab.pipelines.methods.shared.identities import IdentityPrepared
from liftlab.pipelines.methods.shared.label_answers import Labelling
from liftlab.pipelines.methods.shared.photo_masks import ClickLabel, PhotoMasks, clicked_objects
from liftlab.pipelines.methods.unic_lift.method import UniCLiftPrepared
from tests.toy import FLOOR, box_of_gaussians, gaussian_toy

CPU = torch.device("cpu")
VIEW = 1


def middle_of(box: int) -> tuple[int, int]:
    """Column and row of the median pixel of a box in the clicked view."""
    rows, columns = np.nonzero(gaussian_toy().instance[VIEW] == box)
    near = np.hypot(rows - np.median(rows), columns - np.median(columns)).argmin()
    return int(columns[near]), int(rows[near])


def label_maps() -> list[np.ndarray]:
    """The boxes as objects, with a hole of object 2 in the middle of box 1, and object 4, which is nowhere else."""
    maps = [np.where(image <= 3, image, 0).astype(np.uint16) for image in gaussian_toy().instance]
    for label, radius in ((2, 3.0), (4, 1.5)):
        column, row = middle_of(1)
        rows, columns = np.indices(maps[VIEW].shape)
        shift = 0 if label == 2 else 5
        maps[VIEW][np.hypot(rows - row, columns - column - shift) < radius] = label
    return maps


def masks_of_things() -> MaskCache:
    toy = gaussian_toy()
    masks = [[image == box for image in toy.instance] for box in (1, 2, 3)]
    return MaskCache.build(
        toy.scene.key, masks, sizes=[image.shape for image in toy.instance], kinds=["object"] * 3,
        foreground=[True] * 3, scores=[0.9] * 3,
    )  # fmt: skip


def ask(
    positives: list[tuple[int, int]], negatives: list[tuple[int, int]], rule: ClickLabel = "mask"
) -> tuple[list[int], list[int]]:
    toy, maps = gaussian_toy(), label_maps()
    places = np.array([*positives, *negatives], float) + 0.5
    labels = np.arange(len(places)) < len(positives)
    clicks = seen_clicks(gaussian_views(toy.scene, CPU), [Prompt(VIEW, places, labels)])
    assert len(clicks.positives) == len(positives) and len(clicks.negatives) == len(negatives)

    def at_pixel(click: SeenClick) -> int:
        return int(maps[click.click.view][int(click.click.y), int(click.click.x)])

    return clicked_objects(
        clicks.positives, clicks.negatives, at_pixel, maps, PhotoMasks(masks_of_things()), rule
    )


HOLE = middle_of(1)
OWN = (HOLE[0] + 5, HOLE[1])
"""Where object 4 lies, inside the mask of box 1."""


def test_a_first_click_into_a_hole_of_another_object_means_the_object_around() -> None:
    assert ask([HOLE], [], "pixel") == ([2], [])
    assert ask([HOLE], []) == ([1], [])
    assert ask([OWN], []) == ([1], [])


def test_a_further_click_means_a_small_object_of_the_mask_but_not_a_hole_of_one_that_lies_elsewhere() -> None:
    assert ask([HOLE, OWN], []) == ([1, 4], [])
    assert ask([middle_of(3), OWN], []) == ([3, 4], [])
    assert ask([HOLE, HOLE], []) == ([1, 1], [])


def test_a_negative_click_means_the_clicked_object_it_shows_else_what_the_mask_shows() -> None:
    assert ask([middle_of(2)], [HOLE]) == ([2], [2])
    assert ask([middle_of(3)], [HOLE]) == ([3], [1])


def test_where_the_photo_has_no_mask_the_pixel_decides() -> None:
    toy = gaussian_toy()
    alpha = gaussian_views(toy.scene, CPU).view(VIEW).alpha.numpy()
    row, column = np.argwhere((toy.instance[VIEW] == FLOOR) & (alpha > 0.9))[0].tolist()
    assert ask([(column, row)], []) == ([0], [])


def by_hand(name: str, features: torch.Tensor) -> Any:
    """State of a method that knows the boxes perfectly, but for the splats whose features are spoilt."""
    toy = gaussian_toy()
    views, owner = gaussian_views(toy.scene, CPU), box_of_gaussians(toy)
    maps = tuple(np.where(image <= 3, image, 4).astype(np.uint16) for image in toy.instance)
    thing = np.array([False, True, True, True, False])
    labelling = Labelling(np.where(owner, owner, 4).astype(np.int32), maps, thing)
    given = (toy.scene.key, views, features)
    if name == "unic_lift":
        clean = 6 * CORNERS[np.where(owner, owner, 4)] - 3
        objects = read_objects(clean.astype(np.float32), toy.gaussians.means, np.ones(len(owner), bool))
        # codes ascend as the objects of `CORNERS` do, so object numbers are the boxes'
        return UniCLiftPrepared(*given, objects, labelling, PhotoMasks(toy.masks), {})
    centers = torch.from_numpy(CORNERS[1:].astype(np.float32))
    if name == "contrastive_lift":
        zeros, ones = torch.zeros(3), torch.ones(3)
        return ContrastiveLiftPrepared(*given, zeros, ones, centers, labelling, PhotoMasks(toy.masks), {})
    weight = torch.from_numpy(2 * CORNERS.astype(np.float32) - 1)
    head = ObjectHead("prototypes", weight, torch.zeros(5), torch.tensor([False, True, True, True, True]))
    return IdentityPrepared(*given, head, weight, labelling, PhotoMasks(toy.masks), {})


CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]])
"""Per object a corner of the unit cube: its code, its prototype, its cluster."""


@pytest.mark.parametrize("name", ["gaga", "proto_saga", "unic_lift", "contrastive_lift"])
def test_a_wrong_hole_in_the_middle_of_an_object_does_not_lose_it(name: str) -> None:
    """The splats seen by the clicked pixel show another box, as the mug's did (docs/notes.md section 10)."""
    toy, entry = gaussian_toy(), get_method(name)
    owner = box_of_gaussians(toy)
    prompt = Prompt(VIEW, np.array([HOLE], float) + 0.5, np.ones(1, bool))
    seen = seen_clicks(gaussian_views(toy.scene, CPU), [prompt]).positives[0].rows.gaussian_ids.numpy()
    corner = CORNERS[np.where(owner, owner, 4)].astype(np.float32)
    corner[seen] = CORNERS[2]
    values = {"unic_lift": 6 * corner - 3, "contrastive_lift": corner}.get(name, 2 * corner - 1)
    prepared = by_hand(name, torch.from_numpy(values))

    def shares(rule: ClickLabel) -> list[float]:
        asked = entry.make(replace(entry.config_class(), click_label=rule), device=CPU)
        selected = asked.segment(prepared, [prompt]).selected
        return [float(selected[owner == box].mean()) for box in (1, 2)]

    assert shares("pixel") == [0, 1]
    assert shares("mask") == [1, 0]
