"""Training Gaussians on photos: start, parameters, densification and the loop."""
