"""Cascades: electrons radiate, photons turn into pairs or knock electrons on, until all is spent.

In: one electron, positron or photon. Out: rows of deposits, and what escaped. Chapter: shower.

Whoever is on top of a stack is followed until something happens to it; then it is laid back with
what it made. A charged particle goes in steps of 3 mm. Small losses flow and straggle along a step,
many small angles bend it at its middle. A single event (a photon radiated, an electron knocked on,
an annihilation) comes after a number of mean free paths that is thrown beforehand: each step takes
away its length over the free path, and the step that would take more than is left ends there.

Laws: energy in is energy out; each event has the spectrum of its law and conserves energy; what
electrons and photons do to electrons conserves momentum; the room for rows changes no dice.
"""

from math import cos, exp, log, pi, sin, sqrt

import numpy as np

from darkpairs._jit import apart, njit, within
from darkpairs.constants import ALPHA, ELECTRON_MASS, HBARC, SPEED_OF_LIGHT
from darkpairs.kinematics import _azimuth
from darkpairs.matter import (
    ANNIHILATES,
    ARGON_CHARGE,
    BENDS,
    COMPTON,
    FLOW_ELECTRON,
    FLOW_POSITRON,
    LOWEST,
    MEETS,
    OFTEN_ELECTRON,
    OFTEN_POSITRON,
    PAIR,
    RADIATES,
    RANGE,
    SLOW,
    STRAGGLES,
    _at,
    _bhabha,
    _heitler,
    _moller,
    _place,
    _radiation,
    _screen,
)
from darkpairs.rng import _next
from darkpairs.stepping import _deposit, _scatter, _straggle, _turn, _within

PHOTON, ELECTRON, POSITRON = 0.0, -1.0, 1.0  # the first entry of a row of the stack
DEEP = 64  # rows of a stack that cascades of 10 GeV do not fill
AHEAD = (1.0, 0.0, 1.0, 0.0)  # cosine and sine of the angle and of the azimuth: no turn
EVEN = 2.0  # MeV; below, pairs share their energy evenly, as in the Geant4 Physics Reference Manual
FEW = 1 / 16  # collisions below this times mean²/ξ widen a thin step by less than its mean loss


def klein_nishina(energy, left):
    """Return how a photon loses energy to an electron: dσ/dε [cm²] for one electron at rest.

    Klein and Nishina 1929; PDG 2024, Sec. 34.4.2. All recoil photons have ε from 1/(1 + 2E/m) to 1.

    Parameters
    ----------
    energy : array-like (...)
        Of the photon [MeV], > 0.
    left : array-like (...)
        The part ε of it that the scattered photon has; beyond its limits the answer is 0.
    """
    energy, left = np.asarray(energy, dtype=np.float64), np.asarray(left, dtype=np.float64)
    if not (energy > 0).all():  # refuses NaN too
        raise ValueError(f"photons of {energy.min():g} MeV; wanted energies > 0")
    allowed = (left >= 1 / (1 + 2 * energy / ELECTRON_MASS)) & (left <= 1)
    inside = np.where(allowed, left, 1.0)
    turn = ELECTRON_MASS / energy * (1 / inside - 1)  # 1 − cos θ, Compton's formula
    radius = ALPHA * HBARC / ELECTRON_MASS  # of the electron, classical
    shape = 1 / inside + inside - turn * (2 - turn)
    return np.where(allowed, np.pi * radius**2 * ELECTRON_MASS / energy * shape, 0.0)


def pair_sharing(energy, part):
    """Return the density of the part x of a photon's energy that one lepton of a pair takes.

    Bethe and Heitler with the screening of argon; even below 2 MeV. Screened fully, at high
    energies, it is 9/7 (1 − 4/3 x(1 − x)).

    Parameters
    ----------
    energy : float
        Of the photon [MeV], above two masses of the electron; less is refused with a ValueError.
    part : array-like (...)
        Its part x; where a lepton would have less than its mass, the density is 0.
    """
    if not energy > 2 * ELECTRON_MASS:
        raise ValueError(f"a photon of {energy:g} MeV makes no pair; wanted more than 1.022 MeV")
    part, least = np.asarray(part, dtype=np.float64), ELECTRON_MASS / energy
    nodes, weights = np.polynomial.legendre.leggauss(200)
    shape = np.array([_shared(energy, x) for x in 0.5 + (0.5 - least) * nodes])
    total = (0.5 - least) * (weights * shape).sum()
    found = [_shared(energy, x) if least < x < 1 - least else 0.0 for x in part.ravel()]
    return np.array(found).reshape(part.shape) / total


