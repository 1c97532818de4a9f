"""Results of networks, kept by what they were computed from, so that a stopped job goes on and a click waits for none.

A result depends on photos, model and settings only: its key is a hash of these, whatever scene or workspace asks.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from liftlab.components.files import atomic_write
from liftlab.components.models.kept_files import kept_files

MEMORY_BYTES = 512 << 20
DISK_BYTES = 4 << 30

Tensors = dict[str, torch.Tensor]


class ResultCache:
    """Named tensors by key: the latest in memory, all of them in a folder as long as there is room. Thread-safe.

    Args:
        folder: Where results outlive the process; None keeps them in memory only.
        memory_bytes: Most kept in memory.
        disk_bytes: Most kept in the folder; the ones not used for longest go first.
    """

    def __init__(
        self, folder: Path | None, *, memory_bytes: int = MEMORY_BYTES, disk_bytes: int = DISK_BYTES
    ) -> None:
        self.folder = folder
        self._memory_bytes, self._disk_bytes = memory_bytes, disk_bytes
        self._latest: OrderedDict[str, Tensors] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str, compute: Callable[[], Tensors]) -> Tensors:
        """The result of `key`: from memory, from the folder, or computed now and kept."""
        found = self.peek(key)
        if found is None:
            found = {name: tensor.detach().contiguous() for name, tensor in compute().items()}
            self._remember(key, found)
            self._write(key, found)
        return found

    def peek(self, key: str) -> Tensors | None:
        """The result of `key` where it is known; None otherwise. A file that cannot be read is removed."""
        with self._lock:
            if key in self._latest:
                self._latest.move_to_end(key)
                return self._latest[key]
        path = self._path(key)
        if path is None or not path.exists():
            return None
        try:
            found = load_file(path)
            os.utime(path)
        except (SafetensorError, OSError):
            path.unlink(missing_ok=True)
            return None
        self._remember(key, found)
        return found

    def _remember(self, key: str, tensors: Tensors) -> None:
        with self._lock:
            self._latest[key] = tensors
            self._latest.move_to_end(key)
            while len(self._latest) > 1 and sum(map(_bytes_of, self._latest.values())) > self._memory_bytes:
                self._latest.popitem(last=False)

    def _write(self, key: str, tensors: Tensors) -> None:
        path = self._path(key)
        if path is None:
            return
        data = save({name: tensor.cpu() for name, tensor in tensors.items()})
        try:
            with atomic_write(path) as file:
                file.write(data)
        except OSError:  # a full or read-only disk: the result stays in memory, the job goes on
            return
        with self._lock:
            self._make_room(path.parent)

    def _make_room(self, folder: Path) -> None:
        kept = kept_files(folder)
        total = sum(size for _, size, _ in kept)
        for _, size, path in kept[:-1]:
            if total <= self._disk_bytes:
                break
            path.unlink(missing_ok=True)
            total -= size

    def _path(self, key: str) -> Path | None:
        return None if self.folder is None else self.folder / f"{key}.safetensors"


def _bytes_of(tensors: Tensors) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
