"""Commands about saved works: what a person has of a scene, any number of times."""

from typing import TYPE_CHECKING

from liftlab.web.wire.fields import Do, Text

if TYPE_CHECKING:
    from liftlab.session.session import Session
    from liftlab.web.visitor import Visitor


class OfWork(Do):
    """A command about one saved work."""

    id: Text
    """Of the work."""


class OpenWork(OfWork, tag="open_work"):
    """Go on with a work; the one that is open stays as it is."""

    def perform(self, visitor: "Visitor") -> None:
        def take(session: "Session") -> None:
            visitor.works.leave(session, visitor.on_screen)
            if (view := visitor.works.take_up(session, self.id)) is not None:
                visitor.show(view)

        if self.id != visitor.works.id_of(visitor.session.scene_name):
            visitor.change_work(take)


class NewWork(Do, tag="new_work"):
    """Start afresh with the open scene; the work that is open stays as it is."""

    name: Text
    """Of the new one; empty for none yet."""

    def perform(self, visitor: "Visitor") -> None:
        def start(session: "Session") -> None:
            visitor.works.leave(session, visitor.on_screen)
            visitor.works.start_new(session.need_scene_name(), self.name.strip())
            session.start_over()

        visitor.change_work(start)


class RenameWork(OfWork, tag="rename_work"):
    """Give a work another name."""

    name: Text
    """The new one."""

    def perform(self, visitor: "Visitor") -> None:
        visitor.act(lambda session: visitor.works.rename(self.id, self.name.strip()))


class DeleteWork(OfWork, tag="delete_work"):
    """Remove a work for good; when it is open, the scene is without objects then."""

    def perform(self, visitor: "Visitor") -> None:
        def delete(session: "Session") -> None:
            if self.id == visitor.works.id_of(session.scene_name):
                session.start_over()
            visitor.works.delete(self.id)

        visitor.change_work(delete)


AnyWork = OpenWork | NewWork | RenameWork | DeleteWork