@apart
def _cascade(state, stack, top, out, n, tally, world, argon, papers, particle):
    """Follow all on the stack to their end; return the state and the rows, −1 for a full stack.

    After a full stack nothing that was written counts: come again with a deeper one.
    """
    while 0 < top < len(stack) - 1:  # everyone lays at most two in its own place
        top -= 1
        if stack[top, 0] == PHOTON:
            state, top, n = _photon(state, stack, top, out, n, tally, world, argon, papers,
                                    particle)
        else:
            state, top, n = _charged(state, stack, top, out, n, tally, world, argon, papers,
                                     particle)
    return state, n if top == 0 else -1


@apart
def _lay(stack, top, old, turn, kind, energy):
    """Lay a particle on the stack: at the place of an old one, turned from its way; the new top.

    `old` is (x, y, z, ux, uy, uz, time) and `turn` has the cosine and sine of the angle and of the
    azimuth.
    """
    x, y, z, ux, uy, uz, time = old
    row = stack[top]
    row[0], row[1], row[2], row[3], row[7], row[8] = kind, x, y, z, energy, time
    row[4], row[5], row[6] = _turn(ux, uy, uz, turn[0], turn[1], turn[2], turn[3])
    return top + 1


@apart
def _leave(out, n, tally, world, argon, old, energy, particle):
    """Leave all energy where a particle is, as a piece as long as an electron's range."""
    row, part = _place(argon, energy)
    length = _at(argon, row, part, RANGE) * min(1.0, energy / LOWEST)
    return _deposit(out, n, tally, world, old[0], old[1], old[2], energy, length, old[6], particle)


@within
def _photon(state, stack, top, out, n, tally, world, argon, papers, particle):
    """Fly a photon to where it meets something, and lay what comes of it."""
    at = stack[top]
    x, y, z, ux, uy, uz, energy, time = at[1], at[2], at[3], at[4], at[5], at[6], at[7], at[8]
    if energy <= papers.photon:
        n = _leave(out, n, tally, world, argon, (x, y, z, ux, uy, uz, time), energy, particle)
        return state, top, n
    row, part = _place(argon, energy)
    meets = _at(argon, row, part, MEETS)
    state, u = _next(state)
    way = -log(1 - u) / meets
    x, y, z, time = x + way * ux, y + way * uy, z + way * uz, time + way / SPEED_OF_LIGHT
    if not _within(world, x, y, z):
        tally[1] += energy
        return state, top, n
    old = (x, y, z, ux, uy, uz, time)
    state, u = _next(state)
    u = u * meets - _at(argon, row, part, COMPTON)
    if u < 0:
        state, top = _compton(state, stack, top, old, energy)
    elif u < _at(argon, row, part, PAIR) and energy > 2 * ELECTRON_MASS:
        state, top = _pair(state, stack, top, old, energy)
    else:  # the atom absorbs it; an electron takes all
        top = _lay(stack, top, old, AHEAD, ELECTRON, energy)
    return state, top, n


@within
def _charged(state, stack, top, out, n, tally, world, argon, papers, particle):
    """Step an electron or positron to a single event, its end or the end of the argon."""
    at = stack[top]
    kind, energy, time = at[0], at[7], at[8]
    x, y, z, ux, uy, uz = at[1], at[2], at[3], at[4], at[5], at[6]
    mine = kind == POSITRON
    state, u = _next(state)
    ahead = -log(1 - u)  # mean free paths to the next single event
    while energy > papers.electron:
        row, part = _place(argon, energy)
        often = _at(argon, row, part, OFTEN_POSITRON if mine else OFTEN_ELECTRON)
        flow = _at(argon, row, part, FLOW_POSITRON if mine else FLOW_ELECTRON)
        step = min(papers.step, papers.share * energy / flow)
        happens = often * step > ahead
        if happens:
            step = ahead / often
        ahead -= often * step
        mean, xi = flow * step, _at(argon, row, part, STRAGGLES) * step
        state, loss = _straggle(state, mean, xi, min(papers.single, FEW * mean * mean / xi),
                                min(papers.knock, energy if mine else energy / 2))
        loss = min(loss, energy)
        x, y, z = x + step / 2 * ux, y + step / 2 * uy, z + step / 2 * uz
        n = _deposit(out, n, tally, world, x, y, z, loss, step, time, particle)
        state, (ux, uy, uz) = _scatter(state, ux, uy, uz, sqrt(_at(argon, row, part, BENDS) * step))
        x, y, z = x + step / 2 * ux, y + step / 2 * uy, z + step / 2 * uz
        time += step * _at(argon, row, part, SLOW)
        energy -= loss
        if not _within(world, x, y, z):
            tally[1] += energy + (2 * ELECTRON_MASS if mine else 0.0)
            return state, top, n
        if happens and energy > papers.electron:
            rates = (_at(argon, row, part, RADIATES), _at(argon, row, part, ANNIHILATES), often)
            state, top = _single(state, stack, top, (x, y, z, ux, uy, uz, time), kind, energy,
                                 rates, papers)
            return state, top, n
    old = (x, y, z, ux, uy, uz, time)
    n = _leave(out, n, tally, world, argon, old, energy, particle)
    if mine:
        state, top = _rest(state, stack, top, old)
    return state, top, n


