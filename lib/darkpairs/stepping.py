"""What all particles in argon share: they leave energy, straggle, are deflected, come and go.

In: random states, directions, losses. Out: rows of deposits. Chapter: shower.

A kernel of this floor carries three arrays. ``out`` (capacity, 7) takes the deposits: x, y, z,
energy, dx, time, particle; rows beyond its end are counted and not written, so that the caller can
come again with more room. ``tally`` (3,) sums the energy that is visible, escaped and unseen.
``world`` (12,) has the low and high corners of the active volume, then those of the argon around.

Laws: energy lost is energy tallied; the hard collisions of a step follow 1/T²; a deflection keeps
the length of a direction.
"""

from math import exp, log, sqrt

import numpy as np

from darkpairs._jit import njit
from darkpairs.detector import walls
from darkpairs.kinematics import _azimuth
from darkpairs.rng import _next, _normal


def world(detector):
    """Return the corners of the active volume and of the argon around it, ndarray (12,) [cm]."""
    low, high = walls(detector)
    return np.concatenate([low, high, low - detector.jacket, high + detector.jacket])


@njit
def _deposit(out, n, tally, world, x, y, z, energy, dx, time, particle):
    """Leave energy at a point, as a row if it is in the active volume; return the rows so far."""
    if not (world[0] <= x <= world[3] and world[1] <= y <= world[4] and world[2] <= z <= world[5]):
        tally[1] += energy
        return n
    tally[0] += energy
    if energy <= 0:
        return n
    if n < len(out):
        row = out[n]
        row[0], row[1], row[2] = x, y, z
        row[3], row[4], row[5], row[6] = energy, dx, time, particle
    return n + 1


@njit
def _within(world, x, y, z):
    """Tell whether a point lies in argon, seen or unseen."""
    return (world[6] <= x <= world[9] and world[7] <= y <= world[10]
            and world[8] <= z <= world[11])


@njit
def _entry(world, x, y, z, ux, uy, uz):
    """Length of the straight way into the argon [cm]: 0 from inside, −1 if it misses."""
    near, far = 0.0, np.inf
    for axis in range(3):
        at, way = (x, y, z)[axis], (ux, uy, uz)[axis]
        low, high = world[6 + axis], world[9 + axis]
        if way == 0.0:
            if at < low or at > high:
                return -1.0
            continue
        a, b = (low - at) / way, (high - at) / way
        near, far = max(near, min(a, b)), min(far, max(a, b))
    return near if near <= far else -1.0


@njit
def _turn(ux, uy, uz, cosine, sine, cos_phi, sin_phi):
    """Turn a direction by an angle with this cosine and sine, around it by φ."""
    a, b = sine * cos_phi, sine * sin_phi
    across = sqrt(ux * ux + uy * uy)
    if across < 1e-9:
        return a, b if uz > 0 else -b, cosine if uz > 0 else -cosine
    vx = cosine * ux + (a * ux * uz - b * uy) / across
    vy = cosine * uy + (a * uy * uz + b * ux) / across
    vz = cosine * uz - a * across
    norm = 1 / sqrt(vx * vx + vy * vy + vz * vz)
    return vx * norm, vy * norm, vz * norm


@njit
def _scatter(state, ux, uy, uz, width):
    """Deflect by many small angles: a Gaussian of this width in each of two planes [rad].

    On the sphere it is exp(cos θ/width²) (Fisher, Proc. R. Soc. A 217 (1953) 295): even all around
    for a width ≫ 1.
    """
    state, u = _next(state)
    square = width * width
    drop = -square * log(1 - u * (1 - exp(-2 / square)))  # 1 − cos θ
    sine, cosine = sqrt(max(drop * (2 - drop), 0.0)), 1 - drop
    state, cos_phi, sin_phi = _azimuth(state)
    return state, _turn(ux, uy, uz, cosine, sine, cos_phi, sin_phi)


@njit
def _straggle(state, mean, xi, low, high):
    """Energy lost in a step whose mean loss from collisions below `high` is given [MeV].

    Collisions above `low` come one by one with the spectrum ξ/T² (Landau 1944; PDG 2024, Eq. 34.7
    at T well below its limit); those below it are many, and together a Gaussian of variance ξ low.
    """
    state, normal = _normal(state)
    if high <= low:
        return state, max(0.0, mean + normal * sqrt(xi * high))
    loss = mean - xi * log(high / low) + normal * sqrt(xi * low)
    expected = xi * (1 / low - 1 / high)
    state, u = _next(state)
    way = -log(1 - u)
    while way < expected:  # gaps between the collisions of a Poisson process are exponential
        state, u = _next(state)
        loss += low / (1 - u * (1 - low / high))  # ∫ T⁻² dT inverted
        state, u = _next(state)
        way -= log(1 - u)
    return state, max(0.0, loss)
