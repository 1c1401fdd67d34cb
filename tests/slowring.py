"""What MiniBooNE makes of one event, in plain Python: the slow twin of the room `onering`."""

import math
import random

from darkpairs import tables
from darkpairs.constants import ELECTRON_MASS, NEUTRON_MASS, PROTON_MASS


def angle(a, b):
    """Angle [rad] between two momenta, from the textbook's cosine."""
    dot = sum(x * y for x, y in zip(a[1:], b[1:], strict=True))
    return math.acos(max(-1.0, min(1.0, dot / size(a) / size(b))))


def size(p4):
    return math.sqrt(sum(x * x for x in p4[1:]))


def smear(p4, sight, dice):
    """One measured electron: turned by Rodrigues' formula about an axis across its flight."""
    energy, flight = p4[0], [x / size(p4) for x in p4[1:]]
    sigma = 1000 * sight.stochastic * math.sqrt(energy / 1000) + sight.noise
    kinetic = max(dice.gauss(energy - ELECTRON_MASS, sigma), 0.0)
    turn = dice.gauss(0.0, sight.tilt + sight.growth * math.log(1000 / energy))
    axis = across(flight, dice)
    turned = [x * math.cos(turn) + y * math.sin(turn)
              for x, y in zip(flight, cross(axis, flight), strict=True)]
    momentum = math.sqrt((kinetic + ELECTRON_MASS) ** 2 - ELECTRON_MASS**2)
    return [kinetic + ELECTRON_MASS, *(momentum * x for x in turned)]


def across(flight, dice):
    """A random unit vector across a flight: a random one in space, less its part along."""
    way = [dice.gauss(0, 1) for _ in range(3)]
    along = sum(x * y for x, y in zip(way, flight, strict=True))
    rest = [x - along * y for x, y in zip(way, flight, strict=True)]
    return [x / math.sqrt(sum(y * y for y in rest)) for x in rest]


def cross(a, b):
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]


def smeared(p4, sight, n, seed):
    """n measurements of one electron."""
    dice = random.Random(seed)
    return [smear(p4, sight, dice) for _ in range(n)]


def one_ring(a, b, sight):
    """Whether two electrons look like one."""
    faint, bright = sorted((a[0], b[0]))
    if sight.circle:
        radius = between(faint + bright, *columns("one_ring_circle.csv", "energy", "radius"))
        gap = (1 - math.cos(angle(a, b))) / 2
        return math.sqrt(gap**2 + (1 - bright / (faint + bright)) ** 2) < radius
    if faint > sight.faint:
        return angle(a, b) < sight.opening
    return bright > sight.faint


def columns(name, x, y):
    table = tables.read(name)
    return table[x].tolist(), table[y].tolist()


def between(x, points, values):
    """A straight line between the points, and flat beyond them."""
    if x <= points[0]:
        return values[0]
    for k in range(1, len(points)):
        if x <= points[k]:
            part = (x - points[k - 1]) / (points[k] - points[k - 1])
            return (1 - part) * values[k - 1] + part * values[k]
    return values[-1]


def efficiency(energy):
    return between(energy, *columns("miniboone_efficiency.csv", "energy", "efficiency"))


def joined(electrons):
    """Join the nearest two again and again, until two are left."""
    electrons = [list(p4) for p4 in electrons]
    while len(electrons) > 2:
        gaps = {(i, j): angle(electrons[i], electrons[j])
                for j in range(len(electrons)) for i in range(j)}
        i, j = min(gaps, key=gaps.get)
        second = electrons.pop(j)
        electrons[i] = [x + y for x, y in zip(electrons[i], second, strict=True)]
    return electrons


def electron_of(neutrino, cosine, binding=0.0):
    """Energy of the electron at an angle from ν n → e⁻ p on a neutron at rest, by bisection.

    What is missing to the proton's mass: (ν + n − e)² − m_p² falls as the electron takes energy.
    """
    neutron = NEUTRON_MASS - binding

    def missing(energy):
        p = math.sqrt(energy**2 - ELECTRON_MASS**2)
        left = neutrino + neutron - energy
        along, aside = neutrino - p * cosine, p * math.sqrt(1 - cosine**2)
        return left**2 - along**2 - aside**2 - PROTON_MASS**2

    low, high = ELECTRON_MASS, neutrino + neutron
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if missing(middle) > 0 else (low, middle)
    return low
