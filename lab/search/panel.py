"""What one browser searches for: its queries in colours, their answers, and pictures of both."""

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from liftlab.components.errors import InputError
from liftlab.components.text.encoder import CropConfig, object_crops
from liftlab.pictures.overlays import photo_jpeg, photo_lookup
from liftlab.pictures.palette import next_colour, rgb
from liftlab.search.heat import HeatSource, heat_of_points, heat_of_view, search_heat_png
from liftlab.search.words import WordLookup, build_word_lookup, checked_search_text, with_names_and_scale
from liftlab.session.given_names import given_names, names_token
from liftlab.session.objects import MethodChoice
from liftlab.session.prompts import ObjectPrompts, PhotoClick, checked_object_name
from liftlab.session.ruler import metres_per_unit
from liftlab.web.wire.search import Asked, Found, SearchState, Suggested

if TYPE_CHECKING:
    from liftlab.components.types import Scene
    from liftlab.engine.lab import Lab
    from liftlab.pipelines.search import SearchResult
    from liftlab.session.session import Session

QUERIES_MAX = 4
HISTORY_MAX = 20
SCENES_MAX = 4
"""Of which the questions are kept."""
SHOWN_MAX = 12
"""Thumbnails of one query."""
THUMB_PX = 160


@dataclass(frozen=True)
class SearchQuestion:
    """One query with its answer."""

    text: str
    colour: str
    """#RRGGBB."""
    result: "SearchResult"
    bare: WordLookup = field(repr=False)
    """What answered it, without the names that people gave."""


@dataclass
class _OfScene:
    """What was asked of one scene."""

    asks: list[SearchQuestion] = field(default_factory=list)
    bare: WordLookup | None = None
    """What answers, without the names that people gave."""
    lookup: WordLookup | None = None
    lookup_of: tuple[str, MethodChoice, str] | None = None
    """Name of the scene, what segmented its objects, encoder."""
    names_of: tuple[Any, ...] | None = None


