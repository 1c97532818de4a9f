"""Objects and answers of a session, where a test knows that they are there."""

from liftlab.session.objects import Answer, ObjectState, Result
from liftlab.session.session import Session
from tests.not_none import not_none


def current_of(session: Session) -> ObjectState:
    """The object that clicks go to."""
    return not_none(session.current)


def answer_of(state: ObjectState | None) -> Answer:
    return not_none(not_none(state).answer)


def result_of(state: ObjectState | None) -> Result:
    return not_none(not_none(state).result)
