"""Losses that teach features of Gaussians which pixels belong together."""
