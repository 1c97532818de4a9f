"""The commands of `liftlab` and their options, as types; `liftlab.cli.main` runs them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import Positional, UseAppendAction, arg, subcommand

DEFAULT_METHOD = "wildseg3d"
DEFAULT_PRESET = "default"
Repeated = UseAppendAction[tuple[tuple[str, ...], ...]]
"""An option given several times, or once with several values."""


@dataclass(frozen=True)
class Common:
    """Options that every command takes."""

    workspace: Annotated[Path | None, arg(metavar="DIR")] = None
    """Folder for captures and results; ~/.liftlab when not given."""
    json: bool = False
    """Print one JSON object on the last line of stdout, for programs."""
    models: Annotated[Path | None, arg(metavar="DIR")] = None
    """Folder of model files; LIFTLAB_MODELS or ~/.liftlab/models when not given."""
    mast3r: Annotated[Path | None, arg(metavar="DIR")] = None
    """Clone of the MASt3R repository, whose code runs MASt3R and DUSt3R; LIFTLAB_MAST3R when not given."""


@dataclass(frozen=True)
class Serve(Common):
    """Open the lab in the browser (what `liftlab` alone does)."""

    host: str = "127.0.0.1"
    """Address to listen on. Anything but this computer needs --auth or --no-auth."""
    port: int = 7860
    """Port to listen on; 0 takes a free one."""
    auth: Annotated[str | None, arg(metavar="NAME:PASSWORD")] = None
    """What people must give to get in."""
    no_auth: bool = False
    """Let anybody in who can reach the address."""
    browser: bool = True
    """Open the page in the browser."""
    scene: Annotated[str | None, arg(metavar="SCENE")] = None
    """Scene to show first."""
    root_path: Annotated[str, arg(metavar="PATH")] = ""
    """Path under which a proxy shows the lab, such as /lab."""
    allow_host: Annotated[Repeated, arg(metavar="NAME")] = ()
    """Host name under which the lab may be asked for, such as the proxy's."""
    trusted_proxy: Annotated[Repeated, arg(metavar="ADDRESS")] = ()
    """Address or network of a proxy whose X-Forwarded-For, -Host, -Port and -Proto are believed."""
    allow_frame: Annotated[Repeated, arg(metavar="ORIGIN")] = ()
    """Origin of a page that may show the lab in a frame, such as https://notebooks.example.org."""


@dataclass(frozen=True)
class Demo(Serve):
    """Open the lab on the bundled capture; builds its scene while the page is up, if needed."""


@dataclass(frozen=True)
class Reconstruct(Common):
    """Turn photos into cameras and a 3D point for every pixel."""

    capture: Annotated[Positional[str], arg(metavar="CAPTURE")] = tyro.MISSING
    """Folder of photos, zip, video, COLMAP or nerfstudio folder, or the name of a capture of the
    workspace.
    """
    scene: Annotated[str | None, arg(metavar="SCENE")] = None
    """Name of the scene; the capture's name when not given."""
    cameras: Annotated[str | None, arg(metavar="FILE|none")] = None
    """A cameras.json to use, or "none" to estimate cameras even where some came with the photos."""
    max_side: Annotated[int | None, arg(metavar="PX")] = None
    """Longer side of the working images, pixels. Time grows with its square."""
    set: Annotated[tuple[str, ...], arg(metavar="KEY=VALUE")] = ()
    """Settings as KEY=VALUE, for example pointmaps=mast3r."""


@dataclass(frozen=True)
class Gaussians(Common):
    """Train a scene's Gaussian splats on its photos, or go on where training was stopped."""

    name: Annotated[Positional[str], arg(metavar="SCENE")] = tyro.MISSING
    """Scene."""
    budget_secs: Annotated[float | None, arg(metavar="S")] = None
    """Seconds after which training ends; a minute on a processor when neither this nor --iterations is given."""
    iterations: Annotated[int | None, arg(metavar="N")] = None
    """Steps of the training."""
    max_side: Annotated[int | None, arg(metavar="PX")] = None
    """Longer side of the images trained on, pixels."""
    held_out_every: Annotated[int | None, arg(metavar="N")] = None
    """Leave every N-th photo out of the training and report how well it is predicted."""


@dataclass(frozen=True)
class Masks(Common):
    """Find every object of a scene, in all photos."""

    name: Annotated[Positional[str], arg(metavar="SCENE")] = tyro.MISSING
    """Scene."""
    set: Annotated[tuple[str, ...], arg(metavar="KEY=VALUE")] = ()
    """Settings as KEY=VALUE, for example proposer=sam2 or sam2.model=sam2.1-small."""


