"""Downloads from a host that behaves badly: what a models folder holds afterwards is whole, or absent."""

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from liftlab.components.errors import Cancelled, InputError
from liftlab.components.models import ModelEntry, ModelStore, download, model_status
from liftlab.components.models.checkpoint import load_checkpoint
from liftlab.components.models.store import read_record
from liftlab.components.progress import CancelToken
from tests.model_host import Host, model_host

FILE = "tiny.pt"


@pytest.fixture(scope="module")
def weights() -> bytes:
    """A real checkpoint with random weights, as SAM 2's files are laid out."""
    generator = torch.Generator().manual_seed(7)
    buffer = io.BytesIO()
    torch.save({"model": {"a.weight": torch.randn(160, 160, generator=generator)}}, buffer)
    return buffer.getvalue()


@pytest.fixture
def host(weights: bytes) -> Iterator[Host]:
    with model_host() as host:
        host.files[FILE] = weights
        yield host


def entry_at(address: str, *, sha256: str | None = None, megabytes: float = 0.1) -> ModelEntry:
    return ModelEntry(
        name="tiny", task="masks", summary="", file=FILE, address=address, megabytes=megabytes, licence="MIT",
        licence_address="", module="json", packages=("json",), memory_megabytes=1.0, sha256=sha256,
    )  # fmt: skip


def store_of(entry: ModelEntry, folder: Path) -> ModelStore:
    return ModelStore((folder,), (entry,))


def holds_nothing_to_load(folder: Path, entry: ModelEntry) -> bool:
    return store_of(entry, folder).find(entry) is None


def test_a_download_is_whole_and_its_checksum_recorded(host: Host, weights: bytes, tmp_path: Path) -> None:
    entry, seen = entry_at(host.url(FILE)), []
    path = download(entry, tmp_path / "models", progress=lambda share, text="": seen.append((share, text)))
    assert path.read_bytes() == weights
    record = read_record(path)
    assert record is not None
    assert (record.bytes, record.sha256) == (len(weights), hashlib.sha256(weights).hexdigest())
    shares = [share for share, _ in seen]
    assert shares == sorted(shares) and shares[-1] == 1 and "left" in seen[0][1]
    assert sorted(p.name for p in path.parent.iterdir()) == [FILE, f"{FILE}.json"]
    store = store_of(entry, path.parent)
    assert model_status(store, entry).state == "ready"
    assert torch.is_tensor(load_checkpoint(store.verified(entry), nested="model")["a.weight"])


def test_a_broken_connection_is_taken_up_where_it_broke(host: Host, weights: bytes, tmp_path: Path) -> None:
    host.breaks, host.breaks_after = 2, 30_000
    path = download(entry_at(host.url(FILE)), tmp_path)
    assert path.read_bytes() == weights
    assert [wanted for _, wanted in host.requests] == [None, "bytes=30000-", "bytes=60000-"]


def test_the_next_run_goes_on_from_what_came(host: Host, weights: bytes, tmp_path: Path) -> None:
    host.breaks, host.breaks_after = 99, 8192
    entry = entry_at(host.url(FILE))
    with pytest.raises(InputError, match=r"connection broke.*goes on from there"):
        download(entry, tmp_path)
    assert holds_nothing_to_load(tmp_path, entry)
    came = (tmp_path / f".{FILE}.partial").stat().st_size
    host.breaks, host.requests = 0, []
    assert download(entry, tmp_path).read_bytes() == weights
    assert host.requests == [("GET", f"bytes={came}-")]


@pytest.mark.parametrize("reason", ["other version", "no ranges", "other address"])
def test_pieces_of_different_files_are_never_joined(
    reason: str, host: Host, weights: bytes, tmp_path: Path
) -> None:
    host.breaks, host.breaks_after = 99, 8192
    with pytest.raises(InputError):
        download(entry_at(host.url(FILE)), tmp_path)
    host.breaks = 0
    renewed = weights[::-1]
    entry = entry_at(host.url(FILE))
    if reason == "other version":
        host.files[FILE], host.version = renewed, '"two"'
    elif reason == "no ranges":
        host.files[FILE], host.resumes = renewed, False
    else:
        host.files["other.pt"] = renewed
        entry = entry_at(host.url("other.pt"))
    assert download(entry, tmp_path).read_bytes() == renewed


def test_a_complete_partial_file_needs_no_byte_more(host: Host, weights: bytes, tmp_path: Path) -> None:
    """As after a crash between the last byte and the rename."""
    (tmp_path / f".{FILE}.partial").write_bytes(weights)
    notes = {"address": host.url(FILE), "version": host.version}
    (tmp_path / f".{FILE}.partial.json").write_text(json.dumps(notes))
    assert download(entry_at(host.url(FILE)), tmp_path).read_bytes() == weights


def test_a_wrong_checksum_is_refused_and_removed(host: Host, tmp_path: Path) -> None:
    entry = entry_at(host.url(FILE), sha256="0" * 64)
    with pytest.raises(InputError, match="wrong checksum"):
        download(entry, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_second_download_must_match_the_first(host: Host, weights: bytes, tmp_path: Path) -> None:
    entry = entry_at(host.url(FILE))
    download(entry, tmp_path).unlink()
    host.files[FILE] = weights[:-1] + bytes([weights[-1] ^ 1])
    with pytest.raises(InputError, match="wrong checksum"):
        download(entry, tmp_path)
    assert holds_nothing_to_load(tmp_path, entry)


@pytest.mark.parametrize("change", ["one bit", "cut"])
def test_a_file_that_changed_since_is_never_loaded(
    change: str, host: Host, weights: bytes, tmp_path: Path
) -> None:
    entry = entry_at(host.url(FILE))
    path = download(entry, tmp_path)
    path.write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]) if change == "one bit" else weights[:100])
    store = store_of(entry, tmp_path)
    with pytest.raises(InputError, match="not the one that was checked"):
        store.verified(entry)
    assert model_status(store, entry).state == ("ready" if change == "one bit" else "damaged")


