"""OVSeg3R in pieces: superpoints, labels lifted view by view, network, matching, losses, inference.

Equation numbers are those of docs/methods/ovseg3r.md.

Public, by module:

- `answers`: answer_at, Answers
- `augmentation`: GeometryNoise, MaskNoise, moved, spoilt_map, STUFF
- `cloud`: Cloud, cloud_of, sampled_points
- `inference`: best_of_each, InferenceConfig, mask_ious, Objects
- `lifting`: superpoint_visibility
- `losses`: judging_loss, LossConfig, Prediction, view_loss, ViewTargets
- `records`: load_record, save_record, SceneRecord
- `scene_inputs`: normalised
- `segmenting`: edges_of, inputs_of, named, relations_of_cloud, segment_cloud, SegmentedCloud, superpoints_of, top_names
- `superpoints`: RELATIONS
- `supervision`: partial_targets, scene_targets, view_targets
- `weights`: load_trained, mean_of, save_trained, SuperpointConfig, Trained, WEIGHTS
"""
