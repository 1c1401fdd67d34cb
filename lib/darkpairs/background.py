"""All that can look like a pair and is none: kinds of events, their rates and their `Truth`.

In: a kind, how many, a seed. Out: `Truth`, and expected events. Chapter: background.

Most kinds are neutrinos of the beam in the active argon; see `interact`. Dirt comes from around it,
cosmic muons from above. A π⁰ looks like one photon when the other one is soft, or leaves before it
converts. Such events are rare, so a sample may be asked to hold a larger share of them: event
numbers then belong to either of two sorts, and each sort shares out its own rate.

Laws: weights sum to the rate; events depend on seed and number alone; vertices fill the active
volume evenly; with more of the rare sort, weighted distributions stay as they are.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Annotated as Given
from typing import NamedTuple, get_type_hints

import numpy as np

from darkpairs import cosmic, detector, dirt, interact
from darkpairs._jit import apart, njit, spread
from darkpairs.detector import _point
from darkpairs.fermi import PHOTON, ROWS
from darkpairs.interact import ANY, FLAVOURS, WITH_PI_ZERO, WITHOUT, Kind, _event, _keep
from darkpairs.rng import _start, stream
from darkpairs.strike import COHERENT, DELTA_CHARGED, DELTA_PHOTON, DELTA_PION, PAPERS, QUASI

ALL, MUON, ELECTRON = tuple(FLAVOURS), ("numu", "numubar"), ("nue", "nuebar")
BEAM = {
    "pi0": Kind((DELTA_PION,), ALL, WITH_PI_ZERO),
    "pi0-coherent": Kind((COHERENT,), ALL, ANY),
    "delta-gamma": Kind((DELTA_PHOTON,), ALL, ANY),
    "nue": Kind((QUASI, DELTA_CHARGED), ELECTRON, ANY),
    "numu": Kind((QUASI, DELTA_CHARGED), MUON, WITHOUT),
    "numu-pi0": Kind((DELTA_CHARGED,), MUON, WITH_PI_ZERO),
}
KINDS = (*BEAM, "dirt", "cosmic")
SHARES = 1 << 16  # events from which we learn how many are of the rare sort
EITHER, PLAIN, RARE = range(3)


class Loss(NamedTuple):
    """When a photon of a π⁰ counts as likely to be lost."""

    soft: Given[float, "MeV", "our choice: with less energy", 0.0] = 50.0
    near: Given[float, "cm", "our choice: the wall ahead is nearer; they fly 20 cm", 0.0] = 15.0


LOSS = Loss()


def generate(kind, n, *, seed, first=0, of=None, rare=0.0, loss=LOSS, papers=PAPERS):
    """Return events of one kind.

    Parameters
    ----------
    kind : str
        One of ``KINDS``.
    n : int
        How many events, > 0.
    seed : int
        From 0 to 2⁶³ − 1. Event i depends on (seed, i) alone.
    first : int
        Number of the first event, ≥ 0.
    of : int, optional
        How many events the whole sample has, from event 0 on, of which these are a part: their
        weights are those of the whole. Without it these events are the sample.
    rare : float
        Share of events, 0 < rare < 1, that are to have a photon which is likely to be lost; 0: as
        they come. Only for kinds with a π⁰ inside, ``"pi0"``, ``"pi0-coherent"`` and
        ``"numu-pi0"``. A sample so short that it has one sort only carries the rate of that sort.
    loss : Loss
        What "likely to be lost" means.
    papers : strike.Papers
        The numbers of the models.

    Returns
    -------
    Truth
        Lepton, nucleons, pions and photons as they leave the nucleus; a π⁰ and then its photons;
        neutrons too, which the chamber leaves out. Weights are equal, unless `rare` is asked for.
    """
    n, seed, first = interact.checked(n, seed, first)
    begin, size = _whole(n, first, of)
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; wanted one of {', '.join(KINDS)}")
    if rare and not (0 < rare < 1 and BEAM.get(kind, BEAM["nue"]) in _pi_zeros()):
        raise ValueError(f"rare = {rare} for {kind!r}; wanted 0 < rare < 1, for a kind with π⁰ "
                         "inside, or 0")
    rate = expected_events(kind, pot=1.0, papers=papers)
    if kind not in BEAM:
        made = (cosmic.generate(n, seed=seed, first=first) if kind == "cosmic" else
                dirt.generate(n, seed=seed, first=first, papers=papers))
        return replace(made, weight=np.full(n, rate / size))
    papers, loss = interact.checked_papers(papers), interact.floats(loss)
    origin = interact.source(BEAM[kind], papers)
    number = np.arange(first, first + n)
    sort, weight = np.full(n, EITHER), np.full(n, rate / size)
    if rare:
        sort = np.where(np.floor((number + 1) * rare) > np.floor(number * rare), RARE, PLAIN)
        several = int(np.floor((begin + size) * rare) - np.floor(begin * rare))
        share = _share(kind, loss, papers)
        weight = rate * np.where(sort == RARE, share / max(several, 1),
                                 (1 - share) / max(size - several, 1))
    held, energy, vertex = interact.buffer(n), np.empty(n), np.empty((n, 3))
    run = seed, np.uint64(stream("background", kind)), np.uint64(first)
    spread(_fill, n, run, sort, origin, papers, _body(), loss, energy, vertex, *held)
    return interact.truth(kind, first, weight, energy, vertex, held)


def expected_events(kind, *, pot, papers=PAPERS):
    """Return how many events of a kind to expect, before any selection.

    Parameters
    ----------
    kind : str
        One of ``KINDS``.
    pot : float
        Protons on target, > 0.
    papers : strike.Papers
        The numbers of the models.
    """
    if not 0 < pot < np.inf:
        raise ValueError(f"protons on target must be > 0; got {pot}")
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; wanted one of {', '.join(KINDS)}")
    if kind == "cosmic":
        return cosmic.expected_events(pot=pot)
    if kind == "dirt":
        return dirt.expected_events(pot=pot, papers=papers)
    nuclei = detector.targets(detector.MICROBOONE)["Ar40"]
    return interact.source(BEAM[kind], papers).rate * nuclei * pot


def table(*papers):
    """Return all fields of some papers as rows (paper, field, value, unit, source, error).

    Parameters
    ----------
    *papers : NamedTuple
        ``*strike.PAPERS``, ``dirt.SURROUNDINGS``, ``cosmic.SKY`` or others like them; all, if none
        is given. An error of 0 means that it does not matter, or that there is none.
    """
    rows = []
    for paper in papers or (*PAPERS, dirt.SURROUNDINGS, cosmic.SKY, LOSS):
        hints = get_type_hints(type(paper), include_extras=True)
        rows += [(type(paper).__name__, name, value, *hints[name].__metadata__)
                 for name, value in paper._asdict().items()]
    return rows


def lost(truth, *, loss=LOSS):
    """Tell which events have a photon that is likely to be lost, ndarray (n,) of bool."""
    body, event = _body(), np.repeat(np.arange(len(truth)), np.diff(truth.offsets))
    result = np.zeros(len(truth), dtype=bool)
    for row in np.flatnonzero(truth.pdg == PHOTON):
        p4, start = truth.p4[row], truth.start[row]
        result[event[row]] |= _gone(tuple(p4), tuple(start), body, loss)
    return result


def _pi_zeros():
    return BEAM["pi0"], BEAM["pi0-coherent"], BEAM["numu-pi0"]


def _body():
    return tuple(detector.body(detector.MICROBOONE).tolist())


def _whole(n, first, of):
    """Return with which event the whole sample begins, and how many it has."""
    if of is None:
        return first, n
    if of % 1 or not first + n <= of:
        raise ValueError(f"events {first} to {first + n - 1} of {of}; wanted a whole number that "
                         "has them all")
    return 0, int(of)


@lru_cache(maxsize=64)
def _share(kind, loss, papers):
    """Return which part of a kind is of the rare sort, from events with fixed dice."""
    origin = interact.source(BEAM[kind], papers)
    word = np.uint64(stream("background", "share of the rare"))
    return _count(SHARES, word, origin, papers, _body(), loss) / SHARES


@apart
def _fill(first, last, run, sort, origin, papers, body, loss, energy, vertex, pdg, parent, p4,
          counts):
    """Throw the events of some places, again until they are of the sort that is asked for."""
    rows = np.zeros((ROWS, 6))
    for i in range(first, last):
        state = _start(run[0], run[1], run[2] + np.uint64(i))
        while True:
            state, e, count = _event(state, origin.table, origin.norm, origin.wanted, papers, rows)
            state, point = _point(state, body)
            if sort[i] == EITHER or _any_gone(rows, count, point, body, loss) == (sort[i] == RARE):
                break
        energy[i] = e
        vertex[i, 0], vertex[i, 1], vertex[i, 2] = point
        _keep(i, rows, count, pdg, parent, p4, counts)


@apart
def _count(n, word, origin, papers, body, loss):
    """Count events of the rare sort."""
    rows, found = np.zeros((ROWS, 6)), 0
    for i in range(n):
        state = _start(np.uint64(0), word, np.uint64(i))
        state, _, count = _event(state, origin.table, origin.norm, origin.wanted, papers, rows)
        state, point = _point(state, body)
        found += _any_gone(rows, count, point, body, loss)
    return found


@njit
def _any_gone(rows, count, point, body, loss):
    """Tell whether one of the photons is likely to be lost."""
    gone = False
    for k in range(count):
        if int(rows[k, 0]) == PHOTON:
            gone = gone or _gone((rows[k, 2], rows[k, 3], rows[k, 4], rows[k, 5]), point, body,
                                 loss)
    return gone


@njit
def _gone(p4, point, body, loss):
    """Tell whether a photon is soft, or near the wall that it flies to."""
    way = np.inf
    for c in range(3):
        speed = p4[1 + c] / p4[0]
        if speed != 0:
            wall = body[4 + c] if speed > 0 else body[1 + c]
            way = min(way, (wall - point[c]) / speed)
    return p4[0] < loss.soft or way < loss.near
