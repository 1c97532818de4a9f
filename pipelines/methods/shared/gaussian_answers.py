"""What all methods that select Gaussians share: looking through a pixel, drawing a selection, state on disk."""

import json
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int, Int64, Shaped, UInt16
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from liftlab.components.clicks import Box, Click, ClickList, clicks_of, obeying
from liftlab.components.errors import InputError
from liftlab.components.files import atomic_write, write_json
from liftlab.components.masks.cache import MaskCache
from liftlab.components.rasterize import lift, tensors_from_gaussians, warm_up
from liftlab.components.rasterize.frozen import FrozenView, PixelRows
from liftlab.components.types import Array, Prompt, Provenance, Scene, Segmentation
from liftlab.pipelines.base import check_masks

SCHEMA_VERSION = 1
MIN_ALPHA = 0.5
"""Pixels that Gaussians cover less than this show too little to be clicked on, or labelled."""
LABELS_AT_ONCE = 32
"""Labels rendered together; bounds the memory of a picture with many of them."""


class GaussianViews:
    """The scene's views at full size, as its Gaussians are seen by them; a view is projected when first needed.

    Args:
        scene: With the Gaussians that are seen.
        device: Of all tensors.
        stands_for: Where these are not the scene's own: for each of those, the one that it is answered by.
    """

    def __init__(
        self, scene: Scene, device: torch.device, *, stands_for: Int64[Array, "M"] | None = None
    ) -> None:
        if scene.gaussians is None:
            raise InputError("This method selects splats and the scene has none: train them first.")
        self.scene = scene
        self._stands_for = stands_for
        self.gaussians = tensors_from_gaussians(scene.gaussians, device=device)
        self._views: dict[int, FrozenView] = {}

    def of_scene(self, values: Shaped[Array, "N *C"]) -> Shaped[Array, "M *C"]:
        """Values of these Gaussians for those that the scene has and people look at."""
        return values if self._stands_for is None else values[self._stands_for]

    def view(self, index: int) -> FrozenView:
        """The Gaussians seen by the camera of view `index`."""
        if index not in self._views:
            self._views[index] = FrozenView(self.gaussians, self.scene.views[index].camera)
        return self._views[index]

    def through(self, click: Click) -> PixelRows:
        """The Gaussians that the pixel under a click sees."""
        view = self.view(click.view)
        pixel = int(click.y) * view.camera.width + int(click.x)
        return view.rows(torch.tensor([pixel], device=self.gaussians.device))

    def mask(self, selected: Bool[Array, "N"], index: int) -> Bool[Array, "_H _W"]:
        """Pixels of a view in which selected Gaussians blend to more than half (docs/methods/metrics.md section 1)."""
        chosen = torch.from_numpy(selected).to(self.gaussians.device, torch.float32)
        with torch.no_grad():
            image = self.view(index).render(chosen[:, None])[..., 0]
        return (image > 0.5).cpu().numpy()

    def label_map(self, labels: Int[Array, "N"], view: FrozenView) -> UInt16[Array, "_H _W"]:
        """The label that blends most into each pixel of a view; 0 where unlabelled Gaussians do, or nothing is seen.

        Args:
            labels: Per Gaussian, 0 = none.
            view: One of the scene's, or one by any other camera.
        """
        given = torch.from_numpy(labels).to(self.gaussians.device, torch.int64)
        image = np.zeros((view.camera.height, view.camera.width), np.uint16)
        best = torch.zeros(image.shape, device=given.device)
        ids = [0, *np.unique(labels[labels > 0]).tolist()]
        winner = torch.zeros(image.shape, dtype=torch.int64, device=given.device)
        for start in range(0, len(ids), LABELS_AT_ONCE):
            some = torch.tensor(ids[start : start + LABELS_AT_ONCE], device=given.device)
            with torch.no_grad():
                blended = view.render((given[:, None] == some).to(torch.float32))
            most, which = blended.max(dim=-1)
            winner = torch.where(most > best, some[which], winner)
            best = torch.maximum(best, most)
        image[:] = torch.where(view.alpha >= MIN_ALPHA, winner, 0).cpu().numpy()
        return image


