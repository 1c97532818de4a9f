"""The server: its door, routes, live line and visitors."""
