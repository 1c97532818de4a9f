"""Cases on a Ray cluster: the same rows as here, and one sentence without Ray."""

import importlib.util
import json
from pathlib import Path

import pytest

from liftlab.bench.cluster import Cluster
from liftlab.bench.runner import RESULTS
from liftlab.cli import main as cli
from liftlab.components.errors import InputError

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")


def test_without_ray_one_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError) as caught:
        Cluster("local", workers=2)
    assert str(caught.value) == (
        '--cluster needs Ray, which is not installed; run: pip install "liftlab[cluster]"'
    )


@needs_ray
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_workers_give_the_rows_of_a_serial_run(
    toy_capture, toy_bench_workspace, tmp_path, capsys
) -> None:
    def rows(out: Path, *more: str) -> list[dict]:
        with pytest.raises(SystemExit) as stop:
            cli.main(
                [
                    "bench", str(toy_capture), "--workspace", str(toy_bench_workspace), "--out", str(out),
                    "--methods", "wildseg3d", "--clicks", "2", "--device", "cpu", "--threads", "1",
                    "--seeds", "0", "1", *more,
                ]
            )  # fmt: skip
        assert not stop.value.code, capsys.readouterr().err
        return [json.loads(line) for line in (out / RESULTS).read_text().splitlines()]

    serial = rows(tmp_path / "serial")
    spread = rows(tmp_path / "cluster", "--cluster", "local", "--jobs", "2")
    for row in (*serial, *spread):
        assert row["status"] == "ok"
        del row["timing"]
    assert spread == serial


@needs_ray
def test_no_cluster_at_an_address_is_one_sentence() -> None:
    with pytest.raises(InputError, match=r"No Ray cluster answers at '127\.0\.0\.1:1'"):
        Cluster("127.0.0.1:1", workers=1)
