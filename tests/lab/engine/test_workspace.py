"""The workspace: what is sealed stays, what is broken goes, what a crash left is cleaned."""

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from liftlab.components.errors import InputError
from liftlab.engine.inventory import delete_scene, items, odd_entries, prune, verify
from liftlab.engine.workspace import SceneEntry, Workspace
from liftlab.files.disk import is_disk_full
from liftlab.files.identifiers import checked_name, name_from
from liftlab.files.locks import FileLock


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "lab")


def put(workspace: Workspace, folder: Path, **record: object) -> Path:
    with workspace.writing(folder, {"step": "test", **record}) as temporary:
        (temporary / "data.bin").write_bytes(b"x" * 1000)
    return folder


@pytest.mark.parametrize("name", ["desk", "My desk 2", "a.b_c-d", "0"])
def test_names_that_work_everywhere_are_taken(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "../x", "a/b", ".hidden", "a\\b", "x" * 65, "trailing.", "nul\0", "a\nb", "-rf"]
)
def test_other_names_are_refused_with_the_rule(name: str) -> None:
    with pytest.raises(InputError, match="cannot be used: take up to 64 letters"):
        checked_name(name)


@pytest.mark.parametrize("text", ["Fotos vom Café!", "..", "", "日本", "a" * 200, "x/../y", "-a-"])
def test_any_text_becomes_a_name(text: str) -> None:
    assert checked_name(name_from(text))


def test_leftovers_of_a_dead_process_go_and_those_of_a_living_one_stay(workspace: Workspace) -> None:
    dead = workspace.root / "scenes" / ".deadbeef.abc.partial"
    alive = workspace.root / "methods" / ".cafe.xyz.partial"
    stale = workspace.root / "captures" / ".desk.123.stale"
    passing = workspace.root / "tmp" / "0123"
    for folder in (dead, alive, stale, passing):
        folder.mkdir()
        (folder / "half").write_bytes(b"1")
    half_entry = workspace.root / "names" / ".desk.json.q1.partial"
    half_entry.write_text("{")
    lock = FileLock(workspace.root / "locks" / "cafe.lock")
    assert lock.acquire()
    Workspace(workspace.root)
    assert alive.exists()
    assert not any(path.exists() for path in (dead, stale, passing, half_entry))
    lock.release()
    Workspace(workspace.root)
    assert not alive.exists()


def test_scratch_space_is_safe_from_another_start_and_gone_afterwards(workspace: Workspace) -> None:
    with workspace.scratch() as folder:
        (folder / "file").write_text("x")
        Workspace(workspace.root)
        assert (folder / "file").exists()
    assert not folder.exists()
    assert list((workspace.root / "locks").iterdir()) == []


def test_locks_exclude_threads_of_one_process_too(workspace: Workspace, tmp_path: Path) -> None:
    one, two = FileLock(tmp_path / "x"), FileLock(tmp_path / "x")
    assert one.acquire()
    assert not two.acquire()
    one.release()
    assert two.acquire()
    two.release()


def test_prune_removes_what_no_scene_uses_and_what_is_broken(workspace: Workspace) -> None:
    used = put(workspace, workspace.scene_folder("aaaa"))
    masks = put(workspace, workspace.masks_folder("aaaa", "bbbb"))
    unused = put(workspace, workspace.scene_folder("cccc"))
    method = put(workspace, workspace.method_folder("dddd"))
    broken = put(workspace, workspace.method_folder("eeee"))
    (broken / "data.bin").write_bytes(b"short")
    capture = put(workspace, workspace.capture_folder("nobody uses me"))
    workspace.write_scene_entry(
        SceneEntry("desk", "desk", "aaaa", {}, "bbbb", {}, {"wildseg3d": "dddd", "other": "eeee"})
    )
    assert sum(item.bytes for item in items(workspace)) > 6000
    gone = {item.name for item in prune(workspace)}
    assert gone == {"cccc", "eeee"}
    assert all(path.exists() for path in (used, masks, method, capture))
    assert not unused.exists()
    assert not broken.exists()


def test_a_deleted_scene_takes_along_only_what_no_other_scene_uses(workspace: Workspace) -> None:
    shared = put(workspace, workspace.scene_folder("aaaa"))
    own = [
        put(workspace, workspace.masks_folder("aaaa", "bbbb")),
        put(workspace, workspace.method_folder("cccc")),
    ]
    photos = put(workspace, workspace.capture_folder("photos"))
    workspace.write_scene_entry(SceneEntry("first", "photos", "aaaa", {}, "bbbb", {}, {"wildseg3d": "cccc"}))
    workspace.write_scene_entry(SceneEntry("second", "photos", "aaaa", {}))
    assert {item.path for item in delete_scene(workspace, "first")} == set(own)
    assert workspace.scene_names() == ["second"]
    assert shared.exists() and photos.exists() and not any(path.exists() for path in own)
    with pytest.raises(InputError, match="There is no scene 'first'"):
        delete_scene(workspace, "first")
    assert [item.path for item in delete_scene(workspace, "second")] == [shared]
    assert photos.exists()


