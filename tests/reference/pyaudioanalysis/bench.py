"""How many times faster than real time pyAudioAnalysis computes the 34 features of one second of speech-like sound, as JSON.

The sound is that of crates/speech/examples/bench_features.rs. Run it on one core:

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python bench.py
"""

import json
import math
import statistics
import time

import numpy as np
from pyAudioAnalysis import ShortTermFeatures


def voice():
    phase, noise = 0.0, 1
    resonances = [[730.0, 0.0, 0.0], [1_090.0, 0.0, 0.0]]
    samples = np.zeros(16_000)
    for n in range(16_000):
        phase += (120 + 40 * math.sin(n / 16_000 * 9)) / 16_000
        pulse = 1.0 if phase >= 1 else 0.0
        phase %= 1
        noise = (noise * 1_664_525 + 1_013_904_223) % 2**32
        sound = pulse + 0.01 * (noise / (2**32 - 1) - 0.5)
        for resonance in resonances:
            hertz, last, before = resonance
            sound += 2 * 0.97 * math.cos(2 * math.pi * hertz / 16_000) * last - 0.97**2 * before
            resonance[1:] = sound, last
        samples[n] = sound * 0.02
    return samples * 32_768


def main():
    samples = voice()

    def seconds():
        start = time.perf_counter()
        ShortTermFeatures.feature_extraction(samples, 16_000, 3_200, 1_600, deltas=False)
        return time.perf_counter() - start

    for _ in range(5):
        seconds()
    measured = [seconds() for _ in range(31)]
    median = statistics.median(measured)
    print(json.dumps({
        "name": "features, pyAudioAnalysis 0.3.14",
        "times_real_time": round(1 / median),
        "best_times_real_time": round(1 / min(measured)),
        "milliseconds_per_second_of_sound": median * 1e3,
    }))


if __name__ == "__main__":
    main()
