"""Files are whole or absent; sealed folders say when they are not."""

import json

import pytest

from liftlab.components import files


def test_atomic_write_replaces_only_on_success(tmp_path):
    path = tmp_path / "a.bin"
    with files.atomic_write(path) as file:
        file.write(b"one")
    with pytest.raises(RuntimeError), files.atomic_write(path) as file:
        file.write(b"two")
        raise RuntimeError
    assert path.read_bytes() == b"one"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_json_refuses_nan(tmp_path):
    with pytest.raises(ValueError):
        files.write_json(tmp_path / "a.json", {"x": float("nan")})
    assert not (tmp_path / "a.json").exists()


def test_sealed_folder_appears_whole(tmp_path):
    folder = tmp_path / "scene"
    with files.sealed_folder(folder) as building:
        (building / "sub").mkdir()
        (building / "sub" / "x.txt").write_text("x")
        assert not folder.exists()
    assert files.is_sealed(folder, checksums=True)
    assert sorted(json.loads((folder / files.MANIFEST).read_text())["files"]) == ["sub/x.txt"]


def test_failed_sealed_folder_keeps_the_earlier_one(tmp_path):
    folder = tmp_path / "scene"
    with files.sealed_folder(folder) as building:
        (building / "x.txt").write_text("first")
    with pytest.raises(KeyError), files.sealed_folder(folder) as building:
        (building / "x.txt").write_text("second")
        raise KeyError
    assert (folder / "x.txt").read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["scene"]


def test_sealing_again_replaces(tmp_path):
    folder = tmp_path / "scene"
    for text in ("first", "second"):
        with files.sealed_folder(folder) as building:
            (building / "x.txt").write_text(text)
    assert (folder / "x.txt").read_text() == "second"
    assert [p.name for p in tmp_path.iterdir()] == ["scene"]


@pytest.mark.parametrize("damage", ["truncate", "remove", "no manifest", "empty manifest", "same size"])
def test_damage_is_noticed(tmp_path, damage):
    folder = tmp_path / "scene"
    with files.sealed_folder(folder) as building:
        (building / "x.txt").write_text("hello")
    match damage:
        case "truncate":
            (folder / "x.txt").write_text("hell")
        case "remove":
            (folder / "x.txt").unlink()
        case "no manifest":
            (folder / files.MANIFEST).unlink()
        case "empty manifest":
            (folder / files.MANIFEST).write_text("")
        case "same size":
            (folder / "x.txt").write_text("jello")
    assert not files.is_sealed(folder, checksums=True)


def test_content_key_depends_on_every_part_and_not_on_order_of_keys():
    key = files.content_key("scene", {"a": 1, "b": 2}, 3)
    assert key == files.content_key("scene", {"b": 2, "a": 1}, 3)
    assert (
        len(
            {
                key,
                files.content_key("scene", {"a": 1, "b": 2}, 4),
                files.content_key("x", {"a": 1, "b": 2}, 3),
            }
        )
        == 3
    )
