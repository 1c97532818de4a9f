"""What a person can choose for each part of the pipelines: one registry per module, with our entries.

Importing them is light, so that a page can list what there is; networks and numerics are imported when an entry is
made.
"""
