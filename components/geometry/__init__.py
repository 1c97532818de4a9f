"""Geometry of cameras, points and views: projection, planes, voxels, picking, shading, scale.

Public, by module:

- `photo_masks`: as_picture, load_mask, MASKS_FOLDER, shrunk_mask, write_mask
- `picking`: pick_point
- `planes`: find_planes, scene_scale, viewing_distance
- `projection`: camera_centers, distort, epipolar_errors, labels_in_photo, looking_at, mask_in_photo,
    opencv_from_centered_intrinsics, opencv_from_opengl_camera, photo_from_view, pixel_centers, points_from_depth,
    project, register_similarity, scaled_intrinsics, transform, undistort_photo, unproject, view_from_photo,
    view_from_picture
- `rotations`: quat_from_rotation, rotations
- `scale`: box_text, length_text, METRES, scaled_gaussians, scene_in_metres, UNIT_OF_WORD
- `shading`: depth_colours, normal_colours, normals_of, NOTHING
- `splat_links`: adjusted_splats, nearest_points, points_under, values_for_gaussians
- `strays`: stray_points
- `view_consensus`: agreed_points
- `voxels`: cell_means, voxel_grid
"""
