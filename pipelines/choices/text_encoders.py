"""Who reads the words of a search."""

from dataclasses import dataclass
from typing import Any

from liftlab.components.registry import Registry
from liftlab.pipelines.choices.record import ChoiceRecord, Needs


@dataclass(frozen=True, kw_only=True)
class TextEncoderRecord(ChoiceRecord):
    """`make(device=torch.device)` gives a `liftlab.components.text.encoder.TextImageEncoder`."""

    short: str
    """What the page's list says."""
    by_model: bool = True
    """False: words are read by what was measured of the objects, and `make` gives None."""


TEXT_ENCODERS: Registry[TextEncoderRecord] = Registry("text encoder", group="liftlab.text_encoders")


def _attributes(*, device: Any) -> None:
    return None


def _open_clip(*, device: Any) -> Any:
    import os

    from liftlab.components.models import ModelStore
    from liftlab.components.text.open_clip import load_encoder

    return load_encoder(ModelStore.open(os.environ), device=device)


TEXT_ENCODERS.register(
    TextEncoderRecord(
        name="attributes",
        label="measured colours, sizes, shapes and places, and given names",
        short="measured attributes",
        summary="Reads colours, sizes, shapes, places and the names that people gave; without weights.",
        licence="Apache-2.0 (our implementation)",
        make=_attributes,
        by_model=False,
    )
)
TEXT_ENCODERS.register(
    TextEncoderRecord(
        name="open_clip",
        label="OpenCLIP on masked crops",
        short="image-text model",
        summary="Compares pictures of the objects with the words, whatever they are.",
        licence="MIT",
        make=_open_clip,
        needs=Needs("open_clip-vit-b-32", task="text"),
    )
)
TEXT_ENCODERS.register(
    TextEncoderRecord(
        name="words",
        label="measured attributes, given names, and guesses of what things are",
        short="attributes and guessed names",
        summary="As attributes, and words for things: guessed by the network of ovseg3r, matched by meaning; offline.",
        licence="Apache-2.0 (our implementation and weights)",
        make=_attributes,
        by_model=False,
    )
)
TEXT_ENCODERS.register(
    TextEncoderRecord(
        name="votes",
        label="votes of the masks of all photos, by OpenCLIP (saga)",
        short="votes of masks (saga)",
        summary="SAGA's own way, as published: masks that stand for the same splats vote, by their pictures on black.",
        licence="MIT",
        make=_open_clip,
        needs=Needs("open_clip-vit-b-32", task="text"),
    )
)
