"""Neutrinos of the beam on argon: rates by kind of event, and events thrown from them.

In: what happens (`Kind`), papers, the flux. Out: rates, and records of single events. Chapter:
background.

A process is one of CHANNELS. Its law at one energy has the motion of the nucleon, mass, Q² and
decay in it, all thrown together from densities that are close to it; the weight of a throw is the
law over these. In cells of the energy we throw some with fixed dice: their mean is the cross
section, and the largest weight a ceiling below which events are kept. Pauli's principle gives a
throw no weight at all. Hadrons then leave the nucleus, and only what the kind asks for is kept.

Laws: rate = flux × cross section; on free nucleons at rest the cross section is that of the law's
own room; what goes in comes out, but for what the nucleus takes; no weight above its ceiling.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from darkpairs import cells, delta, flux
from darkpairs._jit import apart, njit
from darkpairs.batches import KINDS, Truth
from darkpairs.cells import _pick
from darkpairs.fermi import PI_ZERO, ROWS, _decay_pions, _leave
from darkpairs.rng import _next, _start, check_seed, stream
from darkpairs.strike import COHERENT, PAPERS, Papers, _strike, targets

FLAVOURS = {"numu": 14, "numubar": -14, "nue": 12, "nuebar": -12}
ANY, WITH_PI_ZERO, WITHOUT = range(3)
LEAST = 1e-5  # share of flux times energy below which a cell is left out
THROWS, FEWEST = 1 << 17, 400  # for all cells of a process, and for one
MARGIN, BESIDE = 1.35, 3  # above the largest weight, and cells on either side where we look for it


class Kind(NamedTuple):
    """Which channels, which flavours of the beam, and whether a π⁰ has to come out."""

    channels: tuple
    flavours: tuple
    wanted: int


class Source(NamedTuple):
    """From what events of a kind are thrown: cells, and events per nucleus and POT."""

    table: np.ndarray  # from `cells.table`: low energy, width, ceiling, channel, target, flavour
    rate: float
    norm: float  # of the Breit–Wigner
    wanted: float


def source(kind, papers=PAPERS):
    """Return a `Source`; made once for each kind and papers, in half a second or less."""
    return _source(kind, checked_papers(papers))


def checked_papers(papers):
    """Return `Papers` as floats; refuse what is negative, infinite or NaN."""
    return Papers(*(floats(paper) for paper in papers))


def floats(paper):
    """Return a paper as floats; refuse what is negative, infinite or NaN."""
    paper = type(paper)(*map(float, paper))
    wrong = {name: x for name, x in paper._asdict().items() if not 0 <= x < np.inf}
    if wrong:
        raise ValueError(f"{type(paper).__name__} with {wrong}; wanted finite numbers ≥ 0")
    return paper


@lru_cache(maxsize=256)
def _source(kind, papers):
    beam = flux.bnb("microboone")
    width = np.diff(beam.edges)
    norm = delta.norm(papers.delta)
    parts = []
    for name in kind.flavours:
        height = getattr(beam, name)
        share = height * width * beam.edges[1:]
        used = np.flatnonzero(share > LEAST * share.sum())
        counts = np.maximum(THROWS * share[used] / share.sum(), FEWEST).astype(np.int64)
        for channel, target in _ways(kind, name):
            found = _survey(np.uint64(stream("interact", name)), channel, target, FLAVOURS[name],
                            beam.edges[used], width[used], counts, papers, norm, kind.wanted)
            kinds = np.array([[channel, target, FLAVOURS[name]]]).T * np.ones(len(used))
            parts.append(np.vstack([height[used] * width[used], beam.edges[used], width[used],
                                    _ceilings(found[:, 1]), kinds, found[:, 0]]))
    columns = np.concatenate(parts, axis=1)
    weight, ceiling, mean = columns[[0, 3, -1]]
    rate = float((weight * mean).sum())
    if not rate > 0:
        raise ValueError("these papers make no such events; wanted cross sections above 0")
    return Source(cells.table(weight * ceiling, *columns[1:-1]), rate, norm, float(kind.wanted))


def _ceilings(largest):
    """Return ceilings of cells: the largest weight there and in some cells beside, and more."""
    wide = np.pad(largest, BESIDE, mode="edge")
    return MARGIN * np.lib.stride_tricks.sliding_window_view(wide, 2 * BESIDE + 1).max(axis=1)


def _ways(kind, name):
    """Return the channels of a kind with their targets, for one flavour."""
    return [(channel, target) for channel in kind.channels
            for target in targets(channel, FLAVOURS[name])]


def cross_section(kind, energy, *, flavour="numu", papers=PAPERS, throws=20000):
    """Return the cross section for a kind of event per argon nucleus [cm²] at an energy [MeV].

    It is a mean over throws with fixed dice, good to 2/√throws or so.
    """
    found = [_survey(np.uint64(stream("interact", "one energy")), channel, target,
                     FLAVOURS[flavour], np.array([float(energy)]), np.zeros(1), np.array([throws]),
                     papers, delta.norm(papers.delta), kind.wanted)[0, 0]
             for channel, target in _ways(kind, flavour)]
    return float(sum(found))


@apart
def _survey(word, channel, target, flavour, low, width, counts, papers, norm, wanted):
    """Mean and largest weight in each cell [cm² per nucleus], the mean of those that are wanted."""
    result, rows = np.zeros((len(low), 2)), np.zeros((ROWS, 6))
    for i in range(len(low)):
        for k in range(counts[i]):
            state = _start(np.uint64(channel) ^ np.uint64(target), word, np.uint64((i << 32) + k))
            energy = low[i] + width[i] * (k + 0.5) / counts[i]
            state, weight, count = _strike(state, channel, target, flavour, energy, papers,
                                           norm, 0.0, rows)
            if weight > 0:
                result[i, 1] = max(result[i, 1], weight)
                state, count, good = _finish(state, channel, rows, count, papers, wanted)
                result[i, 0] += weight if good else 0.0
        result[i, 0] /= counts[i]
    return result


@apart
def _event(state, table, norm, wanted, papers, rows):
    """Throw one event of a kind; return the dice, the neutrino's energy and how many rows."""
    while True:
        state, u = _next(state)
        cell = _pick(u, table)
        state, u = _next(state)
        energy = table[cell, 2] + u * table[cell, 3]
        channel = int(table[cell, 5])
        state, u = _next(state)
        state, weight, count = _strike(state, channel, int(table[cell, 6]), int(table[cell, 7]),
                                       energy, papers, norm, u * table[cell, 4], rows)
        if weight > 0:
            state, count, good = _finish(state, channel, rows, count, papers, wanted)
            if good:
                return state, energy, count


