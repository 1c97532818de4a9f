"""What several methods need: feature training, answers on Gaussians, labels, identities."""
