"""Muons, pions and protons in argon: how they slow down, straggle, bend, and how they end.

In: a charged particle, a `Detector`, `matter.Steps` and `Fates`. Out: rows of deposits; ranges and
stopping powers. Chapter: shower.

A heavy particle loses energy to electrons in many small collisions. Their mean is NIST's table for
protons up to 700 MeV: other particles of the same speed differ only by the largest energy that one
collision can take. Faster ones follow Bethe's formula. Electrons knocked on with more than
`Steps.knock` fly by themselves, as a cascade.

At rest a μ⁺ decays, a μ⁻ decays or is captured, a π⁺ becomes a μ⁺ and then decays, a π⁻ and
whatever its nucleus breaks into are not seen. A pion or proton that meets a nucleus on its way ends
there, and what it still had is not seen.

Laws: ranges of NIST and PDG; the mean loss is the stopping power whatever the step; losses in a
wire's pitch follow Landau; angles follow Highland; electrons from decay follow Michel; energy lost
is energy tallied.
"""

from functools import lru_cache
from math import log, sqrt
from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs import tables
from darkpairs._jit import njit, within
from darkpairs.constants import (
    ARGON_MOLAR_MASS,
    CHARGED_PION_MASS,
    ELECTRON_MASS,
    MUON_MASS,
    PROTON_MASS,
    SPEED_OF_LIGHT,
)
from darkpairs.detector import MICROBOONE
from darkpairs.kinematics import _azimuth, _direction
from darkpairs.matter import ARGON_CHARGE, COLLISIONS, RADIATION_LENGTH
from darkpairs.rng import _life, _next, _normal
from darkpairs.shower import ELECTRON, _cascade
from darkpairs.stepping import _deposit, _scatter, _turn, _within

SORTS = {13: 0, 211: 1, 2212: 2}  # μ, π, p
MASSES = (MUON_MASS, CHARGED_PION_MASS, PROTON_MASS)
MUON, PION, PROTON = range(3)
STOPPED, LEFT, STRUCK = range(3)  # how a track can end

EXCITATION = 188e-6  # MeV, mean for argon, PDG 2024, "Atomic and nuclear properties"
STERNHEIMER = (0.1956, 3.0, 0.2, 3.0, 5.2146)  # a, k, x₀, x₁, C̄ of liquid argon, same
SLOWEST, LOG_SLOWEST, DECADES, PER_DECADE = 1e-3, log(1e-3), 8, 100  # the grid of energies: MeV
PER_LOG = PER_DECADE / log(10)
FINER = 4  # steps in which ranges are summed up, per step of the grid
TABLE_ENDS = 700.0  # MeV, below the density effect of protons, which NIST's table leaves out

X_0 = 2 * ELECTRON_MASS * MUON_MASS / (MUON_MASS**2 + ELECTRON_MASS**2)  # m_e over the next
MICHEL_END = ELECTRON_MASS / X_0  # (m_μ² + m_e²)/2m_μ = 52.83 MeV, an electron's largest energy
KICK = (CHARGED_PION_MASS - MUON_MASS) ** 2 / (2 * CHARGED_PION_MASS)  # 4.12 MeV, of μ from π


class Fates(NamedTuple):
    """How tracks step and how they end."""

    share: Given[float, "", "our choice: of its range that a particle goes in a step"] = 0.15
    last: Given[float, "cm", "our choice: with less range left it stops in one step"] = 0.02
    muon_life: Given[float, "µs", "PDG 2024; of μ⁺, and of μ⁻ far from nuclei"] = 2.1969811
    bound_life: Given[float, "µs", "of μ⁻ in argon, Suzuki et al., PRC 35 (1987) 2212"] = 0.537
    pion_life: Given[float, "µs", "PDG 2024"] = 0.026033
    pion_length: Given[float, "g/cm²", "PDG 2024: argon, pion interaction length"] = 149.0
    proton_length: Given[float, "g/cm²", "PDG 2024: argon, nuclear interaction length"] = 119.7


