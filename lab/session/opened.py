"""The scene and the method of a session: opened, chosen, let go of for a while, and brought back."""

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from liftlab.components.progress import CancelToken
from liftlab.components.types import Scene
from liftlab.engine.lab import Lab
from liftlab.session.answerer import Answerer
from liftlab.session.book import ObjectBook

if TYPE_CHECKING:
    from liftlab.components.masks.cache import MaskCache
    from liftlab.pipelines.base import Prepared, Segmenter


class OpenScene:
    """A book of objects and what answers them. `Session` adds what people do with the objects."""

    def __init__(self, lab: Lab, *, cancel: CancelToken | None = None) -> None:
        self.lab = lab
        self.book = ObjectBook()
        """The objects as they are asked for."""
        self.answerer = Answerer(lab, cancel or CancelToken())
        """The scene, the method, and the objects' answers."""
        self._lock = threading.RLock()

    @property
    def cancel(self) -> CancelToken:
        """Once set, answers that are being computed end with `Cancelled`."""
        return self.answerer.cancel

    @cancel.setter
    def cancel(self, token: CancelToken) -> None:
        self.answerer.cancel = token

    @property
    def scene_name(self) -> str | None:
        return self.answerer.scene_name

    @property
    def scene(self) -> Scene | None:
        """The open scene; None before the first."""
        return self._awake.scene

    def need_scene(self) -> Scene:
        """The open scene. InputError before the first."""
        return self._awake.need_scene()

    @property
    def masks(self) -> "MaskCache | None":
        """The objects of the open scene; None while they are not found."""
        return self._awake.masks

    @property
    def method(self) -> str:
        return self.answerer.method

    @property
    def config(self) -> Any:
        """Of the method; None for its defaults."""
        return self.answerer.config

    @property
    def prepared(self) -> "Prepared | None":
        """State of the method for the open scene; None while not prepared."""
        return self._awake.prepared

    @property
    def segmenter(self) -> "Segmenter | None":
        """The method itself, with its configuration; None before a scene was opened."""
        return self._awake.segmenter

    @property
    def ready(self) -> bool:
        """Whether clicks are answered: a scene is open and the method prepared for it."""
        return self._awake.ready

    def open(self, scene_name: str) -> Scene:
        """Open a reconstructed scene, with its masks and the method as far as they are there.

        Opening the open scene again picks up what was built in between; the objects stay. Another scene
        starts empty.

        Raises:
            InputError: There is no such scene, or it is not reconstructed yet.
        """
        with self._lock:
            if not self._awake.open(scene_name):
                self.forget_objects()
            self.answerer.use_again(self.book.entries)
            return self.answerer.need_scene()

    def set_method(self, name: str, config: Any = None) -> None:
        """Answer with another method; all objects are answered again. InputError for an unknown name."""
        with self._lock:
            self._awake.use(name, config, self.book.entries)

    def use_prepared(self, name: str) -> None:
        """Answer with another method, as it was prepared last for the scene."""
        with self._lock:
            scene = self._awake.scene_name
            ready = scene is not None and name in self.lab.status(scene).methods
            self.set_method(name, self.lab.config_of(scene, name) if ready and scene is not None else None)

    def decompose(self, granularity: float | None = None) -> "tuple[np.ndarray, ...] | None":
        """Everything segmented by the method: per view a label map [H, W], 0 = none; None while not prepared."""
        with self._lock:
            segmenter, prepared = self._awake.segmenter, self.answerer.prepared
            if segmenter is None or prepared is None:
                return None
            return segmenter.decompose(prepared, granularity)

    def nearest_points(self) -> np.ndarray:
        """Per Gaussian of the open scene the index of the point it takes after, -1 for none."""
        return self._awake.nearest_points()

    @property
    def resting(self) -> bool:
        """Whether it holds nothing heavy."""
        return self.answerer.resting

    def rest(self) -> None:
        """Let go of the scene, its masks, the method's state and all answers.

        Objects and history stay; whatever is asked next finds everything as it was: the scene is opened again, and the
        objects are answered again from their prompts.
        """
        with self._lock:
            self.answerer.rest()

    def forget_objects(self) -> None:
        """Have no object, and no answer. Call with the lock held."""
        self.book.clear()
        self.answerer.forget_answers()

    @property
    def _awake(self) -> Answerer:
        """The answerer, with its scene in memory."""
        if self.answerer.asleep:
            self._wake()
        return self.answerer

    def _wake(self) -> None:
        """Undo `rest`. A scene that is gone by now is closed; one that was made again starts empty, as in `open`."""
        with self._lock:
            if self.answerer.asleep and not self.answerer.wake(self.book.entries):
                self.forget_objects()
