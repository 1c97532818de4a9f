"""What people bring, read: archives, photos, videos, camera files and splats, and where they lie in a source."""