def test_a_renamed_scene_keeps_all_it_had(workspace: Workspace) -> None:
    entry = SceneEntry("desk", "desk", "aaaa", {"max_side": 640}, "bbbb")
    workspace.write_scene_entry(entry)
    workspace.write_scene_entry(SceneEntry("shelf", "shelf", "cccc", {}))
    with pytest.raises(InputError, match="a scene 'shelf' already"):
        workspace.rename_scene("desk", "shelf")
    with pytest.raises(InputError, match="cannot be used"):
        workspace.rename_scene("desk", "../desk")
    assert workspace.scene_entry("desk") == entry
    workspace.rename_scene("desk", "table")
    assert workspace.scene_names() == ["shelf", "table"]
    assert workspace.scene_entry("table") == replace(entry, name="table")


def test_verify_finds_one_flipped_bit(workspace: Workspace) -> None:
    sound = put(workspace, workspace.scene_folder("aaaa"))
    damaged = put(workspace, workspace.method_folder("bbbb"))
    (damaged / "data.bin").write_bytes(b"x" * 999 + b"y")
    found = {item.path: ok for item, ok in verify(workspace)}
    assert found == {sound: True, damaged: False}


def test_a_damaged_scene_entry_counts_as_absent(workspace: Workspace) -> None:
    workspace.write_scene_entry(SceneEntry("desk", "desk", "aaaa", {}))
    path = workspace.root / "names" / "desk.json"
    for text in ("", "{", '{"schema_version": 1}', "[]", '{"schema_version": 1, "name": "x", "new": 2}'):
        path.write_text(text)
        assert workspace.scene_entry("desk") is None


def test_odd_files_are_told_and_skipped_everywhere(
    workspace: Workspace, capsys: pytest.CaptureFixture
) -> None:
    sound = put(workspace, workspace.scene_folder("aaaa"))
    workspace.write_scene_entry(SceneEntry("desk", "desk", "aaaa", {}))
    names = workspace.root / "names"
    for name in (
        "what is this?.json",
        "notes.txt",
        "-x.json",
        "x" * 70 + ".json",
        "a\nb.json",
        "..json",
        "\udcff.json",
    ):
        (names / name).write_text("{}")
    (names / "folder.json").mkdir()
    (names / "damaged.json").write_text("[" * 100_000)
    (names / "empty.json").write_bytes(b"\xff")
    for folder in ("captures/what is this?", "scenes/a b", "methods/x.y"):
        (workspace.root / folder).mkdir()
    (workspace.root / "tmp" / ("x" * 255)).mkdir()
    assert workspace.scene_names() == ["damaged", "desk", "empty"]
    assert workspace.capture_names() == []
    assert [(item.path, ok) for item, ok in verify(workspace)] == [(sound, True)]
    assert prune(workspace) == [] and delete_scene(workspace, "desk")[0].path == sound
    assert len(odd_entries(workspace)) == 12, "hidden files are not meant"
    Workspace(workspace.root)

    from liftlab.cli.main import main

    for action, options in (("verify", ["--json"]), ("verify", []), ("ls", [])):
        with pytest.raises(SystemExit) as ended:
            main(["workspace", action, "--workspace", str(workspace.root), *options])
        assert not ended.value.code
        printed = capsys.readouterr().out
        assert ("names/notes.txt" in printed) == (action == "verify")
        if options:
            assert "names/what is this?.json" in json.loads(printed.splitlines()[-1])["skipped"]


def test_a_workspace_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"cannot be used .*--workspace"):
        Workspace(tmp_path / "file")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_a_sentence_and_leaves_what_was_there(workspace, number, monkeypatch) -> None:
    folder = put(workspace, workspace.scene_folder("aaaa"), round=1)
    before = sorted(p.name for p in workspace.root.rglob("*"))

    def full(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match=r"disk of the workspace is full.*prune"):
        put(workspace, folder, round=2)
    assert sorted(p.name for p in workspace.root.rglob("*")) == before
    assert b'"round": 1' in (folder / "step.json").read_bytes()


def test_a_full_disk_is_known_by_whatever_a_library_says(tmp_path: Path) -> None:
    assert is_disk_full(RuntimeError("I/O error: No space left on device (os error 28)"), tmp_path)
    try:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as error:
            raise ValueError("cannot save") from error
    except ValueError as error:
        assert is_disk_full(error, tmp_path)
    assert not is_disk_full(OSError(errno.EACCES, "Permission denied"), tmp_path)
    assert not is_disk_full(OSError("8 requested and 0 written"), tmp_path), "there is space here"
