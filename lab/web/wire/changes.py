"""Commands that change the session: what a person does to objects, their place in the scene, and its scale."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from liftlab.components.bounds import Place
from liftlab.web.wire.fields import Do, Points, Text, Whole, share

if TYPE_CHECKING:
    from liftlab.session.session import Session
    from liftlab.web.visitor import Visitor


class Change(Do):
    """A command that changes the session."""

    def perform(self, visitor: "Visitor") -> None:
        """Change the session; what goes wrong becomes the visitor's note, and every page is told."""
        visitor.act(self.change)

    def change(self, session: "Session") -> Any:
        raise NotImplementedError


class InPhoto(Change):
    """A change by a gesture in a photo, in photo pixels."""

    photo: Text
    """Name of the photo."""


class OfObject(Change):
    """A change of one object."""

    id: Whole
    """Of the object."""


class Click(InPhoto, tag="click"):
    """Say what belongs to the current object, or what does not."""

    x: Place
    """Photo pixels."""
    y: Place
    """Photo pixels."""
    positive: bool
    """Whether it belongs to the object."""

    def change(self, session: "Session") -> None:
        session.click(self.photo, self.x, self.y, self.positive)


class Box(InPhoto, tag="box"):
    """Drag a box around the object."""

    x0: Place
    """Of its left side."""
    y0: Place
    """Of its upper side."""
    x1: Place
    """Of its right side."""
    y1: Place
    """Of its lower side."""

    def change(self, session: "Session") -> None:
        session.box(self.photo, self.x0, self.y0, self.x1, self.y1)


class Stroke(InPhoto, tag="stroke"):
    """Paint the mask of a photo."""

    points: Points
    """Middle of the brush along its way."""
    radius: Place
    """Of the brush, photo pixels."""
    positive: bool
    """False rubs out."""

    def change(self, session: "Session") -> None:
        session.paint(self.photo, self.points, self.radius, self.positive)


class Granularity(Change, tag="granularity"):
    """Choose between part and whole."""

    value: Place
    """0 is the smallest part, 1 the largest whole."""

    def change(self, session: "Session") -> None:
        session.set_granularity(share(self.value))


class Grow(Change, tag="grow"):
    """Add a rim to the selection."""

    def change(self, session: "Session") -> None:
        session.grow()


class Shrink(Change, tag="shrink"):
    """Take a rim off the selection."""

    def change(self, session: "Session") -> None:
        session.shrink()


class Undo(Change, tag="undo"):
    """Take the last change back."""

    def change(self, session: "Session") -> None:
        session.undo()


class Redo(Change, tag="redo"):
    """Make the change that was taken back."""

    def change(self, session: "Session") -> None:
        session.redo()


class Clear(Change, tag="clear"):
    """Take back all clicks of the current object."""

    def change(self, session: "Session") -> None:
        session.clear()


class NewObject(Change, tag="new_object"):
    """Start another object."""

    def change(self, session: "Session") -> None:
        session.new_object()


class Select(OfObject, tag="select"):
    """Make an object the current one."""

    def change(self, session: "Session") -> None:
        session.select_object(self.id)


class Rename(OfObject, tag="rename"):
    """Give an object another name."""

    name: Text
    """The new one."""

    def change(self, session: "Session") -> None:
        session.rename_object(self.id, self.name)


class Delete(OfObject, tag="delete"):
    """Forget an object."""

    def change(self, session: "Session") -> None:
        session.delete_object(self.id)


class Method(Change, tag="method"):
    """Choose what answers the current object, and new ones."""

    name: Text
    """Of the method."""
    all: bool
    """It answers all objects."""

    def change(self, session: "Session") -> None:
        session.use_prepared(self.name, all_objects=self.all)


class Keep(OfObject, tag="keep"):
    """Keep an object of a slow click with the scene."""

    def change(self, session: "Session") -> None:
        session.keep(self.id)


class Remove(OfObject, tag="remove"):
    """Take an object out of the scene, or put it in again."""

    removed: bool
    """Whether it is out."""

    def change(self, session: "Session") -> None:
        session.stage.remove(self.id, self.removed)


class Duplicate(OfObject, tag="duplicate"):
    """Put another one beside an object."""

    def change(self, session: "Session") -> None:
        session.stage.duplicate(self.id)


class Nudge(OfObject, tag="nudge"):
    """Move an object by a step."""

    way: Text
    """One of left, right, up, down, front and back."""

    def change(self, session: "Session") -> None:
        session.stage.nudge(self.id, self.way)


class PutBack(OfObject, tag="put_back"):
    """Put an object where it was reconstructed."""

    def change(self, session: "Session") -> None:
        session.stage.put_back(self.id)


class Crop(OfObject, tag="crop"):
    """Keep only what is near an object."""

    def change(self, session: "Session") -> None:
        session.stage.crop_around(self.id)


class Uncrop(Change, tag="uncrop"):
    """Show the whole scene again."""

    def change(self, session: "Session") -> None:
        session.stage.uncrop()


class Mend(Change, tag="mend"):
    """Fill in what objects leave behind where they are taken out or moved away, or leave it as it is."""

    on: bool
    """It is filled in; then splats are drawn, since points have nothing to be filled in with."""

    def perform(self, visitor: "Visitor") -> None:
        if self.on and visitor.scene is not None and visitor.scene.gaussians is not None:
            with visitor.lock:
                visitor.look = replace(visitor.look, surface="splats", tone="photo")
        super().perform(visitor)
        if self.on and visitor.view.fills_nothing:
            visitor.say(
                "Nothing was filled in: what was taken out or moved away stands on no flat surface of the scene."
            )

    def change(self, session: "Session") -> None:
        session.stage.mend(self.on)


class Measure(InPhoto, tag="measure"):
    """Mark an end of what is measured."""

    x: Place
    """Photo pixels."""
    y: Place
    """Photo pixels."""

    def change(self, session: "Session") -> None:
        session.ruler.mark(self.photo, self.x, self.y)


class SetScale(Change, tag="set_scale"):
    """Say how long the measured distance is in reality."""

    length: Place
    """In `unit`."""
    unit: Text
    """One of mm, cm, m, in and ft."""

    def change(self, session: "Session") -> None:
        session.ruler.set_scale(self.length, self.unit)


class ForgetScale(Change, tag="forget_scale"):
    """Go back to a scene without real units."""

    def change(self, session: "Session") -> None:
        session.ruler.forget_scale()


AnyChange = (
    Click | Box | Stroke | Granularity | Grow | Shrink | Undo | Redo | Clear
    | NewObject | Select | Rename | Delete | Method | Keep
    | Remove | Duplicate | Nudge | PutBack | Crop | Uncrop | Mend
    | Measure | SetScale | ForgetScale
)  # fmt: skip
