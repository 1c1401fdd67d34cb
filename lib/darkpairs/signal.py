"""The generator: pairs from the dark sector, exact and unweighted, millions in a second.

In: a model, an experiment, a seed. Out: `Truth`, and expected events. Chapter: signal.

One event is: a neutrino energy and a Q² (thrown from cells, exactly), a plane, a flight and a decay
of ν_h with its spin, a flight of the Z′ if it is real, and a place in the detector. Whatever would
decay outside is thrown again as a whole. Long-lived ν_h would nearly all be thrown away; so the
length of the flight is thrown only up to the longest way inside the detector, and the chance for
that is part of the law from which energy and Q² are thrown.

Laws: energy and momentum are kept; every particle has its mass; each distribution is the one that
`spectrum` and the cross section give; the weights add up to `expected_events`.
"""

from typing import NamedTuple

import numpy as np

from darkpairs import cells, decay, detector, rates
from darkpairs._jit import njit, spread
from darkpairs.batches import KINDS, Truth
from darkpairs.cells import _pick
from darkpairs.constants import ELECTRON_MASS, SPEED_OF_LIGHT
from darkpairs.decay import _throw
from darkpairs.detector import _contains, _point
from darkpairs.kinematics import _azimuth, _boost, threshold
from darkpairs.model import is_three_plus_two
from darkpairs.rates import _in_x, _q2_at, _spin_factors, expected_events, spectrum
from darkpairs.rng import _next, _start, stream
from darkpairs.upscatter import _heavy_momentum, _polarisation

__all__ = ["expected_events", "generate", "spectrum"]

NU_4, NU_5, ZPRIME = 5914, 5915, 5921  # the PDG leaves these free; DarkNews uses them too
NU_MU, ELECTRON = 14, 11
BEND = 1e4, 3e5  # MeV²: a² where nuclei and nucleons bend dσ/dQ², so that few throws are lost
# Edges in x of the cells of each bin of the flux; towards 1, Q² grows fast and the law has zeros
EDGES = np.concatenate([np.arange(18) / 24, 1 - 0.25 / 2 ** (np.arange(19) / 3), [1.0]])
TRIES = 1_000_000  # throws for one event before we give up


class Flight(NamedTuple):
    """What the kernel needs to know about ν_h and the Z′ on their way."""

    heavy: float  #: m_h [MeV]
    light: float  #: m_h' [MeV]
    zprime: float  #: m_Z′ [MeV]
    ctau: float  #: of ν_h [cm]
    ctau_zprime: float  #: of a real Z′ [cm]
    longest: float  #: longest way inside the detector [cm]; infinite if all events count


def generate(model, n, *, seed, experiment="microboone", regime="coherent",
             zprime_decay="correlated", heavy_decay="spin", form_factor="fourier-bessel",
             inside=True, first=0, exchange="zprime", pauli=False, zprime_flight=True):
    """Return pairs as they come: unweighted events, each with the same weight.

    Parameters
    ----------
    model : DarkModel
        The model point.
    n : int
        How many events, > 0.
    seed : int
        From 0 to 2⁶³ − 1. Event i depends on (seed, i) alone.
    experiment : str
        ``"microboone"`` or ``"miniboone"``.
    regime, exchange, form_factor, pauli, zprime_flight
        As in `expected_events`.
    zprime_decay : str
        ``"correlated"``: a real Z′ remembers how it was made; ``"isotropic"``: it does not. A
        virtual one always does.
    heavy_decay : str
        ``"spin"``: a Dirac ν_h decays with its polarisation; ``"isotropic"``: without.
    inside : bool
        Only events in which ν_h and Z′ decay inside the detector.
    first : int
        Number of the first event, ≥ 0.

    Returns
    -------
    Truth
        Per event: the recoiling nucleus or proton, ν_h, the Z′ if it is real, ν_h', e⁻ and e⁺.
    """
    if not n > 0 or not first >= 0:
        raise ValueError(f"n = {n}, first = {first}; wanted n > 0 and first ≥ 0")
    if not 0 <= seed < 2**63:
        raise ValueError(f"seed {seed}; wanted a whole number from 0 to 2⁶³ − 1")
    chain = decay.chain(model, zprime_decay=zprime_decay, heavy_decay=heavy_decay)
    options = dict(experiment=experiment, regime=regime, exchange=exchange,
                   form_factor=form_factor, pauli=pauli, inside=inside,
                   zprime_flight=zprime_flight)
    expected = expected_events(model, pot=1.0, **options)
    if not expected > 0:
        raise ValueError("this model makes no pairs; wanted couplings and ε above 0")
    flight, ways, place = sampler(model, **options)
    events, particles, truth = _empty(model, n, first, expected / n)
    done = spread(_generate, n, np.uint64(seed), np.uint64(stream("signal")), np.uint64(first),
                  flight, chain, ways.table, ways.shapes, ways.recoil, place,
                  detector.body(detector.paper(experiment)), decay.mass_cells(model), events,
                  particles, truth["pdg"].reshape(n, -1))
    if not all(done):
        raise ValueError(f"no event decayed inside in {TRIES} throws; ask for inside=False")
    return Truth(**truth)


