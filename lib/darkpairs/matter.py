"""Argon as electrons, positrons and photons meet it: what it takes from them, and how often.

In: energies, a `Detector` for its density, `Steps` for where small losses end and single ones
begin. Out: free paths, stopping powers, ranges; the table that the kernels of `shower` read.
Chapter: shower.

Losses come in two kinds. Many small ones flow, as MeV per cm; rare large ones are collisions and
photons of their own, as so many per cm. Where one kind ends and the other begins is a choice, and
both together are the whole stopping power whatever the choice.

Laws: cross sections and stopping powers of NIST; flowing and single losses sum to the stopping
power; radiation has the shape of Bethe and Heitler with screening, collisions those of Møller and
Bhabha; slow electrons are deflected as often as by all single atoms.
"""

from functools import lru_cache
from math import log, pi, sqrt
from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs import tables
from darkpairs._jit import apart, njit, within
from darkpairs.constants import (
    ALPHA,
    ARGON_MOLAR_MASS,
    ELECTRON_MASS,
    HBARC,
    SPEED_OF_LIGHT,
)
from darkpairs.detector import MICROBOONE

ARGON_CHARGE = 18.0
RADIATION_LENGTH = 19.55  # g/cm², PDG 2024, "Atomic and nuclear properties": argon
MOLIERE_RADIUS = 12.62  # g/cm², same
CRITICAL_ENERGY = 32.84  # MeV, for electrons in the liquid, same
ATOM = 0.885 * HBARC / (ALPHA * ELECTRON_MASS) * ARGON_CHARGE ** (-1 / 3)  # cm, Molière 1947
COLLISIONS = 0.307075  # K = 4π N_A r_e² m_e c² [MeV cm²/mol], PDG 2024, Table 34.1

LOG_TEN = log(10)
NODES = 128  # of Gauss's integrals; the losses then sum up to a few parts in 10⁵
LOWEST, DECADES, PER_DECADE = 0.01, 6, 100  # the kernels' grid of energies: MeV, to 10 GeV
(FLOW_ELECTRON, FLOW_POSITRON, OFTEN_ELECTRON, OFTEN_POSITRON, RADIATES, ANNIHILATES, STRAGGLES,
 BENDS, SLOW, RANGE, MEETS, COMPTON, PAIR) = range(13)  # the columns of `argon`


class Steps(NamedTuple):
    """How the chamber walks: lengths of steps, and energies where one treatment ends."""

    step: Given[float, "cm", "our choice: the distance of the wires"] = 0.3
    share: Given[float, "", "our choice: of its energy that a particle may lose in a step"] = 0.25
    photon: Given[float, "MeV", "our choice: absorbed where it is; 1 mm of free path"] = 0.02
    electron: Given[float, "MeV", "our choice: stops where it is; 1.8 mm of range"] = 0.5
    knock: Given[float, "MeV", "our choice: electrons knocked on with more fly by themselves"] = 1.0
    radiate: Given[float, "MeV", "our choice: photons with more are radiated one by one"] = 0.05
    single: Given[float, "MeV", "our choice: collisions with less are one Gaussian"] = 0.015
    highland: Given[float, "MeV", "PDG 2024, Eq. 34.16, its logarithm left out"] = 13.6


STEPS = Steps()


@lru_cache
def _nist():
    """Return the tables of NIST on the grid: compton, photoelectric, pair, collision, radiative.

    Between their points, powers of the energy; for pairs, which have a threshold, straight lines.
    """
    grid, columns = energies(), []
    for name in ("argon_photons.csv", "argon_electrons.csv"):
        table = tables.read(name)
        x = np.log(table["energy"])
        for key, values in list(table.columns.items())[1:]:
            if key == "pair":
                columns.append(np.interp(np.log(grid), x, values))
            else:
                columns.append(np.exp(np.interp(np.log(grid), x, np.log(values))))
    return np.array(columns)


def energies():
    """Return the energies at which the kernels know argon, ndarray (601,) [MeV], rising."""
    return LOWEST * 10 ** (np.arange(DECADES * PER_DECADE + 1) / PER_DECADE)


