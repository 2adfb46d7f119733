"""Plays masked rooms with the client in `masked.py` against the real server: alone, and with one that comes from Chorus."""

import asyncio
import hashlib
import json
import math
import random
import subprocess

from client import Client, Fault
from masked import (EVALUATION, STATISTICS, UPDATE, Member, asked_of_evaluation, asked_of_statistics, asked_of_update, new_seat)
from wire import checksum, floats

UNIT = 65_536  # losses, accuracies and standard scores are added as multiples of its inverse
FRAMES = 40  # that each of these clients has, in every feature half of them one deviation above the scale's mean and half below


class Masker(Client):
    """A client of a masked room. Its updates are drawn at random from `seed`, so that whoever knows it knows them."""

    def __init__(self, origin, room, seed, examples, goes_after=None, group=None):
        super().__init__(origin, room)
        self.seed, self.examples, self.goes_after, self.group = seed, examples, goes_after, group
        self.seat = new_seat()

    async def step(self, name, wanted, **fields):
        await self.say(name, **self.named, **fields)
        while (message := await self.until(wanted))["attempt"] != self.named["attempt"]:
            pass
        return message

    async def sum(self, member, give):
        """All steps of one sum; `give` sends this client's vector."""
        roster = await self.step("keys", "roster", **member.keys())
        boxes = await self.step("shares", "boxes", boxes=member.shares(roster["clients"]))
        member.open(boxes["clients"], boxes["boxes"])
        if self.goes_after == "shares" and self.named["round"] == 2:
            return await self.close()
        await give()
        if self.goes_after == "masked" and self.named["round"] == 2:
            return await self.close()
        survivors = await self.until("survivors")
        signature = member.agree(survivors["clients"])
        agreed = await self.step("agree", "agreed", signature=signature) if member.active else None
        await self.say("reveal", **self.named, shares=member.reveal(agreed and agreed["agreements"]))

    async def statistics_sum(self, request):
        asked = request["masked"]
        self.named = {"round": asked["round"], "attempt": asked["attempt"]}
        features = self.room["features"]
        member = Member(self.seat, self.number, self.room, asked["round"], asked["attempt"], STATISTICS,
                        asked_of_statistics(self.room, asked["scale"]), bytes(32), 0, 1 + 2 * features)
        # Mean as the scale has it, deviation 1: z = 0 and z² + s² = 1.
        words = [FRAMES] + [0, FRAMES * UNIT] * features

        await self.sum(member, lambda: self.give_words(member, words))

    async def give_words(self, member, words):
        data = member.masked([], 1.0, words)
        await self.say("masked_statistics", **self.named, words=[data[at:at + 8].hex() for at in range(0, len(data), 8)])

    def evaluation(self):
        """Words of two examples, one of each label, of which the first is found for both."""
        labels = len(self.room["labels"])
        words = [2, round(0.6 * 2 * UNIT)] + [0] * labels**2
        words[2] = words[2 + labels] = 1
        return words

    def by_group(self):
        """In a room with groups, 1 and the confusion once more at the place of one's own, and at the end whether none is told."""
        groups, counts = self.room.get("groups", []), self.evaluation()[2:]
        words = [word for group in range(len(groups)) for word in ([1, *counts] if group == self.group else [0] * (1 + len(counts)))]
        return words + [int(self.group is None)] if groups else []

    async def evaluation_sum(self, finished, model):
        self.named = {"round": finished["model_version"], "attempt": finished["attempt"]}
        words = self.evaluation() + self.by_group()
        member = Member(self.seat, self.number, self.room, self.named["round"], self.named["attempt"], EVALUATION,
                        asked_of_evaluation(self.room, finished["standardisation"]), hashlib.sha256(model).digest(), 0, len(words))
        await self.sum(member, lambda: self.give_words(member, words))
        while (status := await self.until("status")).get("final_evaluation") is None:
            pass
        self.found, self.found_by_group = status["final_evaluation"], status.get("final_groups")

    def update_of(self, round_):
        draw = random.Random(self.seed * 1_000 + round_)
        return [draw.uniform(-1.0, 1.0) * 1e-3 for _ in range(self.room["parameters"])]

    def weight(self):
        return min(self.examples, self.room["weight_cap"])

    async def update_sum(self, round_):
        self.named = {"round": round_["round"], "attempt": round_["attempt"]}
        model = await self.download(round_["model"])
        labels, cap = len(self.room["labels"]), self.room["weight_cap"]
        member = Member(self.seat, self.number, self.room, round_["round"], round_["attempt"], UPDATE,
                        asked_of_update(self.room, round_), hashlib.sha256(model).digest(), self.room["parameters"], 7 + labels**2)
        tail = [self.weight(), self.examples, self.weight(), round(0.7 * self.examples * UNIT), round(0.5 * self.examples * UNIT)]
        tail += self.evaluation()

        async def give():
            data = member.masked(self.update_of(round_["round"]), self.weight() / cap, tail)
            self.transfer += 1
            await self.say("masked", **self.named, transfer=self.transfer, bytes=len(data), checksum=checksum(data))
            await self.until("upload")
            await self.frames(self.transfer, data)
            await self.until("accepted")

        await self.sum(member, give)
        return model

    async def take_part(self):
        """From `hello` to `finished`: the models by their versions, the last one too; or fewer, where this client goes."""
        self.models, self.scales = {}, []
        await self.enter(name=f"Seat {self.seed}")
        await self.say("ready", examples=self.examples, labels=[], held_back=2)
        while True:
            message = await self.until("statistics_request", "round", "finished")
            if message["type"] == "statistics_request":
                await self.statistics_sum(message)
                continue
            self.scales.append(message["standardisation"])
            if message["type"] == "finished":
                model = await self.download(message["model"])
                self.models[message["model_version"]] = floats(model)
                if "attempt" in message:
                    await self.evaluation_sum(message, model)
                return
            self.models[message["model_version"]] = floats(await self.update_sum(message))
            if self.goes_after and message["round"] == 2:
                return


