"""Finding objects by words: measured attributes without weights, image-text models with them."""
