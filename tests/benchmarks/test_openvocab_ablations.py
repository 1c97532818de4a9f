"""Ablations of OVSeg3R: each changes what its name says and nothing else."""

from dataclasses import asdict

from benchmarks.methods.openvocab_ablations import variants


def flat(value: dict, prefix: str = "") -> dict[str, object]:
    out: dict[str, object] = {}
    for name, own in value.items():
        out |= flat(own, f"{prefix}{name}.") if isinstance(own, dict) else {f"{prefix}{name}": own}
    return out


def test_each_variant_changes_what_it_says() -> None:
    full = flat(asdict(variants()["full"]))
    changed = {
        name: {key for key, value in flat(asdict(config)).items() if full[key] != value}
        for name, config in variants().items()
    }
    assert changed == {
        "full": set(),
        "no-vip": {"supervision.vip"},
        "no-ibsp": {"supervision.ibsp"},
        "no-vip-no-ibsp": {"supervision.vip", "supervision.ibsp"},
        "lifted-10": {"lifted_share"},
        "lifted-0": {"lifted_share"},
        "no-2d-features": {"network.features"},
        "label-noise": {"supervision.mask_noise.border_px", "supervision.mask_noise.label_swap"},
        "hungarian": {"loss.matcher", "loss.objectness_iou"},
        "no-relations": {"network.kin"},
    }
