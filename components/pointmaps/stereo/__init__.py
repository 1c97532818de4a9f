"""Depth of every view from its neighbours: plane sweep, refinement, confirmation.

Public, by module:

- `consistency`: agreement_of
- `multiview`: coarse_depths, confirmed_depths, multiview_pointmap, MultiviewOptions
- `sources`: select_sources
"""
