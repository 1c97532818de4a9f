"""Steps: computed once, by key; rebuilt when damaged; run when missing; nothing kept when stopped."""

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from liftlab.components.errors import Cancelled, InputError
from liftlab.components.progress import CancelToken
from liftlab.engine.captures import capture_key
from liftlab.engine.inventory import verify
from liftlab.engine.lab import Lab
from liftlab.files.config_records import config_from_record, to_plain
from liftlab.pipelines.methods.wildseg3d import WildSeg3DConfig
from liftlab.pipelines.steps.reconstruct import ReconstructConfig
from tests.not_none import not_none
from tests.toy_workspace import NAME


def test_a_step_done_once_is_never_computed_again(lab: Lab, counted_steps) -> None:
    first = lab.prepare(NAME, "wildseg3d")
    again = Lab(lab.workspace.root)
    second = again.prepare(NAME, "wildseg3d")
    assert counted_steps == {"reconstruct": 0, "masks": 0}
    assert first.scene_key == second.scene_key
    assert lab.prepared(NAME, "wildseg3d") is first


def test_missing_steps_are_run_in_order_and_said(lab: Lab, counted_steps, photos_of) -> None:
    shutil.rmtree(lab.workspace.root / "scenes")
    (lab.workspace.root / "scenes").mkdir()
    said: list[tuple[float, str]] = []
    lab.prepare(NAME, "wildseg3d", progress=lambda fraction, message="": said.append((fraction, message)))
    assert counted_steps == {"reconstruct": 1, "masks": 1}
    messages = [message for _, message in said]
    assert messages.index("Reconstructing …") < messages.index("Finding objects …")
    fractions = [fraction for fraction, _ in said]
    assert fractions == sorted(fractions), "progress never goes back"
    assert lab.status(NAME).masks


def test_another_config_is_another_key_and_both_stay(lab: Lab, counted_steps) -> None:
    before = lab.reconstruct(NAME).key
    smaller = lab.reconstruct(NAME, ReconstructConfig(max_side=320)).key
    assert smaller != before
    assert counted_steps["reconstruct"] == 1
    assert not lab.status(NAME).masks, "masks of the other reconstruction do not count"
    lab.masks(NAME)
    assert lab.reconstruct(NAME).key == smaller, "the scene keeps its config"
    lab.reconstruct(NAME, ReconstructConfig())
    assert lab.reconstruct(NAME).key == before
    assert counted_steps == {"reconstruct": 1, "masks": 1}


def test_settings_that_only_answers_depend_on_prepare_nothing_anew_and_are_remembered(lab: Lab) -> None:
    before = lab.prepare(NAME, "wildseg3d")
    key = not_none(lab.entry(NAME).methods)["wildseg3d"]
    other = WildSeg3DConfig(first_candidate="smallest", box_iou=0.7)
    assert lab.prepared(NAME, "wildseg3d", other) is before
    assert lab.config_of(NAME, "wildseg3d") == other
    again = Lab(lab.workspace.root)
    assert again.config_of(NAME, "wildseg3d") == other
    assert again.status(NAME).methods == ("wildseg3d",)
    assert (
        again.step_records(NAME)["wildseg3d"]["key"]
        == key
        == not_none(again.entry(NAME).methods)["wildseg3d"]
    )
    again.prepare(NAME, "wildseg3d", WildSeg3DConfig())
    assert again.config_of(NAME, "wildseg3d") == WildSeg3DConfig() and again.entry(NAME).asked is None


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "manifest"])
def test_a_damaged_result_is_built_again_with_what_was_made_from_it(
    lab: Lab, counted_steps, damage: str
) -> None:
    key = lab.reconstruct(NAME).key
    folder = lab.workspace.scene_folder(key)
    path = folder / ("manifest.json" if damage == "manifest" else "pointmap_points.npy")
    data = bytearray(path.read_bytes())
    data[-5] ^= 255
    contents = {
        "flip": bytes(data),
        "truncate": bytes(data[:-7]),
        "manifest": b'{"files": {"scene.json": 3}}',
    }
    if damage == "remove":
        path.unlink()
    else:
        path.write_bytes(contents[damage])
    fresh = Lab(lab.workspace.root)
    fresh.prepare(NAME, "wildseg3d")
    assert counted_steps == {"reconstruct": 1, "masks": 1}
    assert all(sound for _, sound in verify(fresh.workspace))