def _look(energy, columns):
    """Interpolate columns (k, grid) at energies, after a check of their range."""
    energy = np.asarray(energy, dtype=np.float64)
    low, high = LOWEST, LOWEST * 10.0**DECADES
    if not ((energy >= low) & (energy <= high)).all():  # refuses NaN too
        raise ValueError(f"energies from {energy.min():g} to {energy.max():g} MeV; wanted "
                         f"{low:g} to {high:g}")
    x = np.log(energies())
    return np.array([np.interp(np.log(energy), x, column) for column in columns])


def photon_rates(energy, *, detector=MICROBOONE):
    """Return how often photons meet argon.

    Parameters
    ----------
    energy : array-like (...)
        Of the photons [MeV], from 0.01 to 10⁴; others are refused with a ValueError.
    detector : Detector
        Its density counts.

    Returns
    -------
    compton, photoelectric, pair : ndarray (...)
        Meetings per way [1/cm], from NIST's XCOM; coherent scattering is left out.
    """
    return tuple(_look(energy, _nist()[:3]) * detector.density)


def photon_free_path(energy, *, detector=MICROBOONE):
    """Return the mean way [cm] to a photon's first meeting of any kind; see `photon_rates`."""
    return 1 / sum(photon_rates(energy, detector=detector))


def stopping_power(energy, *, detector=MICROBOONE):
    """Return what electrons lose on their way.

    Parameters
    ----------
    energy : array-like (...)
        Kinetic [MeV], from 0.01 to 10⁴; others are refused with a ValueError.
    detector : Detector
        Its density counts.

    Returns
    -------
    collision, radiative : ndarray (...)
        Mean losses [MeV/cm], from NIST's ESTAR.
    """
    return tuple(_look(energy, _nist()[3:]) * detector.density)


def electron_range(energy, *, detector=MICROBOONE):
    """Return the way [cm] on which electrons would stop if all of them lost the mean."""
    return _look(energy, [_ranges() / detector.density])[0]


@lru_cache
def _ranges():
    """Sum up dT/S from the lowest energy, where the range is T/2S [g/cm²] as in NIST's own."""
    grid, slow = energies(), 1 / (_nist()[3] + _nist()[4])
    parts = (slow * grid)[1:] + (slow * grid)[:-1]
    ways = np.cumsum(np.concatenate([[slow[0] * grid[0] * LOWEST_RANGE], parts * np.diff(
        np.log(grid)) / 2]))
    return ways


LOWEST_RANGE = 0.5873  # R S/T at 10 keV, from ESTAR's stopping powers down to 1 keV


@njit
def _screen(delta):
    """Screening functions φ₁ and φ₂ less 4/3 log Z, not below 0.

    Butcher and Messel, Nucl. Phys. 20 (1960) 15; as in EGS4, SLAC-265, Eq. 2.7.
    """
    if delta <= 1:
        first = 20.867 - delta * (3.242 - 0.625 * delta)
        second = 20.209 - delta * (1.930 + 0.086 * delta)
    else:
        first = second = 21.12 - 4.184 * log(delta + 0.952)
    atom = 4 / 3 * log(ARGON_CHARGE)
    return max(0.0, first - atom), max(0.0, second - atom)


@apart
def _radiation(energy, k):
    """Shape of k dσ/dk for an electron of this total energy and a photon k, in any units.

    Bethe and Heitler with screening; Tsai, Rev. Mod. Phys. 46 (1974) 815, Eq. 3.83 without the
    Coulomb correction. Screened fully it is 4/3 − 4/3 y + y² with y = k/E.
    """
    left = energy - k
    if left <= ELECTRON_MASS:
        return 0.0
    first, second = _screen(136 * ELECTRON_MASS * ARGON_CHARGE ** (-1 / 3) * k / (energy * left))
    y = left / energy
    return (1 + y * y) * first - 2 / 3 * y * second


