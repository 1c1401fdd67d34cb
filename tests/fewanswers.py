"""Answers for tests: pairs of a small cocktail, and searches that look at what really happened."""

from functools import cache

import numpy as np

from darkpairs import answers, batches, cocktail, kinematics, signal, weights
from darkpairs.cocktail import Part

# Around points with a real Z′ and with a virtual one
FEW = (Part(90.0, 3.0, 30.0, 2.0), Part(120.0, 3.0, 30.0, 2.0), Part(160.0, 3.0, 30.0, 2.0),
       Part(190.0, 3.0, 500.0, 2.0), Part(260.0, 3.0, 1250.0, 2.0))
EDGES = np.array([0.0, 1.0, 2.0, 3.0])
COVARIANCES = np.array([np.diag([4.0, 1.0, 0.25]), np.outer([3.0, 2.0, 0.5], [3.0, 2.0, 0.5])])
EXPECTED = (
    answers.Prediction("broad", "energy", 6.87e20, EDGES, ("pi0", "nue"),
                       [[40.0, 8.0, 2.0], [2.0, 2.0, 1.0]], ("one", "other"), COVARIANCES),
    answers.Prediction("focused", "angle", 6.6e20, EDGES[:3], ("pi0",), [[30.0, 5.0]], ("one",),
                       [np.diag([9.0, 1.0])]))


def places(truth):
    """Bins of both searches, from energy, opening angle and angle to the beam."""
    minus, plus = (truth.p4[batches.only(truth, pdg)] for pdg in (11, -11))
    pair = minus + plus
    energy, opening = pair[:, 0], kinematics.opening_angle(minus, plus)
    ahead = kinematics.opening_angle(pair, np.array([1.0, 0.0, 0.0, 1.0]))
    broad = np.where(opening > 0.1, np.clip(energy // 150, 0, 3) - 1, -1)
    focused = np.where(energy > 200, ahead > 0.4, -1)
    return np.array([broad, focused]).astype(int)


@cache
def few():
    """Answers of 16,000 pairs."""
    truth = cocktail.generate(16000, seed=5, parts=FEW)
    return answers.collect(truth, weights.density(truth, source=FEW), places(truth), EXPECTED,
                           heavy="90 to 260")


def dedicated(point, n=20000, seed=6, **options):
    """Share of the pairs of one model in each bin, without any weights."""
    truth = signal.generate(point, n, seed=seed, **options)
    return truth, [np.bincount(row[row >= 0], minlength=len(each)) / n
                   for row, each in zip(places(truth), EXPECTED, strict=True)]
