"""Whatever is done in whatever order: each work has its objects, each object its method, undo takes back, and results
are of the scene that is open.
"""

import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from liftlab.components.errors import InputError
from liftlab.engine.lab import Lab
from liftlab.page.state import state_of
from liftlab.web.visitor import Visitor
from liftlab.web.wire.commands import perform
from liftlab.web.wire.messages import Ready
from tests.lab.splat_method import NAME as LIFTED
from tests.lab.splat_method import Lifted, lifted
from tests.toy import make_toy
from tests.toy_workspace import HEIGHT, NAME, VIEWS, WIDTH, box_center, untrained

__all__ = ["lifted"]

ID = "visitor-of-the-tests-1"
USUAL = "wildseg3d"
SCENES = (NAME, "other", "third")
TOY = make_toy(width=WIDTH, height=HEIGHT, views=VIEWS)


@pytest.fixture
def lab(toy_source: Path, tmp_path: Path, lifted: type[Lifted]) -> Iterator[Lab]:
    """Three scenes, two methods."""
    shutil.copytree(toy_source, tmp_path / "workspace")
    lab = Lab(tmp_path / "workspace")
    with mock.patch("liftlab.pipelines.steps.gaussians.build_gaussians", untrained):
        lab.prepare(NAME, LIFTED)
    for name in SCENES[1:]:
        lab.workspace.write_scene_entry(replace(lab.entry(NAME), name=name))
    yield lab
    lab.close()


Shown = tuple[tuple[Any, ...], ...]


