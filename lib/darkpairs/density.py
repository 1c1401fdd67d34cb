"""How dense a model's pairs lie: the law of the generator as a formula for one pair.

In: pairs, a model. Out: expected events per POT and per element of the phase space of the pair.
Chapter: samples.

A pair tells its momentum q, its mass √s, how electron and positron share it, and where it began. It
does not tell from which ν_h it came. So the density of pairs is an integral over all momenta p of
ν_h that could have made it, on the shell (p − q)² = m_h'². With the rate F d³p/E of ν_h,

    F = φ(E_ν) dσ/dQ² N 2E_ν / (2π D),   D = 1 − (E − p_z)/M,

where E_ν and Q² follow from p, as the nucleus was at rest; and with a decay that makes the pair's
mass as g(s) ds and spreads over both spheres of directions as w, of mean 1, it is

    ``ρ = g(s) m_h / (4π)² k |q| ∫ dE ∫ dβ F w(p, q, e⁻)``  per d³q/E_q, ds and dΩ of the electron,

k being the momentum of the pair at rest and β the turn of p around q. A real Z′ has one mass, so
g ds is 1 there, and pairs of different real Z′ never meet. Last a share: how many of those ν_h that
could have come along this line, inside the detector, decay on it, 1 − e^(−l/λ).

Laws: the mean of ρ'/ρ over pairs of ρ is the ratio of the rates; histograms of pairs weighted so
are those of the other model; the density turns with the pair around the beam.
"""

from math import pi
from typing import NamedTuple

import numpy as np

from darkpairs import decay, detector, rates
from darkpairs._jit import apart, njit, spread
from darkpairs.batches import only
from darkpairs.constants import ELECTRON_MASS, HBARC
from darkpairs.decay import _analysing, _kappa, _mass_law
from darkpairs.kinematics import _boost, _dot
from darkpairs.rates import _spin_factors
from darkpairs.signal import BEND, ELECTRON, ZPRIME
from darkpairs.upscatter import NUCLEON, _dsigma_summed, _polarisation

SHARP = 1e-6  # real Z′ whose masses differ by less than this, relatively, are one


class Nodes(NamedTuple):
    """How finely to integrate over the ν_h that could have made a pair."""

    energy: float = 40.0  #: nodes in the energy of ν_h; our choice, see the test
    turn: float = 6.0  #: nodes in half a turn of it around the pair; our choice


NODES = Nodes()


class Place(NamedTuple):
    """What the kernel needs to know about beam and detector."""

    edges: np.ndarray  #: (b + 1,) of the flux [MeV]
    heights: np.ndarray  #: (b,) [1/cm²/POT/MeV]
    body: np.ndarray  #: (7,) see `detector.body`
    ctau: float  #: of ν_h [cm]; negative if all pairs count, wherever they are
    ctau_zprime: float  #: of a real Z′ [cm]


def pairs(truth):
    """Return what the pairs of a batch tell, ndarray (n, 13).

    Four-momenta of e⁻ and of e⁺ [MeV], where they begin [cm], the mass of the Z′ if it was real,
    else 0 [MeV], and the PDG code of what recoiled.
    """
    minus, plus = only(truth, ELECTRON), only(truth, -ELECTRON)
    real = np.zeros(len(truth))
    rows = np.flatnonzero(truth.pdg == ZPRIME)
    energy, x, y, z = truth.p4[rows].T
    real[np.searchsorted(truth.offsets, rows, side="right") - 1] = np.sqrt(
        energy**2 - x * x - y * y - z * z)
    return np.column_stack([truth.p4[minus], truth.p4[plus], truth.start[minus], real,
                            truth.pdg[truth.offsets[:-1]]])


def of(model, seen, *, experiment="microboone", regime="coherent", zprime_decay="correlated",
       heavy_decay="spin", form_factor="fourier-bessel", inside=True, exchange="zprime",
       pauli=False, zprime_flight=True, nodes=NODES):
    """Return the density of a model's pairs at given pairs.

    Parameters
    ----------
    model : DarkModel
        The model point.
    seen : ndarray (n, 13)
        From `pairs`.
    nodes : Nodes
        How finely to integrate.
    experiment, regime, zprime_decay, heavy_decay, form_factor, inside, exchange, pauli,
    zprime_flight
        As in `signal.generate`.

    Returns
    -------
    ndarray (n,)
        Expected events per POT and element of phase space; the element is the same for all models
        with a real Z′ of one mass, and for all with a virtual one. 0 where the model makes no pair.
    """
    way = decay.chain(model, zprime_decay=zprime_decay, heavy_decay=heavy_decay)
    ways = rates.processes(model, experiment, regime, exchange, form_factor, pauli, BEND)
    edges, heights = rates.beam(experiment, ("numu",))
    own = rates.lengths(model, zprime_flight) if inside else (-1.0, 0.0)
    place = Place(edges, heights, detector.body(detector.paper(experiment)), *own)
    result = np.zeros(len(seen))
    if way.real:
        met = np.flatnonzero(np.abs(seen[:, 11] / model.m_zprime - 1) < SHARP)
    else:
        met = np.flatnonzero(seen[:, 11] == 0)
    near = np.ascontiguousarray(seen[met])
    found = np.zeros(len(near))
    if len(near):
        spread(_densities, len(near), near, way, ways.table, ways.shapes,
               ways.recoil.astype(np.float64), place, *_rules(nodes), found)
    result[met] = found * _norm(model) * HBARC**2 * decay.branching(model)["e+e-"]
    return result