def _empty(model, n, first, weight):
    """Return the arrays that the kernel fills, and those of a `Truth` that look into them.

    Per event (energy, vertex); per particle (four-momentum, start, time): what is written together
    lies together.
    """
    heavy, light = (NU_5, NU_4) if is_three_plus_two(model) else (NU_4, NU_MU)
    if decay.is_real(model):
        sorts, parents = [0, heavy, ZPRIME, light, ELECTRON, -ELECTRON], [-1, -1, 1, 1, 2, 2]
    else:
        sorts, parents = [0, heavy, light, ELECTRON, -ELECTRON], [-1, -1, 1, 1, 1]
    events, particles = np.empty((n, 4)), np.empty((n, len(sorts), 8))
    flat = particles.reshape(-1, 8)
    return events, particles, dict(
        event=np.arange(first, first + n), kind=np.full(n, KINDS.index("signal"), np.int16),
        weight=np.full(n, weight), e_nu=events[:, 0], vertex=events[:, 1:],
        offsets=np.arange(0, len(flat) + 1, len(sorts)), pdg=np.tile(np.array(sorts, np.int32), n),
        p4=flat[:, :4], start=flat[:, 4:7], time=flat[:, 7],
        parent=np.tile(np.array(parents, np.int16), n))


def sampler(model, *, experiment, regime, exchange, form_factor, pauli, inside,
            zprime_flight=True):
    """Return what `_scatter` throws from: a `Flight`, `rates.Processes` and the table of cells.

    A cell holds process, low energy, width [MeV], low x, width, and ceiling and floor of the law.
    Options as in `generate`.
    """
    ways = rates.processes(model, experiment, regime, exchange, form_factor, pauli, BEND)
    longest = detector.longest(detector.paper(experiment)) if inside else np.inf
    own = rates.lengths(model, zprime_flight)
    flight = Flight(model.m_heavy, model.m_light, model.m_zprime, *own, longest)
    edges, heights = rates.beam(experiment, ("numu",))
    parts = [_cells(flight, ways, p, edges, heights) for p in range(len(ways.table))]
    return flight, ways, cells.table(*np.concatenate(parts, axis=1))


def _cells(flight, ways, p, edges, heights):
    """Return weights and columns of the cells of one process: bins of the flux, even steps in x."""
    start = threshold(flight.heavy, ways.table[p, 0])
    cuts = np.unique(np.concatenate([edges, start * np.array([1, 1.02, 1.1, 1.3, 1.6, 2, 3])]))
    cuts = cuts[(cuts >= start) & (cuts <= edges[-1])]
    law = _samples(flight, ways.table, ways.shapes, p, _halved(cuts), _halved(EDGES))
    near = np.lib.stride_tricks.sliding_window_view(law, (3, 3))[::2, ::2]  # of each cell
    ceiling, floor = cells.bounds(near.reshape(-1, 9))
    height = heights[np.searchsorted(edges, cuts[:-1], side="right") - 1]
    grid = np.meshgrid(np.arange(len(height)), np.arange(len(EDGES) - 1), indexing="ij")
    i, j = (each.ravel() for each in grid)
    width, step = np.diff(cuts)[i], np.diff(EDGES)[j]
    return np.array([ceiling * height[i] * width * step, np.full(len(i), float(p)), cuts[i], width,
                     EDGES[j], step, ceiling, floor])


def _halved(edges):
    """Return edges with their middles in between."""
    return np.sort(np.append(edges, (edges[:-1] + edges[1:]) / 2))


@njit
def _law(flight, table, shapes, p, energy, x):
    """Events per energy and x, but for the flux; with the chance to decay on the longest way."""
    density, q2 = _in_x(table, shapes, p, flight.heavy, energy, x)
    return density * _reach(flight, table[p, 0], energy, q2[0]), q2


@njit
def _reach(flight, target, energy, q2):
    """Chance that ν_h decays within the longest way inside the detector."""
    if flight.longest > 1e300:
        return 1.0
    e = energy - 0.5 * q2 / target
    length = flight.ctau * np.sqrt(max(e * e - flight.heavy**2, 0.0)) / flight.heavy
    return -np.expm1(-flight.longest / length) if flight.longest < 40 * length else 1.0


