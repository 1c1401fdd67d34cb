"""Coherent π⁰: the formula once more, limits of t, powers of A, and Table I."""

from math import exp, pi, sqrt

import numpy as np
import pytest

from darkpairs import coherent
from darkpairs.coherent import COHERENT, TARGET
from darkpairs.constants import FERMI_CONSTANT, NEUTRAL_PION_MASS


def near(wanted, rel=1e-6):
    """Compare numbers as small as cross sections: no absolute slack."""
    return pytest.approx(wanted, rel=rel, abs=0)


def slow(e, q2, y, t):
    """Berger and Sehgal's Eq. (7) in GeV, with Table I between 226 and 486 MeV."""
    e, q2, t = e / 1e3, q2 / 1e6, t / 1e6
    nu = y * e
    size = sqrt(nu**2 + q2)
    u, v = (2 * e - nu + size) / (2 * e), (2 * e - nu - size) / (2 * e)
    share = (nu - NEUTRAL_PION_MASS / 1e3 - 0.226) / (0.486 - 0.226)
    assert 0 < share < 1
    a1, b1 = 16400 + share * (5730 - 16400), 80.8 + share * (54.6 - 80.8)
    elastic = a1 * (40 / 12) ** (4 / 3) * 1e-27 * exp(-b1 * (40 / 12) ** (2 / 3) * t)
    form = 1 / (1 + q2 / 1.0**2)
    g = FERMI_CONSTANT * 1e6
    law = (g * 0.1302) ** 2 / (4 * pi**2) * e * u * v / size * form**2 * elastic
    return law * 1e-12  # GeV⁻⁴ to MeV⁻⁴


def test_the_law_is_the_formula():
    for e, q2, y, t in ((1000, 1e4, 0.5, 5e3), (2000, 3e3, 0.22, 2e3), (700, 2e4, 0.6, 1e4)):
        assert coherent.differential(e, q2, y, t) == near(slow(e, q2, y, t), rel=1e-12)


def test_table_on_carbon():
    # Table I of Phys. Rev. D 79 (2009) 053003: at 100 MeV A₁ = 18300 mb/GeV², b₁ = 89.8/GeV²
    height, slope = coherent._elastic(100.0, COHERENT._replace(nucleons=12.0))
    assert height == near(18300e-27 * 1e-6)
    assert slope == near(89.8e-6)
    heavy, steep = coherent._elastic(100.0, COHERENT)
    assert heavy / height == near((40 / 12) ** (4 / 3))
    assert steep / slope == near((40 / 12) ** (2 / 3))
    assert coherent._elastic(0.0, COHERENT)[0] == 0


def test_limits_of_t_are_those_of_two_bodies():
    loss, q2 = 500.0, 3e4
    size = sqrt(loss**2 + q2)
    t = np.geomspace(1e2, 1e6, 4000)
    cosine = np.array([coherent._cosine(loss, q2, x)[2] for x in t])
    allowed = t[abs(cosine) <= 1]
    # In the frame where all momenta sum to zero: Källén's function of W², −Q² and M²
    w2 = TARGET**2 + 2 * TARGET * loss - q2
    w = sqrt(w2)
    before = TARGET * size / w
    after = sqrt((w2 - (TARGET + NEUTRAL_PION_MASS) ** 2)
                 * (w2 - (TARGET - NEUTRAL_PION_MASS) ** 2)) / (2 * w)
    e_in, e_out = sqrt(TARGET**2 + before**2), sqrt(TARGET**2 + after**2)
    nearest = 2 * (e_in * e_out - before * after - TARGET**2)
    assert allowed.min() == near(nearest, rel=5e-3)
    assert coherent._nearest(loss, q2) == near(nearest, rel=0.02)
    assert coherent._nearest(loss, q2) < nearest * 1.001


def test_energy_and_momentum_of_the_recoil():
    loss, q2, t = 400.0, 1e4, 8e3
    e, p, cosine = coherent._cosine(loss, q2, t)
    size = sqrt(loss**2 + q2)
    recoil = size**2 + p * p - 2 * size * p * cosine
    assert e * e - p * p == near(NEUTRAL_PION_MASS**2, rel=1e-10)
    kinetic = sqrt(TARGET**2 + recoil) - TARGET
    assert loss - e == near(kinetic, rel=1e-8)
    assert 2 * TARGET * kinetic == near(t, rel=1e-8)


def test_t_falls_as_an_exponential_and_nothing_outside():
    t = np.array([4e3, 8e3, 1.2e4])
    law = coherent.differential(1000.0, 5e3, 0.4, t)
    assert law[1] ** 2 == near(law[0] * law[2], rel=1e-12)
    assert coherent.differential(1000.0, 5e3, 0.4, 1.0) == 0
    assert coherent.differential(1000.0, 5e3, 1.2, 1e4) == 0
    assert coherent.cross_section(130.0) == 0


def test_total_against_a_sum_over_all_three():
    energy, total = 800.0, 0.0
    edge = NEUTRAL_PION_MASS / energy
    for y in edge + (np.arange(40) + 0.5) / 40 * (1 - edge):
        q2 = np.geomspace(1e1, 4e5, 60)[:, None]
        t = np.geomspace(1e1, 1e6, 80)
        law = coherent.differential(energy, q2, y, t)
        inner = np.trapezoid(law * t, np.log(t), axis=1)
        total += np.trapezoid(inner * q2[:, 0], np.log(q2[:, 0])) * (1 - edge) / 40
    assert coherent.cross_section(energy) == near(total, rel=0.01)


def test_size_on_carbon():
    # Berger and Sehgal, Fig. 4: about 0.02e-38 cm² for neutral currents on carbon at 1 GeV; 0.05 in
    # Rein and Sehgal's older model (read off, from memory)
    carbon = coherent.cross_section(1000.0, paper=COHERENT._replace(nucleons=12.0))
    assert 0.01e-38 < carbon < 0.05e-38
