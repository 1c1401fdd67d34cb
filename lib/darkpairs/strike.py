"""One neutrino meets argon: a throw of what it does, and the weight of that throw.

In: a channel, a flavour, an energy, papers, dice. Out: rows of particles, and a weight. Chapter:
background.

All that can vary, the motion of the nucleon, mass, Q² and decay, is thrown from densities that are
close to the law; the weight is the law over these, a cross section per nucleus. A throw that cannot
be, or that Pauli's principle forbids, has no weight.

Laws: on free nucleons at rest the mean weight is the cross section of the law's own room; energy
and momentum are kept with what the nucleon brought; every particle has its mass.
"""

from math import atan, exp, log, tan
from typing import NamedTuple

from darkpairs import coherent, delta, quasielastic
from darkpairs._jit import apart, njit
from darkpairs.coherent import COHERENT as COHERENT_PAPER
from darkpairs.coherent import Coherent
from darkpairs.constants import ELECTRON_MASS, MUON_MASS, NEUTRAL_PION_MASS
from darkpairs.delta import DELTA, LIGHTEST, NUCLEON, Delta
from darkpairs.fermi import (
    ARGON,
    NEUTRON,
    PHOTON,
    PI_ZERO,
    PION,
    PROTON,
    Nucleus,
    _bound,
    _free,
    _limit,
    _mass,
    _pair,
    _put,
)
from darkpairs.kinematics import _azimuth, _boost, _massive_limits
from darkpairs.quasielastic import QUASIELASTIC, Quasielastic
from darkpairs.rng import _next

CHANNELS = DELTA_PION, DELTA_PHOTON, DELTA_CHARGED, QUASI, COHERENT = range(5)
BEND, BEND_COHERENT = 2e5, 2e4  # MeV²: throws in Q² go as 1/(Q² + a²)²
NUCLEUS = 1000180400  # PDG code of 40Ar


class Papers(NamedTuple):
    """All numbers of the models."""

    nucleus: Nucleus = ARGON
    delta: Delta = DELTA
    quasielastic: Quasielastic = QUASIELASTIC
    coherent: Coherent = COHERENT_PAPER


PAPERS = Papers()


def targets(channel, flavour):
    """Return PDG codes of what a neutrino of this code can strike in a channel."""
    if channel == COHERENT:
        return (NUCLEUS,)
    if channel == QUASI:
        return (NEUTRON,) if flavour > 0 else (PROTON,)
    return PROTON, NEUTRON


@apart
def _strike(state, channel, target, flavour, energy, papers, norm, least, rows):
    """Throw what a neutrino does; return the dice, the weight [cm² per nucleus] and rows.

    What weighs less than `least` has no weight.
    """
    if channel == COHERENT:
        return _on_nucleus(state, flavour, energy, papers.coherent, least, rows)
    return _on_nucleon(state, channel, target, flavour, energy, papers, norm, least, rows)


@apart
def _on_nucleon(state, channel, target, flavour, energy, papers, norm, least, rows):
    """Throw a process on a nucleon that moves, in its own frame."""
    nucleus, anti, charged = papers.nucleus, flavour < 0, channel in (DELTA_CHARGED, QUASI)
    state, p = _bound(state, _limit(target, nucleus))
    en = (NUCLEON * NUCLEON + p[0] ** 2 + p[1] ** 2 + p[2] ** 2) ** 0.5
    own = energy * (en - p[2]) / NUCLEON  # energy of the neutrino where the nucleon rests
    lepton = 0.0
    if charged:
        lepton = MUON_MASS if abs(flavour) == 14 else ELECTRON_MASS
    state, w, weight = _heavy(state, channel, own, lepton, papers.delta)
    low, high = _massive_limits(own, NUCLEON, lepton, w)
    if weight <= 0 or high <= low:
        return state, 0.0, 0
    state, q2, step = _bent(state, low, high, BEND)
    charge = (1 if target == PROTON else 0) + ((-1 if anti else 1) if charged else 0)
    # Fluxes of neutrinos that a moving nucleon meets: own M / (E E_N)
    weight *= (_cross(papers, norm, channel, own, w, q2, lepton, anti, charge)
               * step * own * NUCLEON / (energy * en)
               * (nucleus.protons if target == PROTON else nucleus.neutrons))
    if weight <= least:
        return state, 0.0, 0
    state, out, total = _recoil(state, energy, own, lepton, w, q2, en, p)
    _put(rows, 0, _partner(flavour) if charged else flavour, -1, out)
    if channel == QUASI:
        return _alone(state, NEUTRON if target == PROTON else PROTON, total, weight, rows, nucleus)
    return _falls(state, channel, charge, total, weight, rows, papers)


@njit
def _cross(papers, norm, channel, own, w, q2, lepton, anti, charge):
    """Law of a channel on a nucleon at rest, for a Δ or nucleon of this charge."""
    if channel == QUASI:
        return quasielastic._law(papers.quasielastic, own, q2, lepton, anti)
    law = delta._law(papers.delta, norm, own, w, q2, channel == DELTA_CHARGED, anti)
    if channel == DELTA_PHOTON:
        return law * papers.delta.photon
    return 3 * law if charge > 1 or charge < 0 else law  # isospin: p → Δ⁺⁺ is 3 times n → Δ⁺


@njit
def _partner(flavour):
    """PDG code of the charged lepton of a neutrino."""
    return flavour - 1 if flavour > 0 else flavour + 1