@within
def _single(state, stack, top, old, kind, energy, rates, papers):
    """Choose what happens to an electron or positron in flight, and let it happen."""
    state, u = _next(state)
    u *= rates[2]
    if u < rates[0]:
        return _radiate(state, stack, top, old, kind, energy, papers.radiate)
    if kind == POSITRON and u < rates[0] + rates[1]:
        return _annihilate(state, stack, top, old, energy)
    return _knock(state, stack, top, old, kind, energy, papers.knock)


@apart
def _radiate(state, stack, top, old, kind, energy, least):
    """Radiate a photon; the law falls with k, so 1/k is thrown and its shape decides."""
    if energy <= least:
        return state, _lay(stack, top, old, AHEAD, kind, energy)
    total, ratio = energy + ELECTRON_MASS, log(energy / least)
    highest = _radiation(total, least)
    while True:
        state, u = _next(state)
        state, v = _next(state)
        k = least * exp(ratio * u)
        if v * highest < _radiation(total, k):
            break
    top = _lay(stack, top, old, AHEAD, kind, energy - k)
    state, turn = _narrow(state, total)
    return state, _lay(stack, top, old, turn, PHOTON, k)


@njit
def _narrow(state, total):
    """Throw an angle of about m/E, and an azimuth: cosines and sines.

    u = θE/m follows u e^(−au) + 27 u e^(−3au), a = 0.625: the Geant 3 manual, CERN W5013, PHYS 211,
    after Tsai, Rev. Mod. Phys. 46 (1974) 815. The areas are in the proportion 1 : 3.
    """
    state, a = _next(state)
    state, u = _next(state)
    state, v = _next(state)
    angle = -log((1 - u) * (1 - v)) / (0.625 if a < 0.25 else 1.875) * ELECTRON_MASS / total
    angle = min(angle, pi)
    state, cos_phi, sin_phi = _azimuth(state)
    return state, (cos(angle), sin(angle), cos_phi, sin_phi)


@apart
def _knock(state, stack, top, old, kind, energy, least):
    """Knock on an electron: 1/ε² is thrown, and the shape of Møller or Bhabha decides."""
    most = 1.0 if kind == POSITRON else 0.5
    if most * energy <= least:
        return state, _lay(stack, top, old, AHEAD, kind, energy)
    low, gamma = least / energy, 1 + energy / ELECTRON_MASS
    highest = 1.0 if kind == POSITRON else max(1.0, _moller(gamma, 0.5))
    while True:
        state, u = _next(state)
        state, v = _next(state)
        part = low / (1 - u * (1 - low / most))
        if v * highest < (_bhabha(gamma, part) if kind == POSITRON else _moller(gamma, part)):
            break
    state, c, s = _azimuth(state)
    cosine, sine = _bent(gamma, 1 - part)
    top = _lay(stack, top, old, (cosine, sine, c, s), kind, (1 - part) * energy)
    cosine, sine = _bent(gamma, part)
    return state, _lay(stack, top, old, (cosine, sine, -c, -s), ELECTRON, part * energy)


@njit
def _bent(gamma, part):
    """Cosine and sine of an electron that has a part of the kinetic energy after a collision.

    cos²θ = ε(γ + 1)/(ε(γ − 1) + 2), from the conservation of four-momentum.
    """
    below = part * (gamma - 1) + 2
    return sqrt(part * (gamma + 1) / below), sqrt(2 * (1 - part) / below)


