"""`liftlab openvocab`: what it refuses, and that it makes and scores records."""

from pathlib import Path

from tests.lab.cli.test_cli import liftlab  # noqa: F401  (fixture)


def test_what_is_missing_is_said(liftlab, tmp_path: Path) -> None:  # noqa: F811
    code, result, _ = liftlab("openvocab", "data", tmp_path / "nowhere", "--out", tmp_path / "out")
    assert code == 2 and "no such folder" in result["error"]
    code, result, _ = liftlab("openvocab", "data", tmp_path)
    assert code == 2 and "--out" in result["error"]
    for action in ("train", "evaluate"):
        code, result, _ = liftlab("openvocab", action, tmp_path, "--out", tmp_path / "out")
        assert code == 2 and "no record" in result["error"]
    code, result, _ = liftlab("openvocab", "train", tmp_path, "--out", tmp_path / "out", "--steps", "0")
    assert code == 2 and "--steps must be 1 or more; got 0" in result["error"]
    code, result, _ = liftlab("openvocab", "train", tmp_path, "--out", tmp_path / "out", "--average")
    assert code == 2 and "--average needs the weights" in result["error"]
