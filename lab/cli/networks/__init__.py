"""Commands that train and score networks of our own."""
