"""Train the judge that chooses among the candidates under a click, on made captures.

    python -m assets.make_training_captures --kind all --seeds 0-2 --photos 12 --width 480 --height 360 --out made
    python -m assets.train_judge ask --captures made --out questions     (resumable; about 100 CPU seconds a capture)
    python -m assets.train_judge ask --captures made --out questions --spoilt      (the same scenes, other faults)
    python -m assets.train_judge left-out --questions questions          (leave one family out: what to expect)
    python -m assets.train_judge fit --questions questions --out one     (writes weights)
    python -m assets.train_judge join --weights one other                (several fits as one judge, which ships)

Depth comes from our own stereo on the made photos, masks from the lab's own step. Only seeds below 1000 may be used.
"""

from pathlib import Path

import numpy as np
import tyro

from assets.judge_training.fitting import FitConfig, Sets, fit, joined, padded, save_judge
from assets.judge_training.questions import Questions, labels_in_views, questions_of
from assets.judge_training.scenes import spoilt_scene, stereo_scene
from liftlab.components.errors import InputError
from liftlab.components.files import atomic_write
from liftlab.components.masks.judging.network import WEIGHTS, Judge, read_judge
from liftlab.components.types import Array
from liftlab.pipelines.steps.masks import MasksConfig, build_masks

STRUCTURE_WEIGHT = 0.3
"""Of a click on a table or a wall beside one on a thing: people mean things more often."""


def ask(captures: Path, out: Path, spoilt: bool = False) -> None:
    """Build scenes, masks and questions of every capture of a folder; those already there are left alone.

    Args:
        captures: Folder of captures with truth.
        out: Where questions and scenes go.
        spoilt: Instead of stereo take true depth, spoilt: seconds instead of a minute, and other faults to learn from.
    """
    out.mkdir(parents=True, exist_ok=True)
    for capture in sorted(path for path in captures.iterdir() if (path / "truth/objects.json").exists()):
        file = out / f"{capture.name}{'-spoilt' if spoilt else ''}.npz"
        if file.exists():
            continue
        try:
            kept = out / "scenes" / capture.name
            scene = spoilt_scene(capture) if spoilt else stereo_scene(capture, kept)
            cache = build_masks(scene, MasksConfig())
        except InputError as error:
            print(f"{capture.name}: left out. {error}", flush=True)
            continue
        found = questions_of(cache, labels_in_views(scene, capture))
        with atomic_write(file) as handle:
            np.savez_compressed(handle, **vars(found))
        print(f"{capture.name}: {report(found, found.today)}", flush=True)


def left_out(questions: Path, config: FitConfig = FitConfig()) -> None:  # noqa: B008
    """Train without one kind of scene after the other and judge that kind."""
    captures = read(questions)
    for kind in sorted({name.split("-")[0] for name in captures}):
        train = [
            sets_of(found, config.most) for name, found in captures.items() if name.split("-")[0] != kind
        ]
        judge = fit(train, config)
        for name, found in captures.items():
            if name.split("-")[0] == kind:
                print(f"{name}: {report(found, judged(judge, found))}", flush=True)


def fit_all(questions: Path, out: Path = WEIGHTS, config: FitConfig = FitConfig()) -> None:  # noqa: B008
    """Train on everything and write the weights."""
    captures = read(questions)
    judge = fit([sets_of(found, config.most) for found in captures.values()], config)
    save_judge(judge, out)
    print(f"{out}: {out.stat().st_size / 2**20:.2f} MiB, {len(captures)} captures")


def join(weights: tuple[Path, ...], out: Path = WEIGHTS) -> None:
    """Write the networks of several fits as one judge: fits on other captures make other faults."""
    judge = joined([read_judge(file) for file in weights])
    save_judge(judge, out)
    print(f"{out}: {out.stat().st_size / 2**20:.2f} MiB, {len(judge.encode)} networks")


def read(questions: Path) -> dict[str, Questions]:
    """Questions by capture."""
    files = sorted(questions.glob("*.npz"))
    return {file.stem: Questions(**np.load(file)) for file in files}


def sets_of(found: Questions, most: int) -> Sets:
    """Clicks as sets."""
    weight = np.where(found.structure, STRUCTURE_WEIGHT, 1.0)
    return padded(found.inputs.astype(np.float32), found.question, found.answer, weight, most)


def judged(judge: Judge, found: Questions) -> Array:
    """Whether a candidate is the one the judge takes: bool [C]."""
    taken = np.zeros(len(found.question), bool)
    for index in np.unique(found.question):
        members = np.flatnonzero(found.question == index)
        taken[members[judge.choice(found.inputs[members].astype(np.float32))]] = True
    return taken


def report(found: Questions, taken: Array) -> str:
    """Mean answer over the clicks in the middle of things: what is taken, and the best there is."""
    counts = found.middle & ~found.structure
    chosen, best = [], []
    for index in np.unique(found.question[counts]):
        members = np.flatnonzero(found.question == index)
        chosen.append(found.answer[members][taken[members]].max(initial=0))
        best.append(found.answer[members].max())
    return f"{len(chosen)} clicks, chosen {np.mean(chosen):.3f}, best {np.mean(best):.3f}"


if __name__ == "__main__":
    tyro.extras.subcommand_cli_from_dict({"ask": ask, "left-out": left_out, "fit": fit_all, "join": join})
