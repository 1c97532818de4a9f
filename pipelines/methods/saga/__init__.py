"""SAGA: affinity features, clicks on them, and words."""