@dataclass(frozen=True)
class Prepare(Common):
    """Do a method's slow part for a scene, once."""

    name: Annotated[Positional[str], arg(metavar="SCENE")] = tyro.MISSING
    """Scene."""
    method: Annotated[str, arg(metavar="METHOD")] = DEFAULT_METHOD
    """See `liftlab methods`."""
    set: Annotated[tuple[str, ...], arg(metavar="KEY=VALUE")] = ()
    """Settings of the method as KEY=VALUE, for example alignment=ga."""
    preset: Annotated[str, arg(metavar="PRESET")] = DEFAULT_PRESET
    """What --set changes: default, paper (as published) or quick; see `liftlab methods`."""


@dataclass(frozen=True)
class Segment(Common):
    """Segment objects by clicks from a file: masks of every photo, point clouds, segmentation.json."""

    name: Annotated[Positional[str], arg(metavar="SCENE")] = tyro.MISSING
    """Scene."""
    prompts: Annotated[Path, arg(metavar="FILE")] = tyro.MISSING
    """JSON file with objects and clicks; see docs/formats.md."""
    out: Annotated[Path, arg(metavar="DIR")] = tyro.MISSING
    """Folder for the result."""
    method: Annotated[str, arg(metavar="METHOD")] = DEFAULT_METHOD
    """See `liftlab methods`."""


@dataclass(frozen=True)
class Decompose(Common):
    """Segment everything: a label map per photo, ids the same in all photos."""

    name: Annotated[Positional[str], arg(metavar="SCENE")] = tyro.MISSING
    """Scene."""
    out: Annotated[Path, arg(metavar="DIR")] = tyro.MISSING
    """Folder for the result."""
    method: Annotated[str, arg(metavar="METHOD")] = DEFAULT_METHOD
    """See `liftlab methods`."""
    granularity: Annotated[float | None, arg(metavar="0..1")] = None
    """0 = parts, 1 = groups; whole objects when not given."""


@dataclass(frozen=True)
class Search(Common):
    """Find objects by words: "the large red thing left of the yellow ring"."""

    name: Annotated[Positional[str], arg(metavar="SCENE")] = tyro.MISSING
    """Scene."""
    text: Annotated[Positional[str], arg(metavar="WORDS")] = tyro.MISSING
    """What to look for, in quotes."""
    out: Annotated[Path, arg(metavar="DIR")] = tyro.MISSING
    """Folder for the masks of what is found."""
    method: Annotated[str, arg(metavar="METHOD")] = DEFAULT_METHOD
    """Whose objects are searched; see `liftlab methods`."""
    encoder: Annotated[str, arg(metavar="ENCODER")] = "attributes"
    """What reads the words: measured colours, sizes, shapes and places, an image-text model, or (saga) its votes."""
    limit: Annotated[int, arg(metavar="N")] = 10
    """How many objects to write at most."""
    set: Annotated[tuple[str, ...], arg(metavar="KEY=VALUE")] = ()
    """Settings of the method as KEY=VALUE."""


@dataclass(frozen=True)
class Measure(Common):
    """Measure between two places of a scene, or give the scene its scale: a distance that you know."""

    name: Annotated[Positional[str], arg(metavar="SCENE")] = tyro.MISSING
    """Scene."""
    places: Annotated[tuple[str, ...], arg(metavar="PHOTO:X,Y")] = ()
    """Two places, each in a photo (photo pixels) or as X,Y,Z of the scene."""
    known: Annotated[str | None, arg(metavar="LENGTH")] = None
    """How far they are apart in reality, for example "12.5 cm"; from then on the scene has real units."""
    forget: bool = False
    """Take the scene's scale away."""


def _kinds_of_export(default: str) -> str:
    """What `--help` says of the kinds; asked only for the help of this command."""
    from liftlab.export.formats import EXPORT_FORMATS

    records = EXPORT_FORMATS.records()
    plain = ", ".join(record.name for record in records if not record.needs_splats)
    splats = ", ".join(record.name for record in records if record.needs_splats)
    return f"{plain}; with trained splats: {splats}. (default: {default})"


