"""Time of the CPU rasteriser beside a prototype and beside the plain torch reference, in one run.

    python -m benchmarks.splats.rasterizer [--spike FOLDER] [--counts 20000 100000] [--repeats 8] [--work FOLDER]

FOLDER holds a prototype with `nb2.forward` and `nb2.backward`; without it its columns stay empty. Times are
the least process CPU time of the repeats, in milliseconds: other work on the machine disturbs it least. With
--work each case is kept in that folder, so that a run that was stopped goes on with the next.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Worker threads of torch and numba must sleep, not spin, between kernels: spinning counts as CPU time and
# slows the other pool. Read by OpenMP when it is loaded, so it is set before the imports below.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numba
import numpy as np
import torch
from numba.core import config

from benchmarks.common.tables import markdown, write_result
from liftlab.components.files import write_json
from liftlab.components.rasterize import Backend, GaussianTensors, lift, rasterize, warm_up
from liftlab.components.types import Camera

SIZES = ((320, 240), (640, 480))
CHANNELS = (3, 32)
LIFTED_MASKS = 8


def trained_scene(count: int, width: int, height: int) -> tuple[GaussianTensors, torch.Tensor, Camera]:
    """Gaussians of about 1.6 pixels at 320 px width spread over the view, as after training; 32 features;
    a camera."""
    random = np.random.default_rng(0)
    focal = 0.5 * width / np.tan(np.deg2rad(30))
    z = random.uniform(2, 6, count)
    means = np.stack(
        [random.uniform(-0.6, 0.6, count) * z, random.uniform(-0.45, 0.45, count) * z, z], axis=1
    )
    pixels = np.exp(random.normal(np.log(1.6 * width / 320), 0.6, (count, 3)))
    quats = random.normal(size=(count, 4))
    tensors = GaussianTensors(
        means=torch.tensor(means, dtype=torch.float32),
        quats=torch.nn.functional.normalize(torch.tensor(quats, dtype=torch.float32), dim=1),
        scales=torch.tensor(pixels * z[:, None] / focal, dtype=torch.float32),
        opacities=torch.tensor(random.uniform(0.1, 0.95, count), dtype=torch.float32),
        sh=torch.tensor(random.uniform(-1.5, 1.5, (count, 1, 3)), dtype=torch.float32),
    )
    K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])
    features = torch.tensor(random.uniform(0, 1, (count, max(CHANNELS))), dtype=torch.float32)
    return tensors, features, Camera(K=K, world_to_camera=np.eye(4), width=width, height=height)


def least_ms(
    call: Callable[[], object], repeats: int, clock: Callable[[], float] = time.process_time
) -> float:
    """Least time of one call in milliseconds after one unmeasured call."""
    call()
    times = []
    for _ in range(repeats):
        start = clock()
        call()
        times.append((clock() - start) * 1e3)
    return min(times)


def steps(
    count: int, width: int, height: int, channels: int, backend: Backend = "cpu"
) -> tuple[Callable[[], object], Callable[[], object]]:
    """Forward, and forward with backward to all parameters: colour for 3 channels, features alone for
    more."""
    scene, features, camera = trained_scene(count, width, height)
    leaves = [scene.means, scene.quats, scene.scales, scene.opacities]
    if channels == 3:
        assert scene.sh is not None
        leaves.append(scene.sh)
        gaussians, values = scene, None
    else:
        gaussians = GaussianTensors(scene.means, scene.quats, scene.scales, scene.opacities, None)
        values = features[:, :channels].clone()
        leaves.append(values)
    for leaf in leaves:
        leaf.requires_grad_(True)
    weights = torch.randn(1, height, width, channels, generator=torch.Generator().manual_seed(0))

    def forward() -> torch.Tensor:
        out = rasterize(gaussians, [camera], features=values, backend=backend)
        image = out.colour if channels == 3 else out.features
        assert image is not None
        return image

    def both() -> None:
        for leaf in leaves:
            leaf.grad = None
        forward().backward(weights)

    return forward, both


def spike_steps(
    spike: Any, count: int, width: int, height: int, channels: int
) -> tuple[Callable[[], object], Callable[[], object]]:
    """The same work done by the prototype (which has neither depth, nor harmonics, nor autograd)."""
    scene, features, camera = trained_scene(count, width, height)
    arrays = [t.numpy() for t in (scene.means, scene.quats, scene.scales, scene.opacities)]
    arrays.append(np.ascontiguousarray(features.numpy()[:, :channels]))
    eye, K = np.eye(4, dtype=np.float32), camera.K.astype(np.float32)
    background, v_alpha = np.zeros(channels, np.float32), np.zeros((height, width), np.float32)
    v_image = np.random.default_rng(0).normal(size=(channels, height, width)).astype(np.float32)

    def forward() -> Any:
        return spike.forward(*arrays, eye, K, width, height, background)

    def both() -> None:
        _, state = forward()
        spike.backward(state, *arrays, eye, K, width, height, background, v_image, v_alpha)

    return forward, both


def memory_mib(field: str) -> float:
    """What Linux says of this process's memory: `VmRSS` now, `VmHWM` at its peak."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def measure(case: dict[str, Any]) -> dict[str, float]:
    """One case, in a process of its own so that peak memory is its own."""
    count, width, height, channels, repeats = (
        case[k] for k in ("count", "width", "height", "channels", "repeats")
    )
    warm_up()
    out: dict[str, float] = {}
    forward, both = steps(count, width, height, channels)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again at what is held now
    before = memory_mib("VmRSS")
    out["forward"], out["both"] = least_ms(forward, repeats), least_ms(both, repeats)
    out["peak_mib"] = memory_mib("VmHWM") - before
    if case["spike"]:
        sys.path.insert(0, case["spike"])
        spike_forward, spike_both = spike_steps(
            importlib.import_module("nb2"), count, width, height, channels
        )
        out["spike_forward"], out["spike_both"] = (
            least_ms(spike_forward, repeats),
            least_ms(spike_both, repeats),
        )
    if channels > 3:
        scene, features, camera = trained_scene(count, width, height)
        frozen = GaussianTensors(scene.means, scene.quats, scene.scales, scene.opacities, None)
        values = features[:, :channels].clone().requires_grad_(True)
        weights = torch.ones(1, height, width, channels)

        def features_only() -> None:
            values.grad = None
            image = rasterize(frozen, [camera], features=values).features
            assert image is not None
            image.backward(weights)

        masks = torch.ones(1, height, width, LIFTED_MASKS)
        out["features_only"] = least_ms(features_only, repeats)
        out["lift"] = least_ms(lambda: lift(frozen, [camera], masks), repeats)
    return out


