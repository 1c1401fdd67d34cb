"""The generator: pairs from the dark sector, exact and unweighted, millions in a second.

In: a model, an experiment, a seed. Out: `Truth`, and expected events. Chapter: signal.

One event is: a neutrino energy and a Q² (thrown from cells, exactly), a plane, a flight and a decay
of ν_h with its spin, a flight of the Z′ if it is real, and a place in the detector. Each of these
steps is a pass over a block of events, see `slots`; `_passes` names them in order. Whatever would
decay outside is thrown again as a whole. Long-lived ν_h would nearly all be thrown away; so the
length of the flight is thrown only up to the longest way inside the detector, and the chance for
that is part of the law from which energy and Q² are thrown.

Laws: energy and momentum are kept; every particle has its mass; each distribution is the one that
`spectrum` and the cross section give; the weights add up to `expected_events`.
"""

from typing import NamedTuple

import numpy as np

from darkpairs import cells, decay, detector, rates
from darkpairs._jit import apart, njit, spread
from darkpairs.batches import KINDS, Truth
from darkpairs.cells import _pick
from darkpairs.constants import ELECTRON_MASS, SPEED_OF_LIGHT
from darkpairs.decay import _decay, _weigh
from darkpairs.detector import _contains, _point
from darkpairs.kinematics import _azimuth, _boost, threshold
from darkpairs.model import is_three_plus_two
from darkpairs.rates import _in_x, _q2_at, _spin_factors, expected_events, spectrum
from darkpairs.rng import _died, _life, _next, stream
from darkpairs.slots import (
    BEGIN,
    BLOCK,
    END,
    ENERGY,
    HEIGHT,
    KEPT,
    MIDDLE,
    P_HEAVY,
    P_LIGHT,
    P_MINUS,
    P_PAIR,
    P_PLUS,
    PROCESS,
    Q2,
    REACH,
    SCALE,
    SINGLE,
    SPIN,
    TARGET,
    X,
    _four,
    _open,
    _put_four,
    _put_three,
    _take,
    _three,
)
from darkpairs.upscatter import NUCLEON, _heavy_momentum, _polarisation

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
             inside=True, first=0, exchange="zprime", pauli=False, zprime_flight=True,
             targets=None):
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
    regime, exchange, form_factor, pauli, zprime_flight, targets
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
    if not (n > 0 and first >= 0 and n % 1 == first % 1 == 0):
        raise ValueError(f"n = {n}, first = {first}; wanted whole numbers, n > 0 and first ≥ 0")
    if not 0 <= seed < 2**63 or seed % 1:
        raise ValueError(f"seed {seed}; wanted a whole number from 0 to 2⁶³ − 1")
    n, first = int(n), int(first)
    chain = decay.chain(model, zprime_decay=zprime_decay, heavy_decay=heavy_decay)
    options = dict(experiment=experiment, regime=regime, exchange=exchange,
                   form_factor=form_factor, pauli=pauli, inside=inside,
                   zprime_flight=zprime_flight, targets=targets)
    expected = expected_events(model, pot=1.0, **options)
    if not expected > 0:
        raise ValueError("this model makes no pairs; wanted couplings and ε above 0")
    flight, ways, place = sampler(model, **options)
    events, particles, truth = _empty(model, n, first, expected / n)
    run = np.uint64(seed), np.uint64(stream("signal")), np.uint64(first)
    done = spread(_generate, n, run, flight, chain, ways, place,
                  tuple(detector.body(detector.paper(experiment))), decay.mass_cells(model),
                  events, particles, truth["pdg"].reshape(n, -1))
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
            zprime_flight=True, targets=None):
    """Return what `_aim` throws from: a `Flight`, `rates.Processes` and the table of cells.

    A cell holds process, low energy, width [MeV], low x, width, and ceiling and floor of the law.
    Options as in `generate`.
    """
    ways = rates.processes(model, experiment, regime, exchange, form_factor, pauli, BEND, targets)
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
    e = energy - 0.5 * q2 / target
    length = flight.ctau * np.sqrt(max(e * e - flight.heavy**2, 0.0)) / flight.heavy
    return _died(min(flight.longest / length, 40.0))  # e⁻⁴⁰ is nothing beside 1


