"""What a speaker's clips say of the speaker's own scale, from whole covariance matrices: own_scale.json.

A clip's mean of a feature is taken as group + speaker + mood + clip, where each of the last three varies by itself (Henderson 1975;
Robinson 1991, "That BLUP is a good thing", Statistical Science 6(1)), and the moods of one speaker add up to nothing. `client::own_scale`
has a short formula for what follows of that; here nothing is simplified. Made by: python golden.py > own_scale.json
"""

import json

import numpy as np

GROUP_CLIPS = 1.2  # variance of clips over that of speakers
MOOD_SPREAD = 2.0  # variance of moods over that of clips
FEATURES = 60

random = np.random.default_rng(20261130)


def scale(labels, moods, means, squares, group_mean, group_deviation):
    """The share of the speaker's own, and mean and deviation of each feature."""
    clip = 1.0
    speaker, mood = clip / GROUP_CLIPS, MOOD_SPREAD * clip
    same = np.equal.outer(moods, moods)
    covariance = speaker + mood * (same - 1.0 / labels) + clip * np.eye(len(moods))
    inverse = np.linalg.inv(covariance)
    ones = np.ones(len(moods))
    # The mean of a normal variable given others: Cov(speaker, clips) Cov(clips)^-1 (clips - group).
    share = speaker * ones @ inverse @ ones
    # Generalised least squares: the best mean of values with this covariance.
    weights = inverse @ ones / (ones @ inverse @ ones)
    own_mean = weights @ means
    own_variance = weights @ squares - own_mean**2
    mean = group_mean + speaker * ones @ inverse @ (means - group_mean)
    deviation = np.sqrt((1 - share) * group_deviation**2 + share * own_variance)
    return share, mean, deviation


cases = []
for name, labels, moods in [
    ("one clip", 4, [2]),
    ("three clips of one mood", 4, [1, 1, 1]),
    ("thirty clips of one mood", 4, [0] * 30),
    ("some of each", 4, [0, 0, 0, 1, 2, 2, 3, 3, 3, 3]),
    ("alike", 3, [0, 1, 2] * 8),
    ("of two of five", 5, [4, 4, 4, 1]),
]:
    frames = [[random.normal(random.normal(size=FEATURES), 1.5, size=(5, FEATURES))] for _ in moods]
    # What the program is given is f32.
    clips = np.asarray(frames, dtype=np.float32).astype(np.float64)[:, 0]
    group_mean = random.normal(size=FEATURES).astype(np.float32).astype(np.float64)
    group_deviation = random.uniform(0.5, 2, size=FEATURES).astype(np.float32).astype(np.float64)
    kept = 2  # of 60 features; the others are nothing new
    share, mean, deviation = scale(
        labels, np.array(moods), clips.mean(axis=1), (clips**2).mean(axis=1), group_mean, group_deviation
    )
    cases.append({
        "name": name,
        "labels": labels,
        "moods": moods,
        "clips": clips[:, :, :kept].tolist(),
        "group": {"mean": group_mean[:kept].tolist(), "deviation": group_deviation[:kept].tolist()},
        "share": share,
        "mean": mean[:kept].tolist(),
        "deviation": deviation[:kept].tolist(),
    })

print(json.dumps(cases))
