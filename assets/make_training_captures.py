"""Make captures that look like photographs, with exact ground truth, by ray casting: seconds a capture.

    python -m assets.make_training_captures --kind room --seed 7 --out made/room-7
    python -m assets.make_training_captures --kind all --seeds 0-24 --out made --width 320 --height 240

Needs embreex: `pip install -e ".[captures-training]"`. The same kind, seed and size give the same bytes with the same
versions of the packages. Nothing that is made is committed. The bundled captures are made by Blender instead
(`assets/make_captures.py`).

Seeds are split, for every kind: 0 to 999 are for training, 1000 to 1999 for validation, 2000 and up for tests. Nothing
may be trained or tuned on seeds from 2000 up.
"""

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from assets.training_maker.capture import write_capture
from assets.training_maker.render import GRID
from assets.training_maker.scenes import KINDS, make_scene


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kind", choices=[*KINDS, "all"], required=True)
    parser.add_argument("--seed", type=int, help="one capture, written to OUT itself")
    parser.add_argument("--seeds", type=seed_range, help="several, e.g. 0-24, written to OUT/KIND-SEED")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--photos", type=int, help="default: 12 to 24, by seed")
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument(
        "--rays", type=int, default=GRID, help="per side of a pixel; 1 is rougher and takes half the time"
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes beside each other, with --seeds")
    options = parser.parse_args()
    if (options.seed is None) == (options.seeds is None):
        parser.error("Give either --seed or --seeds.")
    if options.seed is not None and options.kind == "all":
        parser.error("--kind all needs --seeds.")
    make = partial(
        make_capture, photos=options.photos, width=options.width, height=options.height, grid=options.rays
    )
    if options.seed is not None:
        print(make((options.kind, options.seed, options.out)))
        return
    kinds = KINDS if options.kind == "all" else (options.kind,)
    todo = [(kind, seed, options.out / f"{kind}-{seed}") for seed in options.seeds for kind in kinds]
    # The last file of a capture is there: it was finished by an earlier run.
    todo = [task for task in todo if not (task[2] / "truth" / "objects.json").exists()]
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        for line in pool.map(make, todo):
            print(line, flush=True)


def make_capture(
    task: tuple[str, int, Path], *, photos: int | None, width: int, height: int, grid: int = GRID
) -> str:
    """Make one capture of a kind and seed in a folder; returns a line that says what and how long."""
    kind, seed, out = task
    start = time.perf_counter()
    scene = make_scene(kind, seed, photos=photos, width=width, height=height)
    write_capture(scene, out, grid=grid)
    seconds = time.perf_counter() - start
    return f"{out}: {len(scene.placed)} things, {len(scene.cameras)} photos, {seconds:.1f} s"


def seed_range(text: str) -> list[int]:
    first, _, last = text.partition("-")
    return list(range(int(first), int(last or first) + 1))


if __name__ == "__main__":
    main()
