"""What is asked in the record of answers: captures, sizes they are worked on in, and a fixed list of prompts."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from liftlab.components.gaussians.training.loop import TrainConfig
from liftlab.pipelines.steps.gaussians import GaussiansConfig
from liftlab.pipelines.steps.reconstruct import ReconstructConfig
from liftlab.session.prompts import PhotoBox, PhotoClick, PhotoStroke

BUNDLED = Path(__file__).parents[2] / "assets" / "captures"


@dataclass(frozen=True)
class Plan:
    """One capture and what is asked of it; pixels are those of the photos."""

    name: str
    reconstruct: ReconstructConfig
    gaussians: GaussiansConfig
    clicks: dict[str, PhotoClick]
    """Name of an object in truth to the first click on it."""
    box: PhotoBox
    corrections: tuple[PhotoClick, ...]
    """On one object, one after the other: some positive, some negative."""
    stroke: PhotoStroke
    """Of the brush, over the answer to the corrections."""
    in_3d: PhotoClick
    """A click in 3D follows the ray of this pixel."""
    words: tuple[str, ...]
    photos: tuple[str, ...] = ()
    """The photos that are taken; empty for all."""
    capture: str = ""
    """Name of the capture where it is not the plan's."""
    from_truth: bool = False
    """Cameras and depth are the true ones, and there are no splats: what takes longest is left out."""
    keeps_splats: bool = True
    """The splats that methods are asked on are kept beside the record; else they are those that a training starts from,
    made anew of the scene each time: for photos of which nothing may be handed out."""
    methods: tuple[str, ...] = ()
    """Methods that are asked; empty for all."""

    @property
    def folder(self) -> Path | None:
        """Where the capture lies; None when it is not here."""
        places = [BUNDLED, Path(os.environ.get("LIFTLAB_DATA") or "/nowhere")]
        folders = [place / (self.capture or self.name) for place in places]
        return next((folder for folder in folders if (folder / "images").is_dir()), None)

    @property
    def record(self) -> Path:
        """The file of what was answered."""
        return Path(__file__).with_name(f"{self.name}.json.gz")

    @property
    def splats(self) -> Path:
        """The file of the splats that methods are asked on."""
        return Path(__file__).with_name(f"{self.name}-splats.npz")

    @property
    def recorded(self) -> bool:
        return self.record.exists() and (self.from_truth or not self.keeps_splats or self.splats.exists())


def splats(iterations: int, *, count: int) -> GaussiansConfig:
    """A short training that steps end, never a clock."""
    return GaussiansConfig(start_count=count, train=TrainConfig(iterations=iterations, max_side=160))


DESK = Plan(
    name="desk",
    reconstruct=ReconstructConfig(max_side=256, sfm_max_features=2048),
    gaussians=splats(100, count=3000),
    photos=tuple(f"{number:03d}.jpg" for number in (0, 1, 3, 4, 6, 7, 9, 10)),
    clicks={
        "brown bowl": PhotoClick("009.jpg", 313.5, 348.5),
        "grey teddy bear": PhotoClick("004.jpg", 272.5, 244.5),
        "white box": PhotoClick("007.jpg", 361.5, 153.5),
        "green bottle": PhotoClick("003.jpg", 69.5, 210.5),
        "pink book": PhotoClick("004.jpg", 127.5, 333.5),
        "red toy car": PhotoClick("009.jpg", 451.5, 363.5),
    },
    box=PhotoBox("007.jpg", (296.0, 259.0, 385.0, 355.0)),
    corrections=(
        PhotoClick("004.jpg", 209.5, 386.5),
        PhotoClick("004.jpg", 127.5, 333.5, positive=False),
        PhotoClick("003.jpg", 249.5, 333.5),
    ),
    stroke=PhotoStroke("004.jpg", ((180.0, 430.0), (215.0, 410.0), (250.0, 420.0)), 9.0),
    in_3d=PhotoClick("004.jpg", 364.5, 275.5),
    words=("the green bottle", "the largest red thing"),
)
QUICK = replace(
    DESK,
    name="desk-quick",
    capture="desk",
    photos=tuple(f"{number:03d}.jpg" for number in (0, 3, 4, 7, 9)),
    from_truth=True,
    methods=("ovseg3r", "wildseg3d"),
)
"""What of the desk answers in seconds: methods on points, which train nothing."""
SHELF = Plan(
    name="shelf",
    reconstruct=ReconstructConfig(max_side=400),
    gaussians=splats(150, count=5000),
    clicks={
        "blue teapot": PhotoClick("000.jpg", 152.5, 325.5),
        "purple bowl": PhotoClick("000.jpg", 299.5, 374.5),
        "orange gift": PhotoClick("007.jpg", 242.5, 281.5),
        "purple toy house": PhotoClick("009.jpg", 524.5, 346.5),
        "green bottle": PhotoClick("009.jpg", 375.5, 306.5),
        "green rubber duck": PhotoClick("000.jpg", 373.5, 420.5),
    },
    box=PhotoBox("010.jpg", (348.0, 245.0, 438.0, 333.0)),
    corrections=(
        PhotoClick("010.jpg", 377.5, 346.5),
        PhotoClick("010.jpg", 374.5, 273.5, positive=False),
        PhotoClick("009.jpg", 418.5, 284.5),
    ),
    stroke=PhotoStroke("010.jpg", ((350.0, 365.0), (380.0, 372.0), (405.0, 362.0)), 8.0),
    in_3d=PhotoClick("009.jpg", 302.5, 327.5),
    words=("the green bottle", "the yellow book"),
)
SPARSE5 = Plan(
    name="sparse5",
    keeps_splats=False,
    reconstruct=ReconstructConfig(max_side=480),
    gaussians=splats(150, count=5000),
    clicks={
        "navy book": PhotoClick("004.png", 322.5, 159.5),
        "white bowl": PhotoClick("000.png", 119.5, 155.5),
        "green pyramid": PhotoClick("004.png", 333.5, 251.5),
        "red letter H": PhotoClick("003.png", 290.5, 261.5),
        "black dumbbell": PhotoClick("000.png", 253.5, 198.5),
        "teal ball": PhotoClick("000.png", 197.5, 145.5),
    },
    box=PhotoBox("003.png", (232.0, 225.0, 324.0, 295.0)),
    corrections=(
        PhotoClick("003.png", 314.5, 137.5),
        PhotoClick("003.png", 397.5, 205.5, positive=False),
        PhotoClick("004.png", 322.5, 159.5),
    ),
    stroke=PhotoStroke("003.png", ((285.0, 178.0), (310.0, 184.0), (345.0, 178.0)), 7.0),
    in_3d=PhotoClick("003.png", 397.5, 205.5),
    words=("the red letter", "the green thing"),
)
PLANS = {plan.name: plan for plan in (DESK, QUICK, SHELF, SPARSE5)}