FATES = Fates()


class Slowing(NamedTuple):
    """What the kernels know of a liquid; from `slowing`."""

    table: np.ndarray  # (3, rows, 2): stopping power [MeV/cm] and range [cm] of μ, π and p
    thick: float  # MeV/cm, Landau's ξ per cm of the way, times β²
    radiation: float  # cm, radiation length


def density_effect(beta_gamma):
    """Return Sternheimer's δ of liquid argon; PDG 2024, Eq. 34.7, for an insulator.

    Parameters
    ----------
    beta_gamma : ndarray
        Momentum over mass, > 0.
    """
    if not np.all(beta_gamma > 0):  # refuses NaN too
        raise ValueError(f"βγ from {np.min(beta_gamma):g} on; wanted numbers > 0")
    a, k, low, high, c = STERNHEIMER
    x = np.log10(beta_gamma)
    bent = 2 * np.log(10) * x - c + a * np.maximum(high - x, 0) ** k
    return np.where(x < low, 0.0, bent)


def _largest(gamma, mass):
    """Largest energy that an electron at rest can be given; PDG 2024, Eq. 34.4."""
    ratio = ELECTRON_MASS / mass
    return 2 * ELECTRON_MASS * (gamma - 1) * (gamma + 1) / (1 + 2 * gamma * ratio + ratio**2)


def _bethe(gamma, mass):
    """Mean loss [MeV cm²/g] of Bethe, PDG 2024, Eq. 34.5, without shell corrections."""
    square = (gamma - 1) * (gamma + 1)  # (βγ)²
    beta2 = square / gamma**2
    logs = np.log(2 * ELECTRON_MASS * square * _largest(gamma, mass) / EXCITATION**2) / 2
    scale = COLLISIONS * ARGON_CHARGE / ARGON_MOLAR_MASS / beta2
    return scale * (logs - beta2 - density_effect(np.sqrt(square)) / 2)


def _loss(kinetic, mass):
    """Mean loss [MeV cm²/g]: NIST's protons of the same speed, or Bethe's formula."""
    table = tables.read("argon_protons.csv")
    gamma = 1 + kinetic / mass
    beta2 = (gamma - 1) * (gamma + 1) / gamma**2
    proton = (gamma - 1) * PROTON_MASS
    known = np.exp(np.interp(np.log(proton), np.log(table["energy"]), np.log(table["stopping"])))
    of_mass = np.log(_largest(gamma, mass) / _largest(gamma, PROTON_MASS)) / 2
    known = known + COLLISIONS * ARGON_CHARGE / ARGON_MOLAR_MASS / beta2 * of_mass
    fast = np.maximum(gamma, 1 + TABLE_ENDS / PROTON_MASS)  # Bethe's formula fails for slow ones
    return np.where(proton <= TABLE_ENDS, known, _bethe(fast, mass))


@lru_cache
def slowing(detector=MICROBOONE):
    """Return what the kernels know of a detector's liquid, a `Slowing`."""
    rows = DECADES * PER_DECADE * FINER + 1
    grid = SLOWEST * 10 ** (np.arange(rows) / (PER_DECADE * FINER))
    table = np.empty((3, rows, 2))
    for sort, mass in enumerate(MASSES):
        loss = _loss(grid, mass) * detector.density
        way = grid / loss  # dR/d log T
        start = 2 * way[0]  # at lowest energies the loss goes with the speed
        parts = (way[1:] + way[:-1]) / 2 * np.diff(np.log(grid))
        table[sort] = np.column_stack([loss, np.cumsum(np.concatenate([[start], parts]))])
    thick = COLLISIONS / 2 * ARGON_CHARGE / ARGON_MOLAR_MASS * detector.density
    return Slowing(np.ascontiguousarray(table[:, ::FINER]), thick,
                   RADIATION_LENGTH / detector.density)


