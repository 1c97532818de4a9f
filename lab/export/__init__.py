"""What a person takes away: files of objects, splats, masks, cameras, and the page to share.

Public, by module:

- `downloads`: comparison_report, Download, export_file, forget_exports, offers
- `formats`: EXPORT_FORMATS
- `outputs`: every_kind, export, output_folder, write_decomposition, write_segmentation
- `splats`: ObjectSplats
- `static_viewer`: scene_page
"""
