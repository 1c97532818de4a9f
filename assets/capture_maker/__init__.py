"""Behind `assets/make_captures.py`: rooms with objects, rendered as photos with ground truth."""
