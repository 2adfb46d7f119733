"""A server at load for half an hour: does what it holds stay the same?

    python tests/reliability/soak.py path/to/chorus [--minutes 30]

Starts `chorus serve`, and loads it again and again with `chorus swarm`: ten rooms of thirty clients, of which one in ten
loses its connection in each round, and five more hardly read. After each swarm its rooms are deleted. Meanwhile the
server's resident memory, open files and threads are read from /proc every five seconds, and the size of its folder.
Fails where a swarm does, or where the last tenth of the time holds noticeably more than the second tenth. (In the first,
the server reaches its working size: buffers of the allocator and of the database.)

Needs Python 3.9 or newer on Linux, and nothing else.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

SECRET = "a secret of the soak test"
ROOMS, CLIENTS, ROUNDS = 10, 300, 20
EVERY_SECONDS = 5
# More than so much of growth is a leak: a tenth, and 8 MiB or files, threads that come and go.
SLACK = {"memory": 8 * 2**20, "files": 16, "threads": 4, "folder": 2**20}


def look(process, folder):
    """Memory in bytes, open files, threads, and the size of the folder in bytes."""
    status = Path(f"/proc/{process}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    sizes = []
    for path in Path(folder).rglob("*"):
        try:
            sizes.append(path.stat().st_size)
        except FileNotFoundError:
            pass  # It was deleted with its room.
    return {
        "memory": int(fields["VmRSS"].split()[0]) * 1024,
        "files": len(list(Path(f"/proc/{process}/fd").iterdir())),
        "threads": int(fields["Threads"]),
        "folder": sum(sizes),
    }


def ask(origin, method, path):
    request = urllib.request.Request(origin + path, method=method, headers={"authorization": f"Bearer {SECRET}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


def delete_rooms(origin, first):
    for room in json.loads(ask(origin, "GET", "/api/host"))["rooms"]:
        code = room["room"]["code"]
        if code != first:
            ask(origin, "DELETE", f"/api/rooms/{code}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("chorus")
    arguments.add_argument("--minutes", type=float, default=30)
    arguments = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [arguments.chorus, "serve", "--address", "127.0.0.1", "--port", "0", "--json", "--state", folder]
            + ["--host-token", SECRET],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            said = json.loads(server.stdout.readline())
            soak(arguments, server.pid, said["local"].split("/room/")[0], said["room"], folder)
        finally:
            server.kill()
            server.wait()


def soak(arguments, process, origin, first, folder):
    began = time.monotonic()
    until = began + 60 * arguments.minutes
    samples, done = [], threading.Event()

    def sample():
        while not done.wait(EVERY_SECONDS):
            samples.append((time.monotonic() - began, look(process, folder)))

    watching = threading.Thread(target=sample)
    watching.start()
    rounds = updates = swarms = 0
    try:
        while time.monotonic() < until:
            swarm = subprocess.run(
                [arguments.chorus, "swarm", origin, "--host-token", SECRET, "--json", "--rooms", str(ROOMS)]
                + ["--clients", str(CLIENTS), "--rounds", str(ROUNDS), "--drop-out", "0.1", "--slow-readers", "5"]
                + ["--train-ms", "300", "--distribution", "exponential", "--seed", str(swarms)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            if swarm.returncode != 0:
                sys.exit(f"swarm {swarms} failed:\n{swarm.stderr[-2000:]}\n{swarm.stdout[-2000:]}")
            report = json.loads(swarm.stdout)
            swarms, rounds, updates = swarms + 1, rounds + report["rounds"], updates + report["accepted"]
            delete_rooms(origin, first)
            minutes = (time.monotonic() - began) / 60
            now = look(process, folder)
            print(
                f"{minutes:5.1f} min: {rounds} rounds, {updates} updates, {now['memory'] / 2**20:.0f} MiB, "
                f"{now['files']} files, {now['threads']} threads, folder {now['folder'] / 2**20:.1f} MiB",
                flush=True,
            )
    finally:
        done.set()
        watching.join()

    length = samples[-1][0]
    part = lambda number: [at for when, at in samples if number <= 10 * when / length < number + 1 or (number == 9 and when == length)]
    grown = []
    for what, slack in SLACK.items():
        early, late = (statistics.median(at[what] for at in part(number)) for number in (1, 9))
        most = max(at[what] for _, at in samples)
        print(f"{what}: median {early:,.0f} in the second tenth, {late:,.0f} in the last, {most:,.0f} at most")
        if late > 1.1 * early + slack:
            grown.append(what)
    if grown:
        sys.exit(f"after {swarms} swarms the server holds more than before: {', '.join(grown)}")
    print(f"{swarms} swarms with {rounds} rounds and {updates} updates: it stays the same")


if __name__ == "__main__":
    main()