@njit
def _samples(flight, table, shapes, p, energies, points):
    """The law at edges and middles of cells, ndarray (energies, points)."""
    result = np.empty((len(energies), len(points)))
    for i in range(len(energies)):
        for j in range(len(points)):
            result[i, j], _ = _law(flight, table, shapes, p, energies[i], points[j])
    return result


@njit
def _generate(first, last, run, flight, chain, ways, place, body, masses, events, particles, pdg):
    """Fill the rows of some events, block by block; False if one of them never stays inside."""
    n = min(BLOCK, last - first)
    w, dice, number = _open(n, first, run)
    todo, tries, done = np.empty(n, np.int64), np.zeros(n, np.int64), 0
    while done < last - first:
        _passes(n, dice, w, todo, flight, chain, ways, place, body, masses)
        for j in range(n):
            i, tries[j] = number[j], tries[j] + 1
            if i < last and w[KEPT + j] == 1.0:
                _write(i, j, w, chain.real == 1.0, events, particles)
                pdg[i, 0] = ways.recoil[int(w[PROCESS + j])]
                _take(j, first + n + done, dice, number, run)
                tries[j], done = 0, done + 1
            elif i < last and tries[j] == TRIES:
                return False
    return True


@njit
def _passes(n, dice, w, todo, flight, chain, ways, place, body, masses):
    """Throw an event in each of n slots, once; KEPT says which are good."""
    limited = flight.longest < np.inf
    _aim(n, dice, w, place, ways)
    _kick(n, w, flight)
    _ask(n, w, todo, flight, ways)
    _scatter(n, dice, w, flight)
    _fly(n, dice, w, flight, body)
    if limited:
        _stay(n, w, MIDDLE, body)
    _weigh(n, dice, w, chain, masses)
    _decay(n, dice, w, chain)
    _boosts(n, w, flight)
    if chain.real == 1.0:
        _fly_on(n, dice, w, flight)
        if limited:
            _stay(n, w, END, body)


@apart
def _aim(n, dice, w, place, ways):
    """A pass: choose a cell, and throw a point in it; below the floor it is kept for sure."""
    for j in range(min(n, BLOCK)):
        state, u = _next(dice[j])
        cell = _pick(u, place)
        state, u = _next(state)
        w[ENERGY + j] = place[cell, 3] + u * place[cell, 4]
        state, u = _next(state)
        w[X + j] = place[cell, 5] + u * place[cell, 6]
        dice[j], u = _next(state)
        w[HEIGHT + j] = u * place[cell, 7]
        w[KEPT + j] = u < place[cell, 8]
        p = int(place[cell, 2])
        w[PROCESS + j], w[SINGLE + j] = p, ways.shapes[p, 0] == NUCLEON
        w[TARGET + j], w[SCALE + j] = ways.table[p, 0], ways.table[p, 1]


@apart
def _kick(n, w, flight):
    """A pass: Q² and its limits, from x."""
    for j in range(min(n, BLOCK)):
        _, q2 = _q2_at(w[TARGET + j], w[SCALE + j], flight.heavy, w[ENERGY + j], w[X + j])
        _put_three(w, Q2, j, *q2)


@apart
def _ask(n, w, todo, flight, ways):
    """A pass: what lies above the floor is kept if it lies below the law. Little is; so list it."""
    asked = 0
    for j in range(min(n, BLOCK)):
        todo[asked] = j
        asked += w[KEPT + j] == 0.0
    for k in range(asked):
        j = todo[k]
        p, energy, x = int(w[PROCESS + j]), w[ENERGY + j], w[X + j]
        law, _ = _law(flight, ways.table, ways.shapes, p, energy, x)
        w[KEPT + j] = w[HEIGHT + j] < law


@apart
def _scatter(n, dice, w, flight):
    """A pass: momentum and spin of ν_h, in a random plane."""
    for j in range(min(n, BLOCK)):
        target, energy, span = w[TARGET + j], w[ENERGY + j], _three(w, Q2, j)
        e, across, along = _heavy_momentum(target, flight.heavy, energy, span)
        f1, f2 = _spin_factors(span[0], w[SINGLE + j] == 1.0)
        sx, sz = _polarisation(target, flight.heavy, energy, span[0], f1, f2, e, across, along)
        dice[j], cosine, sine = _azimuth(dice[j])
        _put_four(w, P_HEAVY, j, e, across * cosine, across * sine, along)
        _put_three(w, SPIN, j, sx * cosine, sx * sine, sz)


