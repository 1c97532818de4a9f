"""Training OVSeg3R over many records: seeded, checkpointed, resumable.

Equation numbers are those of docs/methods/ovseg3r.md.
"""

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from liftlab.components.errors import InputError
from liftlab.components.files import atomic_write, content_key
from liftlab.components.openvocab.losses import LossConfig, judging_loss, view_loss
from liftlab.components.openvocab.network import CUTS, NetworkConfig, OpenVocabNetwork, cut_at
from liftlab.components.openvocab.records import SceneRecord, load_record
from liftlab.components.openvocab.weights import SuperpointConfig, Trained, save_trained
from liftlab.components.progress import CancelToken, Progress, no_progress
from liftlab.components.text.word_vectors import TextEncoder
from liftlab.pipelines.steps.openvocab_examples import (
    Example,
    SupervisionConfig,
    TaughtScene,
    taught_scene,
    text_rows,
    training_example,
)

STEP_VERSION = 1
KEPT_SCENES = 600
"""Scenes that stay in memory between their steps: some 6 MB each of 12,000 points."""
CHECKPOINT, LOG = "checkpoint.safetensors", "training.jsonl"


@dataclass(frozen=True)
class TrainConfig:
    """One training."""

    network: NetworkConfig = field(default_factory=NetworkConfig)
    """Sizes."""
    superpoints: SuperpointConfig = field(default_factory=SuperpointConfig)
    """How clouds are cut."""
    supervision: SupervisionConfig = field(default_factory=SupervisionConfig)
    """What is taught."""
    loss: LossConfig = field(default_factory=LossConfig)
    """Weights and matching."""
    steps: int = 2000
    """Steps in all."""
    scenes: int = 2
    """Scenes of a step."""
    rate: float = 5e-4
    """Learning rate at the start; falls with power 0.9 to 0. SegDINO3D's is 1e-4 for 38,700 steps; a tenth of the steps
    bear more [ours]."""
    warmup: int = 100
    """Steps in which the rate rises to that."""
    hold: float = 0.0
    """Share of the steps in which the rate does not fall yet [ours], so that a training can be made longer."""
    weight_decay: float = 0.05
    """Of AdamW, as SegDINO3D's."""
    clip: float = 10.0
    """Largest norm of the gradient, as SegDINO3D's."""
    labelled_share: float = 0.5
    """Share of the scenes whose 3D labels are used (base names only); masks of photos are lifted in the others."""
    lifted_share: float = 1.0
    """Share of those others that are used at all (the ablation's amount of generated data)."""
    novel_every: int = 6
    """Of the names in alphabetical order, one in so many is novel: no 3D label ever says it."""
    seed: int = 0
    """Of weights, order, augmentation."""
    checkpoint_every: int = 50
    """Steps between checkpoints."""


PRESETS: dict[str, TrainConfig] = {
    "tiny": TrainConfig(
        network=NetworkConfig(dim=32, point_dim=32, layers=2, heads=2, features=8),
        superpoints=SuperpointConfig(num_points=2000),
        steps=40,
        warmup=5,
        checkpoint_every=10,
    ),
    "cpu": TrainConfig(
        supervision=SupervisionConfig(negatives=200, views=4),
        loss=LossConfig(class_weight=1.0),
        steps=10_000,
        scenes=1,
        rate=1e-3,
        hold=0.4,
    ),
    "ablation": TrainConfig(
        supervision=SupervisionConfig(negatives=88), steps=500, scenes=1, rate=1e-3, warmup=50
    ),
    "gpu": TrainConfig(
        network=NetworkConfig(dim=256, layers=6, heads=8),
        superpoints=SuperpointConfig(num_points=60_000),
        steps=38_700,
        scenes=4,
        rate=1e-4,
        warmup=1000,
        checkpoint_every=300,
    ),
}
"""By name: smoke test, shipped weights, ablations, the paper's sizes."""


def fitting(config: TrainConfig, encoder: TextEncoder) -> TrainConfig:
    """The configuration with a text head as wide as the encoder's vectors."""
    width = encoder.encode_texts(["thing"]).shape[1]
    return replace(config, network=replace(config.network, text_dim=width))


@dataclass(frozen=True)
class TrainingSet:
    """Records in a fixed order with what follows from them."""

    files: tuple[Path, ...]
    labelled: tuple[bool, ...]
    """Per file: taught from 3D labels."""
    vocabulary: tuple[str, ...]
    novel: frozenset[str]
    counts: dict[str, int]
    """Instances of each name in the records that are used."""


