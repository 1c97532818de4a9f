"""The 3D view: what is sent, that nothing grows, and who may connect."""

import threading
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from liftlab.components.geometry.projection import project
from liftlab.view3d.drawing import Picture
from liftlab.view3d.frame import ViewerFrame, chunks_of, frame_of, framed, scene_colours, thin
from liftlab.view3d.viewer import GIZMO, KEY_HEADER, Viewer, ViewerMarker
from liftlab.web.proxy import is_passed
from tests.toy import make_toy

TOY = make_toy()
POINTS = TOY.scene.pointmap.points
PROTOCOL = Subprotocol("viser-v1.1.1")


def no_colours(surface: str) -> np.ndarray:
    raise AssertionError("the photos' colours are known")


@pytest.fixture
def viewer() -> Iterator[Viewer]:
    viewer = Viewer(lambda *_: None)
    viewer.show_scene(TOY.scene)
    viewer.show(Picture(), no_colours)
    yield viewer
    viewer.close()


def test_frame_round_trip() -> None:
    frame = ViewerFrame(np.array([1.0, -2.0, 3.0]), 0.25)
    points = np.random.default_rng(0).normal(size=(50, 3))
    assert np.allclose(frame.to_world(frame.from_world(points)), points)


def test_the_scene_has_size_one_in_the_viewer() -> None:
    frame = frame_of(TOY.scene)
    centers = np.stack([view.camera.center for view in TOY.scene.views])
    assert np.median(np.linalg.norm(frame.from_world(centers), axis=1)) == pytest.approx(1.0)


def test_every_point_has_the_colour_of_its_pixel() -> None:
    view, row, column = TOY.scene.pointmap.point_index[12345]
    assert (scene_colours(TOY.scene)[12345] == TOY.scene.views[view].image[row, column]).all()


def test_a_framed_box_is_in_the_middle_and_fills_the_picture() -> None:
    low, high, fov = np.array([-1.0, -1, -1]), np.array([1.0, 1, 1]), 0.8
    for start in (np.array([0.0, -30, 0]), np.array([2.0, 1, 0.5])):
        position, target = framed(start, low, high, fov)
        assert np.allclose(target, 0)
        assert np.allclose(position / np.linalg.norm(position), start / np.linalg.norm(start)), (
            "from the same side"
        )
        edge = np.arcsin(np.sqrt(3) / np.linalg.norm(position))
        assert 0.2 * fov < edge < 0.5 * fov
    assert np.allclose(framed(np.zeros(3), low, high, fov)[0], 0)


@pytest.mark.parametrize(("count", "most"), [(0, 5), (5, 5), (6, 5), (1000, 10)])
def test_thinning_is_even_and_bounded(count: int, most: int) -> None:
    kept = thin(count, most)
    assert len(kept) == min(count, most)
    assert (np.diff(kept) > 0).all()
    if count:
        assert kept[0] == 0 and kept[-1] == count - 1


def test_the_first_photo_is_what_one_sees_first(viewer: Viewer) -> None:
    camera = TOY.scene.views[0].camera
    initial = viewer._server.initial_camera
    position = viewer._frame.to_world(np.array(initial.position))
    target = viewer._frame.to_world(np.array(initial.look_at))
    assert np.allclose(position, camera.center, atol=1e-6)
    xy, depth = project(camera, target)
    assert depth > 0
    assert np.allclose(xy, [camera.width / 2, camera.height / 2], atol=1e-3)


def messages(viewer: Viewer) -> dict[int, object]:
    return dict(viewer._server._websock_server._broadcast_buffer.message_from_id)


@pytest.mark.parametrize(("count", "most"), [(0, 4), (1, 4), (4, 4), (5, 4), (1000, 16)])
def test_chunks_are_compact_and_hold_every_point_once(count: int, most: int) -> None:
    points = np.random.default_rng(1).normal(size=(count, 3))
    chunks = chunks_of(points, most)
    assert sorted(np.concatenate([*chunks, np.zeros(0, np.intp)]).tolist()) == list(range(count))
    assert all(len(chunk) <= most for chunk in chunks)
    if count > 100:
        inside = np.mean([np.prod(np.ptp(points[chunk], axis=0)) for chunk in chunks])
        assert inside < 0.1 * np.prod(np.ptp(points, axis=0))


def test_markers_do_not_grow(viewer: Viewer) -> None:
    def mark(number: int) -> None:
        viewer.mark([ViewerMarker(POINTS[number].astype(float), number % 2 == 0)] * (1 + number % 4))

    for number in range(8):
        mark(number)
    after_few = len(messages(viewer))
    for number in range(80):
        mark(number)
    assert len(messages(viewer)) <= after_few


