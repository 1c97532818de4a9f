"""What goes over the line between the page and its session: commands of the page, messages to it, and the types of
both for the page's scripts.

Public, by module:

- `cards`: SceneCard, WorkRow
- `commands`: perform
- `messages`: Cells, CellState, CellStatus, Compared, Comparing, Curve, ExportOffer, JobProgress, Mark, Measured,
    Message, MethodOffer, MethodRow, NotCompared, ObjectRow, Overlay, PaneRow, Photo, plain_of, Ready, Reference,
    Scenes, State, Waiting
- `search`: Asked, Found, SearchState, Suggested
"""
