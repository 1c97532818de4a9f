"""Depth where stereo has none: surfaces of regions, kept where views agree on them."""
