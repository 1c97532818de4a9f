"""Training, drawing and files of splats."""
