"""What all benchmarks share: photos, truth, tables."""
