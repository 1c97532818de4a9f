"""What may happen to a lab at work: killed, out of disk, two at once; nothing is lost, nothing half-written."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from liftlab.components.errors import InputError
from liftlab.engine.inventory import verify
from liftlab.engine.lab import Lab
from liftlab.pipelines.steps.reconstruct import ReconstructReport
from liftlab.session.session import Session
from tests.answered import result_of
from tests.killable import NAME
from tests.toy import make_toy

REPOSITORY = Path(__file__).parent.parent
STAGES = ("import", "reconstruct", "masks", "prepare")
SECRET = "Secret Street 7"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """The toy's photos, with a place in their metadata."""
    folder = tmp_path / "photos"
    folder.mkdir()
    exif = Image.Exif()
    exif[0x010E] = SECRET  # ImageDescription
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.025)
    for view in make_toy().scene.views:
        Image.fromarray(view.image).save(folder / view.name, exif=exif)
    return folder


@pytest.fixture
def toy_steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The exact toy in place of reconstruction and masks; lists what was computed."""
    computed: list[str] = []

    def reconstruct(capture, config, *, key, device, progress, cancel):
        computed.append("reconstruct")
        scene = make_toy(key=key).scene
        return scene, ReconstructReport(tuple(v.name for v in scene.views), (), True, 9, 0.3, 12.0, 0.9, ())

    def build_masks(scene, config, *, device, progress, cancel):
        computed.append("masks")
        return make_toy(key=scene.key).masks

    monkeypatch.setattr("liftlab.pipelines.steps.reconstruct.reconstruct", reconstruct)
    monkeypatch.setattr("liftlab.pipelines.steps.masks.build_masks", build_masks)
    return computed


def start(root: Path, photos: Path, stage: str, moment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.killable", str(root), str(photos), stage, moment]
    return subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def leftovers(root: Path) -> list[Path]:
    found = [p for p in root.rglob("*") if p.name.endswith((".partial", ".stale"))]
    return [*found, *(root / "tmp").iterdir()]


def assert_whole(lab: Lab) -> None:
    """Everything is there, nothing else is, and every checksum holds."""
    assert leftovers(lab.workspace.root) == []
    checked = verify(lab.workspace)
    assert all(sound for _, sound in checked)
    assert [item.kind for item, _ in checked] == ["capture", "scene", "masks", "method"]


def kept_files(lab: Lab) -> list[Path]:
    """Every file but locks and the log."""
    return sorted(
        p for p in lab.workspace.root.rglob("*") if p.is_file() and p.suffix not in (".lock", ".log")
    )


KILLS = [(stage, moment) for stage in STAGES for moment in ("compute", "write")]


@pytest.mark.parametrize(
    ("stage", "moment"),
    [
        pytest.param(
            *kill, marks=[] if kill == ("reconstruct", "write") else pytest.mark.slow, id="-".join(kill)
        )
        for kill in KILLS
    ],
)
def test_killed_in_any_stage_the_next_start_goes_on(
    tmp_path, photos, toy_steps, stage: str, moment: str
) -> None:
    root = tmp_path / "workspace"
    process = start(root, photos, stage, moment)
    assert process.stdout is not None
    assert process.stdout.readline() == "there\n"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
    process.stdout.close()
    if moment == "write" or stage == "import":
        assert leftovers(root), "it was killed in the middle of writing"
    lab = Lab(root)
    assert leftovers(root) == []
    lab.import_capture(photos, NAME)
    lab.prepare(NAME, "wildseg3d")
    assert_whole(lab)
    done_before = STAGES[: STAGES.index(stage)]
    assert [step for step in ("reconstruct", "masks") if step not in done_before] == toy_steps


@pytest.mark.parametrize("stage", STAGES)
def test_a_full_disk_in_any_stage_is_a_sentence_and_leaves_nothing(
    tmp_path, photos, toy_steps, monkeypatch, stage: str
) -> None:
    lab = Lab(tmp_path / "workspace")
    steps = {
        "import": lambda: lab.import_capture(photos, NAME),
        "reconstruct": lambda: lab.reconstruct(NAME),
        "masks": lambda: lab.masks(NAME),
        "prepare": lambda: lab.prepare(NAME, "wildseg3d"),
    }
    for earlier in STAGES[: STAGES.index(stage)]:
        steps[earlier]()
    before = kept_files(lab)
    with monkeypatch.context() as patch:

        def full(handle: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        patch.setattr("os.fsync", full)
        with pytest.raises(InputError, match=r"disk.* is full"):
            steps[stage]()
        assert kept_files(lab) == before
    for step in STAGES[STAGES.index(stage) :]:
        steps[step]()
    assert_whole(lab)


SMALL_DISK = """
set -e
mount -t tmpfs -o size=2m tmpfs "$1"
cd "$2"
"$3" - "$1" <<'CODE'
import sys
from pathlib import Path

