#!/usr/bin/env bash
# One would guess that what is purged from a stream of NATS JetStream is no longer counted against what its account may use. What is purged
# by its subject is: the stream has no byte of it, but the account's storage grows with all that was ever written, until NATS answers
# "insufficient resources" (10023) to everybody; a restart counts anew. What is deleted message by message is given back at once.
# nats-server 2.9.10 (Debian 12). What follows: aggregator/src/server/store/jetstream/blobs.rs deletes pieces one by one.
set -euo pipefail
command -v python3 >/dev/null || { echo "needs python3"; exit 2; }
PATH=$PATH:/usr/sbin
command -v nats-server >/dev/null || { echo "needs nats-server (apt install nats-server)"; exit 2; }
folder=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
nats-server --version
nats-server --addr 127.0.0.1 --port "$port" --jetstream --store_dir "$folder" >"$folder/log" 2>&1 &
server=$!
python3 - "$port" <<'PYTHON'
import json, socket, sys, time

for _ in range(200):
    try:
        connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        break
    except OSError:
        time.sleep(0.05)
else:
    sys.exit(2)
lines = connection.makefile("rb")
lines.readline()
connection.sendall(b'CONNECT {"verbose":false}\r\nSUB answer 1\r\n')

def ask(subject, data=b""):
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    connection.sendall(b"PUB %s answer %d\r\n%s\r\n" % (subject.encode(), len(data), data))
    while True:
        line = lines.readline()
        if line.startswith(b"PING"):
            connection.sendall(b"PONG\r\n")
        elif line.startswith(b"MSG"):
            answer = json.loads(lines.read(int(line.split()[-1]) + 2))
            assert "error" not in answer, answer
            return answer

def used(delete):
    ask("$JS.API.STREAM.CREATE.S", {"name": "S", "subjects": ["s.>"], "storage": "file", "retention": "limits", "num_replicas": 1})
    for number in range(20):
        stored = ask(f"s.{number}", b"x" * 100_000)
        delete(number, stored["seq"])
    stream, account = ask("$JS.API.STREAM.INFO.S")["state"]["bytes"], ask("$JS.API.INFO")["storage"]
    ask("$JS.API.STREAM.DELETE.S")
    return stream, account

one_by_one = used(lambda number, seq: ask("$JS.API.STREAM.MSG.DELETE.S", {"seq": seq, "no_erase": True}))
purged = used(lambda number, seq: ask("$JS.API.STREAM.PURGE.S", {"filter": f"s.{number}"}))
print("2 MB stored and deleted one by one: the stream has %d bytes, the account uses %d" % one_by_one)
print("2 MB stored and purged by subject:  the stream has %d bytes, the account uses %d" % purged)
sys.exit(0 if one_by_one == (0, 0) and purged[0] == 0 and purged[1] >= 2_000_000 else 1)
PYTHON
