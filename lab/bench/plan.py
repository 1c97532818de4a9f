"""Which cases a benchmark has: scenes x methods with settings x mask sources x seeds."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from liftlab.cli.support import config_with
from liftlab.cli.support import method_config as config_from_settings
from liftlab.components.captures.benchmark_layouts import (
    BenchmarkScene,
    PhotoPoint,
    open_benchmark,
    thinned,
)
from liftlab.components.errors import InputError
from liftlab.components.files import content_key
from liftlab.files.config_records import to_plain
from liftlab.pipelines.base import get_method, list_methods

BENCH_VERSION = 3
"""Raised when scoring changes; part of the key of every case."""
DEFAULT_MASKS = "default"

T = TypeVar("T")


@dataclass(frozen=True)
class Effort:
    """How long a benchmark tries; part of every case's key."""

    clicks: int = 5
    """Simulated clicks per object, at most."""
    train_steps: int | None = 500
    """Steps that a method's training is cut to; None leaves the method's own."""
    splat_steps: int | None = 800
    """Steps of the scene's Gaussians; None takes the default of the device."""
    photos: int | None = None
    """At most so many photos of each scene, as `thinned` chooses them with the case's seed; None takes all."""
    max_side: int | None = None
    """Longer side of the working images, pixels; None takes the reconstruction's default."""
    device: str = "cpu"
    encoder: str = "attributes"
    """Who ranks objects for words, where words are the prompt; an entry of `TEXT_ENCODERS`."""


SHORT = Effort()
FULL = Effort(clicks=20, train_steps=None, splat_steps=None)
"""What the papers' settings come to."""


@dataclass(frozen=True)
class Limits:
    """What a case may take before it is ended and counted as failed; not part of its key."""

    prepare_secs: float = 60.0
    case_secs: float = 1800.0
    memory_gib: float = 8.0


@dataclass(frozen=True)
class Case:
    """One method with one configuration, mask source and seed on one scene."""

    key: str
    scene: str
    layout: str
    folder: str
    """Where the scene with truth lies on this machine; not part of the key."""
    method: str
    settings: tuple[str, ...]
    """KEY=VALUE that differ from the method's defaults."""
    masks: tuple[str, ...]
    """KEY=VALUE that differ from the default masks."""
    seed: int
    effort: Effort
    config: dict[str, Any] = field(hash=False)
    """Everything that was set for the method, in plain form."""
    prompts: dict[str, list[dict[str, Any]]] | None = field(default=None, hash=False)
    """Saved clicks per object; None for a simulated user."""

    @property
    def label(self) -> str:
        """Method, settings, mask source and number of photos, as tables name them."""
        parts = [self.method, *self.settings]
        if self.masks:
            parts.append(f"masks {' '.join(self.masks)}")
        if self.effort.photos is not None:
            parts.append(f"{self.effort.photos} photos")
        return ", ".join(parts)

    @property
    def saved_clicks(self) -> dict[str, list[PhotoPoint]] | None:
        """`prompts`, typed."""
        if self.prompts is None:
            return None
        return {name: [PhotoPoint(**point) for point in points] for name, points in self.prompts.items()}

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @staticmethod
    def from_json(text: str) -> "Case":
        record = json.loads(text)
        record["effort"] = Effort(**record["effort"])
        for name in ("settings", "masks"):
            record[name] = tuple(record[name])
        return Case(**record)


@dataclass(frozen=True)
class BenchRequest:
    """What a person asked to be compared."""

    folders: tuple[Path, ...]
    layout: str | None = None
    methods: tuple[str, ...] = ()
    """Empty: all that are registered."""
    variants: tuple[str, ...] = ()
    """METHOD:KEY=VALUE[,KEY=VALUE], each one case more for that method."""
    masks: tuple[str, ...] = (DEFAULT_MASKS,)
    """"default" or KEY=VALUE[,KEY=VALUE] each."""
    seeds: tuple[int, ...] = (0,)
    effort: Effort = SHORT
    photos: tuple[int, ...] = ()
    """At most so many photos of each scene, each number a case of its own; empty: as the effort says."""
    prompts: Path | None = None


def make_plan(asked: BenchRequest) -> list[Case]:
    """All cases, ordered by scene, then method, mask source and seed.

    Raises:
        InputError: No scene, an unknown method or setting, or a folder that lacks part of its layout.
    """
    if not asked.folders:
        raise InputError("Nothing to measure on: name captures with truth, for example assets/captures/desk.")
    if asked.effort.clicks < 1 or asked.effort.clicks > 20:
        raise InputError(f"--clicks must be between 1 and 20; got {asked.effort.clicks}.")
    if any(count < 2 for count in asked.photos):
        raise InputError(f"--photos takes numbers from 2 up; got {','.join(map(str, asked.photos))}.")
    scenes = [
        scene for folder in asked.folders for scene in open_benchmark(folder.expanduser(), asked.layout)
    ]
    names = [scene.name for scene in scenes]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"Two scenes are called '{name}'; rename one of the folders.")
    saved = _read_prompts(asked.prompts) if asked.prompts else None
    cases = []
    efforts = [replace(asked.effort, photos=count) for count in asked.photos] or [asked.effort]
    for scene in scenes:
        chosen = {(e.photos, seed): with_photos(scene, e, seed) for e in efforts for seed in asked.seeds}
        fingerprints = {key: _fingerprint(part) for key, part in chosen.items()}
        for method, settings in _configurations(asked):
            for masks in asked.masks:
                cases += [
                    _case(
                        chosen[effort.photos, seed], fingerprints[effort.photos, seed], method, settings,
                        _settings_of(masks), seed, effort, saved,
                    )
                    for effort in efforts
                    for seed in asked.seeds
                ]  # fmt: skip
    return cases


