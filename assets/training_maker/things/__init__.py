"""Families of things: each function makes one kind, another shape, size, colour and print with every generator."""