@dataclass
class WordPanel:
    """The Search cell of one browser."""

    lab: "Lab"
    session: "Session"
    history: list[str] = field(default_factory=list)
    """Latest first."""
    threshold: float = 0.5
    """Objects with a smaller share of the best score are left out of thumbnails and heat."""
    note: str = ""
    version: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    _questions: int = field(default=0, repr=False)
    """So far; each has a number."""
    _replaced_by: int = field(default=0, repr=False)
    """Number of the last answered question that replaced the others: answers to earlier ones come too late."""
    _scenes: dict[str, _OfScene] = field(default_factory=dict, repr=False)
    """By key: what was asked of a scene; it waits there until the scene is open again."""

    @property
    def _here(self) -> _OfScene:
        """What was asked of the open scene."""
        scene = self.session.scene
        if scene is None:
            return _OfScene()
        with self.lock:
            found = self._scenes.pop(scene.key, None) or _OfScene()
            self._scenes[scene.key] = found
            if len(self._scenes) > SCENES_MAX:
                del self._scenes[next(iter(self._scenes))]
        return found

    @property
    def asks(self) -> list[SearchQuestion]:
        """The questions of the open scene, with their answers."""
        return self._here.asks

    @asks.setter
    def asks(self, asks: list[SearchQuestion]) -> None:
        self._here.asks = asks

    def ask(self, text: str, encoder: str, *, beside: bool = False) -> None:
        """Look for words; `beside` keeps the earlier queries, each in its colour.

        Raises:
            InputError: Nothing was said, no scene is open, or the encoder is not here.
        """
        text = checked_search_text(text)
        with self.lock:
            self._questions += 1
            number, here = self._questions, self._here
        lookup = self._need_lookup(encoder)
        if lookup.voter is not None:
            lookup = self._voted(text)
        with self.lock:
            if number < self._replaced_by or here is not self._here:
                return
            if not beside:
                self._replaced_by = number
            kept = [ask for ask in here.asks if ask.text != text] if beside else []
            kept = kept[-(QUERIES_MAX - 1) :]
            colour = next_colour([ask.colour for ask in kept])
            assert here.bare is not None
            here.asks = [*kept, SearchQuestion(text, colour, lookup.search(text), here.bare)]
            self.history = [text, *(earlier for earlier in self.history if earlier != text)][:HISTORY_MAX]
            self.version += 1

    def forget(self, index: int | None = None) -> None:
        """Drop one query, or all."""
        with self.lock:
            self.asks = [] if index is None else [ask for i, ask in enumerate(self.asks) if i != index]
            self.version += 1

    def add(self, object_id: int, colour: str | None = None, *, accepted: str = "") -> None:
        """Make a found object an object of the session, with the text that found it as its name.

        `accepted`: one of the object's guesses, which thereby becomes a name that a person gave.

        Raises:
            InputError: There is no such object any more, that was no guess of it, or the method is not prepared.
        """
        here, scene = self._here, self.session.scene
        if scene is None or here.lookup_of is None or not here.asks:
            raise InputError("These results are not of the open scene; search again.")
        lookup = self._up_to_date(scene)
        scores = {
            ask.text: f.score / ask.result.found[0].score
            for ask in self.asks
            for f in ask.result.found
            if f.object_id == object_id
        }
        if not scores:
            raise InputError("This object is not among the results any more; search again.")
        taken = {entry.name.casefold() for entry in self.session.objects}
        text = max(scores, key=lambda one: scores[one])  # it may be found by several
        if accepted:
            if accepted not in [guess.name for guess in _suggested(lookup, object_id)]:
                raise InputError(
                    f"“{accepted}” is not among what this object was guessed to be; search again."
                )
            taken |= {name.casefold() for name in given_names(self.lab.workspace, scene.key)}
        name = _free_name(accepted or lookup.names.get(object_id) or text, taken)
        add_to_session(
            self.session, lookup, object_id, name, colour, answered_by=here.lookup_of[1], named=bool(accepted)
        )
        if accepted:
            self._up_to_date(scene)

    def state(self) -> SearchState:
        """What the page draws."""
        with self.lock:
            lookup = self._here.lookup
            asks = [self._ask_state(ask, lookup) for ask in self.asks] if lookup is not None else []
            return SearchState(
                version=self.version,
                threshold=self.threshold,
                note=self.note,
                asks=asks,
                history=self.history,
                encoder=lookup.encoder if lookup is not None else "attributes",
            )

    def thumb(self, object_id: int) -> bytes | None:
        """JPEG of an object in the view that shows most of it; None when there is no such object."""
        lookup, scene = self._here.lookup, self.session.scene
        if lookup is None or scene is None or object_id not in lookup.index.objects.object_ids.tolist():
            return None
        config = CropConfig(background="kept", max_views=1, margin=0.25)
        crops = object_crops(scene, lookup.index.masks, object_id, config)
        if not crops:
            return None
        return photo_jpeg(cv2.resize(crops[0], (THUMB_PX, THUMB_PX), interpolation=cv2.INTER_AREA), THUMB_PX)

    def heat(self, photo: str, width: int) -> bytes | None:
        """PNG of what fits the queries in one photo, each query in its colour; None for a photo without a place."""
        lookup, scene = self._here.lookup, self.session.scene
        if lookup is None or scene is None or photo not in {view.name for view in scene.views}:
            return None
        with self.lock:
            heat = heat_of_view(lookup.index, self._hots(), scene.view_index(photo))
        return search_heat_png(heat, photo_lookup(scene.views[scene.view_index(photo)], width))

    def heat_in_3d(self, colours: np.ndarray) -> np.ndarray | None:
        """Colours [N, 3] of the scene's points, with what fits the queries; None before one.

        Args:
            colours: Of the points, as in the photos.
        """
        lookup, scene = self._here.lookup, self.session.scene
        with self.lock:
            if lookup is None or scene is None or not self.asks:
                return None
            return heat_of_points(scene, lookup.index, self._hots(), colours)

    def _hots(self) -> list[HeatSource]:
        """What is shown of all queries."""
        return [
            HeatSource(f.object_id, f.score / ask.result.found[0].score, rgb(ask.colour))
            for ask in self.asks
            for f in ask.result.found[:SHOWN_MAX]
            if f.score >= self._least(ask)
        ]

    def _least(self, ask: SearchQuestion) -> float:
        best = ask.result.found[0].score if ask.result.found else 0.0
        return self.threshold * best

    def _ask_state(self, ask: SearchQuestion, lookup: WordLookup) -> Asked:
        found = ask.result.found
        best = found[0].score if found else 1.0
        counts, _ = np.histogram([f.score / best for f in found], bins=20, range=(0, 1))
        return Asked(
            text=ask.text,
            colour=ask.colour,
            message=ask.result.message,
            used=list(ask.result.query.used),
            unknown=list(ask.result.query.unknown),
            histogram=counts.tolist(),
            count=sum(f.score >= self._least(ask) for f in found),
            found=[
                Found(
                    f.object_id,
                    lookup.title(f.object_id),
                    round(f.score, 3),
                    _suggested(lookup, f.object_id),
                )
                for f in found[:SHOWN_MAX]
                if f.score >= self._least(ask)
            ],
        )

    def _need_lookup(self, encoder: str) -> WordLookup:
        """The scene's objects for the session's method; measured in the queue of slow work when that is new."""
        scene, name = self.session.scene, self.session.scene_name
        if scene is None or name is None:
            raise InputError("No scene is open; choose one first.")
        method = self.session.method
        config = self.lab.config_of(name, method)
        wanted = (name, MethodChoice.of(method, config), encoder)
        here = self._here
        if here.lookup is None or here.lookup_of != wanted:
            job = self.lab.jobs.submit(
                "Measuring what words can find",
                lambda progress, cancel: build_word_lookup(
                    self.lab, name, method, config, encoder=encoder, progress=progress, cancel=cancel
                ),
            )
            found = job.result()
            with self.lock:
                if here.lookup_of is None or here.lookup_of[:2] != wanted[:2]:
                    here.asks = []
                here.asks = [
                    ask for ask in here.asks if not ask.bare.voted
                ]  # of objects that go with the lookup
                here.bare, here.lookup_of, here.names_of = found, wanted, None
        return self._up_to_date(scene)

    def _voted(self, text: str) -> WordLookup:
        """The lookup with what the method's own votes find for a text."""
        here, scene = self._here, self.session.scene
        assert here.bare is not None and scene is not None
        grown, _ = here.bare.answered(scene, text)
        with self.lock:
            here.bare, here.lookup = grown, None
        return self._up_to_date(scene)

    def _up_to_date(self, scene: "Scene") -> WordLookup:
        """The lookup with the names and scale of now; when these changed, every question is answered again."""
        workspace = self.lab.workspace
        with self.lock:
            assert self._here.bare is not None
            token = (names_token(workspace, scene.key), metres_per_unit(workspace, scene))
            if self._here.lookup is None or self._here.names_of != token:
                self._here.lookup, self._here.names_of = (
                    with_names_and_scale(workspace, scene, self._here.bare),
                    token,
                )
                self.version += 1
                self.asks = [
                    replace(ask, result=with_names_and_scale(workspace, scene, ask.bare).search(ask.text))
                    for ask in self.asks
                ]
            return self._here.lookup


