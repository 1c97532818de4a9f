"""UniC-Lift: binary codes instead of clusters."""
