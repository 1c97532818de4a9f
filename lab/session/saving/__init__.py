"""Runs and sessions as files: saved sessions, notebooks, records."""
