"""Photos and scenes as graphs: segments, borders between them, and pixels without depth."""