@apart
def _fly(n, dice, w, flight, body):
    """A pass: where ν_h begins, and where and when it ends."""
    for j in range(min(n, BLOCK)):
        w[REACH + j] = _reach(flight, w[TARGET + j], w[ENERGY + j], w[Q2 + j])
    for j in range(min(n, BLOCK)):
        state, vertex = _point(dice[j], body)
        dice[j], u = _next(state)
        _put_four(w, BEGIN, j, 0.0, *vertex)
        _move(w, j, P_HEAVY, flight.ctau / flight.heavy * _life(u * w[REACH + j]), BEGIN, MIDDLE)


@apart
def _fly_on(n, dice, w, flight):
    """A pass: a real Z′, and where and when it ends."""
    for j in range(min(n, BLOCK)):
        a, b = _four(w, P_MINUS, j), _four(w, P_PLUS, j)
        _put_four(w, P_PAIR, j, *_on_shell(flight.zprime, a[1] + b[1], a[2] + b[2], a[3] + b[3]))
        dice[j], u = _next(dice[j])
        _move(w, j, P_PAIR, flight.ctau_zprime / flight.zprime * _life(u), MIDDLE, END)


@njit
def _move(w, j, p4, fly, start, end):
    """Let a particle fly from one place to another; `fly` is its way over its momentum."""
    e, px, py, pz = _four(w, p4, j)
    t, x, y, z = _four(w, start, j)
    _put_four(w, end, j, t + fly * e / SPEED_OF_LIGHT, x + fly * px, y + fly * py, z + fly * pz)


@apart
def _stay(n, w, row, body):
    """A pass: whoever is outside is lost."""
    for j in range(min(n, BLOCK)):
        _, x, y, z = _four(w, row, j)
        w[KEPT + j] = w[KEPT + j] if _contains(body, (x, y, z)) else 0.0


@apart
def _boosts(n, w, flight):
    """A pass: from the rest frame of ν_h to the laboratory."""
    for j in range(min(n, BLOCK)):
        mover = _four(w, P_HEAVY, j)
        _to_lab(w, j, P_LIGHT, flight.light, mover, flight.heavy)
        _to_lab(w, j, P_MINUS, ELECTRON_MASS, mover, flight.heavy)
        _to_lab(w, j, P_PLUS, ELECTRON_MASS, mover, flight.heavy)


@njit
def _to_lab(w, j, p4, mass, mover, heavy):
    """Bring one momentum from the rest frame of ν_h, the mover, to the laboratory."""
    e, x, y, z = _four(w, p4, j)
    x, y, z = _boost(e, (x, y, z), mover[0], mover[1:], heavy)
    _put_four(w, p4, j, *_on_shell(mass, x, y, z))


@njit
def _on_shell(mass, x, y, z):
    """Four-momentum of a particle of that mass."""
    return np.sqrt(mass * mass + x * x + y * y + z * z), x, y, z


@njit
def _write(i, j, w, real, events, particles):
    """Write event i from slot j."""
    energy, target, begin = w[ENERGY + j], w[TARGET + j], _four(w, BEGIN, j)
    e, x, y, z = _four(w, P_HEAVY, j)
    recoil = (target + 0.5 * w[Q2 + j] / target, -x, -y, energy - z)
    events[i, 0], events[i, 1], events[i, 2], events[i, 3] = energy, *begin[1:]
    _put(particles, i, 0, recoil, begin)
    _put(particles, i, 1, (e, x, y, z), begin)
    middle, k = _four(w, MIDDLE, j), 2
    end = middle
    if real:
        _put(particles, i, 2, _four(w, P_PAIR, j), middle)
        end, k = _four(w, END, j), 3
    _put(particles, i, k, _four(w, P_LIGHT, j), middle)
    _put(particles, i, k + 1, _four(w, P_MINUS, j), end)
    _put(particles, i, k + 2, _four(w, P_PLUS, j), end)


@njit
def _put(particles, i, k, p4, place):
    """Write particle k of event i."""
    particles[i, k, 0], particles[i, k, 1], particles[i, k, 2], particles[i, k, 3] = p4
    particles[i, k, 7], particles[i, k, 4], particles[i, k, 5], particles[i, k, 6] = place
