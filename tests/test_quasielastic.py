"""Llewellyn Smith's formula against a trace with γ-matrices, limits, and published values."""

from math import pi, sqrt

import numpy as np
import pytest

from darkpairs import quasielastic
from darkpairs.constants import CHARGED_PION_MASS, ELECTRON_MASS, FERMI_CONSTANT, HBARC, MUON_MASS
from darkpairs.kinematics import _massive_limits
from darkpairs.quasielastic import NUCLEON, QUASIELASTIC
from wholeamplitude import FIFTH, GAMMA, METRIC, slash


def near(wanted, rel=1e-6):
    """Compare numbers as small as cross sections: no absolute slack."""
    return pytest.approx(wanted, rel=rel, abs=0)


def trace(energy, q2, lepton, *, anti=False, paper=QUASIELASTIC):
    """dσ/dQ² from the amplitude itself, in cm²/MeV²."""
    loss = q2 / (2 * NUCLEON)
    e = energy - loss
    p = sqrt(e * e - lepton * lepton)
    cosine = (2 * energy * e - lepton**2 - q2) / (2 * energy * p)
    k = np.array([energy, 0, 0, energy])
    l4 = np.array([e, p * sqrt(1 - cosine**2), 0, p * cosine])
    one = np.array([NUCLEON, 0, 0, 0])
    two = one + k - l4
    q = two - one
    tau = q2 / (4 * NUCLEON**2)
    dipole = (1 + q2 / paper.vector**2) ** -2
    f1 = dipole * (1 + tau * paper.moments) / (1 + tau)
    f2 = dipole * (paper.moments - 1) / (1 + tau)
    fa = -paper.charge * (1 + q2 / paper.axial**2) ** -2
    fp = 2 * NUCLEON**2 * fa / (CHARGED_PION_MASS**2 + q2)
    sigma = 0.5j * (np.einsum("mij,njk->mnik", GAMMA, GAMMA)
                    - np.einsum("nij,mjk->mnik", GAMMA, GAMMA))
    vertex = (f1 * GAMMA + 0.5j / NUCLEON * f2 * np.einsum("mnij,n->mij", sigma, METRIC @ q)
              + fa * GAMMA @ FIFTH + fp / NUCLEON * q[:, None, None] * FIFTH)
    bar = np.einsum("ij,mkj,kl->mil", GAMMA[0], vertex.conj(), GAMMA[0])
    had = np.einsum("ij,mjk,kl,nli->mn", slash(two) + NUCLEON * np.eye(4), vertex,
                    slash(one) + NUCLEON * np.eye(4), bar)
    weak = GAMMA @ (np.eye(4) + FIFTH if anti else np.eye(4) - FIFTH)
    weak_bar = np.einsum("ij,mkj,kl->mil", GAMMA[0], weak.conj(), GAMMA[0])
    lep = np.einsum("ij,mjk,kl,nli->mn", slash(l4), weak, slash(k), weak_bar)
    square = np.einsum("mn,mn->", METRIC @ lep @ METRIC, had).real
    square *= (FERMI_CONSTANT * paper.cabibbo) ** 2 / 2 / 2  # G²/2, and a mean over one spin
    return square / (64 * pi * NUCLEON**2 * energy**2) * HBARC**2


@pytest.mark.parametrize("anti", [False, True])
@pytest.mark.parametrize("lepton", [ELECTRON_MASS, MUON_MASS])
def test_the_formula_is_the_trace(lepton, anti):
    for energy, q2 in ((400.0, 1e5), (1000.0, 5e4), (1000.0, 1e6), (3000.0, 4e5)):
        fast = quasielastic.differential(energy, q2, lepton=lepton, anti=anti)
        assert fast == near(trace(energy, q2, lepton, anti=anti), rel=1e-9)


def test_limits():
    # Forward at high energy: G² V_ud² (1 + g_A²)/2π, for neutrinos and antineutrinos
    paper = QUASIELASTIC
    wanted = (FERMI_CONSTANT * paper.cabibbo * HBARC) ** 2 * (1 + paper.charge**2) / (2 * pi)
    for anti in (False, True):
        forward = quasielastic.differential(1e7, 1.0, lepton=0.0, anti=anti)
        assert forward == near(wanted, rel=1e-4)
    low, high = _massive_limits(600.0, NUCLEON, MUON_MASS, NUCLEON)
    edge = quasielastic.differential(600.0, [low * 0.99, high * 1.01], lepton=MUON_MASS)
    assert (edge == 0).all()
    assert quasielastic.cross_section(100.0, lepton=MUON_MASS) == 0


def test_neutrinos_and_antineutrinos_differ_by_one_term():
    q2 = 3e5
    a, b = (quasielastic.differential(1000.0, q2, lepton=MUON_MASS, anti=x) for x in (False, True))
    assert a > b > 0
    none = QUASIELASTIC._replace(charge=0.0)
    a, b = (quasielastic.differential(1000.0, q2, lepton=MUON_MASS, anti=x, paper=none)
            for x in (False, True))
    assert a == near(b, rel=1e-14)


def test_published_totals():
    # Free neutrons, Formaggio and Zeller, RMP 84 (2012) 1307, Fig. 11: 0.9 to 1.1 e-38 cm² at
    # 1 GeV, 0.85 to 1.0 at 10 GeV (read off, from memory)
    at = [1e38 * quasielastic.cross_section(e, lepton=MUON_MASS) for e in (1000.0, 10000.0)]
    assert 0.9 < at[0] < 1.1
    assert 0.85 < at[1] < 1.0


def test_quadrature_agrees_with_a_fine_sum():
    low, high = _massive_limits(900.0, NUCLEON, MUON_MASS, NUCLEON)
    q2 = low + (np.arange(5000) + 0.5) / 5000 * (high - low)
    total = quasielastic.differential(900.0, q2, lepton=MUON_MASS).mean() * (high - low)
    assert quasielastic.cross_section(900.0, lepton=MUON_MASS) == near(total, rel=1e-5)
