"""The objects of the captures: each function makes one kind of thing in a colour, varied by its generator."""
