"""What a method may offer beyond `liftlab.pipelines.base.Segmenter`; asked for by `isinstance`.

Features that can be drawn are offered by prepared state: `HoldsFeatures` of `pipelines.methods.shared.feature_views`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Int32, UInt16

from liftlab.components.errors import InputError
from liftlab.components.masks.cache import MaskCache
from liftlab.components.progress import CancelToken
from liftlab.components.text.encoder import TextImageEncoder
from liftlab.components.types import Array, Camera
from liftlab.pipelines.base import Prepared


@runtime_checkable
class KeepsObjects(Protocol):
    """A method that looks objects up, and so can answer with those that a person kept."""

    def with_masks(self, prepared: Any, masks: MaskCache) -> Prepared:
        """Its state for a cache that grew by kept objects (`MaskCache.with_object`)."""
        ...


@runtime_checkable
class OffersMasks(Protocol):
    """A method that holds more than one way to cut the scene, and lets words be looked for in all of them."""

    def search_masks(self, prepared: Any) -> MaskCache:
        """What words are looked for in, instead of what it segments by itself."""
        ...


@runtime_checkable
class HasGranularity(Protocol):
    """A method whose granularity names one of several known objects under a click."""

    def granularity_of(self, masks: MaskCache, object_id: int, view: int, x: float, y: float) -> float:
        """The granularity at which a click on view pixel (x, y) means this object of the cache, which lies there."""
        ...


@runtime_checkable
class LabelsViews(Protocol):
    """A method that segments everything in a photo that was never trained on."""

    def label_view(self, prepared: Any, camera: Camera) -> UInt16[Array, "_H _W"]:
        """Label map as `decompose` gives them, by any camera."""
        ...


@runtime_checkable
class ClassifiesViews(Protocol):
    """A method that learns classes where the masks carry them."""

    def class_view(self, prepared: Any, camera: Camera) -> Int32[Array, "_H _W"] | None:
        """Class of every pixel by any camera: 0 = surroundings, -1 = nothing to say; None where masks carried none."""
        ...


@dataclass(frozen=True)
class VotedObject:
    """What words name, by a method's own votes."""

    score: float
    """Relevancy in [0, 1]."""
    selected: Bool[Array, "N"]
    """Over the primitives of the method's geometry."""
    masks: tuple[Bool[Array, "_ _"], ...]
    """The selection in every view, view pixels."""


@runtime_checkable
class Voter(Protocol):
    """Words to what they name."""

    def __call__(self, text: str, among: Sequence[str] = ()) -> tuple[VotedObject, ...]:
        """What the words name, best first; empty when nothing was agreed on.

        Args:
            among: Categories of which each thing belongs to one, the text among them.
        """
        ...


@runtime_checkable
class VotesForWords(Protocol):
    """A method that finds what words name in a way of its own, where there is an image-text model."""

    def voter(self, prepared: Any, encoder: TextImageEncoder, *, cancel: CancelToken) -> Voter:
        """Looks at every mask once, and answers words from then on. Raises Cancelled when `cancel` was set."""
        ...


def need_votes(method: Any) -> VotesForWords:
    """The method, which must vote for words. Raises InputError."""
    if not isinstance(method, VotesForWords):
        raise InputError("This method does not vote for words: choose saga, or another encoder than votes.")
    return method


@dataclass(frozen=True)
class NamedThing:
    """A thing that a method found by itself, and what it may be."""

    masks: tuple[Bool[Array, "_ _"], ...]
    """The thing in every view, view pixels."""
    names: tuple[tuple[str, float], ...]
    """Up to three names with how likely each is right, if it is a thing; best first."""
    score: float
    """In [0, 1]: how likely it is a thing."""


@runtime_checkable
class SuggestsNames(Protocol):
    """A method that guesses what things are."""

    def named_things(self, prepared: Any) -> tuple[NamedThing, ...]:
        """The things of a scene as the method sees them, best first; none of them lies mostly within better ones."""
        ...


@runtime_checkable
class ReadsFile(Protocol):
    """A method whose state depends on what a file holds, such as trained weights."""

    def file_key(self) -> str:
        """Of the file's content: state that was prepared with another is not used."""
        ...


@runtime_checkable
class RunsOnDevice(Protocol):
    """A method that says where it computes."""

    device: torch.device


@runtime_checkable
class TellsTraining(Protocol):
    """Prepared state that tells how the preparation went."""

    about: Mapping[str, Any]
    """"curve": [iteration, seconds, loss] per point; "seconds", and what else there is to report."""
