"""Masks, heat, depth and splats as pictures for browser and reports.

Public, by module:

- `jupyter`: EmbeddedPage, object_html, object_png, view_of
- `layers`: Layer, layer_jpeg, layers_of
- `overlays`: data_url, disagreement_png, drawn, Layer, overlay_png, photo_jpeg, photo_lookup, picture_size
- `palette`: next_colour, PALETTE, rgb
"""
