"""What people bring, read: archives, photos, videos, camera files and splats, and where they lie in a source.

Public, by module:

- `found`: Source
- `mask_files`: INVERTED, ObjectPicture
- `photos`: clean_photo, CleanPhoto, FORMATS, read_photo, Stored, stored_as
- `sources`: find_source
- `splat_files`: photograph
"""
