"""Upscattering against the papers' formula, a slow integral, two generators, and its limits."""

import os
import tomllib
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad

from darknews import BENCH, CHARGE
from darkpairs import kinematics, model, nucleus, upscatter
from darkpairs.constants import HBARC, PROTON_MASS

REFERENCE = tomllib.loads((Path(__file__).parent / "reference" / "upscatter.toml").read_text())
LIGHT = BENCH["L1_m140"]


def darknews(name):
    return model.replace(BENCH[name], charge=CHARGE)


def slow_dsigma(point, name, energy, q2, regime):
    """The spin-summed formula as the papers print it (arXiv:2207.04137), in plain Python."""
    if regime == "coherent":
        charge, target = nucleus.nucleus(name).charge, nucleus.nucleus(name).mass
        f1, f2, count = float(nucleus.form_factor(name, q2)), 0.0, 1
    else:
        charge, target, count = 1, PROTON_MASS, nucleus.nucleus(name).charge
        f1, f2 = nucleus._proton(q2)
    big, m, s, t = target, point.m_heavy, target**2 + 2 * target * energy, -q2
    a = 8 * (2 * big**4 - 4 * big**2 * s + 2 * s**2 + 2 * s * t + t**2 - m**2 * (2 * s + t))
    b = -8 * (m**4 + m**2 * t - 2 * t**2)
    c = -(4 * big**4 * t + 4 * big**2 * (m**4 + m**2 * t - 2 * t * (s + t))
          + t * (m**4 + 4 * s * (s + t) - m**2 * (4 * s + t))) / big**2
    vertices = model.v_production(point) * charge * point.charge * point.epsilon
    exchange = vertices**2 / (4 * (q2 + point.m_zprime**2) ** 2)
    square = exchange * (f1**2 * a + f1 * f2 * b + f2**2 * c)
    return count * square / (16 * np.pi * (s - big**2) ** 2) * HBARC**2


@pytest.mark.parametrize("name", BENCH)
@pytest.mark.parametrize(("target", "regime"), [("Ar40", "coherent"), ("C12", "coherent"),
                                                ("H1", "proton"), ("Ar40", "proton")])
def test_spin_sum_agrees_with_the_printed_formula(name, target, regime):
    point = BENCH[name]
    mass = nucleus.nucleus(target).mass if regime == "coherent" else PROTON_MASS
    low, high = kinematics.q2_limits(900.0, point.m_heavy, mass)
    for q2 in np.geomspace(low * 1.01, min(high * 0.99, 3e5), 12):
        fast = upscatter.dsigma_dq2(point, target, 900.0, q2, regime=regime)
        assert np.isclose(fast, slow_dsigma(point, target, 900.0, q2, regime), rtol=1e-7, atol=0)


@pytest.mark.parametrize(("name", "target", "regime"), [
    ("L1_m140", "Ar40", "coherent"), ("H1_fig3", "C12", "coherent"), ("H3_delta3", "H1", "proton")])
def test_total_is_the_integral(name, target, regime):
    point = BENCH[name]
    mass = nucleus.nucleus(target).mass if regime == "coherent" else PROTON_MASS
    low, high = kinematics.q2_limits(800.0, point.m_heavy, mass)

    def integrand(u):  # u = ln Q², by an adaptive rule of scipy
        return np.exp(u) * upscatter.dsigma_dq2(point, target, 800.0, np.exp(u), regime=regime)

    slow, _ = quad(integrand, np.log(low), np.log(high), epsabs=0, epsrel=1e-9, limit=400)
    fast = upscatter.cross_section(point, target, 800.0, regime=regime)
    assert np.isclose(fast, slow, rtol=1e-6, atol=0)


@pytest.mark.parametrize("case", REFERENCE["darknews"],
                         ids=lambda case: "-".join(str(v) for v in list(case.values())[:5]))
def test_cross_sections_of_darknews(case):
    point = darknews(case["bench"])
    options = dict(regime=case["regime"], helicity=case["helicity"])
    where = (point, case["nucleus"], case["energy"])
    sigma = upscatter.cross_section(*where, **options)
    tolerance = 0.002 if case["regime"] == "coherent" else 0.005
    assert np.isclose(sigma, case["kinmix"], rtol=tolerance, atol=0)
    full = upscatter.cross_section(*where, exchange="full", **options)
    assert np.isclose(full, case["total"], rtol=0.01, atol=0)


@pytest.mark.parametrize("case", REFERENCE["genie"], ids=lambda case: str(case["energy"]))
def test_cross_sections_of_genie(case):
    sigma = upscatter.cross_section(BENCH[case["bench"]], case["nucleus"], case["energy"],
                                    form_factor="engel")
    assert np.isclose(sigma, case["value"], rtol=1e-3, atol=0)