def test_a_cancelled_step_leaves_nothing(lab: Lab, counted_steps) -> None:
    token = CancelToken()

    def stop_halfway(fraction: float, message: str = "") -> None:
        if message == "halfway":
            token.cancel()

    before = sorted(p.name for p in (lab.workspace.root / "scenes").iterdir())
    with pytest.raises(Cancelled):
        lab.reconstruct(NAME, ReconstructConfig(max_side=99), progress=stop_halfway, cancel=token)
    assert sorted(p.name for p in (lab.workspace.root / "scenes").iterdir()) == before
    assert lab.reconstruct(NAME, ReconstructConfig(max_side=99)).key, "and it can be run afterwards"


def test_two_threads_that_want_the_same_step_compute_it_once(lab: Lab, counted_steps) -> None:
    labs = [lab, Lab(lab.workspace.root)]
    config = ReconstructConfig(max_side=123)
    threads = [threading.Thread(target=each.reconstruct, args=(NAME, config)) for each in labs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert counted_steps["reconstruct"] == 1


def test_waiting_for_another_process_can_be_cancelled(lab: Lab) -> None:
    key = lab.reconstruct(NAME).key
    token = CancelToken()
    said = []

    def report(fraction: float, message: str = "") -> None:
        said.append(message)
        token.cancel()

    with (
        lab.workspace.locked(key),
        pytest.raises(Cancelled),
        lab.workspace.locked(key, progress=report, cancel=token),
    ):
        pytest.fail("the lock is taken")
    assert "another" in said[0].lower()


def test_the_same_photos_keep_their_name_and_others_get_a_number(lab: Lab, photos_of) -> None:
    same = photos_of("same")
    assert lab.import_capture(same, NAME).name == NAME
    other = photos_of("other")
    (other / "000.png").unlink()
    assert lab.import_capture(other, NAME).name == f"{NAME}-2"
    assert lab.captures() == [NAME, f"{NAME}-2"]


def test_capture_keys_tell_focal_lengths_apart(lab: Lab) -> None:
    folder = lab.workspace.capture_folder(NAME)
    before = capture_key(folder)
    record = folder / "capture.json"
    record.write_text(record.read_text().replace('"exif_focal_px": null', '"exif_focal_px": 77.0', 1))
    assert capture_key(folder) != before


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda lab: lab.reconstruct("tpy"),
            "There is no scene or capture 'tpy'. Did you mean 'toy'? Available: toy.",
        ),
        (lambda lab: lab.prepare(NAME, "wildseg"), "Unknown method 'wildseg'. Did you mean 'wildseg3d'?"),
        (lambda lab: lab.status("x"), "There is no scene 'x'; reconstruct a capture first."),
        (lambda lab: lab.import_capture("nowhere"), "nowhere"),
        (lambda lab: lab.import_capture(".", "a/b"), "The name 'a/b' cannot be used"),
    ],
)
def test_what_is_not_there_is_a_sentence(shared_lab: Lab, call, sentence: str) -> None:
    with pytest.raises(InputError) as raised:
        call(shared_lab)
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_failed_import_leaves_nothing(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError):
        lab.import_capture(tmp_path / "empty")
    assert lab.captures() == [NAME]
    assert list((lab.workspace.root / "tmp").glob("[!t]*")) == []


def test_configs_survive_their_plain_form() -> None:
    config = ReconstructConfig(max_side=321, cameras="none")
    assert config_from_record(ReconstructConfig, to_plain(config)) == config
    with pytest.raises(InputError, match="setting 'max_side' cannot be used"):
        config_from_record(ReconstructConfig, {"max_side": "many"})


def test_expected_time_is_learned_from_this_workspace(lab: Lab) -> None:
    measured = lab.step_records(NAME)["reconstruct"]
    assert lab.expected_secs("reconstruct", 2 * measured["photos"]) == pytest.approx(
        2 * measured["seconds"], abs=0.02
    )


def test_loaded_scenes_equal_saved_ones(lab: Lab, toy) -> None:
    scene = Lab(lab.workspace.root).reconstruct(NAME)
    assert np.array_equal(scene.pointmap.points, toy.scene.pointmap.points)
    assert scene.photo_sizes == toy.scene.photo_sizes


def test_settings_of_an_earlier_version_do_not_lock_a_scene(lab: Lab, counted_steps) -> None:
    from dataclasses import replace

    entry = not_none(lab.workspace.scene_entry(NAME))
    lab.workspace.write_scene_entry(replace(entry, config={"max_side": 640, "cameras": "guess"}))
    assert lab.reconstruct(NAME).key == entry.scene_key
    assert counted_steps["reconstruct"] == 0
