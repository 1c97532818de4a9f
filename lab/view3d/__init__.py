"""The 3D view: what is drawn, in which colours, and where a person clicked."""