def reference_rows(name):
    folder = os.environ.get("DARKPAIRS_REFERENCE")
    if not folder or not (Path(folder) / name).is_file():
        pytest.skip(f"no {name}: set DARKPAIRS_REFERENCE to the folder that holds it")
    lines = [line for line in (Path(folder) / name).read_text().splitlines() if line[0] != "#"]
    return [dict(zip(lines[0].split(","), line.split(","), strict=True)) for line in lines[1:]]


def test_every_differential_cross_section_of_darknews():
    worst = {"coherent": [], "p-el": []}
    for row in reference_rows("darknews_xsec_dQ2.csv"):
        mine = upscatter.dsigma_dq2(
            darknews(row["bench"]), row["target"], float(row["Enu_GeV"]) * 1e3,
            float(row["Q2_GeV2"]) * 1e6, helicity="conserving",
            regime="coherent" if row["regime"] == "coherent" else "proton") * 1e6
        true = float(row["dsdQ2_cons_km"])
        form = nucleus.form_factor(row["target"], float(row["Q2_GeV2"]) * 1e6)
        if row["regime"] == "p-el" or abs(form) > 1e-2:  # next to a zero of F, six digits lose it
            worst[row["regime"]].append(abs(mine / true - 1))
    assert max(worst["coherent"]) < 0.002
    assert max(worst["p-el"]) < 0.005


def test_every_total_of_genie():
    for row in reference_rows("genie_xsec.csv"):
        if row["kind"] == "total" and row["bench"] == "L1_m140":
            sigma = upscatter.cross_section(LIGHT, row["target"], float(row["Enu_GeV"]) * 1e3,
                                            form_factor="engel")
            assert np.isclose(sigma, float(row["value"]), rtol=1e-3, atol=0)


def test_flipping_vanishes_with_the_mass_and_is_never_negative():
    energies = np.array([400.0, 900.0, 3000.0])
    parts = {}
    for mass in (1.0, 10.0, 100.0):
        point = model.replace(LIGHT, m_heavy=mass)
        parts[mass] = upscatter.cross_section(point, "C12", energies, helicity="flipping")
    assert (parts[1.0] > 0).all()
    assert np.allclose(parts[10.0] / parts[1.0], 100, rtol=0.05)  # like m²
    for target, regime in product(("Ar40", "C12"), ("coherent", "proton")):
        low, high = kinematics.q2_limits(
            900.0, 140.0, PROTON_MASS if regime == "proton" else nucleus.nucleus(target).mass)
        q2 = np.append(np.geomspace(low, high, 400), [low, high])
        flip = upscatter.dsigma_dq2(LIGHT, target, 900.0, q2, regime=regime, helicity="flipping")
        assert (flip >= 0).all()


def test_helicities_and_regimes_add_up():
    for options in (dict(regime="coherent"), dict(regime="proton")):
        both = upscatter.cross_section(LIGHT, "Ar40", 900.0, **options)
        parts = [upscatter.cross_section(LIGHT, "Ar40", 900.0, helicity=h, **options)
                 for h in ("conserving", "flipping")]
        assert np.isclose(sum(parts), both, rtol=1e-13, atol=0)
    whole = upscatter.cross_section(LIGHT, "Ar40", 900.0, regime="both")
    parts = [upscatter.cross_section(LIGHT, "Ar40", 900.0, regime=regime)
             for regime in ("coherent", "proton")]
    assert np.isclose(sum(parts), whole, rtol=1e-13, atol=0)
    assert upscatter.cross_section(LIGHT, "H1", 900.0, regime="coherent") == 0


def test_scaling_with_the_couplings():
    base = upscatter.cross_section(LIGHT, "Ar40", 900.0)
    double = model.replace(LIGHT, epsilon=2 * LIGHT.epsilon, umu_light=3 * LIGHT.umu_light)
    assert np.isclose(upscatter.cross_section(double, "Ar40", 900.0), 36 * base, rtol=1e-13, atol=0)
    free = upscatter.cross_section(LIGHT, "H1", 900.0, regime="proton")
    assert np.isclose(upscatter.cross_section(LIGHT, "Ar40", 900.0, regime="proton"), 18 * free,
                      atol=0)


def test_nothing_below_threshold_and_outside_the_limits():
    edge = kinematics.threshold(140.0, nucleus.nucleus("Ar40").mass)
    assert upscatter.cross_section(LIGHT, "Ar40", [0.0, edge * 0.9999]).tolist() == [0, 0]
    low, high = kinematics.q2_limits(900.0, 140.0, nucleus.nucleus("Ar40").mass)
    outside = upscatter.dsigma_dq2(LIGHT, "Ar40", 900.0, [low * 0.99, high * 1.01])
    assert outside.tolist() == [0, 0]


