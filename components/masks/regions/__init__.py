"""Masks without weights: proposals of one view, one id over all views, sharp outlines.

Public, by module:

- `agreeing`: voxels_of_proposals
- `agreement`: AgreementConfig
- `following`: GeometryTracker, leaves_within
- `matching`: objects_of_matches
- `outline`: color_histogram, outline, OutlineConfig, view_colors, ViewColors
- `proposals`: masks_of_levels, RegionConfig, RegionProposer
- `tracking`: Hierarchy, MergeTreeBuilder, MergeTreeConfig, Track
"""
