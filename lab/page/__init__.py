"""The page: Gradio layout, cells, and what the browser loads.

Public, by module:

- `app`: build_page
- `canvas`: workspace
- `scripts`: starting
- `state`: hover_url, layer_bytes, named, overlay_of, pane_overlay_of, photo_bytes, split_of, state_of
- `stubs`: leave_out_stubs
- `theme`: CSS, lab_theme
- `visiting`: visitor_of
"""

from liftlab.page.stubs import leave_out_stubs

leave_out_stubs()  # before any module of this room imports Gradio
