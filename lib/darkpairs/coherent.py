"""A π⁰ from the whole nucleus, which stays as it is: the model of Berger and Sehgal.

In: a paper (`Coherent`), energies, Q², y and t. Out: cross sections. Chapter: background.

At small Q² the axial current acts as a pion (Adler's theorem). So a neutrino makes a π⁰ on a
nucleus as often as a pion would scatter on it elastically, and that has been measured on carbon.
From carbon to argon, Berger and Sehgal (Phys. Rev. D 79 (2009) 053003) scale with powers of A.

Laws: t falls as an exponential; the limits of t are those of two bodies; the recoil carries t/2M;
neutrinos and antineutrinos do the same; at Q² = 0 what is left is a pion's elastic scattering.
"""

from math import exp, pi
from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs._jit import njit
from darkpairs.constants import FERMI_CONSTANT, NEUTRAL_PION_MASS
from darkpairs.nucleus import nucleus

TARGET = nucleus("Ar40").mass  # MeV
MILLIBARN = 1e-27  # cm²
# Elastic scattering of pions on carbon, dσ/dt = A₁ e^(−b₁t): kinetic energy [MeV], A₁ [mb/GeV²] and
# b₁ [1/GeV²], Table I of Phys. Rev. D 79 (2009) 053003. The first and last rows are our choice.
CARBON = ((0.0, 76.0, 80.0, 100.0, 148.0, 162.0, 226.0, 486.0, 584.0, 662.0, 766.0, 870.0, 1e6),
          (0.0, 11600.0, 14700.0, 18300.0, 21300.0, 22400.0, 16400.0, 5730.0, 4610.0, 4570.0,
           4930.0, 5140.0, 5140.0),
          (116.0, 116.0, 109.0, 89.8, 91.0, 89.2, 80.8, 54.6, 55.2, 58.4, 60.5, 62.2, 62.2))


class Coherent(NamedTuple):
    """What the model takes for granted."""

    axial: Given[float, "MeV", "axial mass, Rein and Sehgal 1983", 50.0] = 1000.0
    decay: Given[float, "MeV", "pion decay constant, PDG 2024", 0.0] = 130.2
    nucleons: Given[float, "", "argon", 0.0] = 40.0
    heights: Given[float, "", "A₁ goes as this power of A, Berger and Sehgal", 0.0] = 4 / 3
    slopes: Given[float, "", "b₁ goes as this power of A, same", 0.0] = 2 / 3
    scale: Given[float, "", "our choice, of the cross section: models differ by that", 0.3] = 1.0


COHERENT = Coherent()


@njit
def _elastic(kinetic, paper):
    """Height [cm²/MeV²] and slope [1/MeV²] of dσ/dt of a pion on the nucleus."""
    k = 1
    while k < len(CARBON[0]) - 1 and kinetic > CARBON[0][k]:
        k += 1
    share = (kinetic - CARBON[0][k - 1]) / (CARBON[0][k] - CARBON[0][k - 1])
    height = CARBON[1][k - 1] + share * (CARBON[1][k] - CARBON[1][k - 1])
    slope = CARBON[2][k - 1] + share * (CARBON[2][k] - CARBON[2][k - 1])
    grown = paper.nucleons / 12
    return height * grown**paper.heights * MILLIBARN * 1e-6, slope * grown**paper.slopes * 1e-6


@njit
def _front(paper, energy, q2, y):
    """d²σ/dQ² dy over the pion's dσ/dt [dimensionless per MeV² …], Berger and Sehgal's Eq. (7)."""
    size = (y * y * energy * energy + q2) ** 0.5
    uv = 1 - y - q2 / (4 * energy * energy)
    if uv <= 0:
        return 0.0
    form = 1 / (1 + q2 / paper.axial**2)
    return (paper.scale * (FERMI_CONSTANT * paper.decay) ** 2 / (4 * pi * pi)
            * energy * uv / size * form * form)


@njit
def _cosine(loss, q2, t):
    """Energy of the pion, its momentum, and the cosine of its angle to the current."""
    e = loss - t / (2 * TARGET)
    p2 = e * e - NEUTRAL_PION_MASS**2
    if p2 <= 0:
        return e, 0.0, 2.0
    p = p2**0.5
    size = (loss * loss + q2) ** 0.5
    return e, p, (q2 - NEUTRAL_PION_MASS**2 + 2 * loss * e - t) / (2 * size * p)


@njit
def _nearest(loss, q2):
    """Smallest t if the nucleus took no energy: (|q| − p)², without the difference."""
    p2 = loss * loss - NEUTRAL_PION_MASS**2
    if p2 <= 0:
        return 0.0
    return ((q2 + NEUTRAL_PION_MASS**2) / ((loss * loss + q2) ** 0.5 + p2**0.5)) ** 2


def differential(energy, q2, y, t, *, paper=COHERENT):
    """Return d³σ/dQ² dy dt per nucleus of argon.

    Parameters
    ----------
    energy, q2, y, t : array-like
        Neutrino energy [MeV], Q² [MeV²], share of the energy that goes to pion and nucleus, and
        the squared momentum that the nucleus takes [MeV²]; they broadcast.
    paper : Coherent
        Its numbers.

    Returns
    -------
    ndarray
        [cm²/MeV⁴]; zero where energy and momentum cannot be kept.
    """
    arrays = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (energy, q2, y, t)))
    result = [_whole(paper, *row) for row in zip(*(a.flat for a in arrays), strict=True)]
    return np.array(result).reshape(arrays[0].shape)


def _whole(paper, energy, q2, y, t):
    """Return the law at one point, zero where it is none."""
    _, _, cosine = _cosine(y * energy, q2, t)
    if not -1 <= cosine <= 1 or not 0 < y < 1 or q2 < 0:
        return 0.0
    height, slope = _elastic(y * energy - NEUTRAL_PION_MASS, paper)
    return _front(paper, energy, q2, y) * height * exp(-slope * t)


def cross_section(energy, *, paper=COHERENT, nodes=80):
    """Return σ(ν A → ν A π⁰) per nucleus of argon at an energy [MeV], in cm², by quadrature."""
    if energy <= NEUTRAL_PION_MASS:
        return 0.0
    x, weight = np.polynomial.legendre.leggauss(nodes)
    x, weight = (1 + x) / 2, weight / 2
    lowest = NEUTRAL_PION_MASS / energy
    result = 0.0
    for y, share in zip(lowest + (1 - lowest) * x, weight * (1 - lowest), strict=True):
        loss = y * energy
        q2 = 4 * energy * energy * (1 - y) * x**4  # most of it lies near 0
        steps = weight * 16 * energy * energy * (1 - y) * x**3
        height, slope = _elastic(loss - NEUTRAL_PION_MASS, paper)
        for one, step in zip(q2, steps, strict=True):
            far = _nearest(loss, one)
            result += (share * step * _front(paper, energy, one, y) * height / slope
                       * exp(-slope * far))
    return float(result)
