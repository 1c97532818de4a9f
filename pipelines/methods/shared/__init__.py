"""What several methods need: feature training, answers on Gaussians, labels, identities.

Public, by module:

- `feature_trainer`: FeatureTrainConfig, Learned, LossPoint, train_features, training_frames, TrainingFrame, TrainStep
- `feature_views`: feature_colours, holds_features, HoldsFeatures
- `gaussian_answers`: answer, check_inputs, curve_json, foreground_shares, gaussian_views, GaussianViews, load_state,
    MIN_ALPHA, nothing_selected, save_state, seen_clicks, SeenClick
- `identities`: associated_maps, IdentityMethod, IdentityPrepared, joined_maps, lift_identities, LiftingConfig,
    read_identities
- `joint_trainer`: JointConfig, JointStep, SplatsAndFeatures, starting_splats, train_jointly
- `label_answers`: are_things, chosen_objects, code_agreement, frame_labels, Labelling, meant_objects, nearer_part,
    packed, position_of, SCORE_THRESHOLD, select, unpacked, without_structure
- `opening`: opened, Opening
- `own_splats`: own_views, splat_tensors, views_of_tensors
- `photo_masks`: clicked_objects, ClickLabel, PhotoMasks
"""
