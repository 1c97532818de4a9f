"""Masks of objects: the cache that clicks look up, and the ways that fill it.

Public, by module:

- `boxes`: box_iou
- `brought`: Brought, brought_objects
- `cache`: MaskCache
- `packing`: PackedMasks
- `photo_tracker`: PhotoTracker
- `protocols`: is_foreground, largest_area, ProposalInput, Proposer, TrackedMasks, Tracker, TrackingInput
- `runs`: mask_of_runs, runs_of
- `softening`: cut_soft, soft_by_distance, SOFT_CUT, SOFT_SIGMA_PX, soft_views
"""
