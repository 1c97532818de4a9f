"""Training of the network that sees boundaries of things (`assets/train_boundaries.py`)."""