def _rules(nodes):
    """Return nodes and weights from 0 to 1 for the energy, and cosine and sine of the turns."""
    x, w = np.polynomial.legendre.leggauss(int(nodes.energy))
    turns = pi * (np.arange(int(nodes.turn)) + 0.5) / int(nodes.turn)
    return 0.5 * (1 + x), 0.5 * w, np.cos(turns), np.sin(turns)


def _norm(model):
    """Return one over the integral of the law of the pair's mass; 1 for a real Z′."""
    if decay.is_real(model):
        return 1.0
    x, w = np.polynomial.legendre.leggauss(400)
    low, high = 2 * ELECTRON_MASS, model.m_heavy - model.m_light
    angle = (x + 1) * pi / 4  # even in it, the law has no square roots at its ends
    root = low + (high - low) * np.sin(angle) ** 2
    law = _mass_law.py_func(root**2, model.m_heavy, model.m_light, model.m_zprime, model.majorana)
    return 1 / (w * pi / 4 * (high - low) * np.sin(2 * angle) * 2 * root * law).sum()


@njit
def _densities(first, last, seen, way, table, shapes, recoil, place, xe, we, cosine, sine, found):
    """Fill the densities of some pairs: a sum over the processes with the same recoil."""
    for i in range(first, last):
        for p in range(len(table)):
            if seen[i, 12] == recoil[p]:
                found[i] += _density(seen, i, way, table, shapes, p, place, xe, we, cosine, sine)


@apart
def _density(seen, i, way, table, shapes, p, place, xe, we, cosine, sine):
    """Density of one pair by one process, but for the norm of the masses."""
    minus = seen[i, 0], seen[i, 1], seen[i, 2], seen[i, 3]
    plus = seen[i, 4], seen[i, 5], seen[i, 6], seen[i, 7]
    e, x, y, z = minus[0] + plus[0], minus[1] + plus[1], minus[2] + plus[2], minus[3] + plus[3]
    size = np.sqrt(x * x + y * y + z * z)
    s = way.zprime**2 if way.real == 1.0 else e * e - size * size
    a = 0.5 * (way.heavy**2 + s - way.light**2)  # p·q
    gap = a * a - way.heavy**2 * s
    if np.sqrt(s) >= way.heavy - way.light or gap <= 0 or s <= 4 * ELECTRON_MASS**2:
        return 0.0
    # the two ends of the energy of ν_h; their product is (a² + m_h²|q|²)/s, without a difference
    far = (a * e + size * np.sqrt(gap)) / s
    near = (a * a + way.heavy**2 * size * size) / (s * far)
    top = min(far, place.edges[-1])
    if near >= top:
        return 0.0
    d, up = (x / size, y / size, z / size), np.sqrt(x * x + y * y) / size
    total, stretch = 0.0, np.log(top / near)
    for k in range(len(xe)):
        turn = np.sin(0.5 * pi * xe[k])  # even in the angle: the cone opens like a root
        energy = near * np.exp(stretch * turn * turn)
        step = we[k] * energy * stretch * pi * turn * np.cos(0.5 * pi * xe[k])
        total += step * _cone(energy, e, size, a, d, up, minus, plus, s, seen, i, way, table,
                              shapes, p, place, cosine, sine)
    law = 1.0 if way.real == 1.0 else _mass_law(s, way.heavy, way.light, way.zprime, way.majorana)
    return total * law * way.heavy**2 / (16 * pi * pi * np.sqrt(gap) * size)


