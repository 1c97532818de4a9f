"""The steps of a scene: reconstruct, masks, gaussians, each with its variants."""
