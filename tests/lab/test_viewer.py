"""The 3D view: what is sent, that nothing grows, and who may connect."""

import threading
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from components.geometry import project
from lab.viewer import KEY_HEADER, MAX_LIT_POINTS, Frame, Marker, Viewer, frame_of, scene_colours, thin
from lab.viser_proxy import is_passed
from tests.toy import make_toy

TOY = make_toy()
POINTS = TOY.scene.pointmap.points
PROTOCOL = "viser-v1.1.1"


@pytest.fixture
def viewer() -> Iterator[Viewer]:
    viewer = Viewer(lambda *_: None)
    viewer.show_scene(TOY.scene)
    yield viewer
    viewer.close()


def selection(instance: int) -> np.ndarray:
    view, row, column = TOY.scene.pointmap.point_index.T
    return TOY.instance[view, row, column] == instance


def test_frame_round_trip() -> None:
    frame = Frame(np.array([1.0, -2.0, 3.0]), 0.25)
    points = np.random.default_rng(0).normal(size=(50, 3))
    assert np.allclose(frame.to_world(frame.from_world(points)), points)


def test_the_scene_has_size_one_in_the_viewer() -> None:
    frame = frame_of(TOY.scene)
    centers = np.stack([view.camera.center for view in TOY.scene.views])
    assert np.median(np.linalg.norm(frame.from_world(centers), axis=1)) == pytest.approx(1.0)


def test_every_point_has_the_colour_of_its_pixel() -> None:
    view, row, column = TOY.scene.pointmap.point_index[12345]
    assert (scene_colours(TOY.scene)[12345] == TOY.scene.views[view].image[row, column]).all()


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


def test_a_highlight_is_one_small_node(viewer: Viewer) -> None:
    before = set(messages(viewer))
    viewer.light(1, selection(1), (0, 114, 178))
    new = [m for number, m in messages(viewer).items() if number not in before]
    sent = sum(len(msgspec.msgpack.encode(m.as_serializable_dict())) for m in new)
    assert 1000 < sent < 1_000_000
    assert [m.name for m in new if hasattr(m, "name")].count("/objects/1") >= 1


def test_a_large_highlight_stays_under_a_megabyte(viewer: Viewer) -> None:
    before = set(messages(viewer))
    viewer.light(1, np.ones(len(POINTS), bool), (0, 114, 178))
    new = [m for number, m in messages(viewer).items() if number not in before]
    assert sum(len(msgspec.msgpack.encode(m.as_serializable_dict())) for m in new) < 1_000_000
    assert MAX_LIT_POINTS * 9 < 1_000_000


def test_nothing_grows_with_clicks(viewer: Viewer) -> None:
    def click(number: int) -> None:
        chosen = selection(1 + number % 3)
        viewer.light(1, chosen, (0, 114, 178))
        viewer.mark([Marker(POINTS[number].astype(float), number % 2 == 0)] * (1 + number % 4))

    for number in range(8):
        click(number)
    after_few = len(messages(viewer))
    for number in range(80):
        click(number)
    assert len(messages(viewer)) <= after_few


def test_an_object_that_selects_nothing_is_put_out(viewer: Viewer) -> None:
    viewer.light(7, selection(2), (1, 2, 3))
    assert 7 in viewer._objects
    viewer.light(7, np.zeros(len(POINTS), bool), (1, 2, 3))
    assert 7 not in viewer._objects
    viewer.forget(7)  # again does no harm


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
def test_only_camera_and_clicks_pass_to_viser(message: bytes | str, passed: bool) -> None:
    assert is_passed(message) is passed
