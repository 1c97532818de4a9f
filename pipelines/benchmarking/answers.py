"""One prepared method on one scene with truth: asked in photo pixels, answering in the truth's."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int32, UInt16

from liftlab.components.captures.benchmark_layouts import BenchmarkScene, PhotoPoint, ovs3d
from liftlab.components.captures.benchmark_layouts.scene import resized_labels
from liftlab.components.geometry.projection import labels_in_photo, mask_in_photo
from liftlab.components.progress import CancelToken, no_progress
from liftlab.components.text.encoder import CropConfig, TextImageEncoder, embed_objects
from liftlab.components.types import Array, Prompt, Provenance, Scene, Segmentation
from liftlab.pipelines.base import Segmenter
from liftlab.pipelines.benchmarking.held_out import HeldOutViews
from liftlab.pipelines.benchmarking.projection import ProjectedViews, points_of_masks
from liftlab.pipelines.offers import ClassifiesViews, RunsOnDevice, Voter, need_votes
from liftlab.pipelines.search import SearchIndex, SearchResult, build_index, masks_of, search, search_by_model


class Answers:
    """One prepared method, asked in photo pixels and answering in the pixels of the truth.

    Args:
        scene: What was reconstructed.
        bench: Where the truth comes from; its scored photos are answered.
        segmenter: The method.
        prepared: Its state for the scene.
        encoder: Image-text model that ranks objects for words; None ranks by measured attributes.
        votes: By the method's own votes, with that model.

    Raises:
        InputError: The method does not vote for words.
    """

    def __init__(
        self,
        scene: Scene,
        bench: BenchmarkScene,
        segmenter: Segmenter,
        prepared: Any,
        *,
        encoder: TextImageEncoder | None = None,
        votes: bool = False,
    ) -> None:
        if votes:
            need_votes(segmenter)
        self.bench = bench
        self._scene, self._segmenter, self._prepared = scene, segmenter, prepared
        self._index = {view.stem: index for index, view in enumerate(scene.views)}
        self.seconds: list[float] = []
        """Of every answer so far."""
        self.message = ""
        """Of the last answer."""
        self.selection: Segmentation | None = None
        """The last answer in 3D; None when nothing could be asked, or nothing was found."""
        self._encoder, self._votes = encoder, votes
        self._words: SearchIndex | None = None
        self._voter: Voter | None = None
        self._embeddings: Float32[Array, "O D"] | None = None
        device = segmenter.device if isinstance(segmenter, RunsOnDevice) else torch.device("cpu")
        self._projected = ProjectedViews(scene, device)
        self._new_views = None if bench.held_out is None else HeldOutViews(scene, bench.held_out, device)

    @property
    def unregistered(self) -> tuple[str, ...]:
        """Scored photos without a camera."""
        return tuple(photo for photo in self.bench.scored if Path(photo).stem not in self._index)

    def of_points(self, points: Sequence[PhotoPoint]) -> list[Bool[Array, "_ _"]]:
        """Masks of the scored photos after clicking `points` in order; those in unplaced photos are left out."""
        prompts = [
            Prompt(
                view=self._index[Path(point.photo).stem],
                point_coords=np.array([[point.x, point.y]]),
                point_labels=np.array([point.positive]),
            )
            for point in points
            if Path(point.photo).stem in self._index
        ]
        return self._answer(prompts)

    def of_text(self, text: str) -> list[Bool[Array, "_ _"]]:
        """Masks of the scored photos of the object that fits the words best, among what the method segments.

        In 3D the object is the scene's points in its masks; with votes it is the method's own selection.
        """
        if self._votes and self._encoder is not None:
            return self._of_votes(self._encoder, text)
        index = self._measured_objects()
        started = time.perf_counter()
        result = self._ranked(index, text)
        self.message, self.selection = result.message, None
        if not result.found:
            return self._in_photos({})
        best = result.found[0].object_id
        masks = {view: index.mask(view, best) for view in range(len(self._scene.views))}
        seconds = time.perf_counter() - started
        self.seconds.append(seconds)
        selected = points_of_masks(self._scene, list(masks.values()))
        self.selection = Segmentation(
            "points", selected, selected.astype(np.float32), 0.5, (best,),
            Provenance("search", {}, "points in masks", seconds),
        )  # fmt: skip
        return self._in_photos(masks)

    def _of_votes(self, encoder: TextImageEncoder, text: str) -> list[Bool[Array, "_ _"]]:
        if self._voter is None:
            self._voter = need_votes(self._segmenter).voter(self._prepared, encoder, cancel=CancelToken())
        started = time.perf_counter()
        texts = tuple(entry.text for entry in self.bench.objects if entry.text is not None)
        among = texts if self.bench.layout == ovs3d.NAME else ()
        hits = self._voter(text, among)
        self.seconds.append(time.perf_counter() - started)
        self.selection = None
        self.message = "" if hits else "The masks agree on nothing that these words could name."
        if not hits:
            return self._in_photos({})
        # of the clusters that words name the best; of a category, which shares all clusters with the others, all
        named = hits if among else hits[:1]
        selected = np.any([hit.selected for hit in named], axis=0)
        self.selection = Segmentation(
            self._segmenter.geometry, selected, selected.astype(np.float32), 0.5, (),
            Provenance("search", {}, "votes", self.seconds[-1]),
        )  # fmt: skip
        views = range(len(self._scene.views))
        return self._in_photos({view: np.any([hit.masks[view] for hit in named], axis=0) for view in views})

    def _measured_objects(self) -> SearchIndex:
        """What words are looked for in, made once; the image-text model looks at each object once."""
        if self._words is None:
            self._words = build_index(self._scene, masks_of(self._segmenter, self._prepared))
            if self._encoder is not None:
                self._embeddings = embed_objects(
                    self._scene, self._words.masks, self._words.objects.object_ids.tolist(), self._encoder,
                    CropConfig(), progress=no_progress, cancel=CancelToken(),
                )  # fmt: skip
        return self._words

    def _ranked(self, index: SearchIndex, text: str) -> SearchResult:
        if self._encoder is None or self._embeddings is None:
            return search(index, text)
        return search_by_model(index, self._embeddings, self._encoder, text)

    def everything(self) -> list[Int32[Array, "_ _"]]:
        """Label maps of the scored photos from `decompose`."""
        return self._maps_in_photos(self._segmenter.decompose(self._prepared))

    def classes(self) -> list[Int32[Array, "_ _"]] | None:
        """Class maps of the scored photos, 0 where nothing is said; None where method or truth has none."""
        if self.bench.class_of is None or not isinstance(self._segmenter, ClassifiesViews):
            return None
        maps = []
        for view in self._scene.views:
            found = self._segmenter.class_view(self._prepared, view.camera)
            if found is None:
                return None
            maps.append(np.maximum(found, 0).astype(np.uint16))
        return self._maps_in_photos(maps)

    def _maps_in_photos(self, labels: Sequence[UInt16[Array, "_ _"]]) -> list[Int32[Array, "_ _"]]:
        """Maps of the views in the truth's pixels of the scored photos; 0 where a photo was not placed."""
        out = []
        for photo, shape in zip(self.bench.scored, self._truth_shapes(), strict=True):
            index = self._index.get(Path(photo).stem)
            if index is None:
                out.append(np.zeros(shape, np.int32))
            else:
                in_photo = labels_in_photo(self._scene.views[index], labels[index])
                out.append(resized_labels(in_photo.astype(np.int32), shape))
        return out

    def photo_size(self, photo: str) -> tuple[int, int]:
        """(width, height) of a photo as it was imported; of its truth when it was not placed."""
        index = self._index.get(Path(photo).stem)
        if index is None:
            height, width = self._truth_shapes()[self.bench.scored.index(photo)]
            return width, height
        lens = self._scene.views[index].lens
        return lens.width, lens.height

    def _answer(self, prompts: Sequence[Prompt]) -> list[Bool[Array, "_ _"]]:
        """Ask, and take the time until the masks of all views are there."""
        masks: dict[int, Bool[Array, "_ _"]] = {}
        self.selection = None
        if prompts:
            started = time.perf_counter()
            result: Segmentation = self._segmenter.segment(self._prepared, prompts)
            masks = {index: result.mask_of_view(index) for index in range(len(self._scene.views))}
            self.seconds.append(time.perf_counter() - started)
            self.message, self.selection = result.message, result
        else:
            self.message = "No clicked photo could be placed in the scene."
        return self._in_photos(masks)

    def new_views_iou(self, object_id: int) -> float | None:
        """IoU of the last selection over the held-out views; None where there are none, or they do not show it."""
        if self._new_views is None or self.selection is None:
            return None
        return self._new_views.iou(object_id, self.selection)

    def projected(self, prompted: Collection[str]) -> tuple[BenchmarkScene, list[Bool[Array, "_ _"]]] | None:
        """The last selection projected into the scored photos that were not prompted, without what each gave itself.

        Args:
            prompted: File names of photos with prompts: a reference never scores itself.

        Returns:
            The scene with those photos alone as scored ones, and their masks in the truth's pixels, empty where there
            is no answer or the photo was not placed; None when every scored photo was prompted.
        """
        photos = tuple(photo for photo in self.bench.scored if photo not in prompted)
        if not photos:
            return None
        masks: dict[int, Bool[Array, "_ _"]] = {}
        if self.selection is not None:
            places = (self._index.get(Path(photo).stem) for photo in photos)
            masks = {i: self._projected.mask(i, self.selection) for i in places if i is not None}
        kept = [
            mask
            for name, mask in zip(self.bench.scored, self._in_photos(masks), strict=True)
            if name in photos
        ]
        return replace(self.bench, scored=photos), kept

    def _in_photos(self, masks: Mapping[int, Bool[Array, "_ _"]]) -> list[Bool[Array, "_ _"]]:
        """View masks in the truth's pixels of the scored photos; empty where a view has none."""
        out = []
        for photo, shape in zip(self.bench.scored, self._truth_shapes(), strict=True):
            index = self._index.get(Path(photo).stem)
            if index is None or index not in masks:
                out.append(np.zeros(shape, bool))
            else:
                mask = mask_in_photo(self._scene.views[index], masks[index])
                out.append(resized_labels(mask.astype(np.int32), shape) > 0)
        return out

    def _truth_shapes(self) -> list[tuple[int, int]]:
        first = self.bench.objects[0].id
        shapes = (self.bench.truth_of(first, photo).shape for photo in self.bench.scored)
        return [(int(height), int(width)) for height, width in shapes]
