"""Finds the photos and cameras in what a person brings, without decoding the photos yet."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from liftlab.components.captures.lenses import BroughtCamera
from liftlab.components.captures.limits import ImportLimits
from liftlab.components.captures.matching import Parts, match_names, name_parts, natural_key
from liftlab.components.captures.readers.archive import is_zip, unpack
from liftlab.components.captures.readers.camera_files import (
    CameraFile,
    Frame,
    check_json_size,
    read_cameras_file,
)
from liftlab.components.captures.readers.colmap import read_colmap_model
from liftlab.components.captures.readers.finding import Holdings, Item, holdings, items_below, items_of
from liftlab.components.captures.readers.found import BroughtCameras, Source
from liftlab.components.captures.readers.kinds import CAMERAS, kind_of
from liftlab.components.captures.readers.mask_files import (
    masks_of_photos,
    may_hold_labels,
    object_pictures,
    with_named_masks,
)
from liftlab.components.captures.readers.nerfstudio import read_transforms_json
from liftlab.components.captures.readers.photos import Stored, stored_as
from liftlab.components.captures.readers.video import extract_frames
from liftlab.components.errors import InputError, listed, shown
from liftlab.components.progress import Progress

_TRAINED = re.compile(r"(?:.*/)?point_cloud/iteration_(\d+)/point_cloud\.ply")
"""Where the trainers of Gaussian splatting leave their splats."""
_FEWEST = 2
_HEAD_BYTES = 1 << 16


@dataclass(frozen=True)
class _Search:
    """What every step of a search needs."""

    scratch: Path
    limits: ImportLimits
    cameras: Path | None
    with_cameras: bool
    progress: Progress


def find_source(
    source: Path | Sequence[Path],
    scratch: Path,
    limits: ImportLimits,
    *,
    cameras: Path | None = None,
    with_cameras: bool = True,
    progress: Progress,
) -> Source:
    """Photos and cameras of a folder, a zip, a video, a splat file or a list of files.

    In a folder the photos lie in `images/` or the like, or in any folders; links are followed. Cameras come from
    a `cameras.json`, else from a nerfstudio `transforms.json`, else from a COLMAP model, whichever names these photos.
    Folders `truth/` are not entered, and `test/` and `val/` only when there are no other photos.

    Args:
        scratch: An existing empty folder for what is unpacked; it must live until the photos are read.
        cameras: A `cameras.json` to use in place of what lies there.
        with_cameras: False leaves cameras unread.

    Raises:
        InputError: Nothing usable is there.
    """
    search = _Search(scratch, limits, cameras, with_cameras, progress)
    if not isinstance(source, Path):
        missing = [path.name for path in source if not _exists(path) or not path.is_file()]
        if missing:
            raise InputError(f"There is no file called {missing[0]}; choose the photos again.")
        if len(source) != 1:
            return _chosen(holdings(items_of(source)), search)
        source = source[0]
    if not _exists(source):
        raise InputError(f"There is no file or folder at this place: {source}")
    if source.is_dir():
        return _chosen(holdings(*items_below(source, links=True)), search)
    if is_zip(source) and kind_of(source) != "splats":
        unpacked = scratch / "unpacked"
        unpacked.mkdir()
        unpack(source, unpacked, limits, progress=progress)
        return _chosen(holdings(*items_below(unpacked, links=False)), search)
    return _from_file(source, search)


def _exists(path: Path) -> bool:
    """False also for what can be the name of no file."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _from_file(path: Path, search: _Search) -> Source:
    if path.suffix.lower() == ".zip":
        raise InputError(f"{path.name} is damaged or no zip that can be read; make it again.")
    kind = kind_of(path)
    if kind == "archive":
        raise InputError(f"{path.name} is an archive of a kind that is not read; unpack it, or make a zip.")
    if kind in ("splats", "cloud"):
        return Source((), splats=path)
    if kind == "video":
        return _from_video(path, search)
    return _with_cameras(Holdings(tuple(items_of([path]))), search)


def _from_video(path: Path, search: _Search) -> Source:
    frames = search.scratch / "frames"
    frames.mkdir()
    written = extract_frames(path, frames, search.limits, progress=search.progress)
    note = f"{len(written)} frames were chosen from {path.name}."
    found = _with_cameras(Holdings(tuple(items_of(written))), search)
    return replace(found, notes=(note, *found.notes))


