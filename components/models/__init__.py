"""Models with weights: what exists, what is here, how it comes here, and how its file is read safely.

Nothing in this package imports torch until a checkpoint is read, and nothing touches the network unless asked to.
"""

from liftlab.components.models.catalogue import ModelEntry, load_catalogue
from liftlab.components.models.download import download
from liftlab.components.models.memory import memory_advice
from liftlab.components.models.probe import reachable
from liftlab.components.models.states import ModelState, ModelStatus, model_status
from liftlab.components.models.store import ModelStore

__all__ = [
    "ModelEntry",
    "ModelState",
    "ModelStatus",
    "ModelStore",
    "download",
    "load_catalogue",
    "memory_advice",
    "model_status",
    "reachable",
]
