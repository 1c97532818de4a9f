"""Training Gaussians on photos: start, parameters, densification and the loop.

Public, by module:

- `density`: adapt, clear_of_cameras, DensityConfig, GradientRecord, surface_distances
- `frames`: camera_extent, make_frames, TrainingImage
- `initialise`: gaussians_from_pointmap
- `loop`: CurvePoint, evaluate, learning_rates, train, TrainConfig
- `parameters`: Parameters, parameters_from_gaussians
- `similarity`: ssim
"""
