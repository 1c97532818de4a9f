"""What is sent to draw a scene: everything once, highlights small, and nothing again when the look changes."""

from collections.abc import Iterator
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from liftlab.components.gaussians.training.initialise import gaussians_from_pointmap
from liftlab.components.geometry.splat_links import nearest_points, values_for_gaussians
from liftlab.view3d import drawing
from liftlab.view3d.drawing import Drawing, Look, Picture, ShownObject
from liftlab.view3d.surfaces import MAX_LIT, covariances_of, weightiest
from liftlab.view3d.viewer import Viewer
from tests.toy import make_toy

TOY = make_toy()
GAUSSIANS = gaussians_from_pointmap(TOY.scene.pointmap, TOY.scene.views, count=2000)
SCENE = replace(TOY.scene, gaussians=GAUSSIANS, gaussians_key="toy-splats")
NEAREST = nearest_points(SCENE)
BLUE = (0, 114, 178)
MEGABYTE = 1_000_000
TOGGLE_BYTES = 400
"""Of showing or hiding one node, with viser's framing."""


class Wire:
    """A viewer, and what it has sent since last asked."""

    def __init__(self) -> None:
        self.viewer = Viewer(lambda *_: None)
        self.viewer.show_scene(SCENE)
        self._seen = set(self._messages())

    def _messages(self) -> dict[int, object]:
        return dict(self.viewer._server._websock_server._broadcast_buffer.message_from_id)

    def show(self, picture: Picture) -> list:
        """Messages that drawing `picture` takes."""
        self.viewer.show(picture, lambda surface: np.full((size(surface), 3), 7, np.uint8))
        sent = self._messages()
        new = [message for number, message in sent.items() if number not in self._seen]
        self._seen = set(sent)
        return new

    @property
    def drawing(self) -> Drawing:
        assert self.viewer._drawing is not None
        return self.viewer._drawing

    @property
    def visible(self) -> set[str]:
        return {name for name, sent in self.drawing._sent.items() if sent.handle.visible}


def size(surface: str) -> int:
    return len(SCENE.pointmap.points) if surface == "points" else len(GAUSSIANS.means)


def bytes_of(messages: list) -> int:
    return sum(len(msgspec.msgpack.encode(m.as_serializable_dict())) for m in messages)


def shown(instance: int, token: object = "first", **changes) -> ShownObject:
    view, row, column = SCENE.pointmap.point_index.T
    points = TOY.instance[view, row, column] == instance
    lit = {"points": points, "splats": values_for_gaussians(points, NEAREST, default=False)}
    return ShownObject(instance, token, lit.__getitem__, BLUE, **changes)


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.viewer.close()


@pytest.fixture(params=["points", "splats"])
def look(request: pytest.FixtureRequest) -> Look:
    return Look(surface=request.param)


def test_going_back_and_forth_sends_nothing_again(wire: Wire, look: Look) -> None:
    pictures = [
        Picture(replace(look, surface=surface, tone=tone, rest=rest), (shown(1), shown(2)), tone_token=tone)
        for surface in ("points", "splats")
        for tone in ("photo", "objects", "normals")
        for rest in ("shown", "dimmed", "hidden")
    ]
    for picture in pictures:
        wire.show(picture)
    for picture in [*reversed(pictures), pictures[4], pictures[0]]:
        again = wire.show(picture)
        assert all(bytes_of([message]) < TOGGLE_BYTES for message in again)
        assert len(wire.visible) > 0


def test_a_highlight_is_one_small_node(wire: Wire, look: Look) -> None:
    wire.show(Picture(look))
    new = wire.show(Picture(look, (shown(1),)))
    assert 500 < bytes_of(new) < MEGABYTE
    large = {m.name for m in new if bytes_of([m]) > TOGGLE_BYTES}
    assert large == {f"/lit/{look.surface}/1-0"}


def test_the_largest_highlight_stays_under_a_megabyte() -> None:
    assert MAX_LIT["points"] * 9 < MEGABYTE
    assert MAX_LIT["splats"] * 32 < MEGABYTE


def test_nothing_grows_with_clicks(wire: Wire, look: Look) -> None:
    for number in range(4):
        wire.show(Picture(look, (shown(1 + number % 3, token=number),)))
    after_few = len(wire._messages())
    for number in range(4, 60):
        wire.show(Picture(look, (shown(1 + number % 3, token=number),)))
    assert len(wire._messages()) <= after_few


