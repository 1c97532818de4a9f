"""Depth where stereo has none: surfaces of regions, kept where views agree on them.

Public, by module:

- `comparing`: votes_on
- `completion`: completed
- `photos`: Photos, photos_side_by_side
- `proposals`: EVIDENCE, Proposals
"""