@njit
def _samples(flight, table, shapes, p, energies, points):
    """The law at edges and middles of cells, ndarray (energies, points)."""
    result = np.empty((len(energies), len(points)))
    for i in range(len(energies)):
        for j in range(len(points)):
            result[i, j], _ = _law(flight, table, shapes, p, energies[i], points[j])
    return result


@njit
def _scatter(state, flight, table, shapes, place):
    """Throw process, neutrino energy and (Q², its limits): a cell, a point in it, kept or not."""
    while True:
        state, u = _next(state)
        cell = _pick(u, place)
        p = int(place[cell, 2])
        state, u = _next(state)
        energy = place[cell, 3] + u * place[cell, 4]
        state, u = _next(state)
        x = place[cell, 5] + u * place[cell, 6]
        state, u = _next(state)
        if u < place[cell, 8]:  # under the floor: kept, whatever the law says
            _, q2 = _q2_at(table, p, flight.heavy, energy, x)
            return state, p, energy, q2
        value, q2 = _law(flight, table, shapes, p, energy, x)
        if u * place[cell, 7] < value:
            return state, p, energy, q2


@njit
def _generate(first, last, seed, stream, offset, flight, chain, table, shapes, recoil, place, body,
              masses, events, particles, pdg):
    """Fill the rows of some events; False if one of them never stays inside."""
    for i in range(first, last):
        state = _start(seed, stream, offset + np.uint64(i))
        way = _event(state, i, flight, chain, table, shapes, place, body, masses, events, particles)
        if way < 0:
            return False
        pdg[i, 0] = recoil[way]
    return True


@njit
def _event(state, i, flight, chain, table, shapes, place, body, masses, events, particles):
    """Throw event i, write it into its rows and return by which process it came, or −1."""
    heavy, limited = flight.heavy, flight.longest < 1e300
    for _ in range(TRIES):
        state, way, energy, q2 = _scatter(state, flight, table, shapes, place)
        target = table[way, 0]
        e, across, along = _heavy_momentum(target, heavy, energy, q2)
        state, cosine, sine = _azimuth(state)
        p = (across * cosine, across * sine, along)
        state, vertex = _point(state, body)
        state, u = _next(state)
        fly = -flight.ctau / heavy * np.log1p(-u * _reach(flight, target, energy, q2[0]))
        there, after = _ahead(vertex, fly, p), fly * e / SPEED_OF_LIGHT
        if limited and not _contains(body, there):
            continue
        f1, f2 = _spin_factors(q2[0], shapes, way)
        sx, sz = _polarisation(target, heavy, energy, q2[0], f1, f2, e, across, along)
        state, a, b, c = _throw(state, chain, masses, (sx * cosine, sx * sine, sz))
        end, last, k = there, after, 2
        if chain.real == 1.0:
            pair = _lab(_sum(a, b), flight.zprime, e, p, heavy)
            state, u = _next(state)
            fly = -flight.ctau_zprime / flight.zprime * np.log1p(-u)
            end, last = _ahead(there, fly, pair[1:]), after + fly * pair[0] / SPEED_OF_LIGHT
            if limited and not _contains(body, end):
                continue
            _put(particles, i, 2, pair, there, after)
            k = 3
        events[i, 0], events[i, 1], events[i, 2], events[i, 3] = energy, *vertex
        recoil = (target + 0.5 * q2[0] / target, -p[0], -p[1], energy - p[2])
        _put(particles, i, 0, recoil, vertex, 0.0)
        _put(particles, i, 1, (e, *p), vertex, 0.0)
        _put(particles, i, k, _lab(c, flight.light, e, p, heavy), there, after)
        _put(particles, i, k + 1, _lab(a, ELECTRON_MASS, e, p, heavy), end, last)
        _put(particles, i, k + 2, _lab(b, ELECTRON_MASS, e, p, heavy), end, last)
        return way
    return -1


@njit
def _ahead(start, fly, p):
    """Point that is reached from `start` with momentum p; `fly` is way over momentum."""
    return start[0] + fly * p[0], start[1] + fly * p[1], start[2] + fly * p[2]


@njit
def _sum(a, b):
    return a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]


@njit
def _lab(rest, mass, e, p, heavy):
    """Four-momentum in the laboratory of what has the four-momentum `rest` in the frame of ν_h."""
    x, y, z = _boost(rest[0], rest[1:], e, p, heavy)
    return np.sqrt(mass * mass + x * x + y * y + z * z), x, y, z


@njit
def _put(particles, i, k, p4, start, time):
    """Write particle k of event i."""
    particles[i, k, 0], particles[i, k, 1], particles[i, k, 2], particles[i, k, 3] = p4
    particles[i, k, 4], particles[i, k, 5], particles[i, k, 6] = start
    particles[i, k, 7] = time
