"""Camera estimation in a child process (`liftlab.components.processes.child`).

pycolmap may abort the process it runs in, so it never runs in the lab's own. The folder that the request names holds
`images/`; the database of details and matches stays in it from one call to the next.
"""

import signal
from pathlib import Path
from typing import Any

import pycolmap

from liftlab.components.progress import Progress, part_of
from liftlab.components.sfm.worker import features, mapping
from liftlab.components.sfm.worker.evidence import pair_evidence
from liftlab.components.sfm.worker.still import drop_still_matches


def main(arguments: dict[str, Any], progress: Progress) -> list[dict[str, Any] | None]:
    """Do the `tasks` of the `request` (`liftlab.components.sfm.child`) in the `folder`, one answer each.

    A signal to end goes to everything in a terminal or a service. Only the parent acts on it: it ends this process,
    and what it then says is that it was stopped, not that this process died.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    pycolmap.logging.minloglevel = 2
    request, folder, tasks = arguments["request"], Path(arguments["folder"]), arguments["tasks"]
    pycolmap.set_random_seed(request["seed"])
    answers = []
    for number, task in enumerate(tasks):
        share = part_of(progress, number / len(tasks), (number + 1) / len(tasks))
        answers.append(_do(task, request, folder, share))
    return answers


def _do(
    task: dict[str, Any], request: dict[str, Any], folder: Path, progress: Progress
) -> dict[str, Any] | None:
    database, kind = folder / "database.db", task["kind"]
    if kind == "match":
        features.extract(request, folder, database, part_of(progress, 0.0, 0.6))
        progress(0.6, f"Comparing {len(request['photos'])} photos with each other")
        features.match(request, database)
        still = drop_still_matches(request, folder, database)
        num_features, pairs = pair_evidence(request, database)
        return {"num_features": num_features, "pairs": pairs, "still": still}
    if kind == "learned":
        from liftlab.components.sfm.worker.learned import add_learned_matches  # loads torch

        compared = add_learned_matches(request, folder, database, task["photos"], progress)
        return {"compared": compared, "pairs": pair_evidence(request, database)[1]}
    if kind == "matches":
        features.write_matches(request, database, folder / "matches.npz")
        return None
    if kind == "given":
        progress(0.0, "Placing points with the given cameras")
        model = mapping.of_poses(request, folder, database, task["views"], refine=task["refine"])
    elif kind == "adjusted":
        progress(0.0, "Adjusting the cameras to each other")
        followed = features.followed_only(request, folder, database, folder / task["dense"])
        views = mapping.views_of(
            request, mapping.of_poses(request, folder, followed, task["views"], refine=True)
        )
        model = mapping.of_poses(request, folder, database, views, refine=False)
    elif kind == "global":
        progress(0.0, f"Placing {len(request['photos'])} cameras at once")
        model = mapping.all_at_once(request, folder, database)
    else:
        model = mapping.incremental(request, folder, database, kind == "relaxed", progress)
    return mapping.description(request, model, folder / f"{task['name']}.npz")
