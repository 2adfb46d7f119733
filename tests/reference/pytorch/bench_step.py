"""Times a training step of 20 clips in plain PyTorch, to compare with `crates/models/examples/bench_step.rs`.

Run: python tests/reference/pytorch/bench_step.py --threads 1 [--models conv,dense] [--seconds 5]
Prints one JSON line a network: {"model", "backend", "threads", "ms_per_step", "ms_minimum", "steps"}.
"""

import argparse
import json
import statistics
import time

import torch

from networks import FEATURES, FRAMES, network


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--threads", type=int, default=1, help="threads of PyTorch's operators (default 1)")
    arguments.add_argument("--models", default="compact,conv,dense,lstm", help="comma-separated names")
    arguments.add_argument("--seconds", type=float, default=5.0, help="time spent on each network (default 5)")
    chosen = arguments.parse_args()
    torch.set_num_threads(chosen.threads)
    for name in chosen.models.split(","):
        model = network(name).train()
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
        clips = torch.randn(20, FRAMES, FEATURES[name])
        frames = torch.full((20,), FRAMES)
        labels = torch.arange(20) % 4

        def step():
            optimiser.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(clips, frames), labels)
            loss.backward()
            optimiser.step()
            return loss.item()

        for _ in range(3):
            step()
        times, begun = [], time.perf_counter()
        while len(times) < 5 or time.perf_counter() - begun < chosen.seconds:
            start = time.perf_counter()
            step()
            times.append(1e3 * (time.perf_counter() - start))
        line = {
            "model": name,
            "backend": f"PyTorch {torch.__version__}",
            "threads": chosen.threads,
            "ms_per_step": round(statistics.median(times), 3),
            "ms_minimum": round(min(times), 3),
            "steps": len(times),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
