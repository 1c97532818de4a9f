"""Commands that train and score networks of our own.

Public, by module:

- `openvocab`: run
"""
