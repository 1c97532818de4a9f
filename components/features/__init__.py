"""Features of Gaussians: what methods ask of them (losses, sampling) and read off them (codes, labels, colours)."""
