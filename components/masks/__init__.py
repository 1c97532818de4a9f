"""Masks of objects: the cache that clicks look up, and the ways that fill it."""
