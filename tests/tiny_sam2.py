"""A SAM 2.1 network of 7.7 million random weights: everything but what it knows."""

from pathlib import Path

import torch

from liftlab.components.masks.sam2.network import Sam2Network, build_sam2
from liftlab.components.models.result_cache import ResultCache

CONFIG = "configs/sam2.1/sam2.1_hiera_t.yaml"
OVERRIDES = (
    "++model.image_size=256",
    "++model.image_encoder.trunk.embed_dim=16",
    "++model.image_encoder.trunk.stages=[1,1,2,1]",
    "++model.image_encoder.trunk.global_att_blocks=[3]",
    "++model.image_encoder.neck.backbone_channel_list=[128,64,32,16]",
    "++model.memory_attention.num_layers=1",
    "++model.memory_attention.layer.self_attention.feat_sizes=[16,16]",
    "++model.memory_attention.layer.cross_attention.feat_sizes=[16,16]",
)
CPU = torch.device("cpu")


def tiny_sam2(folder: Path | None = None) -> Sam2Network:
    """The network with seeded weights; results kept in `folder`, or in memory only."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = build_sam2(CONFIG, device=CPU, overrides=OVERRIDES)
    return Sam2Network(model, "tiny", ResultCache(folder))


def write_checkpoint(path: Path) -> None:
    """The tiny network's weights in a file as Meta publishes them."""
    torch.save({"model": tiny_sam2().model.state_dict()}, path)


def catalogue_entry(address: str = "https://nowhere.invalid/tiny.pt") -> dict[str, object]:
    """A catalogue entry for the tiny network, as a person would write one for a checkpoint of their own."""
    return {
        "name": "sam2.1-test", "task": "masks", "summary": "Random weights.", "file": "sam2.1-test.pt",
        "address": address, "megabytes": 31.0, "licence": "Apache-2.0", "licence_address": "https://nowhere.invalid",
        "module": "sam2", "packages": ["rf-sam-2"], "memory_megabytes": 300.0,
        "settings": {"config": CONFIG, "overrides": list(OVERRIDES)},
    }  # fmt: skip
