"""The cells of the page: one module each, with its inputs (`build`), its work (`start`) and what it shows
(`status`).

Public, by module:

- `capture`: open_or_build
- `compare`: code_of
- `frame`: PROGRESS
- `gaussians`
- `masks`
- `methods`
- `models`
- `reconstruct`
- `scenes`: scenes_of, thumb_of
- `search`
- `segment`: code_of
- `work`: CellWork, new_memories
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from liftlab.page.cells.status import CellStatus
    from liftlab.web.visitor import Visitor


def statuses(visitor: "Visitor") -> "list[CellStatus]":
    """How every cell stands, in the order of the page."""
    from liftlab.page.cells import capture, gaussians, masks, methods, models, reconstruct

    return [module.status(visitor) for module in (capture, reconstruct, masks, gaussians, methods, models)]
