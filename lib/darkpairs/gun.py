"""Particles of your choice, for chapters and tests: the same event as often as you like.

In: what, how fast, which way. Out: `Truth`. Chapters: shower, readout.

Laws: masses and angles are those asked for; momenta of a pair sum to its direction; two photons
have the mass of their pion, and fly evenly in its rest frame.
"""

from math import cos, inf, pi, sin

import numpy as np

from darkpairs.batches import KINDS, Truth
from darkpairs.constants import (
    CHARGED_PION_MASS,
    ELECTRON_MASS,
    MUON_MASS,
    NEUTRAL_PION_MASS,
    PROTON_MASS,
)
from darkpairs.kinematics import boost
from darkpairs.rng import stream, uniforms

MASSES = {11: ELECTRON_MASS, 22: 0.0, 13: MUON_MASS, 211: CHARGED_PION_MASS, 2212: PROTON_MASS}
MIDDLE = (128.0, 0.0, 380.0)  # cm, in MicroBooNE far from all walls, and before few dead wires


def shoot(pdg, kinetic, *, direction=(0.0, 0.0, 1.0), start=MIDDLE, n=1, first=0):
    """Return events in which the same particles start at one point.

    Parameters
    ----------
    pdg : int or sequence (m,) of int
        What they are: e∓ ±11, γ 22, μ∓ ±13, π± ±211, p 2212.
    kinetic : float or sequence (m,)
        Their kinetic energies [MeV], > 0 and finite.
    direction : sequence (3,) or (m, 3)
        Where they go; any length.
    start : sequence (3,)
        Where they start [cm].
    n, first : int
        How many such events, and the number of the first; whole, and n not negative.

    Returns
    -------
    Truth
        Of kind "gun", each with the weight 1.
    """
    pdg, kinetic = np.atleast_1d(pdg), np.atleast_1d(np.asarray(kinetic, dtype=np.float64))
    unknown = [int(code) for code in pdg if abs(int(code)) not in MASSES]
    if unknown:
        known = ", ".join(map(str, MASSES))
        raise ValueError(f"cannot shoot PDG {unknown}; wanted {known}, or one with a minus")
    if not ((kinetic > 0) & (kinetic < inf)).all():  # refuses NaN too
        raise ValueError(f"kinetic energies {kinetic.tolist()} MeV; wanted finite numbers > 0")
    mass = np.array([MASSES[abs(int(code))] for code in pdg])
    way = _unit(np.broadcast_to(np.asarray(direction, dtype=np.float64), (len(pdg), 3)))
    energy = np.broadcast_to(kinetic, len(pdg)) + mass
    momentum = np.sqrt((energy - mass) * (energy + mass))
    return _repeat(pdg, np.column_stack([energy, momentum[:, None] * way]), start, n, first)


def pair(energies, opening, *, direction=(0.0, 0.0, 1.0), azimuth=0.0, start=MIDDLE, n=1, first=0):
    """Return events with one e⁻ and one e⁺ whose momenta sum to a given direction.

    Parameters
    ----------
    energies : sequence (2,)
        Total energies of e⁻ and e⁺ [MeV], above their mass.
    opening : float
        Angle between them [rad].
    direction : sequence (3,)
        Where the pair goes; any length.
    azimuth : float
        How the plane of the two is turned around this direction [rad]; at 0 it holds the drift
        axis x, unless the pair goes along x.
    start, n, first
        As in `shoot`.
    """
    if not (np.asarray(energies) > ELECTRON_MASS).all():  # refuses NaN too
        raise ValueError(f"energies {tuple(energies)} MeV; wanted both above the electron's mass")
    electron, positron = np.sqrt(np.square(energies) - ELECTRON_MASS**2)
    tilt = np.arctan2(positron * sin(opening), electron + positron * cos(opening))  # of e⁻
    axis = _unit(np.asarray(direction, dtype=np.float64))
    helper = (1.0, 0.0, 0.0) if abs(axis[0]) < 0.9 else (0.0, 1.0, 0.0)
    side = np.asarray(helper) - np.dot(helper, axis) * axis
    side /= np.linalg.norm(side)
    side = cos(azimuth) * side + sin(azimuth) * np.cross(axis, side)
    ways = [cos(angle) * axis + sin(angle) * side for angle in (tilt, tilt - opening)]
    return shoot((11, -11), np.asarray(energies, dtype=np.float64) - ELECTRON_MASS,
                 direction=ways, start=start, n=n, first=first)


def pion(kinetic, *, direction=(0.0, 0.0, 1.0), start=MIDDLE, n=1, first=0, seed):
    """Return events with a π⁰ that decays at once into two photons, evenly in its rest frame.

    Parameters
    ----------
    kinetic : float
        Its kinetic energy [MeV], > 0 and finite.
    direction, start, n, first
        As in `shoot`.
    seed : int
        From 0 to 2⁶³ − 1. Each event has dice of its own, by its number.

    Returns
    -------
    Truth
        The π⁰ and its two photons, of kind "gun", each event with the weight 1.
    """
    if not 0 < kinetic < inf:  # refuses NaN too
        raise ValueError(f"a kinetic energy of {kinetic} MeV; wanted a finite number > 0")
    energy = kinetic + NEUTRAL_PION_MASS
    way = _unit(np.asarray(direction, dtype=np.float64))
    pion = np.concatenate([[energy], np.sqrt(kinetic * (energy + NEUTRAL_PION_MASS)) * way])
    truth = _repeat(np.array([111, 22, 22]), np.tile(pion, (3, 1)), start, n, first)
    if not n:
        return truth
    u = uniforms(seed, stream("gun", "pion"), int(n), 2, first=first)
    cosine, phi = 2 * u[:, 0] - 1, 2 * pi * u[:, 1]
    sine = np.sqrt((1 - cosine) * (1 + cosine))
    ray = np.column_stack([np.ones(len(u)), sine * np.cos(phi), sine * np.sin(phi), cosine])
    p4 = truth.p4.reshape(-1, 3, 4).copy()
    p4[:, 1] = boost(NEUTRAL_PION_MASS / 2 * ray, p4[:, 0])
    p4[:, 2] = boost(NEUTRAL_PION_MASS / 2 * ray * [1, -1, -1, -1], p4[:, 0])
    return Truth(**{name: getattr(truth, name) for name in Truth.SHAPES} | dict(
        p4=p4.reshape(-1, 4), parent=np.tile([-1, 0, 0], len(u))))


def _unit(direction):
    """Return directions (..., 3) with the length of one."""
    length = np.linalg.norm(direction, axis=-1, keepdims=True)
    if not ((length > 0) & (length < inf)).all():  # refuses NaN too
        raise ValueError(f"direction {direction.tolist()}; wanted one with a finite length > 0")
    return direction / length


def _repeat(pdg, p4, start, n, first):
    """Lay one event out n times."""
    if n < 0 or n % 1 or first % 1:
        raise ValueError(f"n = {n} events from number {first} on; wanted whole numbers, n ≥ 0")
    m, n = len(pdg), int(n)
    where = np.asarray(start, dtype=np.float64)
    return Truth(event=np.arange(first, first + n), kind=np.full(n, KINDS.index("gun")),
                 weight=np.ones(n), vertex=np.tile(where, (n, 1)), e_nu=np.zeros(n),
                 offsets=np.arange(n + 1) * m, pdg=np.tile(pdg, n), p4=np.tile(p4, (n, 1)),
                 start=np.tile(where, (n * m, 1)), time=np.zeros(n * m),
                 parent=np.full(n * m, -1))