@apart
def _heavy(state, channel, own, lepton, paper):
    """Throw the mass of a Δ close to its Breit–Wigner; return it, and one over the density."""
    if channel == QUASI:
        return state, NUCLEON, 1.0
    most = min((NUCLEON * (NUCLEON + 2 * own)) ** 0.5 - lepton, paper.top)
    if most <= LIGHTEST:
        return state, NUCLEON, 0.0
    half = paper.width / 2
    low, high = atan((LIGHTEST - paper.mass) / half), atan((most - paper.mass) / half)
    state, u = _next(state)
    w = paper.mass + half * tan(low + u * (high - low))
    return state, w, (high - low) * ((w - paper.mass) ** 2 + half * half) / half


@njit
def _bent(state, low, high, bend):
    """Throw Q² as 1/(Q² + a²)²; return it, and one over the density."""
    state, u = _next(state)
    first, last = 1 / (low + bend), 1 / (high + bend)
    q2 = 1 / (first - u * (first - last)) - bend
    return state, q2, (q2 + bend) ** 2 * (first - last)


@apart
def _around(state, axis, less):
    """Turn a unit vector by an angle, given as 1 − cosine, in a random plane."""
    state, c, s = _azimuth(state)
    x, y, z = axis
    sine = max(less * (2 - less), 0.0) ** 0.5
    side = (1.0, 0.0, 0.0) if abs(z) > 0.9 else (0.0, 0.0, 1.0)
    ax, ay, az = y * side[2] - z * side[1], z * side[0] - x * side[2], x * side[1] - y * side[0]
    size = (ax * ax + ay * ay + az * az) ** 0.5
    ax, ay, az = ax / size, ay / size, az / size
    bx, by, bz = y * az - z * ay, z * ax - x * az, x * ay - y * ax
    return state, (x * (1 - less) + sine * (c * ax + s * bx),
                   y * (1 - less) + sine * (c * ay + s * by),
                   z * (1 - less) + sine * (c * az + s * bz))


@apart
def _recoil(state, energy, own, lepton, w, q2, en, p):
    """Four-momenta of the lepton and of the hadrons together, in the laboratory."""
    e = own - (w * w - NUCLEON * NUCLEON + q2) / (2 * NUCLEON)
    size = max(e * e - lepton * lepton, 0.0) ** 0.5
    less = (q2 + lepton * lepton - 2 * own * lepton * lepton / (e + size)) / (2 * own * size)
    x, y, z = _boost(energy, (0.0, 0.0, energy), en, (-p[0], -p[1], -p[2]), NUCLEON)
    state, d = _around(state, (x / own, y / own, z / own), min(max(less, 0.0), 2.0))
    x, y, z = _boost(e, (size * d[0], size * d[1], size * d[2]), en, p, NUCLEON)
    out = ((lepton * lepton + x * x + y * y + z * z) ** 0.5, x, y, z)
    return state, out, (energy + en - out[0], p[0] - x, p[1] - y, energy + p[2] - z)


@njit
def _alone(state, pdg, total, weight, rows, nucleus):
    """Write the one nucleon of a quasi-elastic event, if it has a place."""
    x, y, z = total[1:]
    p4 = ((_mass(pdg) ** 2 + x * x + y * y + z * z) ** 0.5, x, y, z)
    return state, weight if _free(pdg, p4, nucleus) else 0.0, _put(rows, 1, pdg, -1, p4)


@apart
def _falls(state, channel, charge, total, weight, rows, papers):
    """Let a Δ fall into a nucleon and a pion, or a photon, evenly in its frame."""
    state, u = _next(state)
    if channel == DELTA_PHOTON:
        one, two = PROTON if charge == 1 else NEUTRON, PHOTON
    elif charge > 1 or charge < 0:
        one, two = (PROTON, PION) if charge > 1 else (NEUTRON, -PION)
    elif u < 2 / 3:  # Clebsch and Gordan: Δ⁺ → p π⁰ and Δ⁰ → n π⁰
        one, two = PROTON if charge == 1 else NEUTRON, PI_ZERO
    else:
        one, two = (NEUTRON, PION) if charge == 1 else (PROTON, -PION)
    state, first, second, can = _pair(state, total, _mass(one), _mass(two))
    if not can or not _free(one, first, papers.nucleus):
        weight = 0.0
    _put(rows, 1, one, -1, first)
    return state, weight, _put(rows, 2, two, -1, second)


@apart
def _on_nucleus(state, flavour, energy, paper, floor, rows):
    """Throw coherent π⁰ production: y, Q², t, and three planes."""
    lowest = NEUTRAL_PION_MASS / energy
    if lowest >= 1:
        return state, 0.0, 0
    state, u = _next(state)
    y = lowest + u * (1 - lowest)
    loss, left = y * energy, (1 - y) * energy
    state, q2, step = _bent(state, 0.0, 4 * energy * left, BEND_COHERENT)
    height, slope = coherent._elastic(loss - NEUTRAL_PION_MASS, paper)
    least = coherent._nearest(loss, q2)
    state, u = _next(state)
    t = least - log(1 - u) / slope
    e, p, cosine = coherent._cosine(loss, q2, t)
    if not -1 <= cosine <= 1:
        return state, 0.0, 0
    weight = (coherent._front(paper, energy, q2, y) * (1 - lowest) * step * height / slope
              * exp(-slope * least))
    if weight <= floor:
        return state, 0.0, 0
    state, d = _around(state, (0.0, 0.0, 1.0), min(q2 / (2 * energy * left), 2.0))
    x, y, z = -left * d[0], -left * d[1], energy - left * d[2]
    size = (x * x + y * y + z * z) ** 0.5
    state, d = _around(state, (x / size, y / size, z / size), 1 - cosine)
    count = _put(rows, 0, flavour, -1, (left, -x, -y, energy - z))
    count = _put(rows, count, NUCLEUS, -1, (coherent.TARGET + loss - e, x - p * d[0],
                                            y - p * d[1], z - p * d[2]))
    return state, weight, _put(rows, count, PI_ZERO, -1, (e, p * d[0], p * d[1], p * d[2]))
