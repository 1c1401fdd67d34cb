"""Roulette: more of the events that can look like a pair, and weights that make up for it.

In: proposals of an event. Out: how much each is worth throwing. Chapter: background.

Most π⁰ can never be taken for a pair. To simulate them all alike would be a waste: the selected
background would rest on a handful. So a proposal is kept with a chance that goes with its *worth*,
and an event that was kept counts as its worth says, the less the more of its like are kept. This is
importance sampling; done by keeping or not it is called Russian roulette.

The worth is a product of *marks*, each e to the power of its size times a share from 0 to 1: the
stronger photon flies along the beam; the weaker one is soft, close to the other, or soon out; there
is a proton; there is a long muon. It changes smoothly, so neighbours have weights alike.

Laws: the worth is the product of its marks, and never above the best; with tilt t events come as
their worth to the power of t, and their weights undo it: all weighted distributions stay.
"""

from math import acos, exp, inf, sqrt
from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs import detector
from darkpairs._jit import njit
from darkpairs.constants import MUON_MASS, PROTON_MASS
from darkpairs.fermi import PHOTON, PROTON, ROWS

MUON = 13


class Marks(NamedTuple):
    """What makes an event look like a pair, and how much; from a fit to π⁰ that a search kept.

    Sizes of the first four and of the proton are half to two thirds of what a logistic fit to the
    π⁰ of a smaller sample gave: the error of a sum of weights is smallest with the root of the
    chance to be selected.
    """

    forward: Given[float, "", "stronger photon along the beam; our fit, rounded", 0.0] = 2.5
    wide: Given[float, "", "1 − cos θ by which it falls to 1/e; our choice", 0.0] = 0.1
    soft: Given[float, "", "weaker photon is soft; our fit, rounded", 0.0] = 1.2
    energy: Given[float, "MeV", "by which it falls to 1/e; our choice", 0.0] = 30.0
    close: Given[float, "", "photons are close; our fit, rounded", 0.0] = 1.8
    angle: Given[float, "rad", "by which it falls to 1/e; our choice, 20°", 0.0] = 0.35
    leaves: Given[float, "", "weaker photon flies to a near wall; our fit, rounded", 0.0] = 0.9
    way: Given[float, "cm", "by which it falls to 1/e; our choice, near 20 cm", 0.0] = 25.0
    proton: Given[float, "", "against a fast proton; our fit, rounded", 0.0] = 0.7
    fast: Given[float, "MeV", "kinetic energy that is fast; our choice", 0.0] = 80.0
    muon: Given[float, "", "against a long muon; our choice", 0.0] = 1.5
    long: Given[float, "MeV", "kinetic energy of a long one; our choice", 0.0] = 100.0

    @property
    def best(self):
        """Logarithm of the largest worth that there can be."""
        return self.forward + self.soft + self.close + self.leaves


MARKS = Marks()


def worth(truth, *, marks=MARKS):
    """Return what events are worth, a share of the best, ndarray (n,) from above 0 to 1.

    Parameters
    ----------
    truth : Truth
        Events with two photons or more; one with fewer is refused.
    marks : Marks
        What makes an event look like a pair.
    """
    body, result = _body(), np.empty(len(truth))
    for i in range(len(truth)):
        some = slice(truth.offsets[i], truth.offsets[i + 1])
        count = truth.offsets[i + 1] - truth.offsets[i]
        if (truth.pdg[some] == PHOTON).sum() < 2:
            raise ValueError(f"event {truth.event[i]} has fewer than two photons; wanted events "
                             "with a π⁰")
        rows = np.zeros((max(count, ROWS), 6))
        rows[:count, 0], rows[:count, 2:] = truth.pdg[some], truth.p4[some]
        result[i] = exp(_log_worth(rows, count, tuple(truth.vertex[i]), body, marks) - marks.best)
    return result


def _body():
    return tuple(detector.body(detector.MICROBOONE).tolist())


@njit
def _log_worth(rows, count, point, body, marks):
    """Logarithm of the worth of an event: the sum of its marks."""
    strong, weak, proton, muon = -1, -1, 0.0, 0.0
    for k in range(count):
        pdg = abs(int(rows[k, 0]))
        if pdg == PHOTON:
            if strong < 0 or rows[k, 2] > rows[strong, 2]:
                strong, weak = k, strong
            elif weak < 0 or rows[k, 2] > rows[weak, 2]:
                weak = k
        elif pdg == PROTON:
            proton = max(proton, rows[k, 2] - PROTON_MASS)
        elif pdg == MUON:
            muon = max(muon, rows[k, 2] - MUON_MASS)
    one = (rows[strong, 2], rows[strong, 3], rows[strong, 4], rows[strong, 5])
    two = (rows[weak, 2], rows[weak, 3], rows[weak, 4], rows[weak, 5])
    cosine = (one[1] * two[1] + one[2] * two[2] + one[3] * two[3]) / (one[0] * two[0])
    return (marks.forward * exp(-(1 - one[3] / one[0]) / marks.wide)
            + marks.soft * exp(-two[0] / marks.energy)
            + marks.close * exp(-acos(min(max(cosine, -1.0), 1.0)) / marks.angle)
            + marks.leaves * exp(-_ahead(two, point, body) / marks.way)
            - marks.proton * min(proton / marks.fast, 1.0)
            - marks.muon * (1 - exp(-muon / marks.long)))


@njit
def _ahead(p4, point, body):
    """How far the wall is that a particle flies to, for a start inside."""
    size, way = sqrt(p4[1] ** 2 + p4[2] ** 2 + p4[3] ** 2), inf
    for c in range(3):
        speed = p4[1 + c] / size
        if speed != 0:
            wall = body[4 + c] if speed > 0 else body[1 + c]
            way = min(way, (wall - point[c]) / speed)
    return way
