"""ν n → ℓ⁻ p and ν̄ p → ℓ⁺ n: the formula of Llewellyn Smith.

In: a paper (`Quasielastic`), energies, Q². Out: cross sections. Chapter: background.

Vector form factors follow from electron scattering, the axial one is a dipole with one mass
(Llewellyn Smith, Phys. Rep. 3 (1972) 261). Two nucleons that are struck together are left out; the
paper's scale carries the error of that.

Laws: at Q² = 0 only the charge and g_A count; neutrinos and antineutrinos differ by the sign of one
term; far above all masses the cross section no longer grows.
"""

from math import pi
from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs._jit import apart
from darkpairs.constants import (
    CHARGED_PION_MASS,
    FERMI_CONSTANT,
    HBARC,
    NEUTRON_MASS,
    PROTON_MASS,
)
from darkpairs.kinematics import _massive_limits

NUCLEON = (PROTON_MASS + NEUTRON_MASS) / 2


class Quasielastic(NamedTuple):
    """Form factors of the nucleon for the charged current."""

    axial: Given[float, "MeV", "M_A, Bernard et al., J. Phys. G 28 (2002) R1", 20.0] = 1026.0
    vector: Given[float, "MeV", "the dipole of electron scattering, √0.71 GeV", 0.0] = 843.0
    charge: Given[float, "", "g_A, PDG 2024", 0.0013] = 1.2754
    moments: Given[float, "", "μ_p − μ_n, PDG 2024", 0.0] = 4.7059
    cabibbo: Given[float, "", "V_ud, PDG 2024", 0.0] = 0.97367
    scale: Given[float, "", "our choice, of the cross section: pairs would add", 0.2] = 1.0


QUASIELASTIC = Quasielastic()


@apart
def _law(paper, energy, q2, lepton, anti):
    """dσ/dQ² [cm²/MeV²] on a nucleon at rest: Llewellyn Smith's Eq. (3.22)."""
    m2 = NUCLEON * NUCLEON
    tau, mu2 = q2 / (4 * m2), lepton * lepton / m2
    dipole = 1 / (1 + q2 / paper.vector**2) ** 2
    f1 = dipole * (1 + tau * paper.moments) / (1 + tau)
    f2 = dipole * (paper.moments - 1) / (1 + tau)  # with the anomalous moment in it
    fa = -paper.charge / (1 + q2 / paper.axial**2) ** 2
    fp = 2 * m2 * fa / (CHARGED_PION_MASS**2 + q2)
    a = 4 * (mu2 / 4 + tau) * (
        (1 + tau) * fa * fa - (1 - tau) * f1 * f1 + tau * (1 - tau) * f2 * f2 + 4 * tau * f1 * f2
        - mu2 / 4 * ((f1 + f2) ** 2 + (fa + 2 * fp) ** 2 - 4 * (1 + tau) * fp * fp))
    b = 4 * tau * fa * (f1 + f2)
    c = (fa * fa + f1 * f1 + tau * f2 * f2) / 4
    slope = (4 * NUCLEON * energy - q2 - lepton * lepton) / m2  # (s − u)/M²
    sign = 1.0 if anti else -1.0  # with F_A < 0: neutrinos gain
    front = m2 * (FERMI_CONSTANT * paper.cabibbo) ** 2 / (8 * pi * energy * energy)
    law = front * (a + sign * b * slope + c * slope * slope)
    return paper.scale * max(law, 0.0) * HBARC * HBARC


def differential(energy, q2, *, lepton, anti=False, paper=QUASIELASTIC):
    """Return dσ/dQ² on a nucleon at rest, in cm²/MeV².

    Parameters
    ----------
    energy, q2 : array-like
        Neutrino energy [MeV] and Q² [MeV²]; they broadcast. Zero beyond the limits of Q².
    lepton : float
        Mass of the lepton [MeV].
    anti : bool
        Antineutrinos on protons instead of neutrinos on neutrons.
    paper : Quasielastic
        Its numbers.
    """
    energy, q2 = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (energy, q2)))
    result = np.zeros(energy.shape)
    for i, (e, t) in enumerate(zip(energy.flat, q2.flat, strict=True)):
        low, high = _massive_limits(e, NUCLEON, lepton, NUCLEON)
        if low < high and low <= t <= high:
            result.flat[i] = _law(paper, e, t, lepton, anti)
    return result


def cross_section(energy, *, lepton, anti=False, paper=QUASIELASTIC, nodes=80):
    """Return the cross section at an energy [MeV] in cm²; options as in `differential`."""
    low, high = _massive_limits(energy, NUCLEON, lepton, NUCLEON)
    x, weight = np.polynomial.legendre.leggauss(nodes)
    law = differential(energy, low + (high - low) * (1 + x) / 2, lepton=lepton, anti=anti,
                       paper=paper)
    return float((law * weight).sum() * (high - low) / 2)
