"""Which candidate a click means: measures of masks, and a small network that judges them.

Public, by module:

- `inputs`: click_inputs, distance_to_outside, Measured, object_inputs
- `measures`: measure, measured_photo, MEASURES, MIN_MEASURED_PX, region_borders
- `network`: Judge, judge, read_judge, WEIGHTS
- `relations`: INSIDE, relations, voxels_of_masks
"""
