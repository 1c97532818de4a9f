"""Which candidate a click means: measures of masks, and a small network that judges them."""