def _chosen(found: Holdings, search: _Search) -> Source:
    """Photos, if there are enough of them to be the capture; else the splats or the video that is there."""
    trained = _newest_trained(found.splats)
    left_out = {**found.left_out}
    if trained is None and len(found.photos) >= _FEWEST:
        left_out["as videos beside photos"] = [item.name for item in found.videos]
        left_out["as splats beside photos"] = [item.name for item in found.splats]
        return _with_cameras(replace(found, left_out=left_out), search)
    for what, items in (("splat files", [trained] if trained else found.splats), ("videos", found.videos)):
        if len(items) > 1:
            names = listed([item.name for item in items])
            raise InputError(f"There are {len(items)} {what} here ({names}); bring the one that you mean.")
        if not items:
            continue
        others = [item for item in (*found.photos, *found.splats, *found.videos) if item not in items]
        left_out[f"beside {items[0].name}"] = [item.name for item in others]
        notes = replace(found, left_out=left_out).notes
        chosen = items[0].path
        source = Source((), splats=chosen) if what == "splat files" else _from_video(chosen, search)
        return replace(source, notes=(*source.notes, *notes), has_truth=found.has_truth)
    if not found.photos and found.archives:
        name = found.archives[0].name
        raise InputError(f"There are no photos here, but an archive ({shown(name)}); unpack that one first.")
    return _with_cameras(found, search)


def _newest_trained(splats: Sequence[Item]) -> Item | None:
    trained = [(int(match[1]), item) for item in splats if (match := _TRAINED.fullmatch(item.name))]
    folders = {item.parts[:-3] for _, item in trained}
    return max(trained, key=lambda pair: pair[0])[1] if len(folders) == 1 else None


def _with_cameras(found: Holdings, search: _Search) -> Source:
    """The photos with the first camera file that is for them."""
    unfit: list[str] = []
    by_tail: list[tuple[Source, list[str]]] = []
    for base, read in _camera_files(found, search):
        try:
            file = read()
            joined = _joined_or_refused(found, file, base)
        except InputError as error:
            unfit.append(str(error))
            continue
        if joined.by_whole_paths:
            return _noted(joined.source, unfit)
        by_tail.append((joined.source, [*unfit]))
        unfit.append(f"{file.label} names photos of these names at another place.")
    if by_tail:
        return _noted(*by_tail[0])
    if unfit:
        raise InputError(unfit[0])
    return _source(found, None, ())


def _noted(source: Source, unfit: Sequence[str]) -> Source:
    return replace(source, notes=(*source.notes, *(f"Not used: {sentence}" for sentence in unfit)))


def _joined_or_refused(found: Holdings, file: CameraFile, base: Parts) -> "_Joined":
    """The photos with the cameras of a file; pictures outside the photos' folder count when those inside do not fit.

    Raises:
        InputError: Fewer than two of its cameras can be used.
    """
    everything = replace(found, photos=(*found.photos, *found.others), others=())
    joined = _joined(found, file, base)
    if joined.problem and found.others:
        wider = _joined(everything, file, base)
        joined = joined if wider.problem else wider
    if joined.problem:
        raise InputError(joined.problem)
    return joined


class _Joined(NamedTuple):
    """Photos with the cameras of one file."""

    source: Source
    problem: str
    """Why they cannot be used; "" when they can."""
    by_whole_paths: bool
    """Whether the file names these photos as they lie; else another capture's names may only look alike."""


def _camera_files(found: Holdings, search: _Search) -> Iterator[tuple[Parts, Callable[[], CameraFile]]]:
    """Camera files that may be for these photos, best first: the folder that their names are below, and the reader."""
    if not search.with_cameras or not found.photos:
        return
    if search.cameras is not None:
        yield found.home, partial(_read, search.cameras, search.limits)
        return
    for item in found.camera_files:
        in_images = item.path.name.casefold() == CAMERAS[0]
        yield found.home if in_images else item.parts[:-1], partial(_read, item.path, search.limits)
    if found.models:
        yield found.home, partial(_best_model, found)


def _read(path: Path, limits: ImportLimits) -> CameraFile:
    check_json_size(path, limits)
    with path.open("rb") as file:  # by content: a file that was named on the command line may have any name
        is_transforms = b'"file_path"' in file.read(_HEAD_BYTES)
    known = path.name.casefold() in CAMERAS[1:]
    return read_transforms_json(path) if known or is_transforms else read_cameras_file(path)


def _best_model(found: Holdings) -> CameraFile:
    """Of the COLMAP models, the one with most of the photos; of equals the one in the fewest folders."""
    read: list[tuple[int, int, CameraFile]] = []
    errors = []
    for order, model in enumerate(found.models):
        try:
            file = read_colmap_model(model.path, f"The COLMAP model {model.name}".rstrip())
        except InputError as error:
            errors.append(error)
            continue
        matches = match_names([_path_of(frame.name, found.home) for frame in file.frames], _paths(found))
        read.append((len(matches.photo_of), -order, file))
    if not read:
        raise errors[0]
    return max(read, key=lambda entry: entry[:2])[2]


def _paths(found: Holdings) -> list[Parts]:
    return [item.parts for item in found.photos]


def _path_of(name: str, base: Parts) -> Parts:
    absolute = re.match(r"[A-Za-z]:|[/\\]", name) is not None
    return name_parts(name if absolute else "/".join((*base, name)))


