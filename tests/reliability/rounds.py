"""How long rounds take under trouble: the table of docs/reliability.md.

    python tests/reliability/rounds.py path/to/chorus [number of seeds]

makes voices up, simulates rooms that wait for everyone, that ask more clients than they want updates of, and that do not
wait, each where 0, 10, 30 and 50 % of those who are asked are lost, and prints the made-up time until a model reaches the
target on speakers whom nobody trained on. Needs Python alone. Everything follows from the seeds.
"""

import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

CLIENTS, TARGET, DROP_OUTS = 24, 0.6, (0, 0.1, 0.3, 0.5)
WAYS = {
    "waits for everyone": ["--rounds", "12"],
    "asks 11 for 8 updates": ["--rounds", "20", "--selection", "8", "--over-selection", "1.3"],
    "asks 16 for 8 updates": ["--rounds", "20", "--selection", "8", "--over-selection", "2"],
    "does not wait, 8 updates a version": ["--rounds", "36", "--asynchronous", "8"],
}


def simulate(chorus, folder, way, drop_out, seed):
    """The seconds until the target is reached, or None; seconds a version; the last five versions' UAR."""
    command = [chorus, "simulate", "--data", folder / "voices", "--clients", CLIENTS]
    command += ["--strategy", "fedavg", "--epochs", 2, "--slow", 0.5, "--drop-out", drop_out, "--seed", seed, "--json", "-", *WAYS[way]]
    done = subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True)
    outcome = json.loads(done.stdout)
    seconds = 0.0
    reached = None
    for version in outcome["rounds"]:
        seconds += version["seconds"]
        if version["uar"] >= TARGET and reached is None:
            reached = seconds
    return reached, seconds / len(outcome["rounds"]), outcome["last_five"]["uar"]


def cell(outcomes):
    times = sorted(float("inf") if reached is None else reached for reached, _, _ in outcomes)
    shown = ["not reached" if time == float("inf") else f"{time:.0f} s" for time in times]
    a_version = statistics.median(each for _, each, _ in outcomes)
    middle = shown[len(shown) // 2] + (f" ({shown[0]} to {shown[-1]})" if len(shown) > 1 else "")
    return f"{middle}; {a_version:.1f} s a version"


def main():
    chorus = sys.argv[1] if len(sys.argv) > 1 else "chorus"
    seeds = range(1, 1 + (int(sys.argv[2]) if len(sys.argv) > 2 else 3))
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        voices = ["synth", "--out", folder / "voices", "--speakers", "60", "--per-emotion", "2"]
        subprocess.run([chorus, *map(str, voices)], check=True, capture_output=True)
        print("| the room | " + " | ".join(f"{drop_out:.0%} lost" for drop_out in DROP_OUTS) + " |")
        print("| --- |" + " --- |" * len(DROP_OUTS), flush=True)
        for way in WAYS:
            row = []
            for drop_out in DROP_OUTS:
                row.append([simulate(chorus, folder, way, drop_out, seed) for seed in seeds])
                ends = ", ".join(f"{end:.2f}" for _, _, end in row[-1])
                print(f"{way}, {drop_out:.0%}: last five {ends}", file=sys.stderr, flush=True)
            print(f"| {way} | " + " | ".join(map(cell, row)) + " |", flush=True)


main()