@dataclass
class World:
    """A browser, and what must hold of it."""

    lab: Lab
    rng: random.Random
    visitor: Visitor = field(init=False)
    left: dict[str, Shown] = field(default_factory=dict)
    """By work: its objects when it was left."""
    open_in: dict[str, str] = field(default_factory=dict)
    """By scene: its work that was open last."""
    kept: bool = False
    """A found object was kept with the scene: clicks find it from then on, so that answers are others than before."""
    history: list[Shown] = field(default_factory=list)
    """Since the last reload, or the last work that was opened: what undo leads back to."""

    def __post_init__(self) -> None:
        self.visitor = Visitor(ID, self.lab)
        self.visitor.open(NAME)
        self.came()

    # What is seen

    def shown(self) -> Shown:
        return tuple(
            (s.name, s.asked, s.choice, () if self.kept else tuple(mask.tobytes() for mask in s.masks))
            for s in self.visitor.session.objects
        )

    def work(self) -> str:
        work = self.visitor.works.id_of(self.visitor.session.scene_name)
        assert work is not None
        return work

    def do(self, command: str, **fields: Any) -> None:
        perform(self.visitor, json.dumps({"do": command, **fields}))

    def leaving(self) -> None:
        self.left[self.work()] = self.shown()
        scene = self.visitor.session.scene_name
        assert scene is not None
        self.open_in[scene] = self.work()

    def came(self) -> None:
        """After another work was opened: it is as it was left."""
        assert self.shown() == self.left.get(self.work(), ()), "every work has its own objects"
        self.history = []

    # What is done

    def click(self) -> None:
        view, box = self.rng.randrange(VIEWS), self.rng.randint(1, 3)
        x, y = box_center(TOY, view, box)
        self.edit("click", photo=f"{view:03d}.png", x=x, y=y, positive=self.rng.random() < 0.8)

    def new_object(self) -> None:
        self.edit("new_object")

    def rename(self) -> None:
        if (state := self.any_object()) is not None:
            self.edit("rename", id=state.id, name=f"thing {self.rng.randrange(6)}")

    def delete(self) -> None:
        if (state := self.any_object()) is not None:
            self.edit("delete", id=state.id)

    def method(self) -> None:
        others = {s.id: s.choice for s in self.visitor.session.objects}
        current = self.visitor.session.current
        everything = self.rng.random() < 0.3
        wanted = self.rng.choice([USUAL, LIFTED])
        self.edit("method", name=wanted, all=everything)
        for state in self.visitor.session.objects:
            changed = everything or (current is not None and state.id == current.id)
            assert state.method == wanted if changed else state.choice == others[state.id]

    def take(self) -> None:
        """Make the answer of a compared method the result."""
        session = self.visitor.session
        if session.current is None or session.current.asked.empty or not session.ready:
            return
        before = self.shown()
        name = session.current.name
        self.visitor.compare([USUAL, LIFTED])
        self.edit("take", pane=self.rng.randrange(2))
        for was, now in zip(before, self.shown(), strict=True):
            assert was == now or was[0] == name, "of the compared object alone"
        self.visitor.compare([])

    def edit(self, command: str, **fields: Any) -> None:
        before, version = self.shown(), self.visitor.session.history.put_away()
        self.do(command, **fields)
        if self.visitor.session.history.put_away() != version:
            self.history.append(before)

    def undo(self) -> None:
        if self.history:
            self.do("undo")
            wanted = self.history.pop()
            assert self.shown() == wanted, "undo is the inverse"
            if self.rng.random() < 0.5:
                self.do("redo")
                self.history.append(wanted)

    def select(self) -> None:
        if (state := self.any_object()) is not None:
            before = self.shown()
            self.do("select", id=state.id)
            assert self.shown() == before

    def switch(self) -> None:
        self.leaving()
        there = self.rng.choice(SCENES)
        self.do("open_scene", name=there)
        if there in self.open_in:
            assert self.work() == self.open_in[there], "the work that was open last"
        self.came()

    def other_work(self) -> None:
        self.leaving()
        state = state_of(self.visitor)
        assert isinstance(state, Ready)
        if self.rng.random() < 0.5:
            self.do("new_work", name=f"work {self.rng.randrange(9)}")
        else:
            self.do("open_work", id=self.rng.choice(state.works).id)
        self.came()

    def reload(self) -> None:
        self.leaving()
        work = self.work()
        self.visitor = Visitor(ID, self.lab)
        assert self.visitor.restore()
        assert self.work() == work
        self.came()

    def rest(self) -> None:
        before = self.shown()
        self.visitor.rest()
        assert self.shown() == before

    def search(self) -> None:
        panel = self.visitor.words
        try:
            panel.ask(self.rng.choice(["red", "blue", "large"]), "attributes")
        except InputError:  # the current object's method has nothing to be searched
            return
        found = panel.state().asks[0].found
        if found and self.rng.random() < 0.2 and self.visitor.session.ready:
            self.kept, before = True, self.shown()
            self.left = {work: tuple((*row[:3], ()) for row in rows) for work, rows in self.left.items()}
            before = tuple((*row[:3], ()) for row in before)
            self.visitor.act(lambda session: panel.add(found[0].id))
            assert self.visitor.note == "" and self.shown()[: len(before)] == before
            self.history = []  # several edits

    def any_object(self) -> Any:
        objects = self.visitor.session.objects
        return self.rng.choice(objects) if objects else None

    def check(self) -> None:
        state = state_of(self.visitor)
        assert isinstance(state, Ready)
        session = self.visitor.session
        assert state.scene == session.scene_name
        assert [row.method for row in state.objects] == [s.method for s in session.objects]
        assert [row.id for row in state.works if row.current] == [self.work()]
        assert (
            state.method == session.method == (session.current.method if session.current else session.method)
        )
        for ask in self.visitor.words.state().asks:
            assert all(self.visitor.words.thumb(found.id) for found in ask.found), "results are of this scene"


ACTIONS = [
    World.click, World.click, World.click, World.new_object, World.rename, World.delete, World.method, World.take,
    World.undo, World.undo, World.select, World.switch, World.other_work, World.reload, World.rest,
]  # fmt: skip


def play(lab: Lab, seed: int, actions: int) -> None:
    rng = random.Random(seed)
    world = World(lab, rng)
    for number in range(actions):
        act = rng.choice(ACTIONS if number % 25 else [World.search])
        act(world)
        world.check()


@pytest.mark.parametrize("seed", range(2))
def test_nothing_is_lost_whatever_is_done(lab: Lab, seed: int) -> None:
    play(lab, seed, 80)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_nothing_is_lost_in_five_hundred_actions(lab: Lab, seed: int) -> None:
    play(lab, 100 + seed, 500)