def test_the_ruler_does_not_grow(viewer: Viewer) -> None:
    before = len(messages(viewer))
    for number in range(60):
        viewer.rule([point.astype(float) for point in POINTS[number : number + number % 3]])
    viewer.rule([])
    assert len(messages(viewer)) <= before + 6, "what was taken away is told once"


def test_a_connection_without_the_key_gets_nothing(viewer: Viewer) -> None:
    for headers in ({}, {KEY_HEADER: "guess"}):
        with (
            connect(f"ws://127.0.0.1:{viewer.port}", subprotocols=[PROTOCOL], additional_headers=headers)
            as socket,
            pytest.raises(ConnectionClosed),
        ):  # fmt: skip
            socket.recv(timeout=5)
    keyed = {KEY_HEADER: viewer.key}
    with connect(
        f"ws://127.0.0.1:{viewer.port}", subprotocols=[PROTOCOL], additional_headers=keyed, max_size=None
    ) as socket:
        assert len(socket.recv(timeout=5)) > 0


def test_a_click_in_3d_arrives_as_a_world_ray() -> None:
    arrived = threading.Event()
    rays: list = []

    def on_ray(origin: np.ndarray, direction: np.ndarray, shift: bool) -> None:
        rays.append((origin, direction, shift))
        arrived.set()

    viewer = Viewer(on_ray)
    try:
        viewer.show_scene(TOY.scene)
        camera = TOY.scene.views[0].camera
        center = viewer._frame.from_world(camera.center)
        with connect(
            f"ws://127.0.0.1:{viewer.port}",
            subprotocols=[PROTOCOL],
            additional_headers={KEY_HEADER: viewer.key},
            max_size=None,
        ) as socket:
            for message in (camera_message(center), click_message(center, camera.world_to_camera[2, :3])):
                socket.send(msgspec.msgpack.encode(message))
            assert arrived.wait(10)
    finally:
        viewer.close()
    origin, direction, shift = rays[0]
    assert np.allclose(origin, camera.center, atol=1e-5)
    assert np.allclose(direction, camera.world_to_camera[2, :3], atol=1e-5)
    assert shift is False


def test_dragged_handles_arrive_as_a_world_vector(viewer: Viewer) -> None:
    arrived = threading.Event()
    moves: list = []

    def on_move(by: tuple) -> None:
        moves.append(by)
        arrived.set()

    center = POINTS.mean(axis=0).astype(float)
    viewer.handles(center, on_move)
    target = viewer._frame.from_world(center + np.array([0.1, -0.2, 0.3]))
    with connect(
        f"ws://127.0.0.1:{viewer.port}",
        subprotocols=[PROTOCOL],
        additional_headers={KEY_HEADER: viewer.key},
        max_size=None,
    ) as socket:
        at = {"name": GIZMO, "wxyz": [1.0, 0, 0, 0], "position": target.tolist(), "owner": ""}
        for kind in ("DragStart", "Update", "DragEnd"):
            message = {
                "type": f"TransformControls{kind}Message",
                **(at if kind == "Update" else {"name": GIZMO}),
            }
            socket.send(msgspec.msgpack.encode(message))
        assert arrived.wait(10)
    assert np.allclose(moves[0], [0.1, -0.2, 0.3], atol=1e-5)


def camera_message(position: np.ndarray) -> dict:
    return {
        "type": "ViewerCameraMessage", "wxyz": [1.0, 0, 0, 0], "position": position.tolist(), "fov": 1.0,
        "image_height": 300, "image_width": 400, "near": 0.01, "far": 100.0, "look_at": [0.0, 0, 0],
        "up_direction": [0.0, 0, 1],
    }  # fmt: skip


def click_message(origin: np.ndarray, direction: np.ndarray) -> dict:
    return {
        "type": "ScenePointerMessage", "event_type": "click", "ray_origin": origin.tolist(),
        "ray_direction": direction.tolist(), "screen_pos": [[0.5, 0.5]], "modifier": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("message", "passed"),
    [
        (msgspec.msgpack.encode({"type": "ViewerCameraMessage", "fov": 1.0}), True),
        (msgspec.msgpack.encode({"fov": 1.0, "type": "ScenePointerMessage"}), True),
        (msgspec.msgpack.encode({"type": "TransformControlsDragEndMessage", "name": "/gizmo"}), True),
        (msgspec.msgpack.encode({"type": "ShareUrlRequest"}), False),
        (msgspec.msgpack.encode({"type": "ShareUrlDisconnect"}), False),
        (msgspec.msgpack.encode({"type": "GuiUpdateMessage"}), False),
        (msgspec.msgpack.encode(["ScenePointerMessage"]), False),
        (msgspec.msgpack.encode({"type": 3}), False),
        (b"\xc1 not msgpack", False),
        (b"", False),
        ("ScenePointerMessage", False),
    ],
)
def test_only_camera_clicks_and_drags_pass_to_viser(message: bytes | str, passed: bool) -> None:
    assert is_passed(message) is passed
