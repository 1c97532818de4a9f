"""Geometry of cameras, points and views: projection, planes, voxels, picking, shading, scale."""