def _look(pdg, kinetic, column, detector):
    """Interpolate a column of the table of one particle."""
    if abs(pdg) not in SORTS:
        raise ValueError(f"no track of PDG {pdg}; wanted one of {', '.join(map(str, SORTS))}")
    kinetic = np.asarray(kinetic, dtype=np.float64)
    fastest = SLOWEST * 10.0**DECADES
    if not ((kinetic >= SLOWEST) & (kinetic <= fastest)).all():  # refuses NaN too
        raise ValueError(f"kinetic energies from {kinetic.min():g} to {kinetic.max():g} MeV; "
                         f"wanted {SLOWEST:g} to {fastest:g}")
    rows = slowing(detector).table[SORTS[abs(pdg)]]
    grid = LOG_SLOWEST + np.arange(len(rows)) / PER_LOG
    return np.interp(np.log(kinetic), grid, rows[:, column])


def stopping_power(pdg, kinetic, *, detector=MICROBOONE):
    """Return the mean loss to electrons [MeV/cm].

    Parameters
    ----------
    pdg : int
        13 for muons, 211 for pions, 2212 for protons; a minus changes nothing.
    kinetic : array-like (...)
        Kinetic energies [MeV], from 10⁻³ to 10⁵; others are refused with a ValueError.
    detector : Detector
        Its density counts.

    Returns
    -------
    ndarray (...)
    """
    return _look(pdg, kinetic, 0, detector)


def csda_range(pdg, kinetic, *, detector=MICROBOONE):
    """Return the way [cm] on which a particle would stop that always loses the mean.

    Arguments are those of `stopping_power`.
    """
    return _look(pdg, kinetic, 1, detector)


def michel(energy):
    """Return the spectrum of electrons from muons at rest [1/MeV], ndarray of the shape of energy.

    Parameters
    ----------
    energy : array-like (...)
        Kinetic energies of the electron [MeV]; outside its limits the spectrum is 0.
    """
    x = (np.asarray(energy, dtype=np.float64) + ELECTRON_MASS) / MICHEL_END
    inside = np.clip(x, X_0, 1)
    shape = np.sqrt(inside**2 - X_0**2) * (inside / 2 - inside**2 / 3 - X_0**2 / 6)
    # ∫ shape dx = 1/12 (1 − 8r + 8r³ − r⁴ − 12 r² log r) / (1 + r)⁴ with r = (m_e/m_μ)²
    r = (ELECTRON_MASS / MUON_MASS) ** 2
    norm = (1 - 8 * r + 8 * r**3 - r**4 - 12 * r * r * log(r)) / (12 * (1 + r) ** 4)
    return np.where((x >= X_0) & (x <= 1), shape / (norm * MICHEL_END), 0.0)


@njit
def _michel(state):
    """Kinetic energy of an electron from a muon at rest [MeV].

    PDG 2024, "Muon decay parameters", Eq. 57.1 with ρ = 3/4, η = 0, unpolarised: at most 1/6.
    """
    while True:
        state, u = _next(state)
        state, v = _next(state)
        x = X_0 + u * (1 - X_0)
        if v < 6 * sqrt(x * x - X_0 * X_0) * (x / 2 - x * x / 3 - X_0 * X_0 / 6):
            return state, x * MICHEL_END - ELECTRON_MASS


@njit
def _slowing(table, sort, kinetic):
    """Mean loss [MeV/cm] and range [cm] of a particle."""
    rows = table[sort]
    place = max(0.0, (log(kinetic) - LOG_SLOWEST) * PER_LOG)
    k = min(int(place), len(rows) - 2)
    part = place - k
    return (rows[k, 0] + part * (rows[k + 1, 0] - rows[k, 0]),
            rows[k, 1] + part * (rows[k + 1, 1] - rows[k, 1]))


@njit
def _go(mover, way, mass):
    """Move on by a way [cm]; the clock goes on with the speed of the present energy."""
    kinetic = mover[6]
    for axis in range(3):
        mover[axis] += way * mover[3 + axis]
    slowness = (kinetic + mass) / sqrt(kinetic * (kinetic + 2 * mass))  # 1/β
    mover[7] += way * slowness / SPEED_OF_LIGHT


