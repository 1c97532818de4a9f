"""Runs and sessions as files: saved sessions, notebooks, records.

Public, by module:

- `notebook`: Notebook, notebook_of
- `put_away`: fitting, put_away, PutAway, take_up
- `python_code`: AskedObject, session_lines, with_imports
- `records`: DECOMPOSITION_VERSION, DecompositionRecord, ObjectRecord, PhotoRecord, SEGMENTATION_VERSION,
    SegmentationRecord, versions
- `replay`: Replay, replay, require_photos
- `saved`: saved_from, saved_of, SavedSession, SavedView
- `works`: is_of_scene, new_id, Work, Works
"""
