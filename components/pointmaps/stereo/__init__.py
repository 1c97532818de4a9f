"""Depth of every view from its neighbours: plane sweep, refinement, confirmation."""
