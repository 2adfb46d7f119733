"""A client's end of a masked sum, as docs/masking.md has it: keys, shares, boxes, masks, signatures; with the primitives of
`cryptography`, nothing of Chorus' own code, and without a socket."""

import hashlib
import math
import os
import random
import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SELF_SEED, MASK_KEY = "self_seed", "mask_key"
UPDATE, STATISTICS, EVALUATION = 0, 1, 2
WIDTH = {"masked32": 4, "masked24": 3, "masked16": 2}  # bytes a value


def u32(number):
    return struct.pack("<I", number)


def f64(number):
    return struct.pack("<d", number)


def singles(numbers):
    return struct.pack(f"<{len(numbers)}f", *numbers)


def h(name, *parts):
    return hashlib.sha256(bytes([len(name)]) + name.encode() + b"".join(parts)).digest()


def derive(secret, info):
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(secret)


def raw(key):
    return key.private_bytes_raw(), key.public_key().public_bytes_raw()


def times(a, b):
    """A product in GF(2⁸) with AES' polynomial, x⁸ + x⁴ + x³ + x + 1."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a = a << 1 ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


def split(secret, threshold, holders):
    """Shamir's shares of each byte of a secret, for the places 1 to `holders`."""
    polynomials = [[byte, *os.urandom(threshold - 1)] for byte in secret]

    def at(place, polynomial):
        value = 0
        for coefficient in reversed(polynomial):
            value = times(value, place) ^ coefficient
        return value

    return [bytes(at(place, polynomial) for polynomial in polynomials) for place in range(1, holders + 1)]


def asked_of_update(room, round_):
    training, scale = round_["training"], round_["standardisation"]
    strategy = room["strategy"]
    return h(
        "chorus masked round", u32(len(scale["mean"])), singles(scale["mean"]), singles(scale["deviation"]),
        u32(training["epochs"]), u32(training["batch_size"]), bytes([{"adam": 0, "sgd": 1}[training.get("optimiser", "adam")]]),
        f64(training["learning_rate"]), bytes([{"none": 0, "speed": 1}[training.get("augmentation", "none")]]),
        u32(training["seed"]), f64(strategy.get("mu", 0.0) if strategy["name"] == "fedprox" else 0.0),
        bytes([strategy["name"] == "fednova"]), u32(room["weight_cap"]))


def asked_of_statistics(room, scale):
    return h("chorus masked statistics", u32(len(scale["mean"])), singles(scale["mean"]), singles(scale["deviation"]),
             u32(room["weight_cap"]))


def asked_of_evaluation(room, scale):
    return h("chorus masked evaluation", u32(len(scale["mean"])), singles(scale["mean"]), singles(scale["deviation"]),
             u32(len(room["labels"])))


