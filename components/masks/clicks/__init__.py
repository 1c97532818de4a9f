"""Clicks answered where no cached mask fits: candidates, pieces of the scene, and the cut through them."""