def training_set(files: Sequence[Path], config: TrainConfig, start: Trained | None = None) -> TrainingSet:
    """Which records are labelled in 3D, which lifted, and which names are novel: those of `start` stay so.

    Raises:
        InputError: There is no record.
    """
    files = sorted(files)
    if not files:
        raise InputError("There are no training records: make some with `liftlab openvocab data`.")
    found = [_names_of(load_record(file)) for file in files]
    names = sorted({name for own in found for name in own})
    novel = frozenset(start.novel) if start is not None else novel_names(names, config.novel_every)
    order = np.random.default_rng([config.seed, 3]).permutation(len(files))
    count = round(config.labelled_share * len(files))
    lifted = order[count:]
    lifted = lifted[: round(config.lifted_share * len(lifted))]
    chosen = sorted([(int(i), True) for i in order[:count]] + [(int(i), False) for i in lifted])
    return TrainingSet(
        tuple(files[i] for i, _ in chosen),
        tuple(flag for _, flag in chosen),
        tuple(names),
        novel,
        dict(sorted(sum((found[i] for i, _ in chosen), Counter()).items())),
    )


def novel_names(names: Sequence[str], every: int) -> frozenset[str]:
    """One name in so many, in alphabetical order; none for 0."""
    return frozenset(sorted(names)[every // 2 :: every]) if every else frozenset()


def _names_of(record: SceneRecord) -> Counter[str]:
    """How often each name occurs: in 3D where there is truth, else in the view that has most of it."""
    seen = Counter(record.truth_names.values())
    for view in record.names:
        seen |= Counter(view.values())
    return seen


def train(
    files: Sequence[Path],
    out: Path,
    config: TrainConfig,
    encoder: TextEncoder,
    *,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
    until: int | None = None,
    start: Trained | None = None,
) -> Path:
    """Train, or go on with what `out` holds; returns the weights' file once all steps are done.

    Args:
        files: Records.
        out: Folder of checkpoint, log and weights.
        config: A checkpoint of another config is refused.
        encoder: Of names.
        progress: Told after every step.
        cancel: Asked before every step.
        until: Stop after so many steps in all, with a checkpoint (tests).
        start: A network to go on from, with its novel names; what it lacks of this one starts anew.

    Raises:
        InputError: There is no record, `out` holds another training, or `start` has other sizes.
        Cancelled: `cancel` was set; the last checkpoint stays.
    """
    out.mkdir(parents=True, exist_ok=True)
    cancel = cancel or CancelToken()
    data = training_set(files, config, start)
    table = dict(zip(data.vocabulary, encoder.encode_texts(list(data.vocabulary)), strict=True))
    run = _Run.started(config, out, content_key("openvocab", asdict(config), encoder.identity), start)
    scenes = _Scenes(data, config)
    done = run.step
    began = time.perf_counter()
    for step in range(done, min(config.steps, until or config.steps)):
        cancel.check()
        loss = run.train_step(scenes.examples(step), table)
        run.step = step + 1
        spent = (time.perf_counter() - began) / (step + 1 - done)
        with (out / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps({"step": step + 1, "loss": round(loss, 4), "secs": round(spent, 3)}) + "\n")
        progress(
            (step + 1) / config.steps, f"Step {step + 1} of {config.steps}, loss {loss:.3f}, {spent:.2f} s"
        )
        if run.step % config.checkpoint_every == 0 or run.step == config.steps:
            run.save(out / CHECKPOINT)
    if run.step < config.steps:
        run.save(out / CHECKPOINT)
        return out / CHECKPOINT
    weights = out / "weights.safetensors"
    about = {
        "config": asdict(config), "records": len(data.files), "labelled": sum(data.labelled), "steps": run.step,
        "counts": data.counts,
    }  # fmt: skip
    save_trained(
        Trained(
            run.network,
            config.superpoints,
            encoder.identity,
            data.vocabulary,
            tuple(sorted(data.novel)),
            1.0,
            about,
        ),
        weights,
    )
    return weights


class _Scenes:
    """The scenes of a training, read and cut when they are first needed.

    What does not change from step to step is kept: that was a third of a step's time.
    """

    def __init__(self, data: TrainingSet, config: TrainConfig) -> None:
        self.data, self.config = data, config
        self._kept: dict[int, TaughtScene | None] = {}

    def taught(self, index: int) -> TaughtScene | None:
        if index not in self._kept:
            while len(self._kept) >= KEPT_SCENES:
                self._kept.pop(next(iter(self._kept)))
            data, config = self.data, self.config
            self._kept[index] = taught_scene(
                load_record(data.files[index]),
                config.supervision,
                config.loss,
                config.superpoints,
                labelled=data.labelled[index],
                novel=data.novel,
                vocabulary=data.vocabulary,
                rng=np.random.default_rng([config.seed, 9, index]),
            )
        return self._kept[index]

    def examples(self, step: int) -> list[Example]:
        """The scenes of one step, in an order that shuffles anew whenever all were seen."""
        out, config = [], self.config
        for place in range(step * config.scenes, (step + 1) * config.scenes):
            epoch, at = divmod(place, len(self.data.files))
            index = int(np.random.default_rng([config.seed, 5, epoch]).permutation(len(self.data.files))[at])
            scene = self.taught(index)
            if scene is not None:
                rng = np.random.default_rng([config.seed, 7, place])
                out.append(training_example(scene, config.supervision, self.data.vocabulary, rng))
        return out


def scene_loss(
    network: OpenVocabNetwork, example: Example, text: Float[Tensor, "K T"], config: LossConfig
) -> Float[Tensor, ""]:
    """L of eq. 18: mean over views of the sum over layers; with a network that looks at masks, how well it judges cuts
    of the last ones too."""
    tokens = network.tokens(example.inputs)
    predictions = network.decode(tokens, example.queries, text, example.inputs)
    sizes = example.inputs.sizes
    losses = [view_loss(one, targets, config, sizes) for one in predictions for targets in example.targets]
    last = predictions[-1]
    if network.config.looks and last.state is not None:
        # One cut of each query, in turn: which superpoints are queries is drawn anew in every step.
        at = last.masks.new_tensor(CUTS)[torch.arange(len(last.masks)) % len(CUTS)]
        cut = cut_at(last.masks, at[:, None])
        said = network.judged(last.state, cut, tokens, example.inputs)
        losses += [judging_loss(cut, said, targets, config, sizes) for targets in example.targets]
    return torch.stack(losses).sum() / len(example.targets)


def rate_at(step: int, config: TrainConfig) -> float:
    """Learning rate of a step: it rises, perhaps stays, and falls with power 0.9 to 0."""
    left = min((1 - step / config.steps) / (1 - config.hold), 1.0)
    return config.rate * min((step + 1) / max(config.warmup, 1), 1.0) * left**0.9


def _take_over(network: OpenVocabNetwork, start: OpenVocabNetwork) -> None:
    """Weights of another network; parts that it does not have stay as they are. InputError when sizes differ."""
    try:
        left = network.load_state_dict(start.state_dict(), strict=False)
    except RuntimeError as error:
        raise InputError(f"The network to start from has other sizes: {error}") from error
    if left.unexpected_keys:
        raise InputError(f"The network to start from has parts that this one lacks: {left.unexpected_keys}")


@dataclass
class _Run:
    """Network and optimiser in the middle of a training."""

    config: TrainConfig
    key: str
    network: OpenVocabNetwork
    optimiser: torch.optim.AdamW
    step: int = 0

    @staticmethod
    def started(config: TrainConfig, out: Path, key: str, start: Trained | None = None) -> "_Run":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            network = OpenVocabNetwork(config.network)
        if start is not None:
            _take_over(network, start.network)
        optimiser = torch.optim.AdamW(network.parameters(), lr=config.rate, weight_decay=config.weight_decay)
        run = _Run(config, key, network, optimiser)
        if (out / CHECKPOINT).exists():
            run.load(out / CHECKPOINT)
        return run

    def train_step(self, examples: Sequence[Example], table: dict[str, np.ndarray]) -> float:
        """One step; returns the mean loss of its scenes."""
        self.network.train()
        self.optimiser.zero_grad(set_to_none=True)
        total = 0.0
        for example in examples:
            loss = scene_loss(self.network, example, text_rows(example.names, table), self.config.loss)
            (loss / len(examples)).backward()
            total += float(loss.detach())
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        for group in self.optimiser.param_groups:
            group["lr"] = rate_at(self.step, self.config)
        self.optimiser.step()
        return total / max(len(examples), 1)

    def save(self, file: Path) -> None:
        """Everything that the next step needs; its randomness follows from its number."""
        from safetensors.torch import save

        tensors = {f"model.{name}": value for name, value in self.network.state_dict().items()}
        for name, parameter in self.network.named_parameters():
            for part, value in self.optimiser.state.get(parameter, {}).items():
                tensors[f"adam.{part}.{name}"] = value
        data = save(
            {name: value.detach().contiguous() for name, value in tensors.items()},
            metadata={"step": str(self.step), "key": self.key},
        )
        with atomic_write(file) as handle:
            handle.write(data)

    def load(self, file: Path) -> None:
        """Go on from a checkpoint. InputError when it is of another configuration."""
        from safetensors import safe_open

        with safe_open(file, framework="pt") as opened:
            about = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        if about.get("key") != self.key:
            raise InputError(f"This folder holds a training with another configuration: {file.parent}")
        self.step = int(about["step"])
        model = {n.removeprefix("model."): v for n, v in tensors.items() if n.startswith("model.")}
        self.network.load_state_dict(model)
        for name, parameter in self.network.named_parameters():
            parts = {
                part: tensors[f"adam.{part}.{name}"]
                for part in ("step", "exp_avg", "exp_avg_sq")
                if f"adam.{part}.{name}" in tensors
            }
            if parts:
                self.optimiser.state[parameter] = parts
