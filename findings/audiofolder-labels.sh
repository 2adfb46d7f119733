#!/usr/bin/env bash
# Hugging Face `datasets` 5.2.0, `load_dataset("audiofolder")`, on the tree of the Emotional Speech Dataset (ESD) as its
# archive unpacks: speaker / emotion / {train,test,evaluation} / file. Made here of tenths of seconds of silence under ESD's own names.
#
# One would guess: the label of 0011/Angry/train/0011_000401.wav is Angry, and the folders called train, test and
# evaluation are three splits. Seen, without a warning:
# - the label is the folder next to the file, so that the classes are "evaluation", "test" and "train" and the emotion is nowhere:
#   a classifier trained on this column learns to tell the splits;
# - "evaluation" is a word for the test split, so that ESD's validation clips are tested on;
# - a clip beside the folders of parts (0011/Angry/0011_000354.wav) is in no part and not in the data, again without a word.
#
# What follows: folders called after parts of a split are neither labels nor people (`crates/corpus/src/part.rs`), the emotion is looked for
# further out, and "evaluation" beside a "test" is for validation.
#
# It needs python3 with venv and the network for pip. Ends with 1 if any of this has changed, with 2 where the packages can't be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check datasets==5.2.0 soundfile==0.14.0 || exit 2
export HF_HOME="$folder/cache" HF_HUB_OFFLINE=1
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import pathlib
import sys

import datasets
import soundfile

root = pathlib.Path(sys.argv[1]) / "Emotion Speech Dataset"
names = {"Neutral": 1, "Angry": 351, "Happy": 701, "Sad": 1051, "Surprise": 1401}


def sound(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, [0.0] * 1600, 16_000)


for speaker in ("0011", "0012"):
    for emotion, first in names.items():
        for number, part in enumerate(("evaluation", "test", "train")):
            sound(root / speaker / emotion / part / f"{speaker}_{first + number:06}.wav")


def seen():
    datasets.disable_progress_bars()
    files = datasets.load_dataset_builder("audiofolder", data_dir=str(root)).config.data_files
    # Streamed, since anything else wants torch and torchcodec to store the sounds.
    loaded = datasets.load_dataset("audiofolder", data_dir=str(root), streaming=True)
    label = next(iter(loaded.values())).features.get("label")
    return {name: len(files[name]) for name in loaded}, label.names if label else None


print("datasets", datasets.__version__)
whole = seen()
print("parts and clips:", whole[0], "classes:", whole[1])
sound(root / "0011" / "Angry" / "0011_000354.wav")
stray = seen()
print("with a clip beside the folders of parts: parts and clips:", stray[0], "classes:", stray[1])
as_described = whole == ({"train": 10, "test": 20}, ["evaluation", "test", "train"]) and stray == whole
sys.exit(0 if as_described else 1)
PYTHON