@dataclass(frozen=True)
class Export(Common):
    """Write a scene's cameras, and objects segmented by a prompts file, in formats of other programs."""

    name: Annotated[Positional[str], arg(metavar="SCENE")] = tyro.MISSING
    """Scene."""
    out: Annotated[Path, arg(metavar="DIR")] = tyro.MISSING
    """Folder for the files."""
    kinds: Annotated[tuple[str, ...], arg(metavar="KIND", help_behavior_hint=_kinds_of_export)] = (
        "colmap",
        "transforms",
    )
    """What to write:"""
    boundary: Literal["keep", "trim", "split"] = "split"
    """What happens to splats across an object's outline: left whole, left out, or cut."""
    metres: bool = False
    """Write coordinates in metres; the scale must be known (see `liftlab measure`)."""
    mend: bool = False
    """Fill in what objects leave behind (hole and shadow) in the splats of the scene without them."""
    prompts: Annotated[Path | None, arg(metavar="FILE")] = None
    """JSON file with objects and clicks; needed for all kinds but the cameras."""
    method: Annotated[str, arg(metavar="METHOD")] = DEFAULT_METHOD
    """See `liftlab methods`."""


@dataclass(frozen=True)
class Run(Common):
    """Replay a notebook.json: the same photos, settings and clicks give the same masks."""

    notebook: Annotated[Positional[Path], arg(metavar="NOTEBOOK")] = tyro.MISSING
    """notebook.json that LiftLab saved."""
    out: Annotated[Path | None, arg(metavar="DIR")] = None
    """Folder for the masks and point clouds."""
    photos: Annotated[Path | None, arg(metavar="DIR")] = None
    """Where the photos are now, when they have moved."""


@dataclass(frozen=True)
class Methods(Common):
    """List the methods, with paper and licence."""


@dataclass(frozen=True)
class Models(Common):
    """List the models with weights and how each stands, download one, check their files, or clear what networks
    computed before.
    """

    action: Positional[Literal["list", "get", "verify", "clear"]] = "list"
    """What to do."""
    name: Annotated[Positional[str | None], arg(metavar="NAME")] = None
    """Model to get or verify; see `liftlab models`."""
    offline: bool = False
    """List without asking whether the downloads can be reached."""
    accept_licence: bool = False
    """Confirm the licence of a model that is not for commercial use."""


@dataclass(frozen=True)
class Bench(Common):
    """Measure methods on captures with truth, and write a report that someone can send."""

    captures: Annotated[Positional[tuple[Path, ...]], arg(metavar="CAPTURE")] = ()
    """Captures with truth/, or scenes in a benchmark's layout."""
    out: Annotated[Path, arg(metavar="DIR")] = tyro.MISSING
    """Folder for results.jsonl, pictures and report.html; given again, a stopped run goes on."""
    data: Annotated[Path | None, arg(metavar="DIR")] = None
    """Folder that holds the scenes of a benchmark."""
    layout: Annotated[str | None, arg(metavar="LAYOUT")] = None
    """Layout of the folders; looked at when not given. See docs/benchmarking.md."""
    methods: Annotated[tuple[str, ...], arg(metavar="METHOD")] = ()
    """All that are registered when not given; see `liftlab methods`."""
    variants: Annotated[tuple[str, ...], arg(metavar="METHOD:KEY=VALUE,...")] = ()
    """Further cases of a method with other settings, for example wildseg3d:alignment=ga."""
    masks: Annotated[tuple[str, ...], arg(metavar="KEY=VALUE,...")] = ("default",)
    """Mask sources: "default", or settings of the masks."""
    seeds: tuple[int, ...] = ()
    """0 when not given; 0 1 2 with --full."""
    prompts: Annotated[Path | None, arg(metavar="FILE")] = None
    """A file of prompts/ of an earlier run: every method gets its clicks instead of a simulated user's."""
    full: bool = False
    """20 clicks, three seeds, the methods' own training lengths, and a day for each preparation."""
    clicks: int | None = None
    """Simulated clicks per object, at most; 5, or 20 with --full."""
    train_steps: int | None = None
    """Steps that a method's training is cut to; 800, or the method's own with --full."""
    splat_steps: int | None = None
    """Steps of the scene's Gaussians; 800, or the default of the device with --full."""
    max_side: Annotated[int | None, arg(metavar="PX")] = None
    """Longer side of the working images, pixels."""
    photos: Annotated[str | None, arg(metavar="N,...")] = None
    """At most so many photos of each scene, for example 5, or 3,4,5,7,9 for a case each; all when not given."""
    encoder: Annotated[str, arg(metavar="ENCODER")] = "auto"
    """Who ranks objects for words: attributes, open_clip, votes (saga); "auto" takes the model when it is there."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where methods run."""
    prepare_secs: float | None = None
    """Longest preparation of a method; 60 when not given."""
    case_secs: float | None = None
    """Longest case; 1800 when not given."""
    memory_gib: float = 8.0
    """Most memory of a case."""
    jobs: int = 1
    """Cases at a time."""
    threads: int | None = None
    """Threads of each case; the cores divided by the jobs when not given."""
    cluster: Annotated[str | None, arg(metavar="ADDRESS")] = None
    """Run the cases on a Ray cluster at this address, or "local" for workers on this computer."""
    retry_failed: bool = False
    """Run cases again that failed before."""
    csv: Annotated[Path | None, arg(metavar="DIR")] = None
    """Write every table as CSV, too."""
    latex: Annotated[Path | None, arg(metavar="DIR")] = None
    """Write every table as LaTeX, too."""


