"""What a click solver needs of a scene, built once with the masks and saved beside them."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Int, Int32, UInt16

from liftlab.components.files import atomic_write
from liftlab.components.masks.graph.scene_graph import SceneGraph
from liftlab.components.masks.regions.tracking import Hierarchy
from liftlab.components.types import Array

_TREE = ("children", "cost", "parent", "voxels", "pairs", "bond")


@dataclass(frozen=True)
class SolverState:
    """Scene graph, merge tree, the leaves of every cached object, and the finest regions of every photo."""

    graph: SceneGraph
    tree: Hierarchy
    leaves: tuple[Int[Array, "_"], ...]
    """Leaves of cached object id 1, 2, ...; objects added later have none."""
    leaf_of_pixel: Int32[Array, "V H W"]
    """Leaf seen by each view pixel; -1 unknown."""
    regions: UInt16[Array, "V H W"]
    """Finest colour regions of each view: what a click in a photo floods where geometry knows nothing."""

    def save(self, folder: Path) -> None:
        """Write arrays into an existing folder; all of them can be memory-mapped."""
        self.graph.save(folder)
        flat = np.concatenate([np.zeros(0, np.int64), *self.leaves])
        starts = np.cumsum([0, *(len(leaves) for leaves in self.leaves)])
        arrays = {f"tree_{name}": getattr(self.tree, name) for name in _TREE}
        arrays |= {"leaves": flat, "leaf_starts": starts}
        arrays |= {"leaf_of_pixel": self.leaf_of_pixel, "regions": self.regions}
        for name, array in arrays.items():
            with atomic_write(folder / f"{name}.npy") as file:
                np.save(file, array, allow_pickle=False)

    @staticmethod
    def load(folder: Path, *, scene_key: str) -> "SolverState":
        """Memory-map the images; read the rest."""

        def read(name: str, mode: str | None = None) -> Array:
            return np.load(folder / f"{name}.npy", mmap_mode=mode, allow_pickle=False)  # type: ignore[arg-type]

        flat, starts = read("leaves"), read("leaf_starts")
        return SolverState(
            graph=SceneGraph.load(folder, scene_key=scene_key),
            tree=Hierarchy(**{name: read(f"tree_{name}") for name in _TREE}),
            leaves=tuple(flat[a:b] for a, b in pairwise(starts.tolist())),
            leaf_of_pixel=read("leaf_of_pixel", "r"),
            regions=read("regions", "r"),
        )
