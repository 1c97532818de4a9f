"""OVSeg3R in pieces: superpoints, labels lifted view by view, network, matching, losses, inference.

Equation numbers are those of docs/methods/ovseg3r.md.
"""
