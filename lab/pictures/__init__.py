"""Masks, heat, depth and splats as pictures for browser and reports."""
