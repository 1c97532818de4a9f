"""Targets of a scene: what each sampled view, or full 3D labels, say of superpoints and queries (VIP, eq. 13 to 15).

Equation numbers are those of docs/methods/ovseg3r.md.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from liftlab.components.openvocab.lifting import unlabelled_share, view_labels
from liftlab.components.openvocab.losses import ViewTargets
from liftlab.components.types import Array

MIN_SUPERPOINTS = 2
"""Views that see fewer superpoints are skipped (section 8)."""


def view_targets(
    superpoint: Int[Array, "N"],
    queries: Int[Array, "Q"],
    visible: Bool[Array, "V N"],
    ids: Int[Array, "V N"],
    sees: Bool[Array, "V S"],
    names: Mapping[int, str],
    column_of: Mapping[str, int],
    views: Sequence[int],
    *,
    assign: Literal["every", "one"],
) -> list[ViewTargets]:
    """Targets of the views that say something.

    Args:
        superpoint: Of each point.
        queries: Superpoint of each query.
        visible: vis[v, i].
        ids: o[v, i].
        sees: Vsp of eq. 13.
        names: What each id is called; ids are compared within a view only.
        column_of: Column of each name in the class logits; instances of other names teach nothing.
        views: Which views are taken.
        assign: Whether a query belongs to every view that sees its superpoint, or to the one that sees most of it.
    """
    count = sees.shape[1]
    home = None
    if assign == "one":
        share = np.stack([np.bincount(superpoint[row], minlength=count) for row in visible])
        home = np.where(sees.any(axis=0), np.where(sees, share, -1).argmax(axis=0), -1)
    out = []
    for view in views:
        columns = np.flatnonzero(sees[view])
        belongs = sees[view][queries] if home is None else home[queries] == view
        rows = np.flatnonzero(belongs)
        lifted = view_labels(superpoint, visible[view], ids[view], count)
        known = [k for k, i in enumerate(lifted.ids.tolist()) if names.get(i) in column_of]
        covers = lifted.covers[known]
        # An instance none of whose superpoints the view sees well has no column left.
        there = np.asarray(covers[:, columns].any(axis=1))
        if len(columns) < MIN_SUPERPOINTS or not there.any() or len(rows) == 0:
            continue
        kept = [k for k, there_is in zip(known, there, strict=True) if there_is]
        labels = [column_of[names[int(lifted.ids[k])]] for k in kept]
        unlabelled = unlabelled_share(superpoint, visible[view], ids[view], count)
        out.append(
            _targets(rows, columns, lifted.covers[kept], labels, queries, unlabelled[queries[rows]] > 0.5)
        )
    return out


def scene_targets(
    superpoint: Int[Array, "N"],
    queries: Int[Array, "Q"],
    truth: Int[Array, "N"],
    names: Mapping[int, str],
    column_of: Mapping[str, int],
    count: int,
    *,
    known: Bool[Array, "N"] | None = None,
) -> list[ViewTargets]:
    """Targets of full 3D labels: one view that sees everything (section 4.4).

    Args:
        superpoint: Of each point.
        queries: Superpoint of each query.
        truth: Instance of each point, 0 = none.
        names: What each instance is called.
        column_of: Column of each name in the class logits.
        count: Number of superpoints.
        known: Points of which it is known whether they have an instance; None = all. The others are no background.
    """
    everything = np.ones(len(truth), bool)
    lifted = view_labels(superpoint, everything, truth, count)
    kept = [k for k, i in enumerate(lifted.ids.tolist()) if names.get(i) in column_of]
    if not kept:
        return []
    labels = [column_of[names[int(lifted.ids[k])]] for k in kept]
    unsure = np.zeros(count, bool)
    if known is not None:
        unsure = unlabelled_share(superpoint, everything, known.astype(np.int32), count) > 0.5
    every = np.arange(len(queries))
    return [_targets(every, np.arange(count), lifted.covers[kept], labels, queries, unsure[queries])]


def partial_targets(
    superpoint: Int[Array, "N"],
    queries: Int[Array, "Q"],
    visible: Bool[Array, "V N"],
    ids: Int[Array, "V N"],
    names: Mapping[int, str],
    column_of: Mapping[str, int],
    views: Sequence[int],
    count: int,
) -> list[ViewTargets]:
    """The ablation without VIP: a view's partial labels are taken for the whole scene's, all rows and all columns."""
    out = []
    for view in views:
        lifted = view_labels(superpoint, visible[view], ids[view], count)
        kept = [k for k, i in enumerate(lifted.ids.tolist()) if names.get(i) in column_of]
        if not kept:
            continue
        labels = [column_of[names[int(lifted.ids[k])]] for k in kept]
        every = np.arange(len(queries))
        none = np.zeros(len(queries), bool)
        out.append(_targets(every, np.arange(count), lifted.covers[kept], labels, queries, none))
    return out


def _targets(
    rows: Int[Array, "q"],
    columns: Int[Array, "s"],
    covers: Bool[Array, "G S"],
    labels: Sequence[int],
    queries: Int[Array, "Q"],
    ignored: Bool[Array, "q"],
) -> ViewTargets:
    allowed = covers[:, queries[rows]].T

    def tensor(array: Array) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array))

    return ViewTargets(
        tensor(rows.astype(np.int64)),
        tensor(columns.astype(np.int64)),
        tensor(covers[:, columns].astype(np.float32)),
        torch.tensor(list(labels), dtype=torch.long),
        tensor(allowed),
        tensor(ignored),
    )
