"""Holds `wire.py` to tests/vectors/v1: it reads every good vector as it is meant, and refuses the bad ones that a client has to
refuse. What only the server looks at, the values of single fields, it takes.

    python tests/reference/client/vectors.py
"""

import json
import pathlib
import struct

from wire import FULL, Transfer, Wrong, checksum, decode, encode, frames, read_frame, read_text

FOLDER = pathlib.Path(__file__).parents[2] / "vectors" / "v1"
FIELDS = {"malformed", "invalid"}  # what the values of fields are refused with


def load(name):
    return json.loads((FOLDER / f"{name}.json").read_text())


def spelt(data):
    return bytes.fromhex(data["hex"]) + bytes(data.get("zeros", 0)) + bytes.fromhex(data.get("then", ""))


def bits(values):
    return [struct.pack(">f", value).hex() for value in values]


def refused(vector, read, *given):
    try:
        read(*given)
    except Wrong as wrong:
        assert wrong.args[0] == vector["error"], (vector["name"], wrong.args, vector["error"])
        return True
    return False


def take_all(vector):
    transfer = Transfer(vector["announced"])
    for frame in vector["frames"]:
        transfer.take(read_frame(spelt(frame)))
    assert transfer.done()
    return bytes(transfer.received)


def check():
    for sender in ("client", "server"):
        for vector in load(sender):
            message = read_text(vector["text"], sender)
            assert vector["name"].split(":")[0] == message["type"], vector["name"]
        for vector in load(f"bad_{sender}"):
            text = vector["text"].ljust(vector.get("padded_to", 0))
            looked_at = refused(vector, read_text, text, sender)
            assert looked_at or vector["error"] in FIELDS, f"{vector['name']}: it is taken"
    for vector in load("frames"):
        frame, payload = spelt(vector["frame"]), spelt(vector["payload"])
        assert read_frame(frame) == (vector["transfer"], vector["offset"], payload), vector["name"]
    for vector in load("bad_frames"):
        assert refused(vector, read_frame, spelt(vector["frame"])), vector["name"]
    for vector in load("transfers"):
        data = take_all(vector)
        assert data == spelt(vector["bytes"]) and len(data) == vector["announced"]["bytes"], vector["name"]
        assert list(frames(vector["announced"]["id"], data)) == [spelt(frame) for frame in vector["frames"]], vector["name"]
        assert all(len(spelt(frame)) == 8 + FULL for frame in vector["frames"][:-1]), vector["name"]
    for vector in load("bad_transfers"):
        assert refused(vector, take_all, vector), vector["name"]
    for vector in load("encodings"):
        values = [struct.unpack(">f", bytes.fromhex(value))[0] for value in vector["values"]]
        data = bytes.fromhex(vector["bytes"])
        assert encode(values, vector["encoding"]) == data, vector["name"]
        assert checksum(data) == vector["checksum"], vector["name"]
        assert bits(decode(data, vector["encoding"])) == vector["read"], vector["name"]
    for vector in load("bad_encodings"):
        assert refused(vector, decode, bytes.fromhex(vector["bytes"]), vector["encoding"]), vector["name"]
    print("every vector was read as it is meant")


if __name__ == "__main__":
    check()
