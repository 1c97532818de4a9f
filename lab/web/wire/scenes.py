"""The scenes of the workspace: what the page shows of them, and what can be done with them."""

from typing import TYPE_CHECKING

from liftlab.components.errors import InputError
from liftlab.page.cells import capture, scenes
from liftlab.web.wire.fields import Do, Text
from liftlab.web.wire.messages import Scenes

if TYPE_CHECKING:
    from liftlab.web.visitor import Visitor


class ListScenes(Do, tag="list_scenes"):
    """Ask what can be opened; the asking page alone is told."""

    def perform(self, visitor: "Visitor") -> Scenes:
        return scenes.scenes_of(visitor)


class OfScene(Do):
    """Something done with a scene; what goes wrong is said with the list."""

    name: Text
    """Of the scene."""

    def perform(self, visitor: "Visitor") -> Scenes:
        try:
            self.change(visitor)
        except InputError as error:
            return scenes.scenes_of(visitor, str(error))
        return scenes.scenes_of(visitor)

    def change(self, visitor: "Visitor") -> None:
        raise NotImplementedError


class OpenScene(OfScene, tag="open_scene"):
    """Open a scene, or build one of photos."""

    def change(self, visitor: "Visitor") -> None:
        if self.name != visitor.scene_name or visitor.scene is None:
            capture.open_or_build(visitor, self.name)


class RenameScene(OfScene, tag="rename_scene"):
    """Give a scene another name."""

    new_name: Text
    """The new one."""

    def change(self, visitor: "Visitor") -> None:
        scenes.rename(visitor, self.name, self.new_name)


class DuplicateScene(OfScene, tag="duplicate_scene"):
    """Have a scene twice, to go on with one of them in another way; nothing is computed again."""

    def change(self, visitor: "Visitor") -> None:
        scenes.duplicate(visitor, self.name)


class DeleteScene(OfScene, tag="delete_scene"):
    """Remove a scene; its photos stay."""

    def change(self, visitor: "Visitor") -> None:
        scenes.delete(visitor, self.name)


AnyScene = ListScenes | OpenScene | RenameScene | DuplicateScene | DeleteScene
