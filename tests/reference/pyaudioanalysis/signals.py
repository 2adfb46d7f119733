"""Sounds of every kind that the features meet, made from formulas and a fixed seed: 16 kHz, mono, 16-bit."""

import numpy as np
from scipy.signal import butter, lfilter, sosfilt

RATE = 16_000
SECONDS = 0.6


def time(seconds=SECONDS):
    return np.arange(int(seconds * RATE)) / RATE


def tone(hertz, seconds=SECONDS):
    return np.sin(2 * np.pi * hertz * time(seconds))


def noise(seed, seconds=SECONDS):
    return np.random.default_rng(seed).standard_normal(int(seconds * RATE)) / 4


def voice(pitch, formants, seconds=SECONDS, seed=0):
    """Glottal pulses with a moving pitch and a little jitter through a cascade of resonances, as a vowel is made."""
    random = np.random.default_rng(seed)
    contour = pitch * (1 + 0.2 * np.sin(2 * np.pi * 1.7 * time(seconds)) + 0.01 * random.standard_normal(int(seconds * RATE)))
    phase = np.cumsum(contour / RATE)
    pulses = np.diff(np.floor(phase), prepend=0.0) + 0.002 * random.standard_normal(len(phase))
    sound = lfilter([1.0], [1.0, -0.95], pulses)
    for centre, width in formants:
        radius = np.exp(-np.pi * width / RATE)
        sound = lfilter([1.0], [1.0, -2 * radius * np.cos(2 * np.pi * centre / RATE), radius**2], sound)
    return sound / np.abs(sound).max()


def band(sound, low, high):
    return sosfilt(butter(6, [low, high], "bandpass", fs=RATE, output="sos"), sound)


A = [(730, 60), (1090, 90), (2440, 120)]
I = [(270, 60), (2290, 100), (3010, 120)]


def signals():
    """Name → samples as 16-bit integers."""
    t = time()
    vowels = np.concatenate([voice(120, A, 0.3), voice(180, I, 0.3, seed=1)])
    gap = vowels.copy()
    gap[2_400:7_000] = 0.0
    click = np.zeros(len(t))
    click[::1_237] = 1.0
    made = {
        "tone_440_hz": 0.5 * tone(440),
        "tone_on_a_bin": 0.8 * tone(1_000),
        "tone_near_nyquist": 0.3 * tone(7_915.3),
        "chord": 0.25 * (tone(220) + tone(277.18) + tone(329.63)),
        "chirp": 0.7 * np.sin(2 * np.pi * (60 * t + (7_500 - 60) / (2 * SECONDS) * t**2)),
        "white_noise": noise(2),
        "telephone_noise": band(noise(3), 300, 3_400),
        "man_says_a": 0.6 * voice(110, A),
        "woman_says_i": 0.6 * voice(230, I, seed=4),
        "two_vowels_and_a_gap": 0.7 * gap,
        "clipped_voice": np.clip(3.0 * voice(140, A, seed=5), -1.0, 1.0),
        "quiet_voice": 0.0006 * voice(140, A, seed=6) + 0.0001 * noise(7),
        "voice_with_offset": 0.4 * voice(160, I, seed=8) + 0.3,
        "loudness_grows": np.linspace(0, 0.9, len(t)) ** 3 * voice(150, A, seed=9),
        "clicks": 0.9 * click,
        "square_wave": 0.5 * np.sign(tone(313)),
        "exactly_one_window": 0.5 * voice(130, A, 0.2),
    }
    return {name: np.clip(np.round(sound * 32_768), -32_768, 32_767).astype(np.int16) for name, sound in made.items()}
