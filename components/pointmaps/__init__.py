"""Depth of every pixel: from pairs of views, by stereo, and aligned into one frame."""
