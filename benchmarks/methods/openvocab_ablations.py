"""What each part of OVSeg3R's training gains, in the paper's order (docs/methods/ovseg3r.md section 7).

    python -m benchmarks.methods.openvocab_ablations --records records --test records-test --out runs [--only full]

Every row is one training by the configuration `ablation` with one thing changed; trainings that were stopped are gone
on with. Records: `liftlab openvocab data`, those of --test from seeds 2000 up.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.common.tables import markdown, write_result
from liftlab.components.openvocab.augmentation import MaskNoise
from liftlab.components.openvocab.weights import load_trained
from liftlab.components.text.word_vectors import word_vectors
from liftlab.pipelines.steps.openvocab_evaluation import evaluate
from liftlab.pipelines.steps.openvocab_training import PRESETS, TrainConfig, train


def variants() -> dict[str, TrainConfig]:
    """Name to configuration: all of it, then with one thing changed each."""
    full = PRESETS["ablation"]
    taught = full.supervision
    noisy = MaskNoise(border_px=4, label_swap=0.3)
    return {
        "full": full,
        "no-vip": replace(full, supervision=replace(taught, vip=False)),
        "no-ibsp": replace(full, supervision=replace(taught, ibsp=False)),
        "no-vip-no-ibsp": replace(full, supervision=replace(taught, vip=False, ibsp=False)),
        "lifted-10": replace(full, lifted_share=0.1),
        "lifted-0": replace(full, lifted_share=0.0),
        "no-2d-features": replace(full, network=replace(full.network, features=0)),
        "label-noise": replace(full, supervision=replace(taught, mask_noise=noisy)),
        "hungarian": replace(full, loss=replace(full.loss, matcher="hungarian", objectness_iou=0.5)),
        "no-relations": replace(full, network=replace(full.network, kin=0)),
    }


def row(name: str, config: TrainConfig, records: Sequence[Path], test: Sequence[Path], out: Path) -> list:
    """Train one variant and score it."""
    encoder = word_vectors()
    trained = load_trained(train(records, out / name, config, encoder))
    scores = evaluate(trained, test, encoder)
    by_class = scores.by_class
    return [name, scores.ap50, scores.ap25, by_class["all50"], by_class["base50"], by_class["novel50"]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=Path, required=True, help="records to train on")
    parser.add_argument("--test", type=Path, required=True, help="records to score on, never trained on")
    parser.add_argument("--out", type=Path, required=True, help="folder of the trainings")
    parser.add_argument("--only", nargs="*", choices=list(variants()), help="some of the rows")
    options = parser.parse_args()
    records, test = (sorted(folder.glob("*.npz")) for folder in (options.records, options.test))
    chosen = {name: config for name, config in variants().items() if name in (options.only or variants())}
    rows = [row(name, config, records, test, options.out) for name, config in chosen.items()]
    headers = ["", "AP50", "AP25", "mAP50", "base", "novel"]
    said = f"Trained on {len(records)} records, scored on {len(test)}; AP50 and AP25 are class-agnostic."
    write_result(
        "openvocab-ablations", "What OVSeg3R's parts gain", [f"{said}\n\n" + markdown(headers, rows)]
    )


if __name__ == "__main__":
    main()