def test_an_object_that_is_gone_is_taken_away(wire: Wire, look: Look) -> None:
    wire.show(Picture(look, (shown(1), shown(2))))
    wire.show(Picture(look, (shown(2),)))
    assert not any("/1-0" in name for name in wire.drawing._sent)
    assert f"/lit/{look.surface}/2-0" in wire.visible


def test_taking_an_object_out_sends_only_what_it_touches(
    wire: Wire, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("liftlab.view3d.surfaces.CHUNK", 64)
    wire.viewer.show_scene(SCENE)
    everything = wire.show(Picture(look))
    nodes = len(wire.visible)
    out = wire.show(Picture(look, (shown(1, removed=True),)))
    assert bytes_of(out) < 0.5 * bytes_of(everything)
    left = {name for name in wire.visible if name.startswith("/left")}
    assert 0 < len(left) < nodes / 2
    drawn = sum(_count(wire.drawing._sent[name]) for name in wire.visible)
    selected = shown(1).selected(look.surface)
    assert drawn == size(look.surface) - int(selected.sum())
    back = wire.show(Picture(look))
    assert all(bytes_of([message]) < TOGGLE_BYTES for message in back)


def _count(sent: drawing._Sent) -> int:
    props = sent.handle._impl.props
    return len(props.points) if hasattr(props, "points") else len(props.buffer)


def test_a_moved_object_is_sent_once_and_then_only_placed(wire: Wire, look: Look) -> None:
    wire.show(Picture(look, (shown(1),)))
    wire.show(Picture(look, (shown(1, offset=(0.1, 0.0, 0.0)),)))
    again = wire.show(Picture(look, (shown(1, offset=(0.2, 0.0, 0.0)),)))
    assert 0 < bytes_of(again) < 2000
    piece = wire.drawing._sent[f"/pieces/{look.surface}/1-0"].handle
    assert np.allclose(piece.position, 0.2 * wire.viewer._frame.scale * np.array([1, 0, 0]))


def test_copies_stand_beside_the_object(wire: Wire, look: Look) -> None:
    wire.show(Picture(look, (shown(1, copies=((0.0, 0.3, 0.0), (0.0, 0.6, 0.0))),)))
    pieces = {name for name in wire.visible if name.startswith("/pieces")}
    assert pieces == {f"/pieces/{look.surface}/1-1", f"/pieces/{look.surface}/1-2"}


def test_crop_keeps_what_lies_inside(wire: Wire, look: Look) -> None:
    low, high = (-0.6, -0.35, -0.05), (-0.1, 0.15, 0.4)
    wire.show(Picture(look, (shown(1), shown(3)), crop=(low, high)))
    surface = wire.drawing.surfaces[look.surface]
    world = wire.viewer._frame.to_world(surface.positions)
    inside = ((world >= low) & (world <= high)).all(axis=1)
    drawn = sum(_count(wire.drawing._sent[n]) for n in wire.visible if not n.startswith("/lit"))
    assert drawn == int(inside.sum())


def test_covariances_are_those_of_the_axes() -> None:
    gaussians = GAUSSIANS
    quats = np.tile(np.array([np.cos(0.3), 0, 0, np.sin(0.3)], np.float32), (len(gaussians.means), 1))
    scales = np.tile(np.array([0.3, 0.2, 0.1], np.float32), (len(gaussians.means), 1))
    found = covariances_of(replace(gaussians, quats=quats, scales=scales))[0]
    turn = np.array([[np.cos(0.6), -np.sin(0.6), 0], [np.sin(0.6), np.cos(0.6), 0], [0, 0, 1]])
    assert np.allclose(found, turn @ np.diag([0.09, 0.04, 0.01]) @ turn.T, atol=1e-6)


def test_the_splats_that_cover_most_are_drawn() -> None:
    gaussians = GAUSSIANS
    opacities = np.linspace(0.1, 1, len(gaussians.means)).astype(np.float32)
    same = replace(gaussians, opacities=opacities, scales=np.full_like(gaussians.scales, 0.1))
    assert weightiest(same, 10).tolist() == list(range(len(opacities) - 10, len(opacities)))
    assert len(weightiest(same, 10**6)) == len(opacities)