@apart
def _cone(energy, e, size, a, d, up, minus, plus, s, seen, i, way, table, shapes, p, place, cosine,
          sine):
    """Sum over the turns β of ν_h, of one energy, around the pair: F w and the share of the place.

    F falls about as 1/(Q² + a²)², and Q² is nearly linear in cos β; in u, with
    tan(β/2) = r tan(u/2), such a law is as smooth as a cosine, and even steps do. It is the same
    for β and −β.
    """
    heavy2, target = way.heavy**2, table[p, 0]
    momentum = np.sqrt(energy * energy - heavy2)
    c = min((energy * e - a) / (momentum * size), 1.0)
    ahead, beside = momentum * c, momentum * np.sqrt(1 - c * c)
    middle = 2 * energy * (energy - ahead * d[2]) - heavy2 + table[p, 1]  # Q² + a², about
    swing = 2 * energy * beside * up
    r = np.sqrt(max(middle - swing, 1e-9 * middle) / (middle + swing))
    x, y = (d[0] / up, d[1] / up) if up > 0 else (1.0, 0.0)  # from the beam to the pair
    total = 0.0
    for k in range(len(cosine)):
        below = (1 + cosine[k]) + r * r * (1 - cosine[k])
        cb, sb = ((1 + cosine[k]) - r * r * (1 - cosine[k])) / below, 2 * r * sine[k] / below
        pz = ahead * d[2] + beside * cb * up
        out, turn = ahead * up - beside * cb * d[2], beside * sb  # across the beam, and across both
        beam, q2, depth = _made(energy, heavy2, pz, out * out + turn * turn, target)
        height = _height(place, beam)
        if depth <= 0 or height == 0.0:
            continue
        rate = height * _dsigma_summed(target, way.heavy, beam, q2, shapes, p, table[p, 2],
                                       (table[p, 3], table[p, 4]), (table[p, 5], table[p, 6]))
        both = 0.0
        for side in (1.0, -1.0):
            p3 = (out * x - side * turn * y, out * y + side * turn * x, pz)
            both += (_sharing(energy, p3, beam, q2, minus, plus, s, way, target,
                              shapes[p, 0] == NUCLEON)
                     * _share(place, seen, i, momentum, p3, size, d, way))
        total += rate * both * beam / depth * 2 * r / below
    return total * table[p, 7] / len(cosine)  # 2 E_ν/(2π D), and steps of π/turns


@njit
def _made(energy, heavy2, along, across2, target):
    """Energy of the neutrino and Q² that made a ν_h, and D; all 0 if none could."""
    lag = (heavy2 + across2) / (energy + along) if along > 0 else energy - along  # E − p_z
    depth = 1 - lag / target
    if depth <= 0:
        return 0.0, 0.0, 0.0
    q2 = (2 * energy * lag - heavy2 if along <= 0 else
          (heavy2 * lag + 2 * energy * across2) / (energy + along)) / depth
    return energy + 0.5 * q2 / target, q2, depth


@njit
def _height(place, energy):
    """The flux at one energy."""
    if not place.edges[0] <= energy < place.edges[-1]:
        return 0.0
    return place.heights[np.searchsorted(place.edges, energy, side="right") - 1]


@apart
def _sharing(energy, p3, beam, q2, minus, plus, s, way, target, single):
    """w: how the decay of ν_h with this momentum favours the directions of the pair, mean 1."""
    back = (-p3[0], -p3[1], -p3[2])
    a = _boost(minus[0], minus[1:], energy, back, way.heavy)
    b = _boost(plus[0], plus[1:], energy, back, way.heavy)
    ea = (energy * minus[0] - _dot(p3, minus[1:])) / way.heavy
    eb = (energy * plus[0] - _dot(p3, plus[1:])) / way.heavy
    q = (a[0] + b[0], a[1] + b[1], a[2] + b[2])
    k = np.sqrt(_dot(q, q))
    kappa = way.correlated * _kappa(s, way.heavy, way.light, way.majorana)
    c = min((ea - eb) / (k * np.sqrt(1 - 4 * ELECTRON_MASS**2 / s)), 1.0)
    even = (1 - kappa * c * c) / (1 - kappa / 3)
    if way.spin == 0.0:
        return even
    across = np.sqrt(p3[0] * p3[0] + p3[1] * p3[1])
    f1, f2 = _spin_factors(q2, single)
    sx, sz = _polarisation(target, way.heavy, beam, q2, f1, f2, energy, across, p3[2])
    turn = sx / across if across > 0 else 0.0
    spin = (turn * p3[0], turn * p3[1], sz)
    d = (q[0] / k, q[1] / k, q[2] / k)
    return even * (1 + _analysing(way, ea + eb, k, d, (ea, *a), (eb, *b), spin))


@apart
def _share(place, seen, i, momentum, p3, size, d, way):
    """Share of the ν_h made on the line behind a pair, inside, that decay where it begins.

    Two flights are taken to go in one direction, that of the longer: as in `rates`.
    """
    length, fly = place.ctau * momentum / way.heavy, place.ctau_zprime * size / way.zprime
    if length <= 0 and fly <= 0:
        return 1.0
    if fly < length:
        d = (p3[0] / momentum, p3[1] / momentum, p3[2] / momentum)
    back = _behind(place.body, (seen[i, 8], seen[i, 9], seen[i, 10]), d)
    if back > 40 * (length + fly):
        return 1.0
    if fly == 0.0:
        return -np.expm1(-back / length)
    gap = length - fly if abs(length - fly) > 1e-6 * fly else 1e-6 * fly
    return 1 - ((fly + gap) * np.exp(-back / (fly + gap)) - fly * np.exp(-back / fly)) / gap


@njit
def _behind(body, point, d):
    """Length of the line behind a point inside a body [cm]."""
    if body[0] == 1.0:
        b = _dot(point, d)
        return b + np.sqrt(max(b * b + body[4] * body[4] - _dot(point, point), 0.0))
    way = np.inf
    for c in range(3):
        if d[c] > 0:
            way = min(way, (point[c] - body[1 + c]) / d[c])
        elif d[c] < 0:
            way = min(way, (point[c] - body[4 + c]) / d[c])
    return max(way, 0.0)
