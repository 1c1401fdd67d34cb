"""Muons from the sky that come while the beam does.

In: a paper (`Sky`), a seed. Out: `Truth`, rates, and expected events. Chapter: background.

At the ground muons come with Reyna's spectrum, a function of p cosθ alone (hep-ph/0604145). Light
that the chamber sees in time with the beam takes away nearly all of them. What passes is a share
that is set by hand, to the share of cosmic muons in a published selection of neutrinos.

Laws: the flux falls as cos²θ or so; through a box passes flux times its shadow; muons start on the
argon's border and aim at the active volume; weights sum to the rate; over an event lie as many as
rate and window say, and its own particles stay as they are.
"""

from functools import lru_cache
from math import log10, pi, sqrt
from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs import cells, detector, interact
from darkpairs._jit import apart, njit, spread
from darkpairs.batches import Truth
from darkpairs.cells import _pick
from darkpairs.constants import MUON_MASS
from darkpairs.dirt import _ahead
from darkpairs.kinematics import _circle
from darkpairs.rng import _next, _poisson, _start, stream

REYNA = (0.00253, 0.2455, 1.288, -0.2555, 0.0209)  # hep-ph/0604145, Eq. (3); /(cm² s sr GeV)
SLOWEST, FASTEST = 0.2, 99.0  # GeV; slower ones stop soon, faster ones are 0.02 %
EDGES = np.geomspace(SLOWEST, FASTEST, 61), np.linspace(0.0, 1.0, 33)  # p [GeV] and cosθ
SURVEY = 1 << 18  # muons with fixed dice


class Sky(NamedTuple):
    """Muons, the beam's time structure, and what the light of the chamber lets pass."""

    ratio: Given[float, "", "μ⁺/μ⁻, PDG 2024, cosmic rays: 1.25 to 1.30", 0.03] = 1.28
    scale: Given[float, "", "of the flux, Reyna against data", 0.05] = 1.0
    gate: Given[float, "µs", "length of a spill of the beam, JINST 12 P02017", 0.0] = 1.6
    spill: Given[float, "POT", "our choice, protons of a spill: from 3 to 5 × 10¹²", 5e11] = 4.0e12
    passed: Given[float, "", "calibrated, see the ledger: light lets it pass", 0.005] = 0.015


SKY = Sky()


def intensity(p, cosine):
    """Return muons per cm², s, sr and GeV at a momentum [GeV] and a cosine of the zenith angle."""
    p, cosine = np.broadcast_arrays(np.asarray(p, np.float64), np.asarray(cosine, np.float64))
    return np.array([_intensity(a, c) for a, c in zip(p.flat, cosine.flat, strict=True)]).reshape(
        p.shape)


@njit
def _intensity(p, cosine):
    """Reyna's Eqs. (2) and (3): cos³θ I(ζ), ζ = p cosθ."""
    if cosine <= 0:
        return 0.0
    x = log10(p * cosine)
    power = REYNA[1] + x * (REYNA[2] + x * (REYNA[3] + x * REYNA[4]))
    return cosine**3 * REYNA[0] * 10 ** (-power * x)


def rate(sky=SKY):
    """Return how many muons per second aim at the active volume."""
    return sky.scale * _sampler()[1] * pi * _radius() ** 2 * hit()


def expected_events(*, pot, sky=SKY):
    """Return how many muons stay in time with the beam, for so many protons on target."""
    if not 0 < pot < np.inf:
        raise ValueError(f"protons on target must be > 0; got {pot}")
    sky = interact.floats(sky)
    return rate(sky) * sky.gate * 1e-6 / sky.spill * sky.passed * pot