def add_to_session(
    session: "Session",
    lookup: WordLookup,
    object_id: int,
    name: str,
    colour: str | None = None,
    *,
    answered_by: MethodChoice | None = None,
    named: bool = False,
) -> None:
    """A new object of the session that is an object found by words; `named` where a person accepted that name.

    The object is clicked where it is thickest, at the granularity at which the method's cache has it. An object that
    was put together from several masks is kept with the scene first, so that a click finds it.
    """
    from liftlab.components.geometry.projection import photo_from_view
    from liftlab.pipelines.offers import HasGranularity

    scene = session.scene
    assert scene is not None
    view, x, y = thickest_place(scene, lookup, object_id)
    choice = answered_by or session.choice
    masks, segmenter, granularity = session.masks, session.answerer.method(choice).segmenter, None
    if masks is not None and isinstance(segmenter, HasGranularity):
        drawn_masks = [lookup.index.mask(v, object_id) for v in range(len(scene.views))]
        if object_id > len(masks.kinds) or not np.array_equal(masks.mask(view, object_id), drawn_masks[view]):
            masks = session.keep_masks(drawn_masks)
            object_id = int(masks.object_ids[-1])
        granularity = segmenter.granularity_of(masks, object_id, view, x, y)

    px, py = photo_from_view(scene.views[view], np.array([x, y])).tolist()
    click = PhotoClick(scene.views[view].name, px, py)
    session.add_object(
        ObjectPrompts(name, (click,), granularity), colour=colour, answered_by=choice, named=named
    )


def _suggested(lookup: WordLookup, object_id: int) -> list[Suggested]:
    """Guesses of what an object is that nobody named."""
    if object_id in lookup.names:
        return []
    return [Suggested(name, round(score, 2)) for name, score in lookup.guesses.get(object_id, ())]


def thickest_place(scene: "Scene", lookup: WordLookup, object_id: int) -> tuple[int, float, float]:
    """View and view pixel (x, y) inside an object, as far from its outline as it gets."""
    masks = lookup.index.masks
    view = max(range(masks.num_views), key=lambda v: masks.area(v, object_id))
    rows, columns = masks.box(view, object_id)
    inside = np.pad(masks.mask(view, object_id)[rows, columns].astype(np.uint8), 1)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    row, column = np.unravel_index(int(distance.argmax()), distance.shape)
    return view, float(column) - 0.5 + columns.start, float(row) - 0.5 + rows.start


def _free_name(wanted: str, taken: set[str]) -> str:
    """The text as an object's name, with a number where that is taken."""
    allowed = (
        "".join(c for c in wanted if c not in '/\\:*?"<>|' and ord(c) >= 32).strip(" .")[:50].strip(" .")
    )
    base = checked_object_name(allowed or "found")
    if base.casefold() not in taken:
        return base
    return next(f"{base} {i}" for i in range(2, len(taken) + 3) if f"{base} {i}".casefold() not in taken)