def test_pauli_factor_takes_bound_protons_away_at_low_q2_only():
    q2 = np.array([1e3, 1e4, 3e5])
    free = upscatter.dsigma_dq2(LIGHT, "Ar40", 900.0, q2, regime="proton")
    bound = upscatter.dsigma_dq2(LIGHT, "Ar40", 900.0, q2, regime="proton", pauli=True)
    ratio = bound / free
    assert np.isclose(ratio[0], 0.75 * np.sqrt(1e3) / 251, rtol=0.01)
    assert ratio[0] < ratio[1] < 1
    assert ratio[2] == 1
    less = upscatter.cross_section(LIGHT, "Ar40", 900.0, regime="proton", pauli=True)
    assert 0.1 < less / upscatter.cross_section(LIGHT, "Ar40", 900.0, regime="proton") < 0.3
    hydrogen = upscatter.dsigma_dq2(LIGHT, "H1", 900.0, q2, regime="proton", pauli=True)
    assert np.allclose(hydrogen * 18, free, atol=0)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: upscatter.cross_section(LIGHT, "Fe56", 1.0), "unknown nucleus 'Fe56'"),
    (lambda: upscatter.cross_section(LIGHT, "Ar40", -1.0), "must be numbers ≥ 0 MeV; got -1"),
    (lambda: upscatter.cross_section(LIGHT, "Ar40", 1.0, regime="neutron"), "unknown regime"),
    (lambda: upscatter.cross_section(LIGHT, "Ar40", 1.0, exchange="photon"), "unknown exchange"),
    (lambda: upscatter.cross_section(LIGHT, "Ar40", 1.0, helicity="left"), "unknown helicity"),
    (lambda: upscatter.cross_section(LIGHT, "Ar40", 1.0, form_factor="x"), "unknown form factor"),
    (lambda: upscatter.dsigma_dq2(LIGHT, "Ar40", 1.0, -2.0), "Q² must be numbers ≥ 0 MeV²; got -2"),
])
def test_bad_input_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def spin_of_helicity(target, mass, energy, e3, across, along):
    """Direction in the rest frame of ν_h of a spin along its flight in the centre of mass."""
    speed, boost = energy / (energy + target), (energy + target) / np.sqrt(
        target**2 + 2 * target * energy)
    e, z = boost * (e3 - speed * along), boost * (along - speed * e3)
    p = np.hypot(across, z)
    s0, sx, sz = p / mass, e * across / p / mass, e * z / p / mass
    s0, sz = boost * (s0 + speed * sz), boost * (sz + speed * s0)  # in the laboratory
    x, _, z = kinematics._boost(s0, (sx, 0.0, sz), e3, (-across, 0.0, -along), mass)
    return x, z


@pytest.mark.parametrize("mass", [10.0, 140.0, 420.0, 790.0])
@pytest.mark.parametrize("name", ["Ar40", "H1"])
def test_polarisation_is_the_difference_of_the_helicities(mass, name):
    target = nucleus.nucleus(name).mass
    for energy in (900.0, 2000.0, 5000.0):
        low, high = map(float, kinematics.q2_limits(energy, mass, target))
        for q2 in np.geomspace(low * 1.001, min(high * 0.999, 1e6), 6) if high else ():
            form = nucleus._proton(q2) if name == "H1" else (1.0, 0.0)
            kept, turned = upscatter._contractions(target, mass, energy, q2, *form)
            heavy = upscatter._heavy_momentum(target, mass, energy, (q2, low, high))
            assert np.isclose(heavy[0]**2 - heavy[1]**2 - heavy[2]**2, mass**2, rtol=0,
                              atol=1e-12 * heavy[0]**2)
            spin = upscatter._polarisation(target, mass, energy, q2, *form, *heavy)
            axis = spin_of_helicity(target, mass, energy, *heavy)
            assert np.isclose(np.dot(spin, axis), (turned - kept) / (turned + kept), atol=1e-7)
            assert np.hypot(*spin) < 1 + 1e-12
            if name == "Ar40":
                assert np.hypot(*spin) > 0.999


@pytest.mark.parametrize("name", BENCH)
@pytest.mark.parametrize(("target", "form"), [(37215.0, (1.0, 0.0)), (PROTON_MASS, (0.9, 1.4))])
def test_sum_of_helicities_without_roots(name, target, form):
    mass = BENCH[name].m_heavy
    for energy, part in product((400.0, 900.0, 3000.0), (0.01, 0.3)):
        low, high = map(float, kinematics.q2_limits(energy, mass, target))
        parts = target, mass, energy, low + part * (high - low), *form
        assert np.isclose(upscatter._summed(*parts), sum(upscatter._contractions(*parts)),
                          rtol=1e-9)