def step(clients, round_):
    """The mean of these clients' updates, Σ wΔ / Σ w."""
    total = sum(client.weight() for client in clients)
    updates = [client.update_of(round_) for client in clients]
    return [sum(client.weight() * value for client, value in zip(clients, values)) / total for values in zip(*updates)]


async def among_themselves(server, program, mode, encoding, goes_after):
    arguments = ["--rounds", "2", "--least", "4", "--labels", "no,yes", "--strategy", "fedavg", "--deadline", "60", "--grace", "1",
                 "--masking", mode, "--masking-encoding", encoding]
    with server(program, *arguments) as (origin, room):
        clients = [Masker(origin, room, seed, examples) for seed, examples in enumerate((4, 10, 500), 1)]
        clients.append(Masker(origin, room, 4, 20, goes_after))
        await asyncio.gather(*(client.take_part() for client in clients))
        ada = clients[0]
        settings = ada.room
        assert settings["masking"].get("encoding", "masked32") == encoding and settings["masking"].get("server", "active") == mode
        # Everybody's frames are as the common scale has them, so refining it changes nothing.
        assert all(scale == ada.scales[0] for scale in ada.scales)
        # Rounding is by less than one step of the integers, of which there are so many up to the clip, divided among the clients.
        tick = settings["masking"]["clip"] / ((2 ** (8 * {"masked32": 4, "masked24": 3, "masked16": 2}[encoding] - 1) - 1) // 4)
        for round_ in (1, 2):
            there = clients[:3] if round_ == 2 and goes_after == "shares" else clients
            bound = len(there) * tick * settings["weight_cap"] / sum(client.weight() for client in there) + 1e-6
            models = zip(ada.models[round_], ada.models[round_ - 1], step(there, round_))
            wrong = [now - then - wanted for now, then, wanted in models]
            assert max(map(abs, wrong)) <= bound, (max(map(abs, wrong)), bound)
            # Up or down by chance: over all parameters nothing is left of it.
            assert abs(sum(wrong) / len(wrong)) < bound / 30, (sum(wrong) / len(wrong), bound)
            record = ada.history[round_ - 1]
            assert (record["clients"], record["examples"]) == (len(there), sum(client.examples for client in there))
            assert abs(record["training"]["loss"] - 0.7) < 1e-4 and record["evaluation"]["examples"] == 2 * len(there)
            assert record["evaluation"]["confusion"] == [[len(there), 0], [len(there), 0]]
        there = 3 if goes_after else 4
        assert all(client.found["examples"] == 2 * there for client in clients[:there]), ada.found
        assert ada.found["confusion"] == [[there, 0], [there, 0]] and abs(ada.found["loss"] - 0.6) < 1e-4
    print(f"a masked room ({mode}, {encoding}) was as docs/masking.md has it, one client gone after its {goes_after}")


async def with_chorus(server, program):
    """Three of these and one of Chorus' own: boxes open both ways, and the sum of all four is a model and no noise."""
    arguments = ["--rounds", "1", "--least", "4", "--strategy", "fedavg", "--deadline", "60", "--grace", "5", "--masking", "active"]
    with server(program, *arguments) as (origin, room):
        clients = [Masker(origin, room, seed, 10) for seed in (1, 2, 3)]
        join = subprocess.Popen(
            [program, "join", f"{origin}/room/{room}", "--synthetic", "1", "--clips", "20", "--threads", "1", "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            await asyncio.gather(*(client.take_part() for client in clients))
            said = [json.loads(line) for line in (await asyncio.to_thread(join.communicate, timeout=120))[0].splitlines()]
        finally:
            join.kill()
        assert join.returncode == 0 and sum(event["event"] == "accepted" for event in said) == 1
        ada = clients[0]
        assert ada.history[0]["clients"] == 4
        moved = [now - then for now, then in zip(ada.models[1], ada.models[0])]
        theirs = [value * 0.75 for value in step(clients, 1)]  # if the fourth weighs as much; it has some more examples
        rest = math.sqrt(sum((all_ - of_three) ** 2 for all_, of_three in zip(moved, theirs)))
        assert 0.0 < rest <= ada.room["masking"]["clip"], "noise would be thousands of clips long"
    print("clients of two programs were in one masked sum")


async def by_group(server, program):
    """Three of these are in one group, three of Chorus' own in the other: all are told how the model does with each."""
    arguments = ["--rounds", "1", "--least", "6", "--strategy", "fedavg", "--deadline", "60", "--grace", "5", "--masking", "active",
                 "--groups", "headset,laptop"]
    with server(program, *arguments) as (origin, room):
        clients = [Masker(origin, room, seed, 10, group=0) for seed in (1, 2, 3)]
        join = subprocess.Popen(
            [program, "join", f"{origin}/room/{room}", "--synthetic", "1", "--clips", "20", "--participants", "3", "--threads", "1",
             "--group", "laptop"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            await asyncio.gather(*(client.take_part() for client in clients))
            assert await asyncio.to_thread(join.wait, timeout=120) == 0
        finally:
            join.kill()
        found, (headset, laptop) = clients[0].found, clients[0].found_by_group
        assert (headset["clients"], headset["examples"]) == (3, 6) and (headset["confusion"][0][0], headset["confusion"][1][0]) == (3, 3)
        assert laptop["clients"] == 3 and headset["examples"] + laptop["examples"] == found["examples"]
        both = [[one + other for one, other in zip(*rows)] for rows in zip(headset["confusion"], laptop["confusion"])]
        assert both == found["confusion"]
    print("a masked room told how its model does with two groups, of clients of two programs")


async def wrong_keys(server, program):
    """Keys under which somebody else's name stands are refused, and right ones after them are taken."""
    with server(program, "--least", "3", "--masking", "active", "--labels", "no,yes") as (origin, room):
        clients = [Masker(origin, room, seed, 10) for seed in (1, 2, 3)]
        for client in clients:
            await client.enter()
            await client.say("ready", examples=client.examples, labels=[])
        request = (await clients[0].until("statistics_request"))["masked"]
        first = clients[0]
        features = first.room["features"]
        member = Member(first.seat, first.number + 1, first.room, request["round"], request["attempt"], STATISTICS,
                        asked_of_statistics(first.room, request["scale"]), bytes(32), 0, 1 + 2 * features)
        await first.say("keys", round=request["round"], attempt=request["attempt"], **member.keys())
        try:
            await first.until("roster")
        except Fault as fault:
            assert fault.args[0]["code"] == "malformed" and not fault.args[0]["fatal"], fault
        else:
            raise AssertionError("keys that are signed for another client were taken")
    print("keys that are signed for another client are refused")


async def play(server, program):
    await among_themselves(server, program, "active", "masked24", "shares")
    await among_themselves(server, program, "curious", "masked16", "masked")
    await with_chorus(server, program)
    await by_group(server, program)
    await wrong_keys(server, program)
