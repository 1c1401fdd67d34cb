"""All that can look like a pair and is none: kinds of events, their rates and their `Truth`.

In: a kind, how many, a seed. Out: `Truth`, and expected events. Chapter: background.

Most kinds are neutrinos of the beam in the active argon; see `interact`. Dirt comes from around it,
cosmic muons from above. A π⁰ looks like one photon when the other one is soft, or leaves before it
converts. Such events are rare, so a sample may be tilted towards what looks like a pair: `roulette`
says what an event is worth, a proposal is kept as it is worth, and weights make up for it.

Laws: weights sum to the rate, those of a tilted sample within the chance of their spread; events
depend on seed and number alone; vertices fill the active volume evenly; tilted or not, weighted
distributions stay as they are.
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
from darkpairs.rng import _next, _start, stream
from darkpairs.roulette import MARKS, _ahead, _log_worth
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
WITH_PHOTONS = ("pi0", "pi0-coherent", "numu-pi0")  # two at least, of a π⁰
PROPOSALS = 1 << 17  # from which we learn the mean worth, good to half a per cent
STEEPEST = 1.0  # of tilts: one proposal in 20 is kept; with 2 it is one in hundreds


class Loss(NamedTuple):
    """When a photon of a π⁰ counts as likely to be lost."""

    soft: Given[float, "MeV", "our choice: with less energy", 0.0] = 50.0
    near: Given[float, "cm", "our choice: the wall ahead is nearer; they fly 20 cm", 0.0] = 15.0


LOSS = Loss()


def generate(kind, n, *, seed, first=0, of=None, tilt=0.0, marks=MARKS, papers=PAPERS):
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
    tilt : float
        0: as they come; up to 1: a proposal is kept with a chance that is its worth to the power of
        the tilt. Only for kinds with a π⁰ inside, ``"pi0"``, ``"pi0-coherent"`` and
        ``"numu-pi0"``.
    marks : roulette.Marks
        What an event is worth.
    papers : strike.Papers
        The numbers of the models.

    Returns
    -------
    Truth
        Lepton, nucleons, pions and photons as they leave the nucleus; a π⁰ and then its photons;
        neutrons too, which the chamber leaves out. Weights are equal and add up to the rate. With
        a tilt they go as one over the worth to this power, and their sum is the rate within
        chance; none is above the rate over n times the mean worth over the least one.
    """
    n, seed, first = interact.checked(n, seed, first)
    size = _whole(n, first, of)
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; wanted one of {', '.join(KINDS)}")
    if tilt and not (0 < tilt <= STEEPEST and kind in WITH_PHOTONS):
        raise ValueError(f"tilt = {tilt} for {kind!r}; wanted 0 < tilt ≤ {STEEPEST:g}, for a kind "
                         f"with π⁰ inside ({', '.join(WITH_PHOTONS)}), or 0")
    rate = expected_events(kind, pot=1.0, papers=papers)
    if kind not in BEAM:
        made = (cosmic.generate(n, seed=seed, first=first) if kind == "cosmic" else
                dirt.generate(n, seed=seed, first=first, papers=papers))
        return replace(made, weight=np.full(n, rate / size))
    papers, marks, tilt = interact.checked_papers(papers), interact.floats(marks), float(tilt)
    origin = interact.source(BEAM[kind], papers)
    held, energy, vertex = interact.buffer(n), np.empty(n), np.empty((n, 3))
    chance = np.ones(n)
    run = seed, np.uint64(stream("background", kind)), np.uint64(first)
    spread(_fill, n, run, tilt, origin, papers, _body(), marks, energy, vertex, chance, *held)
    mean = _mean(kind, tilt, marks, papers) if tilt else 1.0
    return interact.truth(kind, first, rate / size * mean / chance, energy, vertex, held)


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
    for paper in papers or (*PAPERS, dirt.SURROUNDINGS, cosmic.SKY, LOSS, MARKS):
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


def _body():
    return tuple(detector.body(detector.MICROBOONE).tolist())


def _whole(n, first, of):
    """Return how many events the whole sample has."""
    if of is None:
        return n
    if of % 1 or not first + n <= of:
        raise ValueError(f"events {first} to {first + n - 1} of {of}; wanted a whole number that "
                         "has them all")
    return int(of)


@lru_cache(maxsize=64)
def _mean(kind, tilt, marks, papers):
    """Return the mean chance that a proposal is kept, from proposals with fixed dice."""
    word = np.uint64(stream("background", "mean worth"))
    chances = spread(_survey, PROPOSALS, word, tilt, interact.source(BEAM[kind], papers), papers,
                     _body(), marks)
    return float(np.concatenate(chances).mean())


@apart
def _fill(first, last, run, tilt, origin, papers, body, marks, energy, vertex, chance, pdg, parent,
          p4, counts):
    """Throw the events of some places, each again until it is kept."""
    rows = np.zeros((ROWS, 6))
    for i in range(first, last):
        state = _start(run[0], run[1], run[2] + np.uint64(i))
        while True:
            state, e, count = _event(state, origin.table, origin.norm, origin.wanted, papers, rows)
            state, point = _point(state, body)
            if tilt == 0:
                break
            chance[i] = _chance(tilt, rows, count, point, body, marks)
            state, u = _next(state)
            if u < chance[i]:
                break
        energy[i] = e
        vertex[i, 0], vertex[i, 1], vertex[i, 2] = point
        _keep(i, rows, count, pdg, parent, p4, counts)


@apart
def _survey(first, last, word, tilt, origin, papers, body, marks):
    """Return the chances of proposals to be kept, ndarray (last − first,)."""
    rows, chance = np.zeros((ROWS, 6)), np.empty(last - first)
    for i in range(first, last):
        state = _start(np.uint64(0), word, np.uint64(i))
        state, _, count = _event(state, origin.table, origin.norm, origin.wanted, papers, rows)
        state, point = _point(state, body)
        chance[i - first] = _chance(tilt, rows, count, point, body, marks)
    return chance


@njit
def _chance(tilt, rows, count, point, body, marks):
    """How likely a proposal is kept: its worth, a share of the best, to the power of the tilt."""
    best = marks.forward + marks.soft + marks.close + marks.leaves
    return np.exp(tilt * (_log_worth(rows, count, point, body, marks) - best))


@njit
def _gone(p4, point, body, loss):
    """Tell whether a photon is soft, or near the wall that it flies to."""
    return p4[0] < loss.soft or _ahead(p4, point, body) < loss.near
