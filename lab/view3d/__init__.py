"""The 3D view: what is drawn, in which colours, and where a person clicked.

Public, by module:

- `drawing`: Look, Patch, Picture, Rest, ShownObject, Tone
- `frame`: frame_of, framed, tint
- `patches`: patch_of
- `surfaces`: MAX_POINTS, MAX_SPLATS, PointSurface, SplatSurface, Surface, SurfaceName
- `tones`: heat_colours, offers_features, tone_colours, tone_token
- `viewer`: KEY_HEADER, Stand, Viewer, ViewerMarker
"""
