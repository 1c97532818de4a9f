"""Finding objects by words: the index of a scene, the panel of a browser, and heat."""