@dataclass(frozen=True)
class Evaluate(Common):
    """Score masks or label maps from anywhere against the truth of a capture."""

    pred: Annotated[Path, arg(metavar="DIR")] = tyro.MISSING
    """Folder with masks/OBJECT/STEM.png or labels/STEM.png; see docs/benchmarking.md."""
    capture: Annotated[Path, arg(metavar="DIR")] = tyro.MISSING
    """Capture with truth/, or a scene of a benchmark's layout."""
    layout: Annotated[str | None, arg(metavar="LAYOUT")] = None
    """Layout of that folder; looked at when not given."""


@dataclass(frozen=True)
class Scenes(Common):
    """List the scenes and how far each is built, rename one, or delete one with what only it uses."""

    action: Positional[Literal["ls", "rename", "delete"]] = "ls"
    """What to do."""
    name: Annotated[Positional[str | None], arg(metavar="SCENE")] = None
    """Scene to rename or delete."""
    new_name: Annotated[Positional[str | None], arg(metavar="NEW")] = None
    """Its new name."""


@dataclass(frozen=True)
class WorkspaceCommand(Common):
    """Look after the workspace: list it, measure it, remove what nothing refers to, check every file."""

    action: Positional[Literal["ls", "du", "prune", "verify"]] = "ls"
    """What to do."""


@dataclass(frozen=True)
class Doctor(Common):
    """Say what is installed, what is missing and what will be used."""


@dataclass(frozen=True)
class OpenVocab(Common):
    """Train the network of ovseg3r: captures with truth to records, records to weights, weights to scores."""

    action: Positional[Literal["data", "train", "evaluate"]] = "evaluate"
    """What to do."""
    folder: Annotated[Positional[Path], arg(metavar="FOLDER")] = tyro.MISSING
    """Captures with truth (data), or records (train, evaluate)."""
    out: Annotated[Path | None, arg(metavar="DIR")] = None
    """Where records go (data), or checkpoint, log and weights (train); a training there is gone on with."""
    reconstructor: Literal["truth", "spoilt", "stereo", "alternate"] = "spoilt"
    """Who gives the points (data): true depth, the same spoilt as stereo spoils it, our own stereo, or mixed."""
    config: Literal["tiny", "cpu", "ablation", "gpu"] = "cpu"
    """Sizes and length (data, train)."""
    steps: Annotated[int | None, arg(metavar="N")] = None
    """Steps in all (train); the configuration's when not given."""
    average: bool = False
    """Write the mean of the weights that were trained and of those it started from (train, with --weights)."""
    validate: Annotated[Path | None, arg(metavar="DIR")] = None
    """Records that are not trained on, by which names are calibrated (train)."""
    weights: Annotated[Path | None, arg(metavar="FILE")] = None
    """What is scored (evaluate), those that ship when not given; what a new training starts from (train)."""
    text: Annotated[str, arg(metavar="WHO")] = ""
    """Who reads names (train, evaluate): the word vectors that ship when not given, open_clip, or the folder of a
    MiniLM."""


Command = (
    Annotated[Serve, subcommand("serve")]
    | Annotated[Demo, subcommand("demo")]
    | Annotated[Reconstruct, subcommand("reconstruct")]
    | Annotated[Gaussians, subcommand("gaussians")]
    | Annotated[Masks, subcommand("masks")]
    | Annotated[Prepare, subcommand("prepare")]
    | Annotated[Segment, subcommand("segment")]
    | Annotated[Decompose, subcommand("decompose")]
    | Annotated[Search, subcommand("search")]
    | Annotated[Measure, subcommand("measure")]
    | Annotated[Export, subcommand("export")]
    | Annotated[Run, subcommand("run")]
    | Annotated[Methods, subcommand("methods")]
    | Annotated[Models, subcommand("models")]
    | Annotated[Bench, subcommand("bench")]
    | Annotated[Evaluate, subcommand("evaluate")]
    | Annotated[OpenVocab, subcommand("openvocab")]
    | Annotated[Scenes, subcommand("scenes")]
    | Annotated[WorkspaceCommand, subcommand("workspace")]
    | Annotated[Doctor, subcommand("doctor")]
)
