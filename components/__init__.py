"""Data types and the functions on them, by topic.

Public, by module:

- `agreement`: agreement, disagreement, EVERYBODY, OTHERS, pairwise_iou, SELF, who_selects
- `bounds`: Amount, Colour, Count, Digest, few, FileName, Key, Line, Name, Pixel, Place, Rate, Seconds, Seed, Share,
    within
- `clicks`: best_view_of_point, Box, Click, CLICK_DISC_PX, ClickList, clicks_of, obeying
- `config_keys`: AT_QUERY, key_record, OMIT_DEFAULT_FROM_KEY
- `errors`: Cancelled, closest, counted, InputError, listed, printable, shown, told_once
- `files`: atomic_write, content_key, in_writing, inside, is_device_name, is_sealed, lock_file, MANIFEST, put_in_place,
    put_open_in_place, sealed_folder, sha256_of, write_json
- `png`: png_bytes
- `progress`: CancelToken, no_progress, part_of, Progress, repeated
- `refine`: adjusted_masks, painted, points_of_masks
- `registry`: check_choices, chosen_from, PluginError, Registry, registry_of
- `scenes`: load_scene, save_scene
- `threads`: PARALLEL_KERNELS
- `types`: Array, Camera, DEGREE_0, Float, focal_of, Gaussians, Lens, MaskSet, Plane, Pointmap, Prompt, Provenance,
    Scene, Segmentation, Shaped, UInt8, View
- `vertex_table`: displaced, write_vertices
"""

import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

# torch and numba each keep a pool of threads that by default spin for a while after every parallel loop. Two
# spinning pools on few cores starve each other: a training step took eight times as long. OpenMP reads this when
# it is loaded, so it is set before any component imports torch or numba; a value set by the person wins.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def loaded_when_used(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package (PEP 562) whose public names are loaded when they are first used, so that
    importing it costs next to nothing.

    Args:
        package: Its name.
        homes: Where each of these names lives: a module below the package, and after a colon what it is called there.
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        module, _, other = homes[name].partition(":")
        value = getattr(import_module(f"{package}.{module}"), other or name)
        setattr(sys.modules[package], name, value)
        return value

    return find
