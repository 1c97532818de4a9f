"""Which device the lab computes on, and why, in a few words."""

import importlib.util
from typing import Literal


def render_device() -> Literal["cpu", "cuda"]:
    """What "auto" means for splats and methods: the graphics card where there is one that splats can be rendered on."""
    return "cuda" if has_card() and renders_on_card() else "cpu"


def network_device() -> Literal["cpu", "cuda"]:
    """What "auto" means for networks, which need no gsplat: the graphics card where there is one."""
    return "cuda" if has_card() else "cpu"


def has_card() -> bool:
    import torch

    return torch.cuda.is_available()


def renders_on_card() -> bool:
    """Whether gsplat is installed, without which a card renders no splats."""
    return importlib.util.find_spec("gsplat") is not None


def about_device(device: str) -> str:
    """Where a lab on `device` computes, for people."""
    if device != "cpu":
        import torch

        return f"Computes on {torch.cuda.get_device_name(torch.device(device))}."
    if has_card() and not renders_on_card():
        return "Splats and methods compute on the processor: gsplat, which the graphics card needs, is not installed."
    return "Computes on the processor."
