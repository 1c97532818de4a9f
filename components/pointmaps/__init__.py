"""Depth of every pixel: from pairs of views, by stereo, and aligned into one frame.

Public, by module:

- `mast3r_network`: build_pair_network, CrocoPairNetwork, load_pair_network
- `mast3r_pairs`: NetworkPairConfig, NetworkPairPredictor
- `pair_focal`: shared_focal
- `pair_pose`: detect_features, match_features
- `pairs`: cells_of_matches, Edge, nearby_graph, pair_graph, PairFailure, PairPredictor, PairResult, predict_pairs,
    shrunk
- `stereo_pairs`: StereoPairConfig, StereoPairPredictor
- `threads`: in_blocks, num_threads
"""
