"""Photos and scenes as graphs: segments, borders between them, and pixels without depth.

Public, by module:

- `borders`: border_pixels, leaf_borders, LeafBorders
- `graph_kernels`: handed_back, largest_of
- `grid_cut`: grid_cut, NEIGHBOURS, warm_up
- `hole_filling`: fill_surfaces
- `scene_graph`: build_scene_graph, crease, lab_image, SceneGraph, SceneGraphConfig, surface_of_leaves, view_depths
- `segmentation`: compact_labels, connected, grid_edges, segment_graph
"""