class Member:
    """One client in one attempt at one sum. `seat` is its Ed25519 key, `me` its number."""

    def __init__(self, seat, me, room, round_, attempt, purpose, asked, model, values, tail):
        masking = room["masking"]
        self.active = masking.get("server", "active") == "active"
        self.width = WIDTH[masking.get("encoding", "masked32")]
        self.clip, self.values, self.tail = masking["clip"], values, tail
        self.seat, self.me = seat, me
        self.context = h(
            "chorus masked sum", bytes([len(room["code"])]), room["code"].encode(), u32(round_), u32(attempt), bytes([purpose]),
            model, asked, bytes([self.active]), bytes([self.width]), u32(values), u32(tail), f64(masking["clip"]))
        self.box, self.mask = X25519PrivateKey.generate(), X25519PrivateKey.generate()
        self.seed = os.urandom(32)

    def signed(self, client, keys):
        seat, box, mask, check = (bytes.fromhex(keys[field]) for field in ("seat", "box_key", "mask_key", "self_check"))
        return h("chorus masking keys", self.context, u32(client), seat, box, mask, check)

    def keys(self):
        said = {
            "seat": self.seat.public_key().public_bytes_raw().hex(),
            "box_key": raw(self.box)[1].hex(),
            "mask_key": raw(self.mask)[1].hex(),
            "self_check": h("chorus masking seed", self.context, u32(self.me), self.seed).hex(),
        }
        return {**said, "signature": self.seat.sign(self.signed(self.me, said)).hex()}

    def shares(self, clients):
        """The boxes for everybody else of the roster, which has to be signed by all for what this client was given."""
        self.peers = {client["client"]: client for client in clients}
        self.places = {number: place for place, number in enumerate(self.peers, 1)}
        numbers = list(self.peers)
        assert numbers == sorted(numbers) and len(numbers) >= 3 and self.me in numbers
        assert len({peer["seat"] for peer in clients}) == len(clients), "a seat twice"
        for number, peer in self.peers.items():
            seat = Ed25519PublicKey.from_public_bytes(bytes.fromhex(peer["seat"]))
            seat.verify(bytes.fromhex(peer["signature"]), self.signed(number, peer))
        n = len(numbers)
        self.threshold = 2 * n // 3 + 1 if self.active else n // 2 + 1
        self.roster = h("chorus masking roster", self.context, u32(n), *(
            u32(number) + b"".join(bytes.fromhex(peer[field]) for field in ("seat", "box_key", "mask_key", "self_check"))
            for number, peer in self.peers.items()))
        dealt = zip(numbers, split(self.seed, self.threshold, n), split(raw(self.mask)[0], self.threshold, n))
        self.held, boxes = {}, []
        for number, of_seed, of_key in dealt:
            if number == self.me:
                self.held[number] = (of_seed, of_key)
                continue
            checks = [self.check(self.me, number, kind, share) for kind, share in enumerate((of_seed, of_key))]
            sealed = self.cipher(number, self.me, number).encrypt(bytes(12), of_seed + of_key, b"".join(checks))
            boxes.append({"client": number, "sealed": sealed.hex(), "self_check": checks[0].hex(), "mask_check": checks[1].hex()})
        return boxes

    def check(self, dealer, holder, kind, share):
        return h("chorus masking share", self.roster, u32(dealer), u32(holder), bytes([kind]), share)[:16]

    def cipher(self, peer, sender, receiver):
        shared = self.box.exchange(X25519PublicKey.from_public_bytes(bytes.fromhex(self.peers[peer]["box_key"])))
        return ChaCha20Poly1305(derive(shared, b"chorus masking box" + self.roster + u32(sender) + u32(receiver)))

    def open(self, second, boxes):
        """The second roster and the boxes for this client, each of which has to open and to hold what its checks say."""
        assert second == sorted(second) and set(second) <= set(self.peers) and self.me in second
        assert len(second) >= max(self.threshold, 3)
        self.second = second
        self.second_hash = h("chorus masking second roster", self.roster, u32(len(second)), *map(u32, second))
        assert [box["client"] for box in boxes] == [number for number in second if number != self.me]
        for box in boxes:
            sender = box["client"]
            checks = [bytes.fromhex(box["self_check"]), bytes.fromhex(box["mask_check"])]
            opened = self.cipher(sender, sender, self.me).decrypt(bytes(12), bytes.fromhex(box["sealed"]), b"".join(checks))
            shares = opened[:32], opened[32:]
            assert [self.check(sender, self.me, kind, share) for kind, share in enumerate(shares)] == checks
            self.held[sender] = shares

    def stream(self, secret, name, *clients):
        key = derive(secret, name + self.second_hash + b"".join(map(u32, clients)))
        length = self.values * self.width + self.tail * 8
        data = Cipher(algorithms.ChaCha20(key, bytes(16)), mode=None).encryptor().update(bytes(length))
        return self.read(data)

    def read(self, data):
        words = self.values * self.width
        numbers = [int.from_bytes(data[at:at + self.width], "little") for at in range(0, words, self.width)]
        return numbers + list(struct.unpack(f"<{self.tail}Q", data[words:]))

    def masked(self, update, weight, tail):
        """The bytes of this vector with all its masks: an update, scaled down to the clip and then by its weight, and the tail."""
        norm = math.sqrt(sum(value * value for value in update))
        scale = min(1.0, self.clip / norm) if norm else 1.0
        steps = (2 ** (8 * self.width - 1) - 1) // len(self.second)
        numbers = [math.floor(value * scale * weight / self.clip * steps + random.random()) for value in update] + tail
        assert len(numbers) == self.values + self.tail
        masks = [(1, self.stream(self.seed, b"chorus masking self", self.me))]
        for peer in self.second:
            if peer != self.me:
                shared = self.mask.exchange(X25519PublicKey.from_public_bytes(bytes.fromhex(self.peers[peer]["mask_key"])))
                pair = sorted((self.me, peer))
                masks.append((1 if self.me < peer else -1, self.stream(shared, b"chorus masking mask", *pair)))
        for sign, mask in masks:
            numbers = [number + sign * by for number, by in zip(numbers, mask)]
        value = b"".join((number % 256**self.width).to_bytes(self.width, "little") for number in numbers[:self.values])
        return value + struct.pack(f"<{self.tail}Q", *(number % 2**64 for number in numbers[self.values:]))

    def survivors_hash(self, survivors):
        return h("chorus masking survivors", self.second_hash, u32(len(survivors)), *map(u32, survivors))

    def agree(self, survivors):
        assert survivors == sorted(survivors) and set(survivors) <= set(self.second) and self.me in survivors
        assert len(survivors) >= max(self.threshold, 3)
        self.survivors = survivors
        return self.seat.sign(self.survivors_hash(survivors)).hex()

    def reveal(self, agreements=None):
        """The shares that open the sum, once enough have signed who is in it."""
        if self.active:
            assert len(agreements) >= self.threshold and {said["client"] for said in agreements} <= set(self.survivors)
            for said in agreements:
                seat = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.peers[said["client"]]["seat"]))
                seat.verify(bytes.fromhex(said["signature"]), self.survivors_hash(self.survivors))
        return [
            {"client": number, "secret": SELF_SEED, "share": self.held[number][0].hex()} if number in self.survivors
            else {"client": number, "secret": MASK_KEY, "share": self.held[number][1].hex()}
            for number in self.second if number in self.held
        ]


def new_seat():
    return Ed25519PrivateKey.generate()
