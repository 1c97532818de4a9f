"""UniC-Lift: binary codes instead of clusters.

Public, by module:

- `method`: decode
"""
