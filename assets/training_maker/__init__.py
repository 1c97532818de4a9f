"""Behind `assets/make_training_captures.py`: rooms with things, ray-cast as photos with exact ground truth."""
