"""The methods, one file or folder each. What they share is in `shared`."""
