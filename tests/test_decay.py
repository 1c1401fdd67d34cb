"""Decay widths against the exact matrix element, DarkNews, scaling and closed channels."""

import numpy as np
import pytest
from scipy.integrate import dblquad, quad

from darknews import BENCH, CHARGE
from darkpairs import decay, model
from darkpairs.constants import ELECTRON_MASS, HBARC


def matrix_element2(point, t, u):
    """Exact |M|² of ν_h → e⁻ e⁺ ν_h', spin average, from pair and e⁻ν_h' squared masses.

    arXiv:2207.04137; Dirac, and Majorana with real couplings.
    """
    mu, heavy, light = ELECTRON_MASS, point.m_heavy, point.m_light
    v = heavy**2 + light**2 + 2 * mu**2 - t - u
    k23, k24, k34 = (t - 2 * mu**2) / 2, (u - mu**2 - light**2) / 2, (v - mu**2 - light**2) / 2
    couplings = model.v_decay(point) ** 2 * (point.charge * point.epsilon) ** 2
    braces = k23 * (k24 + k34) + 2 * k24 * k34 + 2 * mu**2 * (k24 + k34) + mu**2 * light**2
    if point.majorana:
        extra = heavy * light
        braces = 2 * (2 * k24 * k34 + 2 * mu**2 * (k24 + k34) + 2 * extra * mu**2
                      + mu**2 * light**2 + k23 * (k24 + k34 + extra))
    return 8 * couplings * braces / (t - point.m_zprime**2) ** 2


@pytest.mark.parametrize("name", ["H1_fig3", "H3_delta3"])
@pytest.mark.parametrize("majorana", [0, 1])
def test_width_is_the_integral_of_the_matrix_element(name, majorana):
    point = model.replace(BENCH[name], majorana=majorana)
    heavy, light, mu = point.m_heavy, point.m_light, ELECTRON_MASS

    def limits(t):  # Dalitz limits of u at fixed t, with energies in the frame of the pair
        e2 = np.sqrt(t) / 2
        e4 = (heavy**2 - t - light**2) / (2 * np.sqrt(t))
        p2, p4 = np.sqrt(e2**2 - mu**2), np.sqrt(max(e4**2 - light**2, 0))
        return (e2 + e4) ** 2 - (p2 + p4) ** 2, (e2 + e4) ** 2 - (p2 - p4) ** 2

    area, _ = dblquad(lambda u, t: matrix_element2(point, t, u), 4 * mu**2, (heavy - light) ** 2,
                      lambda t: limits(t)[0], lambda t: limits(t)[1], epsabs=0, epsrel=1e-6)
    slow = 4 * np.pi * area / (64 * heavy**3 * (2 * np.pi) ** 4)
    assert np.isclose(decay.width(point), slow, rtol=1e-5, atol=0)


@pytest.mark.parametrize(("name", "majorana", "gamma"), [  # DarkNews 0.4.8, in MeV
    ("H1_fig3", 0, 3.8618e-13), ("H1_fig3", 1, 1.12466e-12),
    ("H3_delta3", 0, 2.14399e-13), ("H3_delta3", 1, 5.72839e-13),
    ("L1_m140", 0, 8.52242e-5), ("L1_m140", 1, 1.70448e-4)])
def test_widths_and_lengths_of_darknews(name, majorana, gamma):
    point = model.replace(BENCH[name], majorana=majorana, charge=CHARGE)
    assert np.isclose(decay.width(point), gamma, rtol=1e-4, atol=0)
    assert np.isclose(decay.ctau(point), HBARC / gamma, rtol=1e-4, atol=0)


@pytest.mark.parametrize("name", BENCH)
@pytest.mark.parametrize("majorana", [0, 1])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_angular_law_is_that_of_the_matrix_element(name, majorana, part):
    point = model.replace(BENCH[name], majorana=majorana)
    heavy, light = point.m_heavy, point.m_light
    t = (part * (heavy - light)) ** 2
    kallen = ((heavy + light) ** 2 - t) * ((heavy - light) ** 2 - t)
    cosine = np.linspace(-1, 1, 21)
    u = (heavy**2 + light**2 - t + np.sqrt(kallen) * cosine) / 2  # massless electrons
    exact = matrix_element2(point, t, u)
    kappa = decay.angular_coefficient(point, t)
    law = exact[10] * (1 - kappa * cosine**2)
    assert np.allclose(exact, law, rtol=0, atol=1e-12 * exact[10] + 20 * exact[10] * 0.511**2 / t)
    assert 0 <= kappa <= 1