def generate(n, *, seed, first=0, sky=SKY):
    """Return muons in time with the beam, one per event.

    Parameters
    ----------
    n, seed, first : int
        As in `background.generate`.
    sky : Sky
        Charges and rates.

    Returns
    -------
    Truth
        Each muon aims at the active volume and starts where it comes into the argon around; this is
        its vertex, too. Times are even over a spill, and the neutrino's energy is 0.
    """
    n, seed, first = interact.checked(n, seed, first)
    sky = interact.floats(sky)
    held, vertex, time = interact.buffer(n), np.empty((n, 3)), np.empty(n)
    run = seed, np.uint64(stream("background", "cosmic")), np.uint64(first)
    spread(_fill, n, run, _sampler()[0], _box(), _active(), _radius(), sky, time, vertex, *held[:1],
           *held[2:])
    held[1][:] = -1
    share = np.full(n, expected_events(pot=1.0, sky=sky) / n)
    return interact.truth("cosmic", first, share, np.zeros(n), vertex, held, time)


def overlay(truth, *, seed, sky=SKY):
    """Return events with all the muons that their readout sees, too.

    Muons come at any time; the chamber reads long before and after the beam, and drifts slowly. So
    some thirty muons lie over each event, most of them shifted along the drift.

    Parameters
    ----------
    truth : Truth
        Events of any kind.
    seed : int
        From 0 to 2⁶³ − 1. What is added to an event depends on this and on its number.
    sky : Sky
        Charges and rates.

    Returns
    -------
    Truth
        The same events, with muons after their own particles.
    """
    interact.checked(1, seed, 0)
    sky, begin, length = interact.floats(sky), *window()
    mean = rate(sky) * 1e-6 * length
    run = np.uint64(seed), np.uint64(stream("cosmic", "overlay"))
    more = np.array([_many(run, np.uint64(number), mean) for number in truth.event], np.int64)
    before = np.concatenate([[0], np.cumsum(more)])
    pdg, p4 = np.empty(before[-1], np.int32), np.empty((before[-1], 4))
    start, time = np.empty((before[-1], 3)), np.empty(before[-1])
    spread(_cover, len(truth), run, truth.event.astype(np.uint64), before, mean, _sampler()[0],
           _box(), _active(), _radius(), sky.ratio, begin, length, pdg, p4, start, time)
    return _merged(truth, before, dict(pdg=pdg, p4=p4, start=start, time=time,
                                       parent=np.full(before[-1], -1)))


def window():
    """Return when the first muon that can be seen comes, and how long they do [µs].

    The beam comes at time 0; what comes earlier may still drift.
    """
    paper = detector.MICROBOONE
    early = paper.trigger * paper.tick + paper.drift / paper.velocity
    return -early, early + (paper.ticks - paper.trigger) * paper.tick


def _merged(truth, before, new):
    """Put new particles after the own ones of each event."""
    counts = np.diff(truth.offsets)
    fresh = np.ones(len(truth.pdg) + before[-1], dtype=bool)
    fresh[np.arange(len(truth.pdg)) + np.repeat(before[:-1], counts)] = False
    columns = {}
    for name in Truth.SHAPES:
        columns[name] = old = getattr(truth, name)
        if name in new:
            columns[name] = np.empty((len(fresh), *old.shape[1:]), old.dtype)
            columns[name][~fresh], columns[name][fresh] = old, new[name]
    return Truth(**{**columns, "offsets": truth.offsets + before})


@lru_cache(maxsize=1)
def _sampler():
    """Return cells in p and cosθ, and the flux summed over both [1/cm²/s]."""
    fine = [np.sort(np.append(e, (e[:-1] + e[1:]) / 2)) for e in EDGES]
    law = intensity(*np.meshgrid(*fine, indexing="ij"))
    near = np.lib.stride_tricks.sliding_window_view(law, (3, 3))[::2, ::2].reshape(-1, 9)
    ceiling, _ = cells.bounds(near)
    i, j = (g.ravel() for g in np.meshgrid(np.arange(60), np.arange(32), indexing="ij"))
    low, wide = EDGES[0][i], np.diff(EDGES[0])[i]
    start, step = EDGES[1][j], np.diff(EDGES[1])[j]
    simpson = np.outer([1, 4, 1], [1, 4, 1]).ravel() / 36
    whole = float(((near * simpson).sum(axis=1) * wide * step).sum()) * 2 * pi
    return cells.table(ceiling * wide * step, low, wide, start, step, ceiling), whole


