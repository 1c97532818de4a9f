"""Commands that change only what is shown, and those that start or stop work."""

import contextlib
from typing import TYPE_CHECKING

from liftlab.compare.pane_pictures import PaneView
from liftlab.components.bounds import Place
from liftlab.page.cells import gaussians, methods
from liftlab.page.state import hover_url
from liftlab.view3d.drawing import Look, Rest, Tone
from liftlab.view3d.surfaces import SurfaceName
from liftlab.web.wire.fields import Do, Text, Whole, share
from liftlab.web.wire.messages import Hover, Reference

if TYPE_CHECKING:
    from liftlab.web.visitor import Visitor


class View(Do):
    """A command that changes only what is shown."""


class OfPane(View):
    """A change of one pane of the comparison."""

    pane: Whole
    """Its place, from 0."""


class Show(View, tag="show"):
    """Show another photo."""

    photo: Text | None
    """Its name; nothing where a page has none yet: then the one that was on the screen last stays."""

    def perform(self, visitor: "Visitor") -> None:
        if self.photo is not None:
            visitor.photo = self.photo
        visitor.push()


class Visible(View, tag="visible"):
    """Switch the colours of an object on or off."""

    id: Whole
    """Of the object."""
    visible: bool
    """Its colours are on."""

    def perform(self, visitor: "Visitor") -> None:
        (visitor.hidden.discard if self.visible else visitor.hidden.add)(self.id)
        visitor.act(lambda session: None)


class Cameras(View, tag="cameras"):
    """Show or hide the cameras in 3D."""

    visible: bool
    """Whether they are shown."""

    def perform(self, visitor: "Visitor") -> None:
        visitor.viewer.show_cameras(self.visible)


class Dark(View, tag="dark"):
    """Follow the page's colours."""

    dark: bool
    """The page has light text on a dark ground."""

    def perform(self, visitor: "Visitor") -> None:
        visitor.viewer.set_dark(self.dark)
        with visitor.lock:
            visitor.panes.set_dark(self.dark)


class Graphics(View, tag="graphics"):
    """Say what draws 3D."""

    software: bool
    """The browser has no graphics card."""

    def perform(self, visitor: "Visitor") -> None:
        visitor.panes.software = self.software


class Compare(View, tag="compare"):
    """Compare methods on the open scene."""

    names: Text
    """Of the methods, with commas between; none closes the comparison."""

    def perform(self, visitor: "Visitor") -> None:
        visitor.compare(_listed(self.names))


class SetReference(View, tag="reference"):
    """Choose what the answers are scored against."""

    pane: Reference
    """The one whose answer is right, or what is in place of it."""

    def perform(self, visitor: "Visitor") -> None:
        visitor.panes.reference = self.pane
        visitor.push_compare()


class Link(View, tag="link"):
    """Have the cameras of all panes follow each other, or not."""

    on: bool
    """They follow each other."""

    def perform(self, visitor: "Visitor") -> None:
        visitor.panes.linked = self.on
        visitor.push_compare()


class PaneGranularity(OfPane, tag="pane_granularity"):
    """Give a pane a granularity of its own."""

    value: Place | None
    """0 is the smallest part, 1 the largest whole; nothing follows the clicks again."""

    def perform(self, visitor: "Visitor") -> None:
        value = None if self.value is None else share(self.value)
        visitor.change_panes(lambda panes: panes.set_granularity(self.pane, value))


class SetPaneView(OfPane, tag="pane_view"):
    """Show a pane in another way."""

    view: PaneView
    """What it shows from now on."""

    def perform(self, visitor: "Visitor") -> None:
        visitor.change_panes(lambda panes: panes.set_view(self.pane, self.view))


class Agreement(View, tag="agreement"):
    """Show in 3D who agrees, or each pane's own view."""

    on: bool
    """Who agrees is shown."""

    def perform(self, visitor: "Visitor") -> None:
        visitor.change_panes(lambda panes: panes.show_agreement(self.on))


class Take(OfPane, tag="take"):
    """Make the answer of a pane the result."""

    def perform(self, visitor: "Visitor") -> None:
        visitor.act(lambda session: visitor.panes.take(self.pane, session))


class LookFrom(View, tag="look"):
    """Look at the scene in 3D from where a photo was taken."""

    photo: Text
    """Its name."""

    def perform(self, visitor: "Visitor") -> None:
        if visitor.scene is not None:
            with contextlib.suppress(KeyError):  # a photo that was not registered has no place in 3D
                visitor.viewer.look_from(visitor.scene.view_index(self.photo))


class Look3D(View, tag="look_3d"):
    """Draw the scene in another way."""

    surface: SurfaceName
    """Points or splats."""
    tone: Tone
    """Where colours come from."""
    rest: Rest
    """Everything that is not a visible object."""

    def perform(self, visitor: "Visitor") -> None:
        visitor.look_at(Look(self.surface, self.tone, self.rest))


class Moving(View, tag="moving"):
    """Give the current object handles, or take them away."""

    on: bool
    """It has handles."""

    def perform(self, visitor: "Visitor") -> None:
        visitor.set_moving(self.on)


class Measuring(View, tag="measuring"):
    """Send clicks to the ruler, or to the current object again."""

    on: bool
    """Clicks go to the ruler."""

    def perform(self, visitor: "Visitor") -> None:
        visitor.set_measuring(self.on)


class Mode(View, tag="mode"):
    """Say what a plain click in 3D means."""

    positive: bool
    """What is clicked belongs to the object."""

    def perform(self, visitor: "Visitor") -> None:
        visitor.positive = self.positive


class SetSetting(View, tag="setting"):
    """Note a setting for the next preparation of a method."""

    method: Text
    """Its name."""
    name: Text
    """Of the setting, for example train.iterations."""
    value: Text
    """As on the command line; an empty one takes the default again."""

    def perform(self, visitor: "Visitor") -> None:
        methods.set_value(visitor, self.method, self.name, self.value)


class Prepare(View, tag="prepare"):
    """Start preparing methods."""

    names: Text
    """Of the methods, with commas between."""

    def perform(self, visitor: "Visitor") -> None:
        methods.start(visitor, _listed(self.names))


class Cancel(View, tag="cancel"):
    """Stop the work of a cell."""

    cell: Text
    """Its id."""

    def perform(self, visitor: "Visitor") -> None:
        visitor.cancel(self.cell)


class UseSplats(View, tag="use_splats"):
    """Use the splats that are offered beside those of the scene."""

    def perform(self, visitor: "Visitor") -> None:
        gaussians.use_others(visitor)


class Preview(View, tag="hover"):
    """Ask what a click would take; the asking page alone is told."""

    photo: Text
    """Its name."""
    x: Place
    """Photo pixels."""
    y: Place
    """Photo pixels."""

    def perform(self, visitor: "Visitor") -> Hover:
        with visitor.lock:
            return Hover(self.photo, hover_url(visitor, self.photo, self.x, self.y))


AnyView = (
    Show | Visible | Cameras | Dark | Graphics | LookFrom | Look3D | Moving | Measuring | Mode
    | Compare | SetReference | Link | PaneGranularity | SetPaneView | Agreement | Take
    | SetSetting | Prepare | Cancel | UseSplats | Preview
)  # fmt: skip


def _listed(names: str) -> list[str]:
    return [name for name in names.split(",") if name]