@within
def _collide(state, mover, mass, mean, xi, stack, out, n, tally, world, argon, papers, particle):
    """Take what a step costs; return what stays where the mover is, and what fast electrons take.

    Collisions above `Steps.single` come one by one. Their spectrum is ξ/T² (1 − β² T/T_max), PDG
    2024, Eq. 34.8 for spin 0: the bracket takes some of those of ξ/T² away. The others are many,
    and together a Gaussian. `mean` is the loss to all of them.
    """
    gamma, ratio = 1 + mover[6] / mass, ELECTRON_MASS / mass
    square = (gamma - 1) * (gamma + 1)
    most = 2 * ELECTRON_MASS * square / (1 + 2 * gamma * ratio + ratio**2)  # PDG 2024, Eq. 34.4
    beta2, low, taken = square / gamma**2, min(papers.single, most), 0.0
    state, normal = _normal(state)
    loss = mean - xi * (log(most / low) - beta2 * (1 - low / most))
    loss = max(0.0, loss + normal * sqrt(xi * low * (1 - beta2 * low / most / 2)))
    expected, way = xi * (1 / low - 1 / most), 0.0
    while True:
        state, u = _next(state)
        way -= log(1 - u)  # gaps between the collisions of a Poisson process are exponential
        if way >= expected or n < 0:
            return state, n, loss, taken
        state, u = _next(state)
        state, v = _next(state)
        one = low / (1 - u * (1 - low / most))  # ∫ T⁻² dT inverted
        if v >= 1 - beta2 * one / most:
            continue
        if one < papers.knock:
            loss += one
        elif taken + one < mover[6]:
            taken += one
            state, n = _knock(state, mover, gamma * mass, one, stack, out, n, tally, world, argon,
                              papers, particle)


@within
def _knock(state, mover, energy, kinetic, stack, out, n, tally, world, argon, papers, particle):
    """Let an electron fly that was at rest; energy and momentum tell its angle to the mover."""
    momentum = sqrt(mover[6] * (2 * energy - mover[6]))  # p² = T (2E − T)
    cosine = kinetic * (energy + ELECTRON_MASS) / (
        momentum * sqrt(kinetic * (kinetic + 2 * ELECTRON_MASS)))
    cosine = min(1.0, cosine)
    state, cos_phi, sin_phi = _azimuth(state)
    way = _turn(mover[3], mover[4], mover[5], cosine, sqrt(1 - cosine * cosine), cos_phi, sin_phi)
    top = _put(stack, ELECTRON, mover, way, kinetic)
    return _cascade(state, stack, top, out, n, tally, world, argon, papers, particle)


@njit
def _put(stack, kind, mover, way, kinetic):
    """Lay a photon, electron or positron on an empty stack, where the mover is; return its top."""
    first = stack[0]
    first[0], first[1], first[2], first[3] = kind, mover[0], mover[1], mover[2]
    first[4], first[5], first[6] = way
    first[7], first[8] = kinetic, mover[7]
    return np.int64(1)


@within
def _step(state, sort, mover, length, rate, stack, out, n, tally, world, argon, papers, liquid,
          particle):
    """Go one step: half the way, lose energy and be deflected, then the other half."""
    mass, kinetic = MASSES[sort], mover[6]
    middle = max(kinetic - length * rate / 2, kinetic / 10)
    rate, _ = _slowing(liquid.table, sort, middle)
    mover[6], gamma = middle, 1 + middle / mass
    square = (gamma - 1) * (gamma + 1)
    _go(mover, length / 2, mass)
    state, n, loss, taken = _collide(
        state, mover, mass, length * rate, liquid.thick * length * gamma**2 / square, stack, out,
        n, tally, world, argon, papers, particle)
    if n < 0:
        return state, n
    loss = min(loss, kinetic - taken)
    n = _deposit(out, n, tally, world, mover[0], mover[1], mover[2], loss, length, mover[7],
                 particle)
    # Highland, PDG 2024, Eq. 34.16 without its logarithm, so that steps add up
    width = papers.highland * gamma / (mass * square) * sqrt(length / liquid.radiation)
    state, way = _scatter(state, mover[3], mover[4], mover[5], width)
    mover[3], mover[4], mover[5] = way
    _go(mover, length / 2, mass)
    mover[6] = kinetic - taken - loss
    return state, n