_shared: "weakref.WeakValueDictionary[tuple[str, str, str], GaussianViews]" = weakref.WeakValueDictionary()
_sharing = threading.Lock()


def gaussian_views(scene: Scene, device: torch.device) -> GaussianViews:
    """The views of a scene, one copy for all methods prepared on it. Raises InputError when it has no Gaussians."""
    with _sharing:
        key = (scene.key, scene.gaussians_key, str(device))
        views = _shared.get(key)
        if views is None or views.scene.gaussians is not scene.gaussians:
            if device.type == "cpu":
                warm_up()
            _shared[key] = views = GaussianViews(scene, device)
        return views


@dataclass(frozen=True)
class SeenClick:
    """A click on something opaque."""

    click: Click
    rows: PixelRows
    """What its pixel sees; `blend` gives anything that Gaussians carry, at the click."""
    alpha: float

    def blend(self, values: Float[Tensor, "N D"]) -> Float[Tensor, "D"]:
        """Values of the Gaussians blended at the click, not divided by alpha."""
        with torch.no_grad():
            return self.rows.blend(values.index_select(0, self.rows.gaussian_ids))[0]


@dataclass(frozen=True)
class SeenClicks:
    """The clicks of one object that a method of Gaussians can answer, in the order they were given."""

    positives: tuple[SeenClick, ...]
    negatives: tuple[SeenClick, ...]
    message: str
    """One sentence about clicks that were left out; empty when all count."""
    granularity: float | None
    """Of the last prompt that gave one."""
    given: tuple[Click, ...] = ()
    """All clicks in photos, also those through which little is seen: an answer's masks obey them."""


def seen_clicks(views: GaussianViews, prompts: Sequence[Prompt]) -> SeenClicks:
    """Read prompts, and leave out clicks through which little is seen. A box counts as a click in its middle.

    Raises:
        InputError: A click or box lies outside its photo, or names a view that the scene does not have.
    """
    given: ClickList = clicks_of(views.scene, prompts)
    seen: list[SeenClick] = []
    transparent = 0
    for click in (*given.clicks, *map(_middle, given.boxes)):
        rows = views.through(click)
        with torch.no_grad():
            alpha = float(rows.blend(torch.ones(len(rows.gaussian_ids), 1, device=rows.gaussian_ids.device)))
        if alpha < MIN_ALPHA:
            transparent += 1
        else:
            seen.append(SeenClick(click, rows, alpha))
    message = ""
    if transparent:
        message = (
            "The splats are nearly transparent where you clicked: click on a more solid spot of the object."
        )
    elif given.hidden:
        message = "A point you clicked in 3D is not seen by any photo: click on a photographed surface."
    granularities = [prompt.granularity for prompt in prompts if prompt.granularity is not None]
    return SeenClicks(
        tuple(one for one in seen if one.click.positive),
        tuple(one for one in seen if not one.click.positive),
        message,
        granularities[-1] if granularities else None,
        given.clicks,
    )