@njit
def _finish(state, channel, rows, count, papers, wanted):
    """Bring hadrons out and let π⁰ decay; tell whether the event is wanted."""
    if channel != COHERENT:
        state, count = _leave(state, rows, count, papers.nucleus)
    pions = 0
    for k in range(count):
        pions += int(rows[k, 0]) == PI_ZERO
    good = wanted == ANY or (pions > 0) == (wanted == WITH_PI_ZERO)
    state, count = _decay_pions(state, rows, count)
    return state, count, good


@njit
def _keep(i, rows, count, pdg, parent, p4, counts):
    """Copy the rows of an event into place i of a buffer."""
    counts[i] = count
    for k in range(count):
        pdg[i, k], parent[i, k] = rows[k, 0], rows[k, 1]
        for c in range(4):
            p4[i, k, c] = rows[k, 2 + c]


def buffer(n):
    """Return empty arrays for n events: codes, parents, four-momenta and counts of particles."""
    return (np.zeros((n, ROWS), np.int32), np.zeros((n, ROWS), np.int16), np.zeros((n, ROWS, 4)),
            np.zeros(n, np.int64))


def truth(kind, first, weight, e_nu, vertex, held, time=0.0):
    """Return the `Truth` of events whose particles all start at their vertex.

    Parameters
    ----------
    kind : str
        One of ``batches.KINDS``.
    first : int
        Number of the first event.
    weight, e_nu : ndarray (n,)
        Expected events per POT, and energies of the neutrinos [MeV].
    vertex : ndarray (n, 3)
        Where they are [cm].
    held : tuple
        From `buffer`, filled.
    time : float or ndarray (n,)
        When the particles start [µs].
    """
    pdg, parent, p4, counts = held
    used = np.arange(ROWS) < counts[:, None]
    n = len(counts)
    return Truth(event=np.arange(first, first + n), kind=np.full(n, KINDS.index(kind), np.int16),
                 weight=weight, vertex=vertex, e_nu=e_nu,
                 offsets=np.concatenate([[0], np.cumsum(counts)]), pdg=pdg[used], p4=p4[used],
                 start=np.repeat(vertex, counts, axis=0),
                 time=np.repeat(np.broadcast_to(np.asarray(time, np.float64), n), counts),
                 parent=parent[used])


def checked(n, seed, first):
    """Return n, seed and first as whole numbers, or refuse them in words."""
    if not (n > 0 and first >= 0 and n % 1 == first % 1 == 0):
        raise ValueError(f"n = {n}, first = {first}; wanted whole numbers, n > 0 and first ≥ 0")
    check_seed(seed)
    return int(n), np.uint64(seed), int(first)