def test_a_file_somebody_brought_is_recorded_when_it_is_first_used(weights: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(weights)
    entry = entry_at("http://127.0.0.1:9/x")
    assert model_status(store_of(entry, tmp_path), entry).state == "ready"
    store_of(entry, tmp_path).verified(entry)
    (tmp_path / FILE).write_bytes(weights + b"x")
    with pytest.raises(InputError):
        store_of(entry, tmp_path).verified(entry)


def test_a_full_disk_is_said_before_and_while(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = entry_at(host.url(FILE))
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 20))
        with pytest.raises(InputError, match=r"needs .* more and 1 MB are free"):
            download(entry, tmp_path)
    small = tmp_path / "small"
    subprocess_sentence = _in_a_full_disk(entry, small)
    assert "disk is full" in subprocess_sentence and "goes on where it stopped" in subprocess_sentence
    assert holds_nothing_to_load(small, entry)


def _in_a_full_disk(entry: ModelEntry, folder: Path) -> str:
    """Download in a process whose files may not grow past 50 kB: the kernel refuses the write half way."""
    code = f"""
        import errno, resource, signal
        from pathlib import Path
        from liftlab.components.errors import InputError
        from liftlab.components.models import ModelEntry, download
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        errno.EDQUOT = errno.EFBIG  # the limit's error stands for that of a full disk
        try:
            download(ModelEntry(**{vars(entry)!r}), Path({str(folder)!r}))
        except InputError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_missing_file_is_said_with_its_address(host: Host, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such file \(HTTP 404\).*gone.pt"):
        download(entry_at(host.url("gone.pt")), tmp_path)
    assert not (tmp_path / FILE).exists()


def test_a_login_page_is_no_model(host: Host, tmp_path: Path) -> None:
    host.content_type = "text/html; charset=utf-8"
    with pytest.raises(InputError, match="web page instead"):
        download(entry_at(host.url(FILE)), tmp_path)


def test_nobody_answers(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not answer .*put tiny\.pt into"):
        download(entry_at("http://127.0.0.1:9/tiny.pt"), tmp_path)


def test_a_link_that_falls_silent_ends_with_a_sentence(host: Host, tmp_path: Path) -> None:
    host.pause_secs = 30
    with pytest.raises(InputError, match="connection broke"):
        download(entry_at(host.url(FILE)), tmp_path, silence_secs=0.2)


def test_a_slow_link_can_be_stopped_and_taken_up(host: Host, weights: bytes, tmp_path: Path) -> None:
    host.pause_secs = 0.002
    token = CancelToken()

    def stop(share: float, text: str = "") -> None:
        if share > 0:
            token.cancel()

    entry = entry_at(host.url(FILE))
    with pytest.raises(Cancelled):
        download(entry, tmp_path, progress=stop, cancel=token)
    assert holds_nothing_to_load(tmp_path, entry)
    assert download(entry, tmp_path).read_bytes() == weights


def test_kill_at_any_moment_leaves_nothing_to_load(host: Host, weights: bytes, tmp_path: Path) -> None:
    host.files[FILE] = weights * 8
    host.pause_secs = 0.004
    entry = entry_at(host.url(FILE))
    code = f"""
        from pathlib import Path
        from liftlab.components.models import ModelEntry, download
        download(ModelEntry(**{vars(entry)!r}), Path({str(tmp_path)!r}))
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)])
    partial = tmp_path / f".{FILE}.partial"
    deadline = time.monotonic() + 60
    while not (partial.exists() and partial.stat().st_size > 0) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    child.wait(timeout=60)
    came = partial.stat().st_size
    assert 0 < came < len(host.files[FILE])
    assert holds_nothing_to_load(tmp_path, entry)
    host.pause_secs, host.requests = 0.0, []
    assert download(entry, tmp_path).read_bytes() == host.files[FILE]
    assert host.requests == [("GET", f"bytes={came}-")]


def test_two_downloads_of_one_file_do_not_meet(host: Host, tmp_path: Path) -> None:
    host.pause_secs = 0.002
    entry, sentences = entry_at(host.url(FILE)), []

    def again(share: float, text: str = "") -> None:
        if not sentences:
            with pytest.raises(InputError) as refused:
                download(entry, tmp_path)
            sentences.append(str(refused.value))

    download(entry, tmp_path, progress=again)
    assert "being downloaded already" in sentences[0]


def test_random_bytes_as_a_partial_file_do_not_survive_the_checksum(
    host: Host, weights: bytes, tmp_path: Path
) -> None:
    (tmp_path / f".{FILE}.partial").write_bytes(np.random.default_rng(0).bytes(5000))
    (tmp_path / f".{FILE}.partial.json").write_text(
        json.dumps({"address": host.url(FILE), "version": host.version})
    )
    entry = entry_at(host.url(FILE), sha256=hashlib.sha256(weights).hexdigest())
    with pytest.raises(InputError, match="wrong checksum"):
        download(entry, tmp_path)
    assert download(entry, tmp_path).read_bytes() == weights
