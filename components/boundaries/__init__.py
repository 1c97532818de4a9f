"""Where things end in a photo, by a small trained network, and the tree of regions between such boundaries."""
