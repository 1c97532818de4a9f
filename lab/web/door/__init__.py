"""How the lab looks from outside (a proxy, a frame of another page), and what its door says."""
