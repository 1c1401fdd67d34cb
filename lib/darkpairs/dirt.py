"""Photons from around the detector: π⁰ made outside, of which a photon comes in.

In: papers, a seed. Out: `Truth`, and expected events. Chapter: background.

Neutrinos also interact in the argon between the active volume and the vessel, and in the walls of
the hall. What they make there is stopped or starts outside, but photons may fly in. Argon is a box
around the active volume, the walls are a shell around the hall, and the vessel stands in between. A
photon from a wall that is absorbed on its way is taken out; in argon the chamber does that itself.

Laws: a photon from a wall is attenuated by 7/9 per radiation length; each event has a photon that
aims at the active volume; vertices are outside; weights sum to the rate.
"""

from functools import lru_cache
from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs import detector, interact
from darkpairs._jit import apart, njit, spread
from darkpairs.constants import ARGON_MOLAR_MASS, AVOGADRO
from darkpairs.detector import _contains, _point
from darkpairs.fermi import PHOTON, PI_ZERO, ROWS
from darkpairs.interact import WITH_PI_ZERO, Kind, _event, _keep
from darkpairs.rng import _next, _start, stream
from darkpairs.strike import DELTA_CHARGED, DELTA_PION, PAPERS

KIND = Kind((DELTA_PION, DELTA_CHARGED), ("numu", "numubar"), WITH_PI_ZERO)
SURVEY, PLACES = 1 << 14, 16  # events with fixed dice, and places where each is put
PAIRS = 7 / 9  # of a photon's conversions per radiation length, PDG 2024, Eq. (34.31)


class Surroundings(NamedTuple):
    """What stands around the active volume."""

    argon: Given[float, "t", "170 t in the cryostat, JINST 12 P02017, less the active", 3.0] = 84.3
    vessel: Given[float, "", "11 mm of steel over its 17.6 mm, radiation lengths", 0.1] = 0.63
    hall: Given[float, "cm", "our choice: from the argon to the walls", 100.0] = 200.0
    thick: Given[float, "cm", "our choice: deeper in the wall photons do not come out", 0.0] = 75.0
    density: Given[float, "g/cm³", "PDG 2024, shielding concrete", 0.0] = 2.3
    length: Given[float, "g/cm²", "same, its radiation length", 0.0] = 26.57
    scale: Given[float, "", "our choice, of the walls' rate: little is known", 1.0] = 1.0


SURROUNDINGS = Surroundings()


class Zones(NamedTuple):
    """The same for the kernels: boxes as `detector.body`, and what a wall does."""

    active: tuple
    argon: tuple
    hall: tuple
    wall: tuple
    share: float  # of the nuclei that are in argon
    free: float  # cm: how far a photon comes in the wall
    vessel: float  # in free paths


def generate(n, *, seed, first=0, around=SURROUNDINGS, papers=PAPERS):
    """Return events in which a photon may come in from outside.

    Parameters
    ----------
    n, seed, first : int
        As in `background.generate`.
    around : Surroundings
        What stands there.
    papers : strike.Papers
        The numbers of the models.

    Returns
    -------
    Truth
        Only π⁰ and photons are kept; of those from the walls only photons that get through. An
        event whose muon aims at the active volume is left out: a track that enters gives it away.
    """
    n, seed, first = interact.checked(n, seed, first)
    papers = interact.checked_papers(papers)
    origin, places = interact.source(KIND, papers), zones(around)
    held, energy, vertex = interact.buffer(n), np.empty(n), np.empty((n, 3))
    run = seed, np.uint64(stream("background", "dirt")), np.uint64(first)
    spread(_fill, n, run, origin, papers, places, energy, vertex, *held)
    rate = expected_events(pot=1.0, around=around, papers=papers)
    return interact.truth("dirt", first, np.full(n, rate / n), energy, vertex, held)


def expected_events(*, pot, around=SURROUNDINGS, papers=PAPERS):
    """Return how many events of this sort to expect for so many protons on target."""
    if not 0 < pot < np.inf:
        raise ValueError(f"protons on target must be > 0; got {pot}")
    around, papers = interact.floats(around), interact.checked_papers(papers)
    return (interact.source(KIND, papers).rate * nuclei(around).sum() * chance(around, papers)
            * pot)


def nuclei(around):
    """Return the numbers of argon nuclei, ndarray (2,); the walls count by their nucleons."""
    places = _boxes(around)
    volume = _volume(places[3]) - _volume(places[2])
    grams = np.array([around.argon * 1e6, around.scale * around.density * volume])
    return grams / ARGON_MOLAR_MASS * AVOGADRO


@lru_cache(maxsize=64)
def chance(around=SURROUNDINGS, papers=PAPERS):
    """Return the chance that an event with a π⁰ out there counts, from fixed dice; good to 2 %."""
    word = np.uint64(stream("dirt", "chance"))
    return _survey(SURVEY, word, interact.source(KIND, papers), papers, zones(around)) / (
        SURVEY * PLACES)


