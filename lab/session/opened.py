"""The scene and the method of a session: opened, chosen, let go of for a while, and brought back."""

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from liftlab.components.progress import CancelToken
from liftlab.components.types import Scene
from liftlab.engine.lab import Lab
from liftlab.session.answerer import Answerer
from liftlab.session.book import ObjectBook
from liftlab.session.history import History
from liftlab.session.objects import MethodChoice

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
        self.history: History[Any] = History(self)
        self.note = ""
        """What was left out when the scene was opened, for people; empty when nothing was."""
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

    def need_scene_name(self) -> str:
        """Name of the open scene. InputError before the first."""
        self.need_scene()
        assert self.scene_name is not None
        return self.scene_name

    @property
    def masks(self) -> "MaskCache | None":
        """The objects of the open scene; None while they are not found."""
        return self._awake.masks

    @property
    def choice(self) -> MethodChoice:
        """What answers the current object, or the next one while there is none."""
        return self.book.choice

    @property
    def method(self) -> str:
        """Name of the method that answers the current object, or the next one while there is none."""
        return self.book.choice.name

    @property
    def config(self) -> Any:
        """Of the method; None for its defaults."""
        return self.book.choice.settings

    @property
    def prepared(self) -> "Prepared | None":
        """State of the method for the open scene; None while not prepared."""
        return self._awake.method(self.book.choice).prepared if self.scene_name is not None else None

    @property
    def segmenter(self) -> "Segmenter | None":
        """The method itself, with its configuration; None before a scene was opened."""
        return self._awake.method(self.book.choice).segmenter if self.scene_name is not None else None

    @property
    def ready(self) -> bool:
        """Whether clicks are answered: a scene is open and the method prepared for it."""
        return self.prepared is not None

    def open(self, scene_name: str) -> Scene:
        """Open a reconstructed scene, with its masks and the methods as far as they are there.

        Opening the open scene again picks up what was built in between; the objects stay. Another scene has objects of
        its own: none at first, and later those that it had when it was left. What of them does not fit the scene any
        more, because it was made again in between, is left out and named in `note`.

        Raises:
            InputError: There is no such scene, or it is not reconstructed yet.
        """
        with self._lock:
            answerer = self._awake
            left = (answerer.scene_name, None if answerer.scene is None else answerer.scene.key)
            self.note = ""
            if answerer.open(scene_name):
                answerer.refresh(self.book.entries)
            else:
                self._change_scene(*left)
            return answerer.need_scene()

    def set_method(self, name: str, config: Any = None, *, all_objects: bool = False) -> None:
        """Answer the current object, and those that are new from then on, with another method (one undo).

        Args:
            config: Of the method; None for its defaults.
            all_objects: All objects are answered by it.

        Raises:
            InputError: There is no such method.
        """
        with self._lock:
            self.lab.segmenter(name, config)
            choice = MethodChoice.of(name, config)
            self._awake.refresh(self.book.entries)  # what was prepared in between
            all_of_them = all_objects and self.book.entries
            edit = self.book.all_answered_by(choice) if all_of_them else self.book.answered_by(choice)
            if edit is not None:
                self.history.do(edit)

    def use_prepared(self, name: str, *, all_objects: bool = False) -> None:
        """`set_method` as the method was prepared last for the scene."""
        with self._lock:
            scene = self.scene_name
            ready = scene is not None and name in self.lab.status(scene).methods
            config = self.lab.config_of(scene, name) if ready and scene is not None else None
            self.set_method(name, config, all_objects=all_objects)

    def decompose(self, granularity: float | None = None) -> "tuple[np.ndarray, ...] | None":
        """Everything segmented by the method: per view a label map [H, W], 0 = none; None while not prepared."""
        with self._lock:
            if self._awake.scene is None:
                return None
            ready = self.answerer.method(self.book.choice)
            return None if ready.prepared is None else ready.segmenter.decompose(ready.prepared, granularity)

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

    def start_over(self) -> None:
        """Have no object in the open scene, and nothing to undo."""
        with self._lock:
            self.forget_objects()

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
        """Undo `rest`. A scene that is gone by now is closed; one that was made again is taken up as in `open`."""
        with self._lock:
            name, key = self.answerer.scene_name, self.answerer.slept_with
            if self.answerer.asleep and not self.answerer.wake(self.book.entries):
                self._change_scene(name, key)

    def _change_scene(self, left: str | None, left_key: str | None) -> None:
        """Another scene is open than the one of this name and key, which is None where none was: have its objects,
        answered.
        """
        self.forget_objects()
