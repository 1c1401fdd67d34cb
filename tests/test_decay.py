"""Decay widths against the exact matrix element, DarkNews, scaling and closed channels."""

import numpy as np
import pytest
from scipy.integrate import dblquad, quad
from scipy.stats import kstest

from darknews import BENCH, CHARGE
from darkpairs import decay, model, zprime
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
    speed = np.sqrt(1 - 4 * ELECTRON_MASS**2 / t)
    u = (heavy**2 + light**2 + 2 * ELECTRON_MASS**2 - t + speed * np.sqrt(kallen) * cosine) / 2
    exact = matrix_element2(point, t, u)
    kappa = decay.angular_coefficient(point, t)
    assert np.allclose(exact, exact[10] * (1 - kappa * cosine**2), rtol=1e-9, atol=0)
    assert 0 <= kappa <= 1


def test_angular_law_of_a_massless_daughter():
    point, s = BENCH["L1_m140"], 30.0**2
    assert np.isclose(decay.angular_coefficient(point, s), (140**2 - s) / (140**2 + s), rtol=2e-3)
    with pytest.raises(ValueError, match=r"must be in \[1.044, 19600\] MeV²"):
        decay.angular_coefficient(point, 141.0**2)


def test_on_shell_massless_limit():
    # V² m³ (1 − r)² (1 + 2r)/(32π m_Z′²), r = m_Z′²/m²; and 4 × less than arXiv:1807.09877 prints
    point = BENCH["L1_m140"]
    r = (30 / 140) ** 2
    exact = model.v_decay(point) ** 2 * 140.0**3 * (1 - r) ** 2 * (1 + 2 * r) / (32 * np.pi * 900)
    assert np.isclose(decay.emission_width(point, 900.0), exact, rtol=1e-12, atol=0)


