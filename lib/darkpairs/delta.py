"""Δ(1232) made by a neutrino on a nucleon: the model of Rein and Sehgal.

In: a paper (`Delta`), energies, masses, Q². Out: cross sections. Chapter: background.

A nucleon is three quarks in an oscillator; the current turns one spin over. Each helicity of the
current then has one amplitude (Rein and Sehgal, Ann. Phys. 133 (1981) 79; with the constants of
later use). Other resonances and what is not resonant are left out, and so is the mass of the lepton
in the amplitudes; the limits of Q² know it.

Laws: the mass follows a Breit–Wigner with an integral of one; without weak mixing NC is CC, but for
V_ud; neutrinos and antineutrinos differ by the sign of one term; at Q² = 0 only the divergence of
the axial current is left, with the same size for both.
"""

from functools import lru_cache
from math import pi
from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs._jit import apart, njit
from darkpairs.constants import (
    CHARGED_PION_MASS,
    FERMI_CONSTANT,
    HBARC,
    NEUTRON_MASS,
    PROTON_MASS,
)
from darkpairs.kinematics import _massive_limits

NUCLEON = (PROTON_MASS + NEUTRON_MASS) / 2
LIGHTEST = NUCLEON + CHARGED_PION_MASS  # MeV, what a Δ has to weigh for a pion of any charge


class Delta(NamedTuple):
    """Mass, width and form factors of Δ(1232)."""

    mass: Given[float, "MeV", "PDG 2024", 2.0] = 1232.0
    width: Given[float, "MeV", "PDG 2024", 3.0] = 117.0
    top: Given[float, "MeV", "our choice, as NEUGEN: six widths above the mass", 0.0] = 1934.0
    axial: Given[float, "MeV", "axial dipole, Kuzmin et al., hep-ph/0606184", 30.0] = 1120.0
    vector: Given[float, "MeV", "vector dipole, Rein and Sehgal", 20.0] = 840.0
    zeta: Given[float, "", "Rein and Sehgal, their Z = 3/4", 0.0] = 0.75
    mixing: Given[float, "", "sin²θ_W at low energy, PDG 2024", 0.0] = 0.2386
    cabibbo: Given[float, "", "V_ud, PDG 2024", 0.0] = 0.97367
    scale: Given[float, "", "our choice, of its cross section: models differ so", 0.2] = 1.0
    photon: Given[float, "", "branching to Nγ, PDG 2024: 0.55 to 0.65 %", 0.0005] = 0.0060


DELTA = Delta()


@njit
def _breadth(w, paper):
    """Width at a mass w: the pion comes out with one unit of angular momentum, Γ₀(q/q₀)³."""
    return paper.width * (_break(w) / _break(paper.mass)) ** 3


@njit
def _break(w):
    """Momentum of pion and nucleon at rest of their sum."""
    above = (w * w - (NUCLEON + CHARGED_PION_MASS) ** 2) * (
        w * w - (NUCLEON - CHARGED_PION_MASS) ** 2)
    return max(above, 0.0) ** 0.5 / (2 * w)


@njit
def _peak(w, paper):
    """Breit–Wigner in w, not yet normalised [1/MeV]."""
    width = _breadth(w, paper)
    return width / (2 * pi) / ((w - paper.mass) ** 2 + 0.25 * width * width)


@lru_cache(maxsize=64)
def norm(paper=DELTA):
    """Return the integral of the Breit–Wigner over all masses, by Gauss and Legendre."""
    x, weight = np.polynomial.legendre.leggauss(200)
    half = (paper.top - LIGHTEST) / 2
    return float(sum(_peak(LIGHTEST + half * (1 + a), paper) * b * half
                     for a, b in zip(x.tolist(), weight.tolist(), strict=True)))


