"""Two-view pointmaps brought into one frame: global alignment, its weights, and by matches alone.

Public, by module:

- `choices`: dense_config, PhotoAlignmentConfig, soft_masks_of, WeightsConfig
- `scene`: align_scene, SceneAlignment, SceneAlignmentConfig
- `sift`: with_sift_matches
- `solve`: align, Alignment, AlignmentConfig
- `sparse`: align_sparse, SparseAlignmentConfig
- `weights`: soft_masks
"""
