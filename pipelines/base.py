"""The `Segmenter` protocol and the registry of methods.

A method is one file in `methods/`: a frozen config dataclass, a class decorated with `@register(...)`, and its name
with its module in `OURS`. The command line, the page's drop-down and the contract tests pick it up here. Methods of
other packages come through the entry-point group "liftlab.methods". What a method may offer beyond this protocol:
`pipelines.offers`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import UInt16

from liftlab.components.errors import InputError
from liftlab.components.masks.cache import MaskCache
from liftlab.components.progress import CancelToken, Progress
from liftlab.components.registry import Registry
from liftlab.components.types import Array, Prompt, Scene, Segmentation
from liftlab.pipelines.presets import DEFAULT, QUICK, Presets, changed


@runtime_checkable
class Prepared(Protocol):
    """What `prepare` returns: read-only state of one method for one scene, shared by all sessions."""

    @property
    def scene_key(self) -> str:
        """Key of the scene it belongs to; `segment` with another scene's state is refused at load."""
        ...


@runtime_checkable
class Segmenter(Protocol):
    """A method: slow once per scene (`prepare`), fast per click (`segment`)."""

    STEP_VERSION: int
    """Raised when the method's computation changes; part of the key of its prepared state."""
    config: Any
    geometry: Literal["points", "gaussians"]
    """Whose primitives it selects. "gaussians": they are trained first, and `scene.gaussians` is set in every call."""

    def prepare(
        self,
        scene: Scene,
        masks: MaskCache,
        *,
        progress: Progress,
        cancel: CancelToken,
        generator: torch.Generator,
    ) -> Prepared:
        """Do everything that does not depend on a prompt. Raises `Cancelled` when the token is set."""
        ...

    def segment(self, prepared: Any, prompts: Sequence[Prompt]) -> Segmentation:
        """Answer the prompts of one object, in order. No prompt, or nothing hit: an empty selection, with a message."""
        ...

    def decompose(self, prepared: Any, granularity: float | None = None) -> tuple[UInt16[Array, "H W"], ...]:
        """Segment everything: per view a label map in view pixels, 0 = none, ids consistent over views."""
        ...

    def save(self, prepared: Any, folder: Path) -> None:
        """Write the prepared state into an existing empty folder (safetensors, npy, JSON; never pickle)."""
        ...

    def load(self, folder: Path, scene: Scene, masks: MaskCache) -> Prepared:
        """Read what `save` wrote. Raises InputError when it belongs to another scene."""
        ...


@dataclass(frozen=True)
class MethodEntry:
    """A registered method and where it comes from."""

    name: str
    summary: str
    paper: str
    licence: str
    config_class: type
    """Frozen dataclass with a docstring under each field; the command line and the settings panel read it."""
    make: Callable[..., Segmenter]
    """`make(config, device=torch.device)`."""
    presets: Mapping[str, Any]
    """Configs by name: "default", and what there is of "paper", the published settings, and others."""

    @property
    def quick(self) -> Any:
        """A config that prepares a toy scene in a few seconds; the contract tests use it."""
        return self.presets[QUICK]

    def preset(self, name: str) -> Any:
        """A config by its name; InputError with those that there are."""
        if name not in self.presets:
            raise InputError(f"{self.name} has no preset '{name}': it has {', '.join(self.presets)}.")
        return self.presets[name]


OURS = {
    "contrastive_lift": "liftlab.pipelines.methods.contrastive_lift",
    "gaga": "liftlab.pipelines.methods.gaga",
    "proto_saga": "liftlab.pipelines.methods.proto_saga",
    "unic_lift": "liftlab.pipelines.methods.unic_lift.method",
    "wildseg3d": "liftlab.pipelines.methods.wildseg3d.method",
    "saga": "liftlab.pipelines.methods.saga.method",
    "ovseg3r": "liftlab.pipelines.methods.ovseg3r.method",
}
"""Our methods in the order in which they are listed, each with its module."""
METHODS: Registry[MethodEntry] = Registry("method", group="liftlab.methods", builtin=OURS)


def register(
    name: str,
    *,
    summary: str,
    paper: str,
    licence: str,
    config: type,
    quick: Any = None,
    presets: Presets | None = None,
) -> Callable[[type], type]:
    """Class decorator that enters a `Segmenter` under `name`. A name taken twice is an error.

    `quick` is an instance of `config` for tests on a toy scene, also to be given as a preset; the defaults when neither
    is. `presets` says by name what each changes of the defaults, as `pipelines.presets` does for our methods.
    """
    made = {name: changed(config(), changes) for name, changes in (presets or {}).items()}
    named = {DEFAULT: config(), QUICK: quick or config(), **made}

    def enter(cls: type) -> type:
        METHODS.register(MethodEntry(name, summary, paper, licence, config, cls, named))
        return cls

    return enter


def list_methods() -> list[MethodEntry]:
    """All methods, ours first, then those of installed packages, in order of registration.

    Raises:
        PluginError: A package's entry point failed to import; the message names it.
    """
    return METHODS.records()


def get_method(name: str) -> MethodEntry:
    """The method called `name`; InputError with the nearest names when there is none."""
    return METHODS.get(name)


def check_masks(scene: Scene, masks: MaskCache) -> None:
    """Raises InputError unless the masks are the scene's own."""
    if masks.scene_key != scene.key:
        raise InputError("These masks belong to another reconstruction: build the masks of this scene first.")


def seeded(seed: int) -> torch.Generator:
    """A CPU generator for `prepare`."""
    return torch.Generator().manual_seed(seed)


def empty_selection(count: int) -> tuple[Any, Any]:
    """`selected` and `score` of an answer that selects nothing."""
    return np.zeros(count, bool), np.zeros(count, np.float32)
