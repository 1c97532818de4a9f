"""Frames of videos: made here with PyAV, a camera sliding over a textured picture."""

import struct
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from liftlab.components.captures import ImportLimits, import_capture, load_photo, open_capture
from liftlab.components.errors import InputError
from tests.components.captures.picture import textured

FRAMES = 60


def write_video(path: Path, frames: list[np.ndarray], *, rate: int = 15) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.bit_rate = "yuv420p", 4_000_000
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path


def sliding(blurred: set[int] = frozenset()) -> list[np.ndarray]:  # type: ignore[assignment]
    frames = []
    for index in range(FRAMES):
        pixels = textured(shift=8 * index)
        if index in blurred:
            small = Image.fromarray(pixels).resize((24, 18))
            pixels = np.array(small.resize((320, 240), Image.Resampling.BICUBIC))
        frames.append(pixels)
    return frames


def test_frames_are_spread_over_the_motion(tmp_path: Path) -> None:
    still_then_moving = [textured()] * FRAMES + sliding()
    report = import_capture(write_video(tmp_path / "walk.mp4", still_then_moving), tmp_path / "c")
    numbers = [int(name.split("_")[1].split(".")[0]) for name in report.kept]
    assert numbers == sorted(numbers)
    assert f"{len(numbers)} frames were chosen from walk.mp4." in report.warnings
    # The still half shows one picture only, so it gets at most two frames.
    assert sum(number < FRAMES - 5 for number in numbers) <= 2
    assert 15 <= len(numbers) <= 24
    assert not report.copies


def test_sharp_frames_are_preferred(tmp_path: Path) -> None:
    blurred = {index for index in range(FRAMES) if index % 4 < 2}
    limits = ImportLimits(max_video_frames=6)
    report = import_capture(write_video(tmp_path / "w.mp4", sliding(blurred)), tmp_path / "c", limits=limits)
    numbers = {int(name.split("_")[1].split(".")[0]) for name in report.kept}
    assert len(numbers) == 6
    assert len(numbers & blurred) == 0


def test_frames_show_the_right_picture(tmp_path: Path) -> None:
    import_capture(write_video(tmp_path / "w.mp4", sliding()), tmp_path / "c")
    for photo in open_capture(tmp_path / "c").photos:
        number = int(photo.stem.split("_")[1])
        difference = np.abs(load_photo(photo).astype(int) - textured(shift=8 * number)).mean()
        assert difference < 12


def test_a_phone_held_upright_gives_upright_frames(tmp_path: Path) -> None:
    data = write_video(tmp_path / "w.mp4", sliding()).read_bytes()
    one = 1 << 16
    identity = struct.pack(">9i", one, 0, 0, 0, one, 0, 0, 0, 1 << 30)
    clockwise = struct.pack(">9i", 0, one, 0, -one, 0, 0, 0, 0, 1 << 30)
    at = data.index(identity, data.index(b"tkhd"))  # the track's display matrix
    (tmp_path / "turned.mp4").write_bytes(data[:at] + clockwise + data[at + len(identity) :])
    import_capture(tmp_path / "turned.mp4", tmp_path / "c")
    photo = open_capture(tmp_path / "c").photos[3]
    expected = np.rot90(textured(shift=8 * int(photo.stem.split("_")[1])), k=-1)
    assert (photo.width, photo.height) == (240, 320)
    assert np.abs(load_photo(photo).astype(int) - expected).mean() < 12


def test_a_video_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_video(tmp_path / "in" / "w.mp4", sliding())
    assert len(import_capture(tmp_path / "in", tmp_path / "c").kept) > 5


def test_a_still_camera_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"The camera hardly moves in still\.mp4; walk round the scene"):
        import_capture(write_video(tmp_path / "still.mp4", [textured()] * 30), tmp_path / "c")


def test_too_long_and_too_large(tmp_path: Path) -> None:
    video = write_video(tmp_path / "w.mp4", sliding())
    with pytest.raises(InputError, match=r"w\.mp4 lasts 4 seconds; cut it to 2\."):
        import_capture(video, tmp_path / "c", limits=replace(ImportLimits(), max_video_secs=2.0))
    with pytest.raises(InputError, match=r"w\.mp4 has more than 0\.01 megapixels"):
        import_capture(video, tmp_path / "c", limits=replace(ImportLimits(), max_megapixels=0.01))


def test_a_cut_video_gives_what_is_there_or_a_sentence(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "w.avi", sliding()).read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: len(whole) // 2])
    report = import_capture(tmp_path / "cut.avi", tmp_path / "c")
    assert 3 <= len(report.kept) <= 24
    (tmp_path / "head.mp4").write_bytes(write_video(tmp_path / "v.mp4", sliding()).read_bytes()[:2000])
    with pytest.raises(InputError, match=r"head\.mp4 (is no video that can be read|is damaged)"):
        import_capture(tmp_path / "head.mp4", tmp_path / "d")
    assert not (tmp_path / "d").exists()


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "s.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(InputError, match=r"s\.mp4 holds no picture, only sound; bring a video\."):
        import_capture(tmp_path / "s.mp4", tmp_path / "c")


def test_a_text_that_names_other_files_is_no_video(tmp_path: Path) -> None:
    """It would show frames of other videos of the server."""
    write_video(tmp_path / "other.mp4", sliding())
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile other.mp4\n")
    with pytest.raises(InputError, match=r"list\.mp4 is no video that can be read"):
        import_capture(tmp_path / "list.mp4", tmp_path / "out")
