"""Several methods on one scene, side by side: answers, numbers, panes and the report.

Public, by module:

- `comparison`: Comparison, PaneMethod
- `pane_pictures`: PaneView
- `panes`: Panes
- `report`: report_of
"""