def test_angular_law_of_a_massless_daughter():
    point, s = BENCH["L1_m140"], 30.0**2
    assert np.isclose(decay.angular_coefficient(point, s), (140**2 - s) / (140**2 + s))  # 0.91
    with pytest.raises(ValueError, match=r"must be in \(0, 19600.0\] MeV²"):
        decay.angular_coefficient(point, 141.0**2)


def test_zprime_width_of_darknews():
    point = model.replace(BENCH["L1_m140"], charge=CHARGE)
    assert np.isclose(decay.zprime_width(point), 2.07729e-9, rtol=1e-4, atol=0)


def test_on_shell_massless_limit():
    # V² m³ (1 − r)² (1 + 2r)/(32π m_Z′²), r = m_Z′²/m²; and 4 × less than arXiv:1807.09877 prints
    point = BENCH["L1_m140"]
    r = (30 / 140) ** 2
    exact = model.v_decay(point) ** 2 * 140.0**3 * (1 - r) ** 2 * (1 + 2 * r) / (32 * np.pi * 900)
    assert np.isclose(decay.emission_width(point, 900.0), exact, rtol=1e-12)


@pytest.mark.parametrize("channel", decay.CHANNELS)
def test_off_shell_integral_against_an_adaptive_rule(channel):
    point = model.replace(BENCH["H1_fig3"], m_heavy=700.0, m_light=30.0, m_zprime=1500.0)
    low = {"e+e-": 2 * ELECTRON_MASS, "mu+mu-": 2 * 105.6583755, "hadrons": 2 * 139.57039}[channel]

    def spectrum(root):  # in √s
        s = np.array([root**2])
        value = (root * decay._boson_width(point, channel, s) * decay.emission_width(point, s)
                 / (np.pi * (s - point.m_zprime**2) ** 2))
        return 2 * root * value[0]

    slow, _ = quad(spectrum, low, 670.0, epsabs=0, epsrel=1e-9, limit=300)
    assert np.isclose(decay.widths(point)[channel], slow, rtol=1e-6, atol=0)


def test_fractions_add_up_and_closed_channels_are_zero():
    light, heavy = BENCH["L1_m140"], model.replace(BENCH["H1_fig3"], m_heavy=900.0, m_light=20.0)
    assert decay.branching(light) == {"e+e-": 1.0, "mu+mu-": 0.0, "hadrons": 0.0}
    fractions = decay.branching(heavy)
    assert np.isclose(sum(fractions.values()), 1)
    assert min(fractions.values()) > 0.05


def test_leptons_alike_far_above_threshold_and_hadrons_peak_at_the_rho():
    point = model.replace(BENCH["H1_fig3"], m_heavy=5000.0, m_light=10.0, m_zprime=775.0)
    parts = decay.widths(point)
    assert np.isclose(parts["mu+mu-"], parts["e+e-"], rtol=0.01)
    beyond = decay.widths(model.replace(point, m_zprime=950.0))
    assert parts["hadrons"] / parts["e+e-"] > 4 * beyond["hadrons"] / beyond["e+e-"]


def test_pion_form_factor():
    near = decay.pion_form_factor2(np.array([(2 * 139.57039) ** 2 * (1 + 1e-9)]))[0]
    # At threshold, from the pion's charge radius of 0.66 fm and the ρ: about 1.35
    assert 1.25 < near < 1.45
    s = np.linspace(300.0, 950.0, 2000) ** 2
    assert abs(np.sqrt(s[decay.pion_form_factor2(s).argmax()]) - 765) < 15


def test_scaling_and_own_lifetime():
    point = BENCH["H1_fig3"]
    double = model.replace(point, epsilon=2 * point.epsilon, ud_light=point.ud_light / 2)
    assert np.isclose(decay.width(double), decay.width(point))
    assert decay.ctau(model.replace(point, ctau=0.0)) == 0.0
    assert decay.ctau(model.replace(point, ctau=12.5)) == 12.5


@pytest.mark.parametrize(("changes", "message"), [
    (dict(m_light=209.5), "cannot decay into 209.5 MeV and a pair; wanted a difference"),
    (dict(epsilon=0.0), "ν_h is stable: its couplings or ε are 0; give ctau="),
    (dict(dark="full"), 'computed for dark="inelastic" only'),
])
def test_closed_decays_are_refused_in_words(changes, message):
    with pytest.raises(ValueError, match=message):
        decay.ctau(model.replace(BENCH["H1_fig3"], **changes))
