"""Cameras, depth and alignment."""
