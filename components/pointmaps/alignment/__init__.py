"""Two-view pointmaps brought into one frame: global alignment, its weights, and by matches alone."""