def _joined(found: Holdings, file: CameraFile, base: Parts) -> _Joined:
    found, masks = with_named_masks(
        found, {_path_of(frame.mask, base) for frame in file.frames if frame.mask}
    )
    frames: dict[Parts, Frame] = {}
    losses = list(file.losses)
    for frame in file.frames:
        path = _path_of(frame.name, base)
        if path in frames:
            losses.append(f"{file.label} lists '{shown(frame.name)}' twice; the first one counts.")
        else:
            frames[path] = frame
    listing = list(frames.values())
    matches = match_names(list(frames), _paths(found))
    fitted = {}
    for index, photo in matches.photo_of.items():
        stored = stored_as(found.photos[photo].path)
        try:
            if stored is not None:  # else the photo is refused when it is read
                fitted[_name_of(found.photos[photo], found.home)] = listing[index].camera(stored.size), stored
        except InputError as error:
            losses.append(str(error))
    missing = [
        frame.name
        for index, frame in enumerate(listing)
        if index not in matches.photo_of and index not in matches.ambiguous
    ]
    unsure = [listing[index].name for index in matches.ambiguous]
    notes = []
    if missing:
        notes.append(f"{len(missing)} photos that the cameras name are missing, such as {shown(missing[0])}.")
    if unsure:
        notes.append(
            f"{len(unsure)} cameras fit more than one photo and were left out, such as {shown(unsure[0])}."
        )
    if len(losses) > 2:
        losses = [f"{len(losses)} cameras were left out. The first: {losses[0]}"]
    cameras = BroughtCameras(
        {name: camera for name, (camera, _) in fitted.items()},
        _orientations(fitted, file.upright),
        file.units,
    )
    problem = ""
    if len(fitted) < min(_FEWEST, len(found.photos)):
        problem = (
            losses[0]
            if losses
            else (
                f"The cameras do not belong to these photos: {file.label} names photos such as "
                f"'{shown(listing[0].name if listing else '')}', the photos are called like "
                f"'{shown(_name_of(found.photos[0], found.home))}'; bring the photos the cameras were made for."
            )
        )
    of_photo = {
        found.photos[photo]: masks[path]
        for index, photo in matches.photo_of.items()
        if (path := _path_of(listing[index].mask, base)) in masks
    }
    return _Joined(_source(found, cameras, (*notes, *losses), of_photo), problem, matches.whole >= _FEWEST)


def _orientations(fitted: Mapping[str, tuple[BroughtCamera, Stored]], upright: bool) -> dict[str, int]:
    """Which turn each camera takes: none when its file was made for photos that were turned before.

    Photos that a quarter turn changes in shape tell; where there are none, the habit of the kind of file does.
    """
    told = {name: _told_by_shape(camera, stored) for name, (camera, stored) in fitted.items()}
    votes = [vote for vote in told.values() if vote is not None]
    habit = sum(votes) * 2 >= len(votes) if votes else not upright
    return {
        name: stored.orientation if (habit if told[name] is None else told[name]) else 1
        for name, (_, stored) in fitted.items()
    }


def _told_by_shape(camera: BroughtCamera, stored: Stored) -> bool | None:
    """Whether the camera is for the photo as it is stored; None where shapes do not tell."""
    width, height = stored.size
    if stored.orientation < 5 or width == height:
        return None
    lying, standing = (
        abs(camera.width * h - camera.height * w) for w, h in ((width, height), (height, width))
    )
    return lying < standing


def _source(
    found: Holdings,
    cameras: BroughtCameras | None,
    notes: Iterable[str],
    masks: Mapping[Item, Item] | None = None,
) -> Source:
    """Photos with the masks that a camera file names, else with those that are called like them."""
    photos = [(_name_of(item, found.home), item.path) for item in found.photos]
    place = "/".join(found.home)
    masks = {**masks_of_photos(found.masks, found.photos), **(masks or {})}
    rest = [item for item in (*found.masks, *found.others) if item not in set(masks.values())]
    objects = object_pictures(rest, found.photos)
    shown = {picture.path for pictures in objects.values() for picture in pictures}
    left_out = {
        f"since they are not in {place}": [i.name for i in found.others if i in rest and i.path not in shown],
        "as masks and the like": [i.name for i in found.masks if i in rest and i.path not in shown],
        **found.left_out,
    }
    return Source(
        tuple(sorted(photos, key=lambda pair: natural_key(pair[0]))),
        cameras,
        {_name_of(photo, found.home): (mask.name, mask.path) for photo, mask in masks.items()},
        frozenset(_name_of(photo, found.home) for photo, mask in masks.items() if may_hold_labels(mask)),
        {_name_of(photo, found.home): tuple(pictures) for photo, pictures in objects.items()},
        (*notes, *replace(found, left_out=left_out).notes),
        found.has_truth,
    )


def _name_of(item: Item, home: Parts) -> str:
    inside = item.parts[: len(home)] == home
    return "/".join(item.parts[len(home) :] if inside else item.parts)
