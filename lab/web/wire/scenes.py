"""The scenes of the workspace: what the page shows of them, and what can be done with them."""

from typing import TYPE_CHECKING

from msgspec import Struct

from liftlab.components.errors import InputError
from liftlab.web.wire.fields import Do, Text
from liftlab.web.wire.messages import Message

if TYPE_CHECKING:
    from liftlab.web.visitor import Visitor


class SceneCard(Struct, frozen=True):
    """A scene, or photos that can become one."""

    name: str
    kind: str
    """"scene" when it opens at once, "photos" when it has to be built first, "example" when it comes with LiftLab."""
    note: str
    """What there is of it, for people."""
    made: float | None
    """Seconds since 1970 UTC; null for an example."""
    work: str
    """Objects that the person has in it; empty for none."""
    worked: float | None
    """When the person changed them last."""
    open: bool
    """It is the open one."""


class Scenes(Message, tag="scenes"):
    """All that can be opened."""

    scenes: list[SceneCard]
    note: str
    """What went wrong; empty when nothing did."""


class ListScenes(Do, tag="list_scenes"):
    """Ask what can be opened; the asking page alone is told."""

    def perform(self, visitor: "Visitor") -> Scenes:
        from liftlab.page.cells.scenes import scenes_of

        return scenes_of(visitor)


class OfScene(Do):
    """Something done with a scene; what goes wrong is said with the list."""

    name: Text
    """Of the scene."""

    def perform(self, visitor: "Visitor") -> Scenes:
        from liftlab.page.cells.scenes import scenes_of

        try:
            self.change(visitor)
        except InputError as error:
            return scenes_of(visitor, str(error))
        return scenes_of(visitor)

    def change(self, visitor: "Visitor") -> None:
        raise NotImplementedError


class OpenScene(OfScene, tag="open_scene"):
    """Open a scene, or build one of photos."""

    def change(self, visitor: "Visitor") -> None:
        from liftlab.page.cells.capture import open_or_build

        if self.name != visitor.scene_name or visitor.scene is None:
            open_or_build(visitor, self.name)


class RenameScene(OfScene, tag="rename_scene"):
    """Give a scene another name."""

    new_name: Text
    """The new one."""

    def change(self, visitor: "Visitor") -> None:
        from liftlab.page.cells.scenes import rename

        rename(visitor, self.name, self.new_name)


class DuplicateScene(OfScene, tag="duplicate_scene"):
    """Have a scene twice, to go on with one of them in another way; nothing is computed again."""

    def change(self, visitor: "Visitor") -> None:
        from liftlab.page.cells.scenes import duplicate

        duplicate(visitor, self.name)


class DeleteScene(OfScene, tag="delete_scene"):
    """Remove a scene; its photos stay."""

    def change(self, visitor: "Visitor") -> None:
        from liftlab.page.cells.scenes import delete

        delete(visitor, self.name)


AnyScene = ListScenes | OpenScene | RenameScene | DuplicateScene | DeleteScene
