"""Compiled kernels of the CPU rasteriser.

Public, by module:

- `blend`: blend, blend_adjoint, blend_backward, F32, HALF, PARALLEL
- `pixels`: _walk, blend_rows, blend_rows_adjoint, number_seen, weigh_pixels
- `project`: project, project_backward
- `tiles`: list_tiles, TileLists
"""
