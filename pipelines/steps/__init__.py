"""The steps of a scene: reconstruct, masks, gaussians, each with its variants.

Public, by module:

- `gaussians`: default_config, GaussiansConfig, in_steps
- `openvocab_data`: DataConfig, make_records, read_truth, scene_by_stereo, scene_of_truth
- `openvocab_evaluation`: calibrated, evaluate
- `openvocab_training`: fitting, PRESETS, train, TrainConfig
"""
