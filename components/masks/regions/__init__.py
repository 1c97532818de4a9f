"""Masks without weights: proposals of one view, one id over all views, sharp outlines."""
