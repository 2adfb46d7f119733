"""A client of `chorus.v1`, written from docs/protocol.md alone, with nothing of Chorus' own code. It does what it is told,
one message at a time, and checks every byte that the page makes a promise about. It trains nothing."""

import asyncio
import json

import websockets

from wire import Transfer, checksum, decode, encode, frames, read_frame, read_text, single


class Refused(Exception):
    """`refused`, with the whole message."""


class Fault(Exception):
    """`error`, with the whole message."""


class Closed(Exception):
    """The close frame's code."""


class Client:
    def __init__(self, origin, room):
        self.address = origin.replace("http", "ws", 1) + "/ws"
        self.room_code = room
        self.token = None
        self.transfer = 0
        self.encoding = "f32"
        self.statuses = []
        self.history = []

    async def open(self):
        self.socket = await websockets.connect(
            self.address, subprotocols=["chorus.v1"], max_size=1_048_576, compression=None)
        assert self.socket.subprotocol == "chorus.v1"

    async def say(self, type_, **fields):
        await self.socket.send(json.dumps({"type": type_, **fields}))

    async def hear(self):
        """The next frame: a message as a dict, or a binary frame as (transfer, offset, payload)."""
        try:
            frame = await asyncio.wait_for(self.socket.recv(), 45)
        except websockets.ConnectionClosed as closed:
            raise Closed(closed.rcvd.code if closed.rcvd else None) from None
        return read_frame(frame) if isinstance(frame, bytes) else read_text(frame, "server")

    async def until(self, *types):
        """The first message of one of these types; refusals and errors that were not waited for are raised."""
        while True:
            message = await self.hear()
            if isinstance(message, tuple):
                raise AssertionError("a binary frame that nobody asked for")
            kind = message["type"]
            if kind == "status":
                self.statuses.append(message)
            if kind == "history":
                assert len(message["rounds"]) <= 32
                self.history += message["rounds"]
            if kind == "round_closed":
                self.history.append(message["record"])
            if kind in types:
                return message
            if kind == "refused":
                raise Refused(message)
            if kind == "error":
                raise Fault(message)

    async def hello(self, name=None, token=None, **changes):
        fields = {"protocol": 1, "room": self.room_code, "software": "reference client 1", **changes}
        if name is not None:
            fields["name"] = name
        if token is not None:
            fields["token"] = token
        await self.say("hello", **fields)
        self.history = []
        welcome = await self.until("welcome")
        assert welcome["protocol"] == 1 and len(welcome["token"]) == 32
        self.token, self.number, self.room = welcome["token"], welcome["client"], welcome["room"]
        return welcome

    async def enter(self, **given):
        await self.open()
        return await self.hello(**given)

    async def ready(self, labels):
        await self.say("ready", examples=sum(labels), labels=labels)

    async def statistics(self, frames, sums, squares):
        await self.say("statistics", frames=frames, sum=sums, sum_squares=squares)

    async def download(self, model):
        """The bytes of an announced model."""
        await self.say("download", transfer=model["id"])
        transfer = Transfer(model)
        while not transfer.done():
            frame = await self.hear()
            if isinstance(frame, dict):  # text may go between binary frames
                assert frame["type"] not in ("error", "refused"), frame
                continue
            transfer.take(frame)
        return bytes(transfer.received)

    async def follow(self, offered, before):
        """The bytes of an offered model, by its difference to `before`, the values of the version that it names."""
        difference = offered["difference"]
        steps = decode(await self.download(difference), difference["encoding"])
        values = [single(value + step) for value, step in zip(before, steps)]
        data = encode(values, "f32")
        assert checksum(data) == offered["model"]["checksum"]
        return data

    def announcement(self, round_, data, examples, **changes):
        self.transfer += 1
        update = {"id": self.transfer, "bytes": len(data), "encoding": self.encoding, "checksum": checksum(data)}
        update.update(changes.pop("update", {}))
        return {"round": round_["round"], "model_version": round_["model_version"], "examples": examples, "steps": 1,
                "update": update, "training": {"loss": 0.7, "accuracy": 0.5}, **changes}

    async def frames(self, transfer, data):
        for frame in frames(transfer, data):
            await self.socket.send(frame)

    async def update(self, round_, data, examples, **changes):
        """Announces and sends an update; returns with `accepted`, raises `Refused`."""
        announcement = self.announcement(round_, data, examples, **changes)
        await self.say("update", **announcement)
        upload = await self.until("upload")
        assert upload["transfer"] == announcement["update"]["id"]
        await self.frames(upload["transfer"], data)
        accepted = await self.until("accepted")
        assert accepted["round"] == round_["round"]

    async def close(self):
        await self.socket.close()