@within
def _follow(state, sort, mover, free, stack, out, n, tally, world, argon, papers, liquid, fates,
            particle):
    """Follow a track until it stops, leaves the argon or has gone its free way; say which."""
    while True:
        kinetic = mover[6]
        if kinetic <= 0:
            return state, n, STOPPED
        rate, reach = _slowing(liquid.table, sort, kinetic)
        if reach <= fates.last:
            reach *= min(1.0, kinetic / SLOWEST)  # below the table: else a rest would crawl for µs
            _go(mover, reach / 2, MASSES[sort])
            n = _deposit(out, n, tally, world, mover[0], mover[1], mover[2], kinetic, reach,
                         mover[7], particle)
            _go(mover, reach / 2, MASSES[sort])
            mover[6] = 0.0
            return state, n, STOPPED if _within(world, mover[0], mover[1], mover[2]) else LEFT
        length = min(papers.step, fates.share * reach, free)
        state, n = _step(state, sort, mover, length, rate, stack, out, n, tally, world, argon,
                         papers, liquid, particle)
        free -= length
        if n < 0:  # the stack of a cascade was full
            return state, n, STOPPED
        if not _within(world, mover[0], mover[1], mover[2]):
            return state, n, LEFT
        if free <= 0:
            return state, n, STRUCK


@within
def _stop_muon(state, charge, mover, stack, out, n, tally, world, argon, papers, fates, particle):
    """A muon at rest: its electron, with the time it takes, or its capture."""
    life = fates.muon_life
    if charge < 0:
        life = fates.bound_life
        state, u = _next(state)
        if u >= life / fates.muon_life:  # decays go on as in free muons; the rest are captures
            tally[2] += MUON_MASS - ELECTRON_MASS
            return state, n
    state, u = _next(state)
    mover[7] += life * _life(u)
    state, electron = _michel(state)
    state, way = _direction(state)
    tally[2] += MUON_MASS - ELECTRON_MASS - electron  # two neutrinos
    top = _put(stack, charge, mover, way, electron)
    return _cascade(state, stack, top, out, n, tally, world, argon, papers, particle)


@within
def _track(state, sort, charge, mover, stack, out, n, tally, world, argon, papers, liquid, fates,
           particle):
    """Follow a μ, π or p and all that comes of it.

    ``mover`` (8,) is its place, direction, kinetic energy and time, and is written over.
    """
    while True:
        lengths = (np.inf, fates.pion_length, fates.proton_length)
        state, u = _next(state)
        free = _life(u) * lengths[sort] * liquid.radiation / RADIATION_LENGTH
        state, n, fate = _follow(state, sort, mover, free, stack, out, n, tally, world, argon,
                                 papers, liquid, fates, particle)
        if n < 0:
            return state, n
        rest = 0.0 if sort == PROTON else MASSES[sort] + charge * ELECTRON_MASS
        if fate != STOPPED:
            tally[1 if fate == LEFT else 2] += mover[6] + rest
            return state, n
        if sort == MUON:
            return _stop_muon(state, charge, mover, stack, out, n, tally, world, argon, papers,
                              fates, particle)
        if sort == PROTON or charge < 0:
            tally[2] += rest  # a π⁻ is caught by a nucleus
            return state, n
        state, u = _next(state)
        mover[7] += fates.pion_life * _life(u)
        state, way = _direction(state)
        mover[3], mover[4], mover[5] = way
        mover[6], sort = KICK, MUON
        tally[2] += CHARGED_PION_MASS - MUON_MASS - KICK  # its neutrino
