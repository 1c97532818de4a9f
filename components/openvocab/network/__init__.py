"""The network: points to superpoint tokens, tokens to masks, names and quality."""

from liftlab.components.openvocab.network.inputs import SHAPE_CHANNELS, SceneInputs
from liftlab.components.openvocab.network.looks import CUTS, cut_at, mask_look
from liftlab.components.openvocab.network.model import NetworkConfig, OpenVocabNetwork
from liftlab.components.openvocab.network.pooling import fourier, neighbour_max, superpoint_pools

__all__ = [
    "CUTS",
    "SHAPE_CHANNELS",
    "NetworkConfig",
    "OpenVocabNetwork",
    "SceneInputs",
    "cut_at",
    "fourier",
    "mask_look",
    "neighbour_max",
    "superpoint_pools",
]
