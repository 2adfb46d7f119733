"""Writes `crates/text/tests/golden.json`: the buckets of some transcripts, made without anything of ours.

Run from the workspace root: python tests/reference/text/golden.py
The rules are those of `crates/text/src/buckets.rs`. Python's own letters and normal forms are used.
"""

import json
import pathlib
import string
import unicodedata

TEXTS = [
    "The kids are talking by the door",
    "THE KIDS ARE TALKING BY THE DOOR",
    "a",
    "no!",
    "?!",
    "don't   stop -- \"now\"",
    "Das will sie am Mittwoch abgeben.",
    "Der Lappen liegt auf dem Eisschrank; STRASSE, Straße",
    "¿Qué día tan triste?",
    "Cafe\u0301 noir",
    "ΟΔΥΣΣΕΥΣ Οδυσσεύς",
    "Сегодня чудесный день",
    "今天我很高兴。",
    "今日はtrès良い",
    "ฉันมีความสุขมาก",
    "오늘은 기분이 좋아요",
    "आज मैं बहुत खुश हूँ",
    "أنا سعيد جدا اليوم",
    "אני כועס \u200fמאוד",
    "\u202eabc\u202c def",
    "so happy 😀😀",
    "one\ttwo\r\nthree\u0000four",
    "İstanbul ılık",
    "1 2 3 4.5",
]

NO_SPACES = [
    (0xE00, 0xEFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3040, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0xFF66, 0xFF9F), (0x20000, 0x323AF),
]
SIGNS = [
    (0xA1, 0xBF), (0x60C, 0x60C), (0x61B, 0x61B), (0x61F, 0x61F), (0x964, 0x965), (0x2010, 0x205E), (0x3001, 0x303F),
    (0xFF01, 0xFF0F), (0xFF1A, 0xFF20), (0xFF3B, 0xFF40), (0xFF5B, 0xFF65),
]


def line(text):
    letters = [letter for letter in unicodedata.normalize("NFC", text) if unicodedata.category(letter) != "Cf"]
    spaced = "".join(" " if letter.isspace() or unicodedata.category(letter) == "Cc" else letter for letter in letters)
    return " ".join(spaced.split())


def fnv(data):
    value = 0x811C9DC5
    for byte in data:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def bucket(kind, piece):
    value = fnv(kind + piece.encode())
    return (value >> 13 ^ value) & 8191


def without_spaces(letter):
    return any(first <= ord(letter) <= last for first, last in NO_SPACES)


def words(text):
    for between in text.split(" "):
        runs = []
        for letter in between:
            if runs and without_spaces(runs[-1][-1]) == without_spaces(letter):
                runs[-1] += letter
            else:
                runs.append(letter)
        for run in runs:
            if without_spaces(run[0]):
                yield from run
                yield from (run[i : i + 2] for i in range(len(run) - 1))
            else:
                kept = [i for i, letter in enumerate(run) if not is_sign(letter)]
                yield run[kept[0] : kept[-1] + 1] if kept else run


def is_sign(letter):
    return letter in string.punctuation or any(first <= ord(letter) <= last for first, last in SIGNS)


def buckets(text):
    folded = "".join(letter.upper() for letter in line(text))
    folded = "".join(letter.lower() for letter in folded)
    spaced = f" {folded} "
    grams = [spaced[i : i + n] for n in (3, 4, 5) for i in range(len(spaced) - n + 1)]
    return sorted([bucket(b"g", gram) for gram in grams] + [bucket(b"w", word) for word in words(folded)])


def main():
    path = pathlib.Path("crates/text/tests/golden.json")
    cases = [json.dumps({"text": text, "buckets": buckets(text)}, ensure_ascii=False) for text in TEXTS]
    path.write_text("[\n" + ",\n".join(cases) + "\n]\n", encoding="utf-8")
    print(path, len(cases), "texts")


if __name__ == "__main__":
    main()
