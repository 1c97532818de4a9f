"""Every table that needs nothing but the bundled captures: `make bench`. Results go to benchmarks/results/."""

import subprocess
import sys
import tempfile

CAPTURES = ["assets/captures/desk", "assets/captures/shelf"]


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="liftlab-bench-") as workspace:
        for module, *arguments in (
            ["geometry.reconstruction", *CAPTURES],
            ["geometry.cameras", *CAPTURES],
            ["masks.segmentation", *CAPTURES, "--workspace", workspace],
            ["masks.click_latency", CAPTURES[0], "--workspace", workspace],
            ["masks.maxflow", *CAPTURES, "--workspace", workspace],
            ["geometry.alignment", "--captures", CAPTURES[0]],
            ["splats.rasterizer", "--counts", "20000", "100000"],
        ):
            print(f"\n# {module}\n", flush=True)
            subprocess.run([sys.executable, "-m", f"benchmarks.{module}", *arguments], check=True)


if __name__ == "__main__":
    main()
