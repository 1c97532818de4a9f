"""OVSeg3R in pieces: superpoints, labels lifted view by view, network, matching, losses, inference.

Equation numbers are those of docs/methods/ovseg3r.md.

Public, by module:

- `augmentation`: GeometryNoise, MaskNoise, moved, spoilt_map, STUFF
- `cloud`: Cloud, cloud_of, sampled_points
- `inference`: best_of_each, InferenceConfig, Objects
- `lifting`: superpoint_visibility
- `losses`: LossConfig, view_loss, ViewTargets
- `network`: LARGEST_GAMMA, NetworkConfig, OpenVocabNetwork, SceneInputs
- `records`: load_record, save_record, SceneRecord
- `scene_inputs`: normalised
- `segmenting`: decoded, edges_of, inputs_of, named, segment_cloud, SegmentedCloud, superpoints_of, top_names
- `superpoints`
- `supervision`: partial_targets, scene_targets, view_targets
- `weights`: load_trained, save_trained, SuperpointConfig, Trained, WEIGHTS
"""
