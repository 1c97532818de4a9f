"""MaskCache: every object's mask in every view, compressed, memory-mapped, looked up by pixel in microseconds."""