import numpy as np

from liftlab.components.errors import InputError
from liftlab.engine.workspace import Workspace

workspace = Workspace(Path(sys.argv[1]))
for write in (
    lambda folder: np.save(folder / "large.npy", np.zeros(1 << 20)),
    lambda folder: np.savez(folder / "large.npz", points=np.zeros(1 << 20)),
    lambda folder: (folder / "large.bin").write_bytes(bytes(8 << 20)),
):
    folder = workspace.scene_folder("0123456789abcdef")
    try:
        with workspace.writing(folder, {"step": "reconstruct"}) as made:
            write(made)
    except InputError as error:
        print(error)
    assert not list(workspace.root.rglob("large.*"))
CODE
"""


def test_a_disk_that_really_is_full_is_recognised(tmp_path: Path) -> None:
    """On a file system of 2 MiB, however the library that writes tells it."""
    small = tmp_path / "small"
    small.mkdir()
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", SMALL_DISK, "sh"]
    try:
        ran = subprocess.run(
            [*command, str(small), str(REPOSITORY), sys.executable],
            capture_output=True,
            check=False,
            text=True,
            timeout=120,
        )
    except FileNotFoundError:
        pytest.skip("needs unshare, to mount a small file system of its own")
    if "unshare" in ran.stderr or "mount:" in ran.stderr:
        pytest.skip(f"may not mount a small file system here: {ran.stderr.strip()}")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("The disk of the workspace is full") == 3, ran.stdout


def test_a_full_disk_while_exporting_leaves_the_folder_as_it_was(
    tmp_path, photos, toy_steps, monkeypatch
) -> None:
    lab = Lab(tmp_path / "workspace")
    lab.import_capture(photos, NAME)
    lab.prepare(NAME, "wildseg3d")
    session = Session(lab)
    session.open(NAME)
    out = tmp_path / "out"
    out.mkdir()
    (out / "transforms.json").write_text("mine")
    calls = []

    def full_later(handle: int) -> None:
        calls.append(handle)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full_later)
    with pytest.raises(InputError, match="disk is full"):
        session.export("transforms", out)
    assert calls
    assert [(p.name, p.read_text()) for p in out.iterdir()] == [("transforms.json", "mine")]
    with pytest.raises(InputError, match="disk is full"):
        session.export("transforms", tmp_path / "fresh")
    assert not (tmp_path / "fresh").exists()


def test_two_jobs_at_once_run_one_after_the_other_and_share_their_steps(tmp_path, photos, toy_steps) -> None:
    lab = Lab(tmp_path / "workspace")
    lab.import_capture(photos, NAME)

    def work(progress, cancel):
        return lab.prepare(NAME, "wildseg3d", progress=progress, cancel=cancel)

    first, second = (lab.jobs.submit("Preparing", work, owner=owner) for owner in ("anna", "ben"))
    assert first.result(60) is second.result(60)
    assert toy_steps == ["reconstruct", "masks"]
    assert_whole(lab)
    lab.close()


@pytest.mark.slow
def test_two_processes_on_one_workspace_compute_each_step_once(tmp_path: Path, photos: Path) -> None:
    both = [start(tmp_path / "workspace", photos, "none", "-") for _ in range(2)]
    computed = " ".join(process.communicate(timeout=120)[0] for process in both).split()
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(computed) == ["masks", "reconstruct"]
    assert_whole(Lab(tmp_path / "workspace"))


def test_where_a_photo_was_taken_is_in_nothing_we_keep_or_export(tmp_path, photos, toy_steps) -> None:
    assert SECRET.encode() in (photos / "000.png").read_bytes()
    lab = Lab(tmp_path / "workspace")
    lab.import_capture(photos, NAME)
    lab.prepare(NAME, "wildseg3d")
    session = Session(lab)
    session.open(NAME)
    session.box("000.png", 5, 5, 60, 60)
    if result_of(session.current).empty:
        session.click("000.png", 48, 40)
    files = session.export("all", tmp_path / "out")
    assert len(files) > 8
    kept = [p for folder in (lab.workspace.root, tmp_path / "out") for p in folder.rglob("*") if p.is_file()]
    for path in kept:
        data = path.read_bytes()
        assert SECRET.encode() not in data, path
        if path.suffix in (".png", ".jpg"):
            with Image.open(path) as image:
                assert not image.getexif().get_ifd(0x8825), path