@apart
def _annihilate(state, stack, top, old, energy):
    """Annihilate in flight into two photons: 1/ε is thrown, and Heitler's shape decides."""
    gamma = 1 + energy / ELECTRON_MASS
    root = sqrt((gamma - 1) / (gamma + 1))
    low, ratio = 0.5 - root / 2, log((1 + root) / (1 - root))
    while True:
        state, u = _next(state)
        state, v = _next(state)
        part = low * exp(ratio * u)
        if v < _heitler(gamma, part):
            break
    state, c, s = _azimuth(state)
    for one, side in ((part, 1.0), (1 - part, -1.0)):
        cosine = (one * (gamma + 1) - 1) / (one * sqrt((gamma - 1) * (gamma + 1)))
        cosine = max(-1.0, min(1.0, cosine))
        top = _lay(stack, top, old, (cosine, sqrt(1 - cosine * cosine), side * c, side * s), PHOTON,
                   one * (energy + 2 * ELECTRON_MASS))
    return state, top


@apart
def _rest(state, stack, top, old):
    """Annihilate at rest: two photons of the electron's mass, back to back, anywhere."""
    state, u = _next(state)
    state, c, s = _azimuth(state)
    cosine = 2 * u - 1
    sine = sqrt(1 - cosine * cosine)
    top = _lay(stack, top, old, (cosine, sine, c, s), PHOTON, ELECTRON_MASS)
    return state, _lay(stack, top, old, (-cosine, sine, -c, -s), PHOTON, ELECTRON_MASS)


@apart
def _compton(state, stack, top, old, energy):
    """Scatter a photon on an electron: Klein and Nishina, in two parts that are easy to throw.

    Butcher and Messel, Nucl. Phys. 20 (1960) 15: (1/ε + ε)(1 − ε sin²θ/(1 + ε²)), ε = E′/E.
    """
    kappa = energy / ELECTRON_MASS
    least = 1 / (1 + 2 * kappa)
    first, second = -log(least), (1 - least * least) / 2  # integrals of 1/ε and of ε
    while True:
        state, a = _next(state)
        state, u = _next(state)
        state, v = _next(state)
        left = exp(-first * u) if a * (first + second) < first else sqrt(
            least * least + (1 - least * least) * u)
        turn = (1 - left) / (kappa * left)  # 1 − cos θ
        square = turn * (2 - turn)
        if v * (1 + left * left) < 1 + left * left - left * square:
            break
    state, c, s = _azimuth(state)
    sine, given = sqrt(max(square, 0.0)), (1 - left) * energy
    top = _lay(stack, top, old, (1 - turn, sine, c, s), PHOTON, left * energy)
    momentum = sqrt(given * (given + 2 * ELECTRON_MASS))
    sine = min(1.0, left * energy * sine / momentum) if momentum > 0 else 0.0
    return state, _lay(stack, top, old, (sqrt(1 - sine * sine), sine, -c, -s), ELECTRON, given)


@apart
def _shared(energy, part):
    """Shape of dσ/dx for the part x of a photon's energy that one lepton of a pair takes."""
    if energy < EVEN:
        return 1.0
    product = part * (1 - part)
    first, second = _screen(136 * ARGON_CHARGE ** (-1 / 3) * ELECTRON_MASS / (energy * product))
    return (1 - 2 * product) * first + 2 / 3 * product * second


@apart
def _pair(state, stack, top, old, energy):
    """Turn a photon into e⁻ and e⁺: an even part is thrown, and the shape of its law decides."""
    least = ELECTRON_MASS / energy
    highest = 1.0 if energy < EVEN else _screen(136 * ARGON_CHARGE ** (-1 / 3) * least * 4)[0]
    while True:
        state, u = _next(state)
        state, v = _next(state)
        part = least + (1 - 2 * least) * u
        if v * highest < _shared(energy, part):
            break
    state, turn = _narrow(state, part * energy)
    top = _lay(stack, top, old, turn, ELECTRON, part * energy - ELECTRON_MASS)
    cos_phi, sin_phi = -turn[2], -turn[3]
    state, turn = _narrow(state, (1 - part) * energy)
    return state, _lay(stack, top, old, (turn[0], turn[1], cos_phi, sin_phi), POSITRON,
                       (1 - part) * energy - ELECTRON_MASS)
