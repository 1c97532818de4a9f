"""`liftlab openvocab`: make training records, train, score."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from liftlab.cli.commands import OpenVocab
from liftlab.cli.support import say, working
from liftlab.components.errors import InputError


def run(command: OpenVocab) -> dict[str, Any]:
    """Do what the command says; returns what there is to know."""
    folder = command.folder.expanduser()
    if not folder.is_dir():
        raise InputError(f"There is no such folder: {folder}")
    if command.action == "data":
        return _data(command, folder)
    if command.action == "train":
        return _train(command, folder)
    return _evaluate(command, folder)


def _data(command: OpenVocab, folder: Path) -> dict[str, Any]:
    from liftlab.pipelines.steps.openvocab_data import DataConfig, make_records
    from liftlab.pipelines.steps.openvocab_training import PRESETS

    points = PRESETS[command.config].superpoints.num_points
    config = DataConfig(reconstructor=command.reconstructor, num_points=points)
    with working("Making records") as (progress, cancel):
        files = make_records(folder, _out(command), config, progress=progress.report, cancel=cancel, say=say)
        progress.done(f"{len(files)} records in {command.out}")
    return {"records": [str(file) for file in files]}


def _train(command: OpenVocab, folder: Path) -> dict[str, Any]:
    from liftlab.components.openvocab.weights import load_trained, mean_of, save_trained
    from liftlab.components.text.sentence_encoder import chosen_text_encoder
    from liftlab.pipelines.steps.openvocab_evaluation import calibrated
    from liftlab.pipelines.steps.openvocab_training import PRESETS, fitting, train

    encoder = chosen_text_encoder(command.text)
    config = fitting(PRESETS[command.config], encoder)
    if command.steps is not None:
        if command.steps < 1:
            raise InputError(f"--steps must be 1 or more; got {command.steps}.")
        config = replace(config, steps=command.steps)
    start = load_trained(command.weights.expanduser()) if command.weights else None
    if command.average and start is None:
        raise InputError("--average needs the weights that the training starts from: name them by --weights.")
    with working("Training") as (progress, cancel):
        weights = train(
            records_in(folder), _out(command), config, encoder, progress=progress.report,
            cancel=cancel, start=start,
        )  # fmt: skip
        trained = load_trained(weights)
        if start is not None and command.average:
            trained = mean_of(trained, start)
        if command.validate is not None:
            trained = calibrated(trained, records_in(command.validate.expanduser()), encoder)
        save_trained(trained, weights)
        progress.done(f"Weights written to {weights}")
    return {"weights": str(weights), "bytes": weights.stat().st_size}


def _evaluate(command: OpenVocab, folder: Path) -> dict[str, Any]:
    from liftlab.components.openvocab.weights import WEIGHTS, load_trained
    from liftlab.components.text.sentence_encoder import chosen_text_encoder
    from liftlab.pipelines.steps.openvocab_evaluation import evaluate

    trained = load_trained(command.weights.expanduser() if command.weights else WEIGHTS)
    encoder = chosen_text_encoder(command.text)
    if encoder.identity != trained.text_identity:
        raise InputError(
            f"These weights were trained with other word vectors ({trained.text_identity}); choose those by --text."
        )
    with working("Scoring") as (progress, cancel):
        scores = evaluate(
            trained, records_in(folder), encoder, counts=training_counts(trained.about),
            progress=progress.report,
            cancel=cancel,
        )  # fmt: skip
        progress.done(f"Class-agnostic AP50 {scores.ap50:.3f} on {scores.scenes} scenes")
    return _without_nan(asdict(scores))


def records_in(folder: Path) -> Sequence[Path]:
    """The records of a folder. InputError when there is none."""
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise InputError(
            f"There is no record in this folder (make some with `liftlab openvocab data`): {folder}"
        )
    return files


def training_counts(about: dict[str, Any]) -> Counter[str]:
    """Instances of each name in training, as the weights remember them."""
    counts: Any = about.get("counts", {})
    return Counter({str(name): int(number) for name, number in counts.items()})


def _out(command: OpenVocab) -> Path:
    if command.out is None:
        raise InputError("--out must name a folder to write to.")
    return command.out.expanduser()


def _without_nan(value: Any) -> Any:
    """JSON knows no NaN: None instead."""
    if isinstance(value, dict):
        return {name: _without_nan(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value
