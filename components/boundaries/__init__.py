"""Where things end in a photo, by a small trained network, and the tree of regions between such boundaries.

Public, by module:

- `network`: boundaries, boundary_inputs, boundary_network, BoundaryNetwork, WEIGHTS
- `region_tree`: region_tree
"""
