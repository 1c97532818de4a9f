"""What people bring, read: archives, photos, videos, camera files and splats, and where they lie in a source.

Public, by module:

- `photos`: clean_photo, CleanPhoto, FORMATS, read_photo
- `sources`: find_source, Source
- `splat_files`: photograph
"""