@njit
def _moller(gamma, part):
    """Shape of dσ/dε, times ε², for the part ε of its kinetic energy that an electron gives.

    Møller 1932; ICRU Report 37, Eq. 2.4. The faster one afterwards is the first: ε ≤ 1/2.
    """
    one, rest = 1 / gamma**2, 1 - part
    mixed = (2 * gamma - 1) * one
    return 1 + part * part * ((gamma - 1) ** 2 * one + 1 / rest**2) - mixed * part / rest


@njit
def _bhabha(gamma, part):
    """Shape of dσ/dε, times ε², for the part ε that a positron gives: Bhabha 1936; ICRU 37, 2.5."""
    square, y = 1 - 1 / gamma**2, 1 / (gamma + 1)
    z = 1 - 2 * y
    b1, b2, b3, b4 = 2 - y * y, z * (3 + y * y), z * z + z**3, z**3
    return 1 - square * part * (b1 - part * (b2 - part * (b3 - part * b4)))


@njit
def _heitler(gamma, part):
    """Shape of dσ/dε, times ε, for the part ε of all energy that one of two photons takes.

    Heitler, The Quantum Theory of Radiation, 1954, § 27, for a positron on an electron at rest.
    """
    return 1 - part + (2 * gamma - 1 / part) / (gamma + 1) ** 2


@njit
def _shape(kind, kinetic, x):
    """One of the four laws at x, a photon's energy or a part: 0 radiation, 1 Møller, 2 Bhabha."""
    if kind == 0:
        return _radiation(kinetic + ELECTRON_MASS, x)
    gamma = 1 + kinetic / ELECTRON_MASS
    if kind == 1:
        return _moller(gamma, x)
    return _bhabha(gamma, x) if kind == 2 else _heitler(gamma, x)


@apart
def _integrals(kind, grid, low, high, power, nodes, weights):
    """Integrate a law times x^power from low to high for each energy, in log x, by Gauss."""
    sums = np.zeros(len(grid))
    for i in range(len(grid)):
        if low[i] >= high[i]:
            continue
        half = log(high[i] / low[i]) / 2
        for j in range(len(nodes)):
            x = sqrt(low[i] * high[i]) * np.exp(half * nodes[j])
            sums[i] += weights[j] * half * x ** (power + 1) * _shape(kind, grid[i], x)
    return sums


def _integral(kind, low, high, power):
    """Do so on the grid of energies; limits may be numbers."""
    grid, (nodes, weights) = energies(), np.polynomial.legendre.leggauss(NODES)
    return _integrals(kind, grid, np.broadcast_to(low, grid.shape) + 0.0,
                      np.broadcast_to(high, grid.shape) + 0.0, power, nodes, weights)


def positron_excess():
    """Return what positrons lose in collisions beyond electrons, in units of ξ per way.

    The two functions F of Berger and Seltzer, NASA SP-3012; PDG 2024, Eqs. 34.22 and 34.24.
    """
    tau = energies() / ELECTRON_MASS
    square = tau * (tau + 2) / (tau + 1) ** 2  # β²
    far = 1 / (tau + 2)
    electron = (1 - square) * (1 + tau**2 / 8 - (2 * tau + 1) * log(2))
    positron = 2 * log(2) - square / 12 * (23 + far * (14 + far * (10 + far * 4)))
    return positron - electron


def argon(*, detector=MICROBOONE, steps=STEPS):
    """Return what the kernels read, one row for each of `energies`, ndarray (601, 13).

    Columns: flowing loss of e⁻ and of e⁺ [MeV/cm]; how often something single happens to e⁻ and to
    e⁺, how often that is radiation, and how often annihilation [1/cm]; ξ of straggling [MeV/cm];
    square of the deflection [rad²/cm]; time [µs/cm]; range [cm]; how often photons meet anything,
    meet an electron (Compton), or turn into a pair [1/cm].

    Parameters
    ----------
    detector : Detector
        Its density counts.
    steps : Steps
        Where losses stop flowing, and the width of scattering; all > 0 and a share ≤ 1, or it is
        refused with a ValueError, as are particles followed below 0.01 MeV.
    """
    followed = min(steps.electron, steps.photon) >= LOWEST
    if not (followed and all(x > 0 for x in steps) and steps.share <= 1):  # refuses NaN too
        raise ValueError(f"{steps}; wanted all > 0, share ≤ 1, electron and photon ≥ {LOWEST}")
    return _argon(detector.density, steps).copy()