@apart
def _law(paper, norm, energy, w, q2, charged, anti):
    """d²σ/dW dQ² [cm²/MeV³] on a nucleon at rest whose Δ has the charge of the nucleon, or +1.

    Rein and Sehgal's Eqs. (2.16), (3.4) and Table II; Q is the momentum of the current.
    """
    loss = (w * w - NUCLEON * NUCLEON + q2) / (2 * NUCLEON)
    size2 = loss * loss + q2
    size = size2**0.5
    out = energy - loss
    if out <= 0:
        return 0.0
    u, v = (energy + out + size) / (2 * energy), (energy + out - size) / (2 * energy)
    growth = (1 + q2 / (4 * NUCLEON * NUCLEON)) ** 0.5
    vector = growth / (1 + q2 / paper.vector**2) ** 2
    axial = growth / (1 + q2 / paper.axial**2) ** 2
    turn = 2**0.5 * NUCLEON * size / w * (w + NUCLEON) / ((w + NUCLEON) ** 2 + q2) * vector  # R^V
    flip = 2**0.5 / 6 * paper.zeta * (w + NUCLEON) / w * axial  # R^A
    long = paper.zeta / (6 * size) * (w * w - NUCLEON * NUCLEON) / NUCLEON * axial  # C
    own = turn if charged else (1 - 2 * paper.mixing) * turn
    left, right = 8 * (own + flip) ** 2, 8 * (own - flip) ** 2  # 6 + 2, helicities 3/2 and 1/2
    if anti:
        left, right = right, left
    across = (w / NUCLEON) ** 2 * q2 / size2 * (u * u * left + v * v * right)
    along = 2 * u * v * 16 * long * long
    coupling = FERMI_CONSTANT * (paper.cabibbo if charged else 1.0)
    return (paper.scale * coupling * coupling / (8 * pi) * (across + along)
            * _peak(w, paper) / norm * HBARC * HBARC)


def differential(energy, w, q2, *, current="nc", anti=False, paper=DELTA):
    """Return d²σ/dW dQ² of ν N → lepton Δ on a nucleon at rest.

    Parameters
    ----------
    energy, w, q2 : array-like
        Neutrino energy, mass of the Δ [MeV], and Q² [MeV²]; they broadcast.
    current : str
        ``"nc"`` for p → Δ⁺ or n → Δ⁰; ``"cc"`` for n → Δ⁺, and 3 times that for p → Δ⁺⁺.
    anti : bool
        Antineutrinos, for which the charged one is p → Δ⁰.
    paper : Delta
        Its numbers.

    Returns
    -------
    ndarray
        [cm²/MeV³]; zero outside of the masses that a Δ may have. The lepton has no mass here.
    """
    _check_current(current)
    energy, w, q2 = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (energy, w, q2)))
    result = np.array([_law(paper, norm(paper), e, m, t, current == "cc", anti)
                       if LIGHTEST < m < paper.top else 0.0
                       for e, m, t in zip(energy.flat, w.flat, q2.flat, strict=True)])
    return result.reshape(energy.shape)


def cross_section(energy, *, current="nc", anti=False, lepton=0.0, paper=DELTA, nodes=60):
    """Return σ(ν N → lepton Δ) at an energy [MeV], in cm²; other options as in `differential`.

    Parameters
    ----------
    energy : float
        Of the neutrino [MeV].
    lepton : float
        Mass of the outgoing lepton [MeV].
    nodes : int
        Points per axis of Gauss and Legendre's rule.
    """
    _check_current(current)
    x, weight = np.polynomial.legendre.leggauss(nodes)
    total = (NUCLEON * (NUCLEON + 2 * energy)) ** 0.5
    high = min(paper.top, total - lepton)
    if high <= LIGHTEST:
        return 0.0
    low_angle, high_angle = (np.arctan(2 * (w - paper.mass) / paper.width)
                             for w in (LIGHTEST, high))
    result = 0.0
    for a, share in zip((1 + x) / 2, weight / 2, strict=True):
        angle = low_angle + a * (high_angle - low_angle)
        w = paper.mass + paper.width / 2 * np.tan(angle)
        jacobian = paper.width / 2 / np.cos(angle) ** 2 * (high_angle - low_angle)
        low, end = _massive_limits(energy, NUCLEON, lepton, w)
        q2 = low + (end - low) * (1 + x) / 2
        law = differential(energy, w, q2, current=current, anti=anti, paper=paper)
        result += share * jacobian * (end - low) * float((law * weight / 2).sum())
    return result


def _check_current(current):
    if current not in ("nc", "cc"):
        raise ValueError(f"unknown current {current!r}; wanted 'nc' or 'cc'")