@pytest.mark.parametrize("channel", zprime.CHANNELS)
def test_off_shell_integral_against_an_adaptive_rule(channel):
    point = model.replace(BENCH["H1_fig3"], m_heavy=700.0, m_light=30.0, m_zprime=1500.0)
    low = {"e+e-": 2 * ELECTRON_MASS, "mu+mu-": 2 * 105.6583755, "hadrons": 2 * 139.57039}[channel]

    def spectrum(root):  # in √s
        s = np.array([root**2])
        value = (root * zprime.channel_width(point, channel, s) * decay.emission_width(point, s)
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


def test_scaling_and_own_lifetime():
    point = BENCH["H1_fig3"]
    double = model.replace(point, epsilon=2 * point.epsilon, ud_light=point.ud_light / 2)
    assert np.isclose(decay.width(double), decay.width(point), atol=0)
    assert decay.ctau(model.replace(point, ctau=0.0)) == 0.0
    assert decay.ctau(model.replace(point, ctau=12.5)) == 12.5


@pytest.mark.parametrize(("changes", "message"), [
    (dict(m_light=209.5), "cannot decay into 209.5 MeV and a pair; wanted a difference"),
    (dict(epsilon=0.0), "ν_h is stable: its couplings or ε are 0; give ctau="),
])
def test_closed_decays_are_refused_in_words(changes, message):
    with pytest.raises(ValueError, match=message):
        decay.ctau(model.replace(BENCH["H1_fig3"], **changes))


def thrown(point, n=200000, **options):
    """Momenta of thrown decays with s and the two cosines: pair to spin (z), electron to pair."""
    p4 = decay.throw(point, n, seed=12, **options)
    pair = p4[:, 0] + p4[:, 1]
    s = pair[:, 0] ** 2 - (pair[:, 1:] ** 2).sum(axis=1)
    k = np.sqrt((pair[:, 1:] ** 2).sum(axis=1))
    swing = (p4[:, 0, 0] - p4[:, 1, 0]) * np.sqrt(s) / k / np.sqrt(s - 4 * ELECTRON_MASS**2)
    return p4, s, pair[:, 3] / k, swing


@pytest.mark.parametrize("name", ["H1_fig3", "L1_m140"])
@pytest.mark.parametrize("majorana", [0, 1])
def test_thrown_decays_keep_energy_and_masses(name, majorana):
    point = model.replace(BENCH[name], majorana=majorana)
    p4, _, _, _ = thrown(point, 10000, spin=(0.6, 0, -0.8))
    assert np.allclose(p4.sum(axis=1), [point.m_heavy, 0, 0, 0], rtol=0, atol=1e-10)
    mass2 = p4[..., 0] ** 2 - (p4[..., 1:] ** 2).sum(axis=-1)
    wanted = [ELECTRON_MASS**2, ELECTRON_MASS**2, point.m_light**2]
    assert np.allclose(mass2, wanted, rtol=0, atol=1e-10 * point.m_heavy**2)


@pytest.mark.parametrize("name", ["H1_fig3", "H3_delta3"])
@pytest.mark.parametrize("majorana", [0, 1])
def test_thrown_masses_follow_the_width(name, majorana):
    point = model.replace(BENCH[name], majorana=majorana)
    _, s, _, _ = thrown(point)
    grid = np.linspace(2 * ELECTRON_MASS, point.m_heavy - point.m_light, 20001) ** 2
    law = (np.sqrt(grid) * zprime.channel_width(point, "e+e-", grid)
           * decay.emission_width(point, grid) / (grid - point.m_zprime**2) ** 2)
    share = np.cumsum((law[1:] + law[:-1]) / 2 * np.diff(grid))
    below = np.interp(s, grid[1:], share / share[-1])
    assert kstest(below, "uniform").pvalue > 0.01


@pytest.mark.parametrize("name", ["H1_fig3", "L1_m140"])
@pytest.mark.parametrize("majorana", [0, 1])
def test_thrown_electrons_follow_the_angular_law(name, majorana):
    point = model.replace(BENCH[name], majorana=majorana)
    _, s, _, c = thrown(point, spin=(0, 0, -1))
    kappa = decay.angular_coefficient(point, np.clip(s, 1.05, (point.m_heavy - point.m_light)**2))
    below = (0.5 * (c + 1) - kappa * (c**3 + 1) / 6) / (1 - kappa / 3)
    assert kstest(below, "uniform").pvalue > 0.01


def test_an_isotropic_zprime_forgets():
    _, _, _, c = thrown(BENCH["L1_m140"], zprime_decay="isotropic")
    assert kstest(c, "uniform", (-1, 2)).pvalue > 0.01
    virtual = [decay.throw(BENCH["H1_fig3"], 100, seed=1, zprime_decay=way)
               for way in ("isotropic", "correlated")]
    assert np.array_equal(*virtual)


@pytest.mark.parametrize("zprime_decay", ["correlated", "isotropic"])
def test_spin_turns_the_pair_as_darknews_has_it(zprime_decay):
    # slope of ν → ν Z′ in DarkNews 0.4.8: 0.831776; the light neutrino flies against the spin
    _, _, c, _ = thrown(BENCH["L1_m140"], spin=(0, 0, 0.7), zprime_decay=zprime_decay)
    slope = 0.831776 * 0.7
    below = 0.5 * (1 + c) + 0.25 * slope * (c**2 - 1)
    assert kstest(below, "uniform").pvalue > 0.01


def test_no_spin_no_direction():
    for point, options in ((BENCH["L1_m140"], dict(heavy_decay="isotropic")),
                           (model.replace(BENCH["L1_m140"], majorana=1), {})):
        _, _, c, _ = thrown(point, spin=(0, 0, 1), **options)
        assert kstest(c, "uniform", (-1, 2)).pvalue > 0.01


@pytest.mark.parametrize("name", ["H1_fig3", "L1_m140"])
def test_spins_weigh_unpolarised_decays(name):
    """Slow twin: decays without spin, weighted with the explicit four-vector product."""
    point, spin = BENCH[name], np.array([0.3, -0.5, 0.6])
    free, polarised = (decay.throw(point, 200000, seed=seed, spin=vector)
                       for seed, vector in ((5, (0, 0, 0)), (6, spin)))
    a, b, c = np.moveaxis(free, 1, 0)

    def dot(p, q):
        return p[..., 0] * q[..., 0] - (p[..., 1:] * q[..., 1:]).sum(axis=-1)

    def square(k):  # (k'·p₋)(K·p₊) + (k'·p₊)(K·p₋) + m_e² k'·K
        return dot(c, a) * dot(k, b) + dot(c, b) * dot(k, a) + ELECTRON_MASS**2 * dot(c, k)

    rest = point.m_heavy * np.array([1.0, 0, 0, 0])
    weight = square(rest - point.m_heavy * np.array([0, *spin])) / square(rest)
    assert weight.min() >= 0
    assert np.isclose(weight.mean(), 1, atol=0.005)
    for axis in range(3):
        for particle in range(3):
            mean = (weight * free[:, particle, axis + 1]).mean()
            error = free[:, particle, axis + 1].std() * (2 / 200000) ** 0.5
            assert abs(polarised[:, particle, axis + 1].mean() - mean) < 4 * error


def test_throws_depend_on_seed_and_number_alone():
    point = BENCH["H1_fig3"]
    whole = decay.throw(point, 100, seed=3, spin=(0, 0, -1))
    assert np.array_equal(whole[40:], decay.throw(point, 60, seed=3, spin=(0, 0, -1), first=40))


def test_full_adds_what_inelastic_leaves_out():
    star = model.BENCHMARKS["star-0.5-200"]
    full = model.replace(star, dark="full")
    seen, all_ = decay.widths(star), decay.widths(full)
    assert all(np.isclose(all_[name], seen[name], atol=0) for name in seen)
    # ν₅ → ν_μ Z′ is on shell, ν₅ → ν₄ Z′ is not: the pair comes without a ν₄
    assert max(all_, key=all_.get) == "nu e+e-"
    assert 1e4 < all_["nu e+e-"] / all_["e+e-"] < 1e6
    assert np.isclose(sum(decay.branching(full).values()), 1)
    assert decay.ctau(full) < 1e-4 * decay.ctau(star)
    light = model.replace(model.BENCHMARKS["light-140"], dark="full")
    assert np.isclose(decay.branching(light)["e+e-"], 0.99949, atol=1e-5)  # the rest is ν ν ν̄


def test_a_hidden_zprime_shares_out_its_width():
    point = model.three_plus_two(m5=400, m4=100, m_zprime=250, g_d=1.0, epsilon=1e-3, vmu5=1e-3,
                                 ud4=0.5**0.5, ud5=0.5**0.5, dark="full")
    parts = decay.widths(point)
    hidden = zprime.total(point) - zprime.width(point)
    assert hidden > 100 * zprime.width(point)
    assert np.isclose(parts["e+e-"] / parts["3nu4"],
                      zprime.channel_width(point, "e+e-", np.array([250.0**2]))[0] / hidden,
                      rtol=1e-3)


@pytest.mark.parametrize(("options", "message"), [
    (dict(n=0), "n = 0, first = 0, seed = 1; wanted n > 0"),
    (dict(spin=(1, 1, 0)), "wanted three numbers, a vector of length ≤ 1"),
    (dict(spin=(0, 0)), "wanted three numbers"),
    (dict(zprime_decay="odd"), "unknown zprime_decay 'odd'"),
    (dict(heavy_decay="odd"), "unknown heavy_decay 'odd'"),
    (dict(model=model.replace(BENCH["H1_fig3"], m_light=209.5)), "cannot decay into 209.5 MeV"),
])
def test_impossible_throws_are_refused_in_words(options, message):
    with pytest.raises(ValueError, match=message):
        decay.throw(**{"model": BENCH["L1_m140"], "n": 10, "seed": 1, **options})
