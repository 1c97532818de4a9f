"""Candidates, clicks on them, and the networks behind."""
