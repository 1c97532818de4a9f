"""Losses that teach features of Gaussians which pixels belong together.

Public, by module:

- `affinity`: all_pairs, ascending_scales, correspondence_loss, correspondences_at, draw_scales, gate, gated_cosines,
    mask_scale, mean_areas, norm_loss, pair_weights, printed_correspondence_loss, printed_norm_loss, resample,
    ScaleQuantiles
- `class_loss`: class_loss
- `cluster_loss`: bounded, cluster_loss
- `slow_fast`: concentration_loss, contrastive_loss
- `triplets`: near_identity, sample_triplets, triplet_loss, triplet_pixels, triplet_samples, TripletPixels,
    TripletSample
"""
