"""Training of the network that sees the thing under a click (`assets/train_click_network.py`)."""