def measured_apart(case: dict[str, Any], work: Path | None) -> dict[str, float]:
    """`measure` in a process of its own, or what `work` keeps of it."""
    name = f"{case['count']}_{case['width']}x{case['height']}_{case['channels']}_{case['repeats']}.json"
    kept = work / name if work is not None else None
    if kept is not None and kept.is_file():
        return json.loads(kept.read_text())
    command = [sys.executable, "-m", "benchmarks.splats.rasterizer", "--case", json.dumps(case)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    got = json.loads(done.stdout.splitlines()[-1])
    if kept is not None:
        write_json(kept, got)
    return got


def measure_cores(repeats: int) -> list[list[object]]:
    """Wall time of one training step's rendering over the number of threads."""
    rows: list[list[object]] = []
    _, both = steps(20_000, 320, 240, 3)
    for threads in range(1, config.NUMBA_NUM_THREADS + 1):  # pyright: ignore[reportAttributeAccessIssue]
        numba.set_num_threads(threads)
        rows.append([threads, least_ms(both, repeats, time.perf_counter)])
    return rows


def measure_reference(repeats: int) -> list[list[object]]:
    """The plain torch back end does every pixel against every Gaussian: small scenes only."""
    rows: list[list[object]] = []
    for count in (500, 2_000):
        (cpu, cpu_both), (plain, plain_both) = (
            steps(count, 160, 120, 3),
            steps(count, 160, 120, 3, "reference"),
        )
        fast, fast_both = least_ms(cpu, repeats), least_ms(cpu_both, repeats)
        slow, slow_both = least_ms(plain, 1), least_ms(plain_both, 1)
        rows.append([count, fast, slow, slow / fast, fast_both, slow_both, slow_both / fast_both])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the CPU rasteriser.")
    parser.add_argument("--spike", default="", help="folder of the prototype")
    parser.add_argument("--counts", type=int, nargs="+", default=[20_000, 100_000, 300_000])
    parser.add_argument("--repeats", type=int, default=8)
    parser.add_argument("--work", type=Path, help="folder that keeps measured cases")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(measure(json.loads(arguments.case))))
        return
    rows: list[list[object]] = []
    frozen_rows: list[list[object]] = []
    for count in arguments.counts:
        for width, height in SIZES:
            for channels in CHANNELS:
                case = {
                    "count": count, "width": width, "height": height, "channels": channels,
                    "repeats": arguments.repeats if count < 200_000 else 3, "spike": arguments.spike,
                }  # fmt: skip
                got = measured_apart(case, arguments.work)
                row: list[object] = [count, f"{width}x{height}", channels, got["forward"], got["both"]]
                if arguments.spike:
                    row += [got["spike_forward"], got["spike_both"]]
                    row += [got["forward"] / got["spike_forward"], got["both"] / got["spike_both"]]
                else:
                    row += ["", "", "", ""]
                rows.append([*row, got["peak_mib"]])
                if channels > 3:
                    frozen_rows.append(
                        [count, f"{width}x{height}", got["both"], got["features_only"], got["lift"]]
                    )
    headers = ["N", "image", "channels", "forward", "forward + backward", "prototype forward", "prototype both",
               "ratio forward", "ratio both", "peak memory MiB"]  # fmt: skip
    small = [
        "N at 160x120",
        "cpu forward",
        "reference forward",
        "factor",
        "cpu both",
        "reference both",
        "factor",
    ]
    write_result(
        "rasterizer",
        "CPU rasteriser",
        [
            "CPU milliseconds, least of the repeats, `OMP_WAIT_POLICY=PASSIVE`. Ours also blends depth, "
            "evaluates colour and runs under autograd; 3 channels are colour, 32 are features.",
            markdown(headers, rows),
            "32 features: all gradients, gradients of features alone (geometry frozen), and "
            f"{LIFTED_MASKS} masks lifted.",
            markdown(["N", "image", "all gradients", "features alone", "lift"], frozen_rows),
            "Wall milliseconds of forward + backward, 20k Gaussians, 320x240, over numba threads.",
            markdown(["threads", "ms"], measure_cores(arguments.repeats)),
            "Beside the plain torch reference.",
            markdown(small, measure_reference(min(3, arguments.repeats))),
        ],
    )


if __name__ == "__main__":
    main()