@lru_cache(maxsize=1)
def hit():
    """Return the share of muons through a disc that aim at the active volume, by fixed dice."""
    word = np.uint64(stream("cosmic", "hit"))
    return _survey(SURVEY, word, _sampler()[0], _box(), _active(), _radius()) / SURVEY


def _active():
    """The active volume as `detector.body`."""
    return tuple(detector.body(detector.MICROBOONE).tolist())


def _box():
    """The argon of the chamber as `detector.body`, jacket and all."""
    paper = detector.MICROBOONE
    grow = np.array([0.0, -1, -1, -1, 1, 1, 1]) * paper.jacket
    return tuple((detector.body(paper) + grow).tolist())


def _radius():
    """Half of the active volume's diagonal [cm]."""
    box = np.array(_active())
    return float(np.sqrt(np.square(box[4:] - box[1:4]).sum()) / 2)


@njit
def _muon(state, table, box, radius):
    """Throw a muon: momentum, direction, and a place on a disc across it, far above."""
    while True:
        state, u = _next(state)
        cell = _pick(u, table)
        state, a = _next(state)
        state, b = _next(state)
        state, u = _next(state)
        p, cosine = table[cell, 2] + a * table[cell, 3], table[cell, 4] + b * table[cell, 5]
        if u * table[cell, 6] < _intensity(p, cosine):
            break
    state, a = _next(state)
    state, b = _next(state)
    state, u = _next(state)
    c, s = _circle(a)
    sine = sqrt((1 - cosine) * (1 + cosine))
    way = (sine * c, -cosine, sine * s)  # y is up
    x, z = radius * sqrt(u) * _circle(b)[0], radius * sqrt(u) * _circle(b)[1]
    far = 4 * radius
    point = (0.5 * (box[1] + box[4]) + x * cosine * c - z * s - far * way[0],
             0.5 * (box[2] + box[5]) + x * sine - far * way[1],
             0.5 * (box[3] + box[6]) + x * cosine * s + z * c - far * way[2])
    return state, p * 1000, way, point


@apart
def _fill(first, last, run, table, box, active, radius, sky, time, vertex, pdg, p4, counts):
    """Throw muons until one comes in."""
    for i in range(first, last):
        state = _start(run[0], run[1], run[2] + np.uint64(i))
        state, pdg[i, 0] = _come(state, table, box, active, radius, sky.ratio, p4[i, 0], vertex[i])
        state, u = _next(state)
        time[i], counts[i] = u * sky.gate, 1


@apart
def _come(state, table, box, active, radius, ratio, p4, start):
    """Throw muons until one aims at the active volume; write it where it comes into the argon."""
    ahead = np.inf
    while ahead == np.inf:
        state, p, way, point = _muon(state, table, box, radius)
        if _ahead(point, (0.0, way[0], way[1], way[2]), active) < np.inf:
            ahead = _ahead(point, (0.0, way[0], way[1], way[2]), box)
    state, u = _next(state)
    p4[0] = sqrt(p * p + MUON_MASS**2)
    for c in range(3):
        start[c] = min(max(point[c] + ahead * way[c], box[1 + c]), box[4 + c])
        p4[1 + c] = p * way[c]
    return state, -13 if u * (1 + ratio) < ratio else 13


@njit
def _many(run, number, mean):
    """How many muons lie over an event."""
    _, count = _poisson(_start(run[0], run[1], number), mean)
    return int(count)


@apart
def _cover(first, last, run, number, before, mean, table, box, active, radius, ratio, begin, length,
           pdg, p4, start, time):
    """Throw the muons over some events."""
    for i in range(first, last):
        state, _ = _poisson(_start(run[0], run[1], number[i]), mean)
        for k in range(before[i], before[i + 1]):
            state, pdg[k] = _come(state, table, box, active, radius, ratio, p4[k], start[k])
            state, u = _next(state)
            time[k] = begin + u * length


@apart
def _survey(n, word, table, box, active, radius):
    """Count muons that come in."""
    found = 0
    for i in range(n):
        state = _start(np.uint64(0), word, np.uint64(i))
        state, _, way, point = _muon(state, table, box, radius)
        found += _ahead(point, (0.0, way[0], way[1], way[2]), active) < np.inf
    return found
