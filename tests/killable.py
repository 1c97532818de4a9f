"""A process that prepares the toy scene and stops for good at a chosen moment, so that a test can kill it there.

Run as `python -m tests.killable ROOT PHOTOS STAGE MOMENT`: it prints "there" at MOMENT ("compute" or "write") of STAGE
("import", "reconstruct", "masks", "prepare"), then sleeps. STAGE "none" runs through and prints what it computed.
"""

import os
import sys
import time
from pathlib import Path

from liftlab.engine.lab import Lab
from liftlab.pipelines.steps.reconstruct import ReconstructReport
from tests.toy import make_toy

NAME = "toy"


def main(root: Path, photos: Path, stop_stage: str, moment: str) -> None:
    stage = ["start"]
    computed: list[str] = []

    def pause() -> None:
        print("there", flush=True)
        time.sleep(600)

    def report(fraction: float, message: str = "") -> None:
        if stage[0] == stop_stage and moment == "compute":
            pause()

    def fsync(handle: int) -> None:
        if stage[0] == stop_stage and moment == "write":
            pause()

    def reconstruct(capture, config, *, key, device, progress, cancel):
        computed.append("reconstruct")
        stage[0] = "reconstruct"
        progress(0.5, "halfway")
        time.sleep(0.2)
        scene = make_toy(key=key).scene
        return scene, ReconstructReport(tuple(v.name for v in scene.views), (), True, 9, 0.3, 12.0, 0.9, ())

    def build_masks(scene, config, *, device, progress, cancel):
        computed.append("masks")
        stage[0] = "masks"
        progress(0.5, "halfway")
        return make_toy(key=scene.key).masks

    import liftlab.pipelines.steps.masks
    import liftlab.pipelines.steps.reconstruct

    liftlab.pipelines.steps.reconstruct.reconstruct, liftlab.pipelines.steps.masks.build_masks, os.fsync = (
        reconstruct,
        build_masks,
        fsync,
    )
    lab = Lab(root)
    stage[0] = "import"
    lab.import_capture(photos, NAME, progress=report)
    lab.masks(NAME, progress=report)
    stage[0] = "prepare"
    lab.prepare(NAME, "wildseg3d", progress=report)
    print(" ".join(computed), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4])