def with_photos(scene: BenchmarkScene, effort: Effort, seed: int) -> BenchmarkScene:
    """The scene with as many photos as the effort allows."""
    return scene if effort.photos is None else thinned(scene, effort.photos, seed=seed)


def _configurations(asked: BenchRequest) -> list[tuple[str, tuple[str, ...]]]:
    """Methods with their settings: the defaults of each, then its variants."""
    methods = [get_method(name).name for name in asked.methods] or [entry.name for entry in list_methods()]
    variants: dict[str, list[tuple[str, ...]]] = {method: [()] for method in methods}
    for variant in asked.variants:
        method, colon, settings = variant.partition(":")
        if not colon or method not in variants:
            raise InputError(
                f"--variants takes METHOD:KEY=VALUE with one of {', '.join(methods)}; got '{variant}'."
            )
        variants[method].append(_settings_of(settings))
    return [(method, settings) for method in methods for settings in variants[method]]


def _settings_of(text: str) -> tuple[str, ...]:
    return () if text in ("", DEFAULT_MASKS) else tuple(text.split(","))


def _case(
    scene: BenchmarkScene,
    fingerprint: str,
    method: str,
    settings: tuple[str, ...],
    masks: tuple[str, ...],
    seed: int,
    effort: Effort,
    saved: Mapping[str, dict[str, list[dict[str, Any]]]] | None,
) -> Case:
    from liftlab.pipelines.steps import gaussians, reconstruct
    from liftlab.pipelines.steps import masks as masks_step

    entry = get_method(method)
    config = to_plain(method_config(method, settings, effort))
    prompts = None
    if saved is not None:
        if scene.name not in saved:
            raise InputError(f"The saved prompts are of other scenes than '{scene.name}'.")
        prompts = saved[scene.name]
    steps = [reconstruct.STEP_VERSION, masks_step.STEP_VERSION, gaussians.STEP_VERSION]
    key = content_key(
        "bench", BENCH_VERSION, steps, fingerprint, method, getattr(entry.make, "STEP_VERSION", 0), config,
        to_plain(masks_config(masks)), seed, dataclasses.asdict(effort), prompts,
    )  # fmt: skip
    return Case(
        key, scene.name, scene.layout, str(scene.folder.resolve()), method, settings, masks, seed, effort,
        config, prompts,
    )  # fmt: skip


def method_config(method: str, settings: Sequence[str], effort: Effort) -> Any:
    """A method's configuration with settings; its training is cut to the effort's steps unless a setting names them."""
    config = config_from_settings(get_method(method), settings)
    named = {setting.partition("=")[0].rpartition(".")[2] for setting in settings}
    if effort.train_steps is None or "iterations" in named:
        return config
    return shortened(config, effort.train_steps)


def masks_config(settings: Sequence[str]) -> Any:
    """The configuration of the masks."""
    from liftlab.pipelines.steps.masks import MasksConfig

    return config_with(MasksConfig, settings)


def shortened(config: T, steps: int) -> T:
    """Cut every training in a configuration (a group with `iterations` and `budget_secs`) to `steps`, without a clock:
    a training that ends by the clock gives something else on every machine.
    """
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        return config
    values = {f.name: shortened(getattr(config, f.name), steps) for f in dataclasses.fields(config) if f.init}
    if {"iterations", "budget_secs"} <= values.keys():
        values |= {"iterations": min(values["iterations"], steps), "budget_secs": None}
    return replace(config, **values)


def _fingerprint(scene: BenchmarkScene) -> str:
    """Of the photos and of which are scored: names and sizes of files, which are quick to read."""
    photos = [(photo.name, photo.stat().st_size) for photo in scene.photos]
    return content_key(
        scene.layout, photos, scene.scored, [(entry.id, entry.name) for entry in scene.objects]
    )


def _read_prompts(path: Path) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Scene to object to clicks of a file in prompts/."""
    try:
        record = json.loads(path.expanduser().read_text(encoding="utf-8"))
        scenes = record["scenes"]
        for points in (points for objects in scenes.values() for points in objects.values()):
            for point in points:
                PhotoPoint(**point)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"These saved prompts cannot be read; give a file of prompts/: {path}") from error
    return scenes


def prompts_record(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The clicks of some rows as a file that `--prompts` takes; later rows replace earlier ones of the same scene."""
    scenes = {
        row["scene"]: {entry["name"]: entry["clicks"] for entry in row["objects"] if entry["clicks"]}
        for row in rows
        if row["status"] == "ok"
    }
    return {"schema_version": 1, "scenes": {name: objects for name, objects in scenes.items() if objects}}
