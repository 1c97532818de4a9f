"""Places that objects left, filled in: in splats and in the photos' colours, and only there."""

from dataclasses import replace

import numpy as np

from liftlab.components.gaussians.selection import joined, subset
from liftlab.components.types import Gaussians, Plane
from liftlab.view3d.drawing import Look, Picture
from liftlab.view3d.patches import patch_of
from tests.components.gaussians.test_mending import TABLE, box, on_table, rest, wood
from tests.lab.view3d.test_drawing import SCENE, Wire, shown, wire

__all__ = ["box", "rest", "wire"]
SPLATS = Look("splats")


FLOOR = Plane(normal=np.array([0.0, 0.0, 1.0]), offset=0.0, support=0.5)


def test_a_patch_is_drawn_in_splats_and_photo_colours_only(wire: Wire) -> None:
    box = shown(1, removed=True)
    scene = replace(SCENE, planes=(FLOOR,))
    patch = patch_of(scene, "token", [box.selected("splats")])
    assert len(patch.surface.positions) > 0 and not (patch.hidden & box.selected("splats")).any()
    bare = Picture(SPLATS, (box,))
    wire.show(bare)
    before = wire.visible
    wire.show(replace(bare, patch=patch))
    assert wire.visible - before >= {"/mended/0"}
    for look in (Look("points"), Look("splats", "depth")):
        wire.show(replace(bare, look=look, patch=patch))
        assert not any(name.startswith("/mended") for name in wire.visible), look
    assert wire.show(replace(bare, patch=patch)) and "/mended/0" in wire.visible
    wire.show(bare)
    assert wire.visible == before, "as it was"


def test_the_shadow_of_what_was_taken_out_is_not_drawn(rest: Gaussians, box: Gaussians) -> None:
    whole = joined(rest, box)
    own = np.arange(len(whole.means)) >= len(rest.means)
    patch = patch_of(replace(SCENE, gaussians=whole, planes=(TABLE,)), "token", [own])
    assert not (patch.hidden & own).any()
    stays = ~(patch.hidden | own)
    before, dark = on_table(rest, 0.6)
    assert np.abs(dark - wood(before)).max() > 0.2
    points, colours = on_table(subset(whole, stays), 0.6)
    assert len(points) > 100 and np.abs(colours - wood(points)).max() < 0.15
