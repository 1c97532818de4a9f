"""SAGA: affinity features, clicks on them, and words.

Public, by module:

- `clicks`: similarities
"""
