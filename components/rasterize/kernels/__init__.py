"""Compiled kernels of the CPU rasteriser."""