def _middle(box: Box) -> Click:
    return Click(box.view, (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2, positive=True)


def answer(
    views: GaussianViews,
    score: Float32[Array, "N"],
    threshold: float,
    *,
    method: str,
    config: Any,
    started: float,
    clicks: SeenClicks,
) -> Segmentation:
    """The Gaussians whose score is above the threshold, with masks of views drawn on demand.

    Args:
        score: Per Gaussian; where a method has more than one condition it lowers the score of those that fail.
        config: The method's dataclass, for the provenance.
        started: `time.perf_counter()` when the question came in.
        clicks: What was asked; its message is for the person, and when it is empty and nothing is selected, a sentence
            is put in.
    """
    selected, message = score > threshold, clicks.message
    if not message and not selected.any():
        message = "Nothing was found where you clicked: click on another spot of the object."
    backend = f"features, {views.gaussians.device.type}"
    return Segmentation(
        geometry="gaussians",
        selected=views.of_scene(selected),
        score=views.of_scene(score),
        threshold=threshold,
        object_ids=(),
        provenance=Provenance(method, asdict(config), backend, time.perf_counter() - started),
        mask_of_view=obeying(partial(views.mask, selected), clicks.given),
        message=message,
    )


def nothing_selected(
    views: GaussianViews, *, method: str, config: Any, started: float, clicks: SeenClicks
) -> Segmentation:
    """The answer to no positive click: empty, with the sentence that explains it (none for no prompt at all)."""
    zeros = np.zeros(len(views.gaussians), np.float32)
    empty = answer(views, zeros, 0.5, method=method, config=config, started=started, clicks=clicks)
    return replace(empty, message=clicks.message)


def foreground_shares(views: GaussianViews, masks: MaskCache) -> Float32[Array, "N"]:
    """Per Gaussian the share of its visible weight under masks of things rather than surroundings; 0 if never seen.

    It tells clusters of objects from those of table and walls where a method learns both alike.
    """
    device = views.gaussians.device
    inside, seen = (torch.zeros(len(views.gaussians), device=device) for _ in range(2))
    things = masks.object_ids[masks.foreground].tolist()
    for index, view in enumerate(views.scene.views):
        union = np.zeros(masks.sizes[index], bool)
        for object_id in things:
            if masks.area(index, object_id):
                union |= masks.mask(index, object_id)
        given = torch.from_numpy(union).to(device)[None, :, :, None]
        votes = lift(views.gaussians, [view.camera], given)
        inside += votes.inside[:, 0]
        seen += votes.seen
    return (inside / seen.clamp_min(1e-9)).cpu().numpy()


def check_inputs(scene: Scene, masks: MaskCache) -> None:
    """Raises InputError unless the scene has Gaussians and the masks are its own."""
    check_masks(scene, masks)
    if scene.gaussians is None:
        raise InputError("This method selects splats and the scene has none: train them first.")


def save_state(
    folder: Path, method: str, scene: Scene, tensors: Mapping[str, Tensor], about: Mapping[str, Any]
) -> None:
    """Write METHOD.safetensors, and METHOD.json with what `about` holds and the keys of scene and Gaussians."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_write(folder / f"{method}.safetensors") as file:
        file.write(save(plain))
    keys = {"scene_key": scene.key, "gaussians_key": scene.gaussians_key}
    write_json(folder / f"{method}.json", {"schema_version": SCHEMA_VERSION, **keys, **about})


def load_state(
    folder: Path, method: str, scene: Scene, *, device: torch.device
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_state` wrote: tensors on `device`, and the JSON.

    Raises:
        InputError: It belongs to another scene, other Gaussians, or another version of the format, or is damaged.
    """
    try:
        about = json.loads((folder / f"{method}.json").read_text(encoding="utf-8"))
        tensors = load_file(folder / f"{method}.safetensors")
    except (OSError, ValueError, SafetensorError) as error:
        raise InputError("This prepared method cannot be read: prepare it again.") from error
    if about["schema_version"] != SCHEMA_VERSION:
        raise InputError(
            f"This prepared method has format version {about['schema_version']}, this lab reads {SCHEMA_VERSION}: "
            "prepare it again."
        )
    if about["scene_key"] != scene.key:
        raise InputError("This prepared method belongs to another scene: prepare it for this one.")
    if about["gaussians_key"] != scene.gaussians_key:
        raise InputError("This prepared method belongs to other splats of this scene: prepare it again.")
    return {name: tensor.to(device) for name, tensor in tensors.items()}, about


def curve_json(curve: Sequence[Any]) -> list[list[int | float]]:
    """A training curve (`feature_trainer.LossPoint`) for the JSON: [iteration, seconds, loss] per point."""
    return [[p.iteration, round(p.seconds, 3), round(p.loss, 6)] for p in curve]