@lru_cache(maxsize=8)
def _argon(density, steps):
    grid = energies()
    compton, photo, pair, collision, radiative = _nist() * density
    gamma = 1 + grid / ELECTRON_MASS
    square = (1 - 1 / gamma) * (1 + 1 / gamma)  # β²
    xi = COLLISIONS / 2 * ARGON_CHARGE / ARGON_MOLAR_MASS * density / square
    strength = radiative / _integral(0, 1e-6 * grid, grid, 0)
    radiates = strength * _integral(0, steps.radiate, grid, -1)
    flow = collision + strength * _integral(0, 1e-6 * grid, np.minimum(grid, steps.radiate), 0)
    knock = steps.knock / grid
    table = np.empty((len(grid), 13))
    table[:, FLOW_ELECTRON] = flow - xi * _integral(1, knock, 0.5, -1)
    table[:, FLOW_POSITRON] = flow + xi * (positron_excess() - _integral(2, knock, 1.0, -1))
    table[:, OFTEN_ELECTRON] = radiates + xi / grid * _integral(1, knock, 0.5, -2)
    table[:, RADIATES], table[:, ANNIHILATES] = radiates, _annihilates(gamma, xi * square)
    table[:, OFTEN_POSITRON] = (radiates + xi / grid * _integral(2, knock, 1.0, -2)
                                + table[:, ANNIHILATES])
    table[:, STRAGGLES] = xi
    bends = (steps.highland / (grid * (1 + 1 / gamma))) ** 2 * density / RADIATION_LENGTH
    table[:, BENDS] = np.minimum(bends, _bends(gamma, np.sqrt(square), xi))
    table[:, SLOW] = 1 / (np.sqrt(square) * SPEED_OF_LIGHT)
    table[:, RANGE] = _ranges() / density
    table[:, MEETS], table[:, COMPTON], table[:, PAIR] = compton + photo + pair, compton, pair
    return table


def _bends(gamma, beta, xi):
    """Mean of 1 − cos θ per way [1/cm], of all single deflections by nuclei and electrons.

    Rutherford's law, screened as in Molière, Z. Naturforsch. 2a (1947) 133, and with the spin of
    the electron, McKinley and Feshbach, Phys. Rev. 74 (1948) 1759. Highland's formula is a fit to
    the middle of what many of them leave together; below 12 MeV it is wider than even their mean,
    at 1 MeV by a half.
    """
    momentum = beta * gamma * ELECTRON_MASS
    charge = ALPHA * ARGON_CHARGE / beta
    screen = (HBARC / (2 * momentum * ATOM)) ** 2 * (1.13 + 3.76 * charge**2)  # sin² of θ/2
    often = xi * (ARGON_CHARGE + 1) * ELECTRON_MASS / momentum**2 / 2  # π n Z(Z + 1) (αħ/pβ)²
    spin = beta**2 * (1 - pi * charge)
    return 2 * often * (np.log(1 + 1 / screen) - 1 / (1 + screen) - spin)


def _annihilates(gamma, size):
    """How often positrons annihilate in flight [1/cm]; the size is 2π r_e² m_e n_e [MeV/cm]."""
    root = 0.5 * np.sqrt((gamma - 1) / (gamma + 1))
    return size / 2 / ELECTRON_MASS / (gamma - 1) * _integral(3, 0.5 - root, 0.5 + root, -1)


@within
def _place(argon, energy):
    """Row of the table below an energy, and how far the energy is on the way to the next one."""
    at = PER_DECADE / LOG_TEN * log(max(energy, LOWEST) / LOWEST)
    row = min(int(at), len(argon) - 2)
    return row, min(at - row, 1.0)


@within
def _at(argon, row, part, column):
    """Return one column between two rows."""
    low = argon[row, column]
    return low + part * (argon[row + 1, column] - low)
