"""What travels, as docs/protocol.md has it: text frames, binary frames, transfers and encodings. Reads what comes and refuses
what the page forbids as far as a client has to look; with nothing of Chorus' own code, and without a socket."""

import array
import json
import math
import struct
import zlib

FULL = 262_136  # payload of every frame but the last
HEADER = struct.Struct("<II")  # transfer id, offset
LONGEST = {"client": 65_536, "server": 1_048_576}  # bytes of a text frame
TYPES = {
    "client": {"hello", "rename", "ready", "pause", "recording", "leave", "statistics", "download", "progress", "update", "evaluation",
               "keys", "shares", "unopened", "masked", "agree", "reveal", "masked_statistics", "edge_ready", "partial", "declined"},
    "server": {"welcome", "error", "status", "history", "settings", "renamed", "statistics_request", "round", "upload", "accepted",
               "refused", "round_closed", "round_abandoned", "finished", "roster", "boxes", "survivors", "agreed", "status_changes"},
}


class Wrong(Exception):
    """What came is not as the page has it: which way, in one word."""


def checksum(data):
    return f"{zlib.crc32(data):08x}"


def floats(data):
    values = array.array("f", data)
    assert values.itemsize == 4
    return values


def read_text(text, sender):
    """A message as a dict."""
    if len(text.encode()) > LONGEST[sender]:
        raise Wrong("text_too_long")
    try:
        message = json.loads(text)
    except ValueError:
        raise Wrong("not_a_message") from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise Wrong("not_a_message")
    if message["type"] not in TYPES[sender]:
        raise Wrong("unknown_type")
    return message


def read_frame(frame):
    """A binary frame as (transfer, offset, payload)."""
    if len(frame) <= HEADER.size:
        raise Wrong("frame_too_short")
    if len(frame) > HEADER.size + FULL:
        raise Wrong("frame_too_long")
    return *HEADER.unpack_from(frame), frame[HEADER.size:]


def frames(transfer, data):
    """The binary frames that carry these bytes."""
    for offset in range(0, len(data), FULL):
        yield HEADER.pack(transfer, offset) + data[offset:offset + FULL]


class Transfer:
    """Bytes that were announced, as they come in."""

    def __init__(self, announced):
        self.announced = announced
        self.received = bytearray()

    def done(self):
        return len(self.received) == self.announced["bytes"]

    def take(self, frame):
        transfer, offset, payload = frame
        if transfer != self.announced["id"]:
            raise Wrong("wrong_transfer")
        if offset != len(self.received) or self.done():
            raise Wrong("out_of_order")
        due = min(FULL, self.announced["bytes"] - offset)
        if len(payload) != due:
            raise Wrong("too_long" if len(payload) > due else "too_short")
        self.received += payload
        if self.done() and checksum(self.received) != self.announced["checksum"]:
            raise Wrong("wrong_checksum")


def encode(values, encoding):
    """Numbers as bytes; half floats are rounded to the nearest, ties to even, and finite ones are held at ±65,504."""
    if encoding in ("q8", "q4"):
        return grouped(values, *{"q8": (248, 107), "q4": (240, 7)}[encoding])
    if encoding == "f32":
        return struct.pack(f"<{len(values)}f", *values)
    finite = (value if value in (float("inf"), float("-inf")) else max(-65_504.0, min(65_504.0, value)) for value in values)
    return struct.pack(f"<{len(values)}e", *finite)


def grouped(values, width, largest):
    """Groups of numbers that share a scale, each rounded to the nearest multiple of it; in f32, step by step."""
    data = b""
    for first in range(0, len(values), width):
        part = list(values[first : first + width])
        scale = single(max(map(abs, part)) / largest)
        codes = [math.floor(single(single(value / scale) + 0.5)) if scale else 0 for value in part]
        codes = [max(-largest, min(largest, code)) for code in codes] + [0] * (width - len(part))
        if largest == 7:
            pairs = zip(codes[::2], codes[1::2])
            data += struct.pack("<f", scale) + bytes(low + 7 | high + 7 << 4 for low, high in pairs)
        else:
            bits = struct.unpack("<I", struct.pack("<f", scale))[0]
            for word in range(62):
                four = sum((code + 107) * 215**power for power, code in enumerate(codes[word * 4 : word * 4 + 4]))
                data += struct.pack("<I", four | (bits >> word & 1) << 31)
    return data


def group(data, encoding):
    """One group of q8 or q4: 248 or 240 numbers, or as many that are none."""
    if encoding == "q8":
        words = struct.unpack("<62I", data)
        bits, codes = 0, []
        for place, word in enumerate(words):
            bits |= (word >> 31) << place
            rest = word & 0x7FFF_FFFF
            codes += [rest // 215**power % 215 - 107 for power in range(4)]
            if rest >= 215**4:
                return [math.nan] * 248
        if bits >= 2**32:
            return [math.nan] * 248
        scale = struct.unpack("<f", struct.pack("<I", bits))[0]
    else:
        scale = struct.unpack("<f", data[:4])[0]
        codes = [nibble - 7 for byte in data[4:] for nibble in (byte & 15, byte >> 4)]
        if max(codes) > 7:
            return [math.nan] * 240
    if not math.isfinite(scale) or math.copysign(1.0, scale) < 0:
        return [math.nan] * len(codes)
    return [single(code * scale) for code in codes]


def single(number):
    """The nearest f32."""
    return struct.unpack("<f", struct.pack("<f", number))[0]


def decode(data, encoding):
    if encoding in ("q8", "q4"):
        width = {"q8": 248, "q4": 124}[encoding]
        if len(data) % width:
            raise Wrong("encoding_error")
        return [value for first in range(0, len(data), width) for value in group(data[first : first + width], encoding)]
    width, letter = {"f32": (4, "f"), "f16": (2, "e")}[encoding]
    if len(data) % width:
        raise Wrong("encoding_error")
    return list(struct.unpack(f"<{len(data) // width}{letter}", data))