def zones(around):
    """Return what the kernels need to know, `Zones`."""
    around = interact.floats(around)
    if not all(value > 0 for value in around):  # refuses NaN too
        raise ValueError(f"{around}; wanted numbers > 0")
    counts = nuclei(around)
    free = around.length / around.density / PAIRS
    return Zones(*_boxes(around), float(counts[0] / counts.sum()), free, around.vessel * PAIRS)


def _boxes(around):
    """Active volume, argon, hall and wall, each as `detector.body`."""
    paper = detector.MICROBOONE
    active = detector.body(paper)
    grow = np.array([0.0, -1, -1, -1, 1, 1, 1])
    steps = paper.jacket + np.array([0.0, around.hall, around.hall + around.thick])
    return tuple(tuple(box.tolist()) for box in (active, *(active + grow * s for s in steps)))


def _volume(box):
    return float(np.prod(np.array(box[4:]) - np.array(box[1:4])))


@apart
def _fill(first, last, run, origin, papers, places, energy, vertex, pdg, parent, p4, counts):
    """Throw each event until a photon may come in; places first, most of them are too deep."""
    rows = np.zeros((ROWS, 6))
    for i in range(first, last):
        state = _start(run[0], run[1], run[2] + np.uint64(i))
        count = 0
        while count == 0:
            state, point, inner, luck = _place(state, places)
            if min(luck) < _best(point, inner, places):
                state, e, made = _event(state, origin.table, origin.norm, origin.wanted, papers,
                                        rows)
                count = _enter(rows, made, point, inner, luck, places, True)
        energy[i] = e
        vertex[i, 0], vertex[i, 1], vertex[i, 2] = point
        _keep(i, rows, count, pdg, parent, p4, counts)


@apart
def _survey(n, word, origin, papers, places):
    """Count how often an event would be kept, putting each at several places."""
    rows, found = np.zeros((ROWS, 6)), 0
    for i in range(n):
        state = _start(np.uint64(0), word, np.uint64(i))
        state, _, made = _event(state, origin.table, origin.norm, origin.wanted, papers, rows)
        for _ in range(PLACES):
            state, point, inner, luck = _place(state, places)
            found += _enter(rows, made, point, inner, luck, places, False) > 0
    return found


@njit
def _place(state, places):
    """A place outside of the active volume, whether it is in argon, and the luck of two photons."""
    state, u = _next(state)
    inner = u < places.share
    state, one = _next(state)
    state, two = _next(state)
    while True:
        state, point = _point(state, places.argon if inner else places.wall)
        if not _contains(places.active if inner else places.hall, point):
            return state, point, inner, (one, two)


@njit
def _best(point, inner, places):
    """How likely a photon gets through at best, straight out of the wall."""
    if inner:
        return 1.0
    deep = 0.0
    for c in range(3):
        deep = max(deep, places.hall[1 + c] - point[c], point[c] - places.hall[4 + c])
    return np.exp(-deep / places.free - places.vessel)


@njit
def _ahead(point, p4, box):
    """How far it is to a box along a momentum; infinite if it is missed."""
    size = (p4[1] ** 2 + p4[2] ** 2 + p4[3] ** 2) ** 0.5
    near, far = 0.0, np.inf
    for c in range(3):
        speed = p4[1 + c] / size
        if speed == 0:
            if not box[1 + c] <= point[c] <= box[4 + c]:
                return np.inf
            continue
        a, b = (box[1 + c] - point[c]) / speed, (box[4 + c] - point[c]) / speed
        near, far = max(near, min(a, b)), min(far, max(a, b))
    return near if far > near else np.inf


@njit
def _enter(rows, count, point, inner, luck, places, write):
    """Count the rows that stay if a photon may come in, else 0; write them if asked to."""
    comes, muon, seen = 0, False, 0
    stays = np.zeros(ROWS, np.int64)
    for k in range(count):
        pdg, p4 = int(rows[k, 0]), (rows[k, 2], rows[k, 3], rows[k, 4], rows[k, 5])
        aims = _ahead(point, p4, places.active) < np.inf
        if abs(pdg) == 13 and aims:
            muon = True
        if pdg == PHOTON:
            through = _through(luck[seen % 2], point, p4, inner, places)
            seen += 1
            stays[k] = 1 if through and (inner or aims) else 0
            comes += through and aims
            stays[int(rows[k, 1])] |= stays[k]
    if comes == 0 or muon:
        return 0
    return _pack(rows, count, stays) if write else 1


@njit
def _through(u, point, p4, inner, places):
    """Tell whether a photon gets out of the wall and through the vessel."""
    return inner or u < np.exp(-_ahead(point, p4, places.hall) / places.free - places.vessel)


@njit
def _pack(rows, count, stays):
    """Close the gaps between rows that stay; photons keep their π⁰."""
    kept, place = 0, np.full(ROWS, -1)
    for k in range(count):
        if stays[k] == 1:
            place[k] = kept
            rows[kept] = rows[k]
            mother = int(rows[k, 1])
            rows[kept, 1] = place[mother] if int(rows[k, 0]) != PI_ZERO else -1
            kept += 1
    return kept
