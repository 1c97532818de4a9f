"""Results of networks are kept within a bound of disk space."""

from pathlib import Path

import torch

from liftlab.components.models.result_cache import ResultCache


def test_the_folder_of_results_stays_within_its_bound(tmp_path: Path) -> None:
    cache = ResultCache(tmp_path, memory_bytes=5000, disk_bytes=10_000)
    for i in range(8):
        cache.get(f"k{i}", lambda i=i: {"a": torch.full((500,), float(i))})
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 10_000
    kept = cache.peek("k7")
    assert kept is not None and kept["a"][0] == 7
    assert cache.peek("k0") is None
