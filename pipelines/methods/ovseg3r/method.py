"""OVSeg3R: one pass of a network that was trained over many scenes; nothing is trained on the scene itself.

Source: "OVSeg3R: Learn Open-vocabulary Instance Segmentation from 2D via 3D Reconstruction", ICLR 2026
(arXiv:2509.23541); equation numbers are those of docs/methods/ovseg3r.md, which says where we differ.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt16
from safetensors.numpy import load_file, save

from liftlab.components.clicks import Click, ClickList, clicks_of, obeying
from liftlab.components.errors import InputError
from liftlab.components.files import atomic_write, sha256_of, write_json
from liftlab.components.masks.cache import MaskCache
from liftlab.components.openvocab.answers import Answers
from liftlab.components.openvocab.cloud import cloud_of
from liftlab.components.openvocab.inference import InferenceConfig, Objects, best_of_each
from liftlab.components.openvocab.segmenting import named, segment_cloud, top_names
from liftlab.components.openvocab.weights import WEIGHTS, Trained, load_trained
from liftlab.components.progress import CancelToken, Progress, no_progress
from liftlab.components.text.sentence_encoder import chosen_text_encoder
from liftlab.components.types import Array, Prompt, Provenance, Scene, Segmentation
from liftlab.pipelines.base import check_masks, empty_selection, register
from liftlab.pipelines.methods.ovseg3r import clicks as reading
from liftlab.pipelines.methods.ovseg3r.spreading import pixels_of, spread
from liftlab.pipelines.methods.ovseg3r.state import OvSeg3RConfig, OvSeg3RPrepared, in_view
from liftlab.pipelines.offers import NamedThing

NAME = "ovseg3r"
SCHEMA_VERSION = 3
ARRAYS, STATE = "ovseg3r.safetensors", "ovseg3r.json"


@register(
    NAME,
    summary="A network trained over many scenes segments the points by itself, and guesses what things are.",
    paper="OVSeg3R: Learn Open-vocabulary Instance Segmentation from 2D via 3D Reconstruction, ICLR 2026 "
    "(arXiv:2509.23541)",
    licence="Apache-2.0 (our implementation and weights; the authors published no code)",
    config=OvSeg3RConfig,
)
class OvSeg3R:
    """Superpoints, a superpoint transformer, names by text vectors."""

    STEP_VERSION = 3
    geometry: Literal["points", "gaussians"] = "points"

    def __init__(self, config: OvSeg3RConfig, *, device: torch.device) -> None:
        self.config, self.device = config, device

    def prepare(
        self,
        scene: Scene,
        masks: MaskCache,
        *,
        progress: Progress = no_progress,
        cancel: CancelToken,
        generator: torch.Generator,
    ) -> OvSeg3RPrepared:
        """One pass over the scene; the masks are not looked at.

        Raises:
            InputError: The masks belong to another scene, or the weights cannot be read.
            Cancelled: `cancel` was set.
        """
        check_masks(scene, masks)
        cancel.check()
        progress(0.0, "Reading the network")
        trained, text = self._network()
        progress(0.1, "Cutting the scene into superpoints")
        cloud = cloud_of(scene, trained.superpoints.num_points)
        cancel.check()
        progress(0.4, "Segmenting everything")
        found = segment_cloud(trained, cloud, text, self._inference(), clicks=True, check=cancel.check)
        assert found.answers is not None
        progress(0.7, "Spreading objects over all points")
        of_points = spread(scene, cloud, found.superpoint)
        cancel.check()
        of_pixels = pixels_of(scene, of_points)
        progress(1.0, f"{len(found.objects.scores)} objects")
        return OvSeg3RPrepared(
            scene.key,
            scene,
            trained,
            of_points,
            of_pixels,
            found.sizes,
            found.pairs,
            found.objects,
            found.answers,
            text,
        )

    def segment(self, prepared: OvSeg3RPrepared, prompts: Sequence[Prompt]) -> Segmentation:
        """Select the points of the objects under the clicks; see `clicks.select`.

        Raises:
            InputError: A click or box lies outside its photo, or names a view that the scene does not have.
        """
        started = time.perf_counter()
        given = clicks_of(prepared.scene, prompts)
        choice = reading.select(prepared, given)
        count = len(prepared.point_superpoint)
        selected, score = empty_selection(count)
        if choice.chosen.any():
            selected = choice.chosen[prepared.point_superpoint]
            for superpoint in choice.contested:
                own = np.flatnonzero(prepared.point_superpoint == superpoint)
                places = prepared.scene.pointmap.points[own]
                selected[own] = _stays(prepared, places, choice.clicks[superpoint])
            score = selected.astype(np.float32)
        return Segmentation(
            geometry="points",
            selected=selected,
            score=score,
            threshold=0.5,
            object_ids=tuple(dict.fromkeys(choice.objects)),
            provenance=Provenance(
                NAME, asdict(self.config), f"network on {self.device.type}", time.perf_counter() - started,
                choice.asked_again,
            ),
            mask_of_view=obeying(partial(_mask_of_view, prepared, choice), given.clicks),
            candidates=choice.candidates,
            message=_message(given, choice, selected),
        )  # fmt: skip

    def decompose(
        self, prepared: OvSeg3RPrepared, granularity: float | None = None
    ) -> tuple[UInt16[Array, "_H _W"], ...]:
        """Label every view with its objects; where several hold a superpoint, the best, the smallest below a
        granularity of 1/3, the largest above 2/3.
        """
        objects = prepared.objects
        rank = objects.scores.astype(np.float64)
        if granularity is not None and not 1 / 3 <= granularity <= 2 / 3:
            area = (objects.masks * prepared.sizes).sum(axis=1) + 1.0
            rank = 1 / area if granularity < 1 / 3 else area
        label = (best_of_each(objects.masks, rank) + 1).astype(np.uint16)
        out = []
        for view, one in enumerate(prepared.scene.views):
            own = prepared.pixel_superpoint[view, : one.camera.height, : one.camera.width]
            image = label[own] if len(label) else np.zeros(own.shape, np.uint16)
            out.append(np.where(own >= 0, image, 0).astype(np.uint16))
        return tuple(out)

    def named_things(self, prepared: OvSeg3RPrepared) -> tuple[NamedThing, ...]:
        """The objects that are left where the best takes what several hold, whole, with up to three guesses of what
        each is.
        """
        objects = prepared.objects
        best = best_of_each(objects.masks, objects.scores.astype(np.float64))
        own = (objects.masks & (best == np.arange(len(objects.masks))[:, None])) @ prepared.sizes
        out = []
        for row in np.flatnonzero(2 * own > objects.masks @ prepared.sizes):
            chances = named(prepared.trained, objects.embeddings[row].astype(np.float64), prepared.text)
            masks = tuple(
                in_view(prepared, objects.masks[row], view) for view in range(len(prepared.scene.views))
            )
            out.append(
                NamedThing(masks, top_names(chances, prepared.trained.names), float(objects.scores[row]))
            )
        return tuple(out)

    def save(self, prepared: OvSeg3RPrepared, folder: Path) -> None:
        """Write superpoints, objects and tokens; the scene and the weights are kept by themselves."""
        arrays = {name: np.ascontiguousarray(value) for name, value in vars(prepared.objects).items()}
        arrays |= {
            f"answers.{name}": np.ascontiguousarray(value) for name, value in vars(prepared.answers).items()
        }
        arrays |= {
            "point_superpoint": prepared.point_superpoint,
            "pixel_superpoint": prepared.pixel_superpoint,
            "sizes": prepared.sizes,
            "pairs": prepared.pairs,
        }
        with atomic_write(folder / ARRAYS) as file:
            file.write(save({name: np.ascontiguousarray(value) for name, value in arrays.items()}))
        write_json(folder / STATE, {"schema_version": SCHEMA_VERSION, "scene_key": prepared.scene_key})

    def load(self, folder: Path, scene: Scene, masks: MaskCache) -> OvSeg3RPrepared:
        """Read what `save` wrote.

        Raises:
            InputError: It belongs to another scene or another version of the format.
        """
        meta = json.loads((folder / STATE).read_text(encoding="utf-8"))
        if meta["schema_version"] != SCHEMA_VERSION:
            raise InputError(
                f"This prepared method has format version {meta['schema_version']}, this lab reads "
                f"{SCHEMA_VERSION}: prepare it again."
            )
        if meta["scene_key"] != scene.key:
            raise InputError("This prepared method belongs to another scene: prepare it for this one.")
        check_masks(scene, masks)
        read = load_file(folder / ARRAYS)
        trained, text = self._network()
        objects = Objects(**{name: read[name] for name in Objects.__dataclass_fields__})
        answers = Answers(**{name: read[f"answers.{name}"] for name in Answers.__dataclass_fields__})
        return OvSeg3RPrepared(
            scene.key, scene, trained, read["point_superpoint"], read["pixel_superpoint"], read["sizes"],
            read["pairs"], objects, answers, text,
        )  # fmt: skip

    def file_key(self) -> str:
        """Digest of the weights; empty where there is no such file, which `prepare` says."""
        try:
            return _digest(self._weights, self._weights.stat().st_mtime_ns)
        except OSError:
            return ""

    @property
    def _weights(self) -> Path:
        return Path(self.config.weights).expanduser() if self.config.weights else WEIGHTS

    def _network(self) -> tuple[Trained, Float[Array, "K T"]]:
        """The weights and the vectors of their names."""
        file = self._weights
        trained = load_trained(file, device=self.device)
        encoder = chosen_text_encoder(self.config.text, device=self.device)
        if trained.text_identity != encoder.identity:
            raise InputError(
                f"These weights were trained with other word vectors ({trained.text_identity}); choose those by "
                f"`text`: {file}"
            )
        return trained, encoder.encode_texts(list(trained.names))

    def _inference(self) -> InferenceConfig:
        c = self.config
        return InferenceConfig(
            top=c.top, min_points=c.min_points, threshold=c.threshold, min_score=c.min_score
        )


@lru_cache(maxsize=16)
def _digest(file: Path, written: int) -> str:
    """SHA-256 of a file that was `written` at a time in nanoseconds: read once as long as that stays."""
    del written
    return sha256_of(file)


def _mask_of_view(prepared: OvSeg3RPrepared, choice: reading.Selection, view: int) -> Bool[Array, "H W"]:
    mask = in_view(prepared, choice.chosen, view)
    height, width = mask.shape
    own = prepared.pixel_superpoint[view, :height, :width]
    valid = prepared.scene.pointmap.valid[view, :height, :width]
    for superpoint in choice.contested:
        there = (own == superpoint) & valid
        places = prepared.scene.pointmap.pts3d[view, :height, :width][there]
        mask[there] = _stays(prepared, places, choice.clicks[superpoint])
    return mask


def _stays(
    prepared: OvSeg3RPrepared, places: Float[Array, "M 3"], clicks: Sequence[Click]
) -> Bool[Array, "M"]:
    """Points of a contested superpoint that are nearer to a positive than to every negative click."""
    at = {True: [], False: []}
    for click in clicks:
        at[click.positive].append(_place_of(prepared.scene, click))
    return reading.divided(np.asarray(places, np.float64), np.array(at[True]), np.array(at[False]))


def _place_of(scene: Scene, click: Click) -> Float[Array, "3"]:
    """Where in the world a click is: the point of its pixel, or of the nearest pixel with one."""
    valid = scene.pointmap.valid[click.view]
    row, column = int(click.y), int(click.x)
    if not valid[row, column]:
        rows, columns = np.nonzero(valid)
        nearest = np.argmin((rows + 0.5 - click.y) ** 2 + (columns + 0.5 - click.x) ** 2)
        row, column = int(rows[nearest]), int(columns[nearest])
    return scene.pointmap.pts3d[click.view, row, column].astype(np.float64)


def _message(given: ClickList, choice: reading.Selection, selected: Bool[Array, "N"]) -> str:
    """One sentence for what the person should know, or nothing."""
    if given.hidden:
        return "A point you clicked in 3D is not seen by any photo: click on a photographed surface."
    if choice.missed:
        return "Nothing was found in this box: click on the object instead."
    if choice.asked_again and selected.any():
        return "The network had found no object here: this is its best guess from where you clicked."
    if selected.any() or not (given.clicks or given.boxes):
        return ""
    return "Nothing was found where you clicked: click on another spot of the object."
