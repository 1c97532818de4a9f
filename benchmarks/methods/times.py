"""Times of single steps that a click or a picture waits for, beside their formulas written down plainly."""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch.nn.functional import normalize

from benchmarks.common.tables import markdown
from benchmarks.methods.cases import Case, ready
from liftlab.components.geometry.projection import scaled_intrinsics
from liftlab.components.rasterize.frozen import FrozenView
from liftlab.pipelines.methods.saga.clicks import similarities
from liftlab.pipelines.methods.unic_lift.method import decode

QUERY_GAUSSIANS, QUERY_CHANNELS = 300_000, 32
DECODED = (640, 480)
WARM_UPS, TIMES = 3, 30
HEAD = ["way", "median ms", "p95 ms", "best ms", "CPU ms"]


def _row(name: str, ask: Callable[[], object]) -> list[str]:
    wall, cpu = [], []
    for _ in range(WARM_UPS + TIMES):
        start, busy = time.perf_counter(), time.process_time()
        ask()
        wall.append(1e3 * (time.perf_counter() - start))
        cpu.append(1e3 * (time.process_time() - busy))
    kept = np.array(wall[WARM_UPS:])
    numbers = (np.median(kept), np.percentile(kept, 95), kept.min(), np.median(cpu[WARM_UPS:]))
    return [name, *(f"{number:.1f}" for number in numbers)]


def query_times() -> str:
    """SAGA's comparison of one click with 300,000 random features."""
    generator = torch.Generator().manual_seed(0)
    features = normalize(torch.randn(QUERY_GAUSSIANS, QUERY_CHANNELS, generator=generator), dim=1)
    squares = features.square()
    gates = torch.rand(QUERY_CHANNELS, generator=generator)
    click = torch.randn(1, QUERY_CHANNELS, generator=generator)

    def plain() -> np.ndarray:
        return (normalize(gates * features, dim=1) @ normalize(gates * click, dim=1).T)[:, 0].numpy()

    def ours() -> np.ndarray:
        return similarities(features, squares, gates, click)[:, 0].numpy()

    assert np.allclose(plain(), ours(), atol=1e-5)
    return markdown(HEAD, [_row("plain formula", plain), _row("as built", ours)])


def decode_times(case: Case) -> str:
    """UniC-Lift's objects of one view at 640 x 480: rendering its vectors, and reading objects off them."""
    made = ready(case)
    camera = made.scene.views[0].camera
    width, height = DECODED
    K = scaled_intrinsics(camera.K, width / camera.width, height / camera.height)
    view = FrozenView(made.prepared.views.gaussians, replace(camera, K=K, width=width, height=height))
    with torch.no_grad():
        rendered, alpha = view.render(made.prepared.channels).cpu().numpy(), view.alpha.cpu().numpy()
        rows = [
            _row("render the vectors", lambda: view.render(made.prepared.channels)),
            _row("decode", lambda: decode(made.prepared.objects, rendered, alpha)),
        ]
    return markdown(HEAD, rows)
