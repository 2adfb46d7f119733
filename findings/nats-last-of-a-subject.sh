#!/usr/bin/env bash
# One would guess that when the last message of a subject is deleted by its number, the one before it is the subject's last. NATS
# JetStream says that there is none ("no message found", 10037), while the subject's first message and the count of all are as they
# should be. nats-server 2.9.10 (Debian 12). What follows: aggregator/src/experiment/queue/mod.rs asks for the first message of a
# subject, as it deletes several.
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
            return json.loads(lines.read(int(line.split()[-1]) + 2))

ask("$JS.API.STREAM.CREATE.S", {"name": "S", "subjects": ["s"], "storage": "file", "retention": "limits", "num_replicas": 1})
stored = [ask("s", b"message %d" % number)["seq"] for number in range(3)]

def number(query):
    answer = ask("$JS.API.STREAM.MSG.GET.S", query)
    return answer["message"]["seq"] if "message" in answer else answer["error"]["err_code"]

last, first = {"last_by_subj": "s"}, {"next_by_subj": "s", "seq": 1}
before = number(last), number(first)
assert ask("$JS.API.STREAM.MSG.DELETE.S", {"seq": stored[-1], "no_erase": True})["success"]
after = number(last), number(first)
left = ask("$JS.API.STREAM.INFO.S")["state"]["messages"]
print(f"of three messages the last is {before[0]}, the first {before[1]}")
print(f"with the third deleted {left} are left, the last is {after[0]}, the first {after[1]} (10037: no message found)")
sys.exit(0 if (before, left, after) == ((3, 1), 2, (10037, 1)) else 1)
PYTHON
