"""OVSeg3R: one network, trained over many scenes, that segments a new cloud of points by itself and names what it
finds."""

from liftlab.pipelines.methods.ovseg3r.method import OvSeg3R
from liftlab.pipelines.methods.ovseg3r.state import OvSeg3RConfig, OvSeg3RPrepared

__all__ = ["OvSeg3R", "OvSeg3RConfig", "OvSeg3RPrepared"]
