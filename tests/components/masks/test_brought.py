"""Masks that came with photos in the views of a scene: one object over all photos, by number or by place."""

from pathlib import Path

import numpy as np
import pytest

from liftlab.components.captures import ImportLimits
from liftlab.components.captures.capture import Capture, Photo
from liftlab.components.captures.object_masks import OBJECTS_FOLDER, ObjectsTaken
from liftlab.components.captures.readers.mask_files import ObjectPicture
from liftlab.components.export import write_label_png
from liftlab.components.masks.brought import brought_objects
from tests.toy import Toy, make_toy

LEAST_PX = 60


@pytest.fixture(scope="module")
def toy() -> Toy:
    return make_toy(width=160, height=120, views=3)


def brought(toy: Toy, folder: Path, maps: list[np.ndarray]) -> list[tuple[np.ndarray, ...]]:
    """The objects of these maps of labels, one per view."""
    pictures, photos = {}, []
    for view, labels in zip(toy.scene.views, maps, strict=True):
        path = folder / f"{view.stem}-labels.png"
        write_label_png(path, labels.astype(np.uint16))
        pictures[view.name] = (ObjectPicture(path.name, path, "labels"),)
        photos.append(
            Photo(view.name, folder / "images" / view.name, view.lens.width, view.lens.height, None, 1.0)
        )
    taken = ObjectsTaken(pictures, ImportLimits(), folder / OBJECTS_FOLDER, {"labels"})
    for photo in photos:
        taken.take(photo.name, photo.stem, (photo.width, photo.height), 1, None)
    taken.finish()
    return [
        one.masks for one in brought_objects(Capture("toy", folder, tuple(photos), None, False), toy.scene)
    ]


def things(toy: Toy) -> set[int]:
    """Numbers of what all views show enough of."""
    return {
        number for number in np.unique(toy.instance).tolist()
        if number and all((labels == number).sum() > LEAST_PX for labels in toy.instance)
    }  # fmt: skip


def test_numbers_that_mean_the_same_are_objects_of_all_photos(toy: Toy, tmp_path: Path) -> None:
    found = brought(toy, tmp_path, list(toy.instance))
    for number in things(toy):
        assert any(all((mask == (labels == number)).all() for mask, labels in zip(masks, toy.instance, strict=True))
                   for masks in found)  # fmt: skip


def test_photos_that_were_numbered_by_themselves_agree_by_place(toy: Toy, tmp_path: Path) -> None:
    """As SAM numbers the masks of each picture anew."""
    top = int(np.max(toy.instance))
    rng = np.random.default_rng(3)
    maps = []
    for labels in toy.instance:
        renumbered = np.concatenate([[0], 1 + rng.permutation(top)])
        maps.append(renumbered[labels])
    found = brought(toy, tmp_path, maps)
    joined = [
        number for number in things(toy)
        if any(all((mask == (labels == number)).all() for mask, labels in zip(masks, toy.instance, strict=True))
               for masks in found)
    ]  # fmt: skip
    assert len(joined) >= 0.8 * len(things(toy)) and joined
    assert all(len({id(mask) for mask in masks}) == len(toy.scene.views) for masks in found)
