"""Plays a whole room with the client in `client.py` against the real server, and holds what it answers against
docs/protocol.md: numbers, refusals, coming back, the end.

    pip install -r tests/reference/client/requirements.txt
    python tests/reference/client/check.py target/debug/chorus
"""

import array
import asyncio
import contextlib
import json
import math
import subprocess
import sys
import urllib.request

import masked_room
import vectors
from client import Client, Closed, Fault, Refused
from wire import encode, floats


@contextlib.contextmanager
def server(program, *arguments):
    process = subprocess.Popen(
        [program, "serve", "--address", "127.0.0.1", "--port", "0", "--json", "--state", "none", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        said = json.loads(process.stdout.readline())
        yield said["local"].split("/room/")[0], said["room"]
    finally:
        process.kill()
        process.wait()


@contextlib.asynccontextmanager
async def expect(error, **fields):
    """What is inside is refused, or an error, with these fields."""
    try:
        yield
    except error as told:
        message = told.args[0]
        assert all(message[field] == value for field, value in fields.items()), (fields, message)
        assert 0 < len(message["message"]) <= 500
        return
    raise AssertionError(f"nobody said {fields}")


async def closed(client, code):
    try:
        while True:
            await client.until()
    except Closed as close:
        assert close.args[0] == code, (close.args, code)


def same(value):
    return lambda count: array.array("f", [value]) * count


async def strangers(origin, room):
    """What is said to those who cannot be let in."""
    for fields, wanted in [({"protocol": 2}, "protocol_mismatch"), ({"room": "ZZZZZ"}, "room_unknown")]:
        client = Client(origin, room)
        await client.open()
        async with expect(Fault, code=wanted, fatal=True):
            await client.hello(**fields)
        await closed(client, 1008)
    client = Client(origin, room)
    await client.open()
    await client.say("pause")
    async with expect(Fault, code="out_of_order"):
        await client.until()


async def refusals(client, round_, size, finite):
    """Three updates that are wrong in what they hold, then no more; and what is refused at once."""
    wrong = [
        ({"round": round_["round"] + 1}, "future"),
        ({"model_version": round_["model_version"] + 1}, "stale"),
    ]
    for changes, reason in wrong:
        async with expect(Refused, reason=reason, present_round=round_["round"], present_version=round_["model_version"]):
            await client.update(round_, finite, 4, **changes)


async def play(program):
    arguments = ["--rounds", "2", "--least", "2", "--labels", "no,yes", "--strategy", "fedavg", "--aggregation", "mean", "--deadline", "120", "--grace", "5",
                 "--groups", "headset,laptop"]
    with server(program, *arguments) as (origin, room):
        await strangers(origin, room)
        ada, bob, eve = (Client(origin, room) for _ in range(3))
        welcome = await ada.enter(name="Ada")
        assert welcome["name"] == "Ada" and welcome["client"] >= 1
        settings = welcome["room"]
        features, count, labels = settings["features"], settings["parameters"], settings["labels"]
        assert labels == ["no", "yes"] and settings["rounds"] == 2 and settings["least"] == 2
        assert (await bob.enter())["name"] != ""
        await eve.enter()

        # Messages that are wrong end nothing. Statistics that the room does not collect are passed over: the answer is
        # to the next message.
        await eve.say("statistics", frames=1, sum=[0.0], sum_squares=[0.0])
        await eve.socket.send("{\"type\": \"sing\"}")
        async with expect(Fault, code="malformed", fatal=False):
            await eve.until()

        # Statistics: Σx / n and √(Σx² / n − mean²) over everyone's sums.
        await ada.ready([3, 1])
        await bob.ready([2, 2])
        for client in (ada, bob):
            await client.until("statistics_request")
        # Eve is not ready, so nobody asked her.
        async with expect(Fault, code="out_of_order", fatal=False):
            await eve.statistics(1, [0.0] * features, [0.0] * features)
            await eve.until()
        await ada.statistics(10, [20.0] * features, [50.0] * features)
        await bob.statistics(30, [0.0] * features, [30.0] * features)
        first = await ada.until("round")
        mean = 20.0 / 40
        deviation = math.sqrt(80.0 / 40 - mean * mean)
        standardisation = first["standardisation"]
        assert all(abs(value - mean) < 1e-6 for value in standardisation["mean"])
        assert all(abs(value - deviation) < 1e-6 for value in standardisation["deviation"])
        assert len(standardisation["mean"]) == len(standardisation["deviation"]) == features
        assert (first["round"], first["model_version"]) == (1, 0)
        assert first["model"]["bytes"] == 4 * count and first["model"]["encoding"] == "f32"
        await bob.until("round")

        # Who becomes ready meanwhile goes straight into the round.
        await eve.ready([2, 2])
        assert (await eve.until("round"))["model"] == first["model"]
        start = await ada.download(first["model"])
        assert start == await bob.download(first["model"])
        await ada.say("progress", round=1, epoch=1, epochs=settings["training"]["epochs"], step=1, steps=1)

        delta = same(0.5)(count).tobytes()
        not_finite = bytearray(delta)
        not_finite[8:12] = array.array("f", [math.nan]).tobytes()
        await refusals(bob, first, count, delta)
        async with expect(Refused, reason="wrong_size", round=1):
            await eve.update(first, delta[:-4], 4)
        async with expect(Refused, reason="not_finite", round=1):
            await eve.update(first, bytes(not_finite), 4)
        async with expect(Refused, reason="wrong_checksum", round=1):
            await eve.update(first, delta, 4, update={"checksum": "00000000"})
        async with expect(Refused, reason="too_many_attempts", round=1):
            await eve.update(first, delta, 4)
        await eve.frames(999, b"\0" * 8)
        async with expect(Refused, reason="unannounced"):
            await eve.until()

        await ada.update(first, delta, 4, steps=2, evaluation={
            "examples": 2, "loss": 0.7, "accuracy": 0.5, "confusion": [[1, 0], [1, 0]]})
        async with expect(Refused, reason="duplicate", round=1):
            await ada.update(first, delta, 4)
        # Coming back: the same client, whose update is in already.
        await ada.close()
        again = await ada.enter(token=ada.token)
        assert again["client"] == welcome["client"] and again["token"] == welcome["token"] and again["name"] == "Ada"
        assert again["accepted"] == 1
        await ada.ready([3, 1])
        await eve.say("leave")
        await closed(eve, 1000)

        # (4 × 0.5 + 2 × −1) / 6 = 0
        await bob.ready([1, 1])
        await bob.update(first, same(-1.0)(count).tobytes(), 2)
        record = (await ada.until("round_closed"))["record"]
        assert (record["round"], record["model_version"], record["clients"], record["examples"]) == (1, 1, 2, 6)
        assert record["evaluation"]["confusion"] == [[1, 0], [1, 0]] and record["evaluation"]["examples"] == 2
        assert record["refused"] >= 3
        second = await ada.until("round")
        assert (second["round"], second["model_version"]) == (2, 1) and second["standardisation"] == standardisation
        for now, before in zip(floats(await ada.download(second["model"])), floats(start)):
            assert abs(now - before) < 1e-6
        await bob.until("round")
        async with expect(Refused, reason="stale"):
            await bob.update(first, delta, 2)

        await ada.update(second, delta, 4)
        await bob.update(second, delta, 2)
        finished = await ada.until("finished")
        assert finished["model_version"] == 2
        end = await ada.download(finished["model"])
        for now, before in zip(floats(end), floats(start)):
            assert abs(now - before - 0.5) < 1e-6
        right = {"examples": 2, "loss": 0.4, "accuracy": 1.0, "confusion": [[1, 0], [0, 1]]}
        async with expect(Fault, code="malformed", fatal=False):
            await ada.say("evaluation", model_version=2, evaluation=right, group=2)
            await ada.until()
        await ada.say("evaluation", model_version=2, evaluation=right, group=0)
        # Groups are counted once all have said: two people's are not shown.
        await bob.say("evaluation", model_version=2, evaluation={"examples": 1, "loss": 0.4, "accuracy": 1.0, "confusion": [[1, 0], [0, 0]]}, group=1)
        while "final_evaluation" not in (status := await ada.until("status")):
            pass
        assert status["final_evaluation"]["accuracy"] == 1.0 and status["phase"] == "finished"
        assert status["final_evaluation"]["examples"] == 3 and status["final_groups"] == [None, None]
        late = Client(origin, room)
        await late.enter(name="Late")
        assert (await late.until("finished"))["model"] == finished["model"]
        assert [record["round"] for record in late.history] == [1, 2]
        with urllib.request.urlopen(f"{origin}/api/rooms/{room}/model.safetensors") as answer:
            file = answer.read()
        header = int.from_bytes(file[:8], "little")
        assert file[8 + header:] == end, "the tensors of the file, one after the other, are the parameters"
        await ada.say("leave")
        await closed(ada, 1000)
    print("a whole room was as docs/protocol.md has it")


async def few_bits(program, encoding):
    """A room whose numbers travel with few bits: models come as differences, to the last bit."""
    arguments = ["--rounds", "2", "--least", "1", "--labels", "no,yes", "--strategy", "fedavg", "--aggregation", "mean", "--encoding", encoding]
    with server(program, *arguments) as (origin, room):
        ada = Client(origin, room)
        settings = (await ada.enter())["room"]
        ada.encoding = settings["encoding"]
        features, count = settings["features"], settings["parameters"]
        await ada.ready([2, 2])
        await ada.until("statistics_request")
        await ada.statistics(10, [20.0] * features, [50.0] * features)
        offered = await ada.until("round")
        assert "from" not in offered["difference"] and offered["difference"]["encoding"] == "q8"
        data = await ada.follow(offered, [0.0] * count)
        assert data == await ada.download(offered["model"]), "both ways lead to the same model"
        for version in (1, 2):
            delta = [0.01 * ((place * 7919) % 13 - 6) for place in range(count)]
            before = floats(data)
            await ada.update(offered, encode(delta, encoding), 4)
            offered = await ada.until("round" if version == 1 else "finished")
            difference = offered["difference"]
            assert (difference["from"], difference["encoding"], offered["model_version"]) == (version - 1, encoding, version)
            assert difference["bytes"] == len(encode(delta, encoding)) and offered["model"]["bytes"] == 4 * count
            data = await ada.follow(offered, before)
            # FedAvg of one client is its update; each way rounds it by less than a tick, and the first rest comes with the second.
            tick = 0.06 / {"q8": 107, "q4": 7}[encoding]
            for now, then, step in zip(floats(data), before, delta):
                assert abs(now - then - step) < 3 * tick
    print(f"a room of {encoding} was as docs/protocol.md has it")


if __name__ == "__main__":
    vectors.check()
    asyncio.run(play(sys.argv[1]))
    for encoding in ("q8", "q4"):
        asyncio.run(few_bits(sys.argv[1], encoding))
    asyncio.run(masked_room.play(server, sys.argv[1]))
