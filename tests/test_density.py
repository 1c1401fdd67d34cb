"""The density of pairs: a slow integral, turns, limits, rates, spectra by quadrature, bad input."""

from math import cos, exp, pi, sin, sqrt

import numpy as np
import pytest

from darkpairs import decay, density, detector, flux, gun, kinematics, model, signal, upscatter
from darkpairs.constants import ELECTRON_MASS
from darkpairs.nucleus import nucleus

LIGHT, NOTE = model.BENCHMARKS["light-140"], model.BENCHMARKS["note"]
FINE = density.Nodes(200.0, 24.0)
METRIC = np.array([1.0, -1.0, -1.0, -1.0])


def product(a, b):
    return float((METRIC * a * b).sum())


def favour(point, heavy, energy, q2, minus, plus):
    """w of a pair from one ν_h, all in the laboratory: W(p_h − mS)/W(p_h), and 1 − κc²."""
    pair, target = minus + plus, nucleus("Ar40").mass
    light, m = heavy - pair, point.m_heavy
    s = product(pair, pair)
    across = sqrt(heavy[1] ** 2 + heavy[2] ** 2)
    sx, sz = upscatter._polarisation(target, m, energy, q2, 1.0, 0.0, heavy[0], across, heavy[3])
    spin = kinematics.boost(np.array([0.0, sx * heavy[1] / across, sx * heavy[2] / across, sz]),
                            heavy)

    def law(k):
        return (product(light, minus) * product(k, plus) + product(light, plus)
                * product(k, minus) + ELECTRON_MASS**2 * product(light, k))

    kappa = float(decay.angular_coefficient(point, s))
    e = product(heavy, pair) / m
    c = product(heavy, minus - plus) / m / sqrt(e * e - s) / sqrt(1 - 4 * ELECTRON_MASS**2 / s)
    even = (1 - kappa * c * c) / (1 - kappa / 3)
    return even * (1 if point.majorana else law(heavy - m * spin) / law(heavy))


def slow_density(point, minus, plus, steps, turns):
    """∫dE ∫dβ F w, by small steps; without the mass law, the branching fraction and the place."""
    target, m = nucleus("Ar40").mass, point.m_heavy
    q = minus + plus
    s = point.m_zprime**2 if decay.is_real(point) else product(q, q)
    a = (m * m + s - point.m_light**2) / 2
    size = sqrt(q[1] ** 2 + q[2] ** 2 + q[3] ** 2)
    root = sqrt(a * a - m * m * s)
    low, high = (a * q[0] - size * root) / s, min((a * q[0] + size * root) / s, 3000.0)
    d = q[1:] / size
    beside = np.cross(d, [0.0, 0.0, 1.0])
    beside /= sqrt(beside @ beside)
    rows = []
    for i in range(steps):
        e = low * (high / low) ** ((i + 0.5) / steps)
        p = sqrt(e * e - m * m)
        c = (e * q[0] - a) / (p * size)
        for k in range(turns):
            beta = 2 * pi * (k + 0.5) / turns
            way = c * d + sqrt(1 - c * c) * (cos(beta) * np.cross(beside, d) + sin(beta) * beside)
            heavy = np.array([e, *(p * way)])
            depth = 1 - (e - heavy[3]) / target
            q2 = (2 * e * (e - heavy[3]) - m * m) / depth
            energy = e + q2 / (2 * target)
            rows.append((e * energy / depth * favour(point, heavy, energy, q2, minus, plus),
                         energy, q2))
    weight, energy, q2 = np.array(rows).T
    rate = flux.density(flux.bnb("microboone"), energy) * upscatter.dsigma_dq2(
        point, "Ar40", energy, q2)
    total = 2 * (weight * rate).sum() / turns * np.log(high / low) / steps
    return float(total * m * m / (16 * pi * pi * root * size))


@pytest.mark.parametrize("name", ["light-140", "note", "majorana"])
def test_density_is_a_double_integral(name):
    point = model.replace(NOTE, majorana=1.0) if name == "majorana" else model.BENCHMARKS[name]
    point = model.replace(point, ctau=0.0)
    truth = signal.generate(point, 3, seed=3)
    seen = density.pairs(truth)
    seen = seen[seen[:, 0] + seen[:, 4] < 1000.0][:2]
    found = density.of(point, seen, nodes=FINE)
    nuclei = detector.targets(detector.MICROBOONE)["Ar40"]
    for i, row in enumerate(seen):
        slow = slow_density(point, row[:4], row[4:8], 80, 50) * nuclei
        if not decay.is_real(point):
            s = product(row[:4] + row[4:8], row[:4] + row[4:8])
            slow *= law_of_mass(point, s)
        assert abs(found[i] / (slow * decay.branching(point)["e+e-"]) - 1) < 0.02


def law_of_mass(point, s):
    """Share of a virtual pair's squared masses per MeV², by small steps."""
    low, high = 2 * ELECTRON_MASS, point.m_heavy - point.m_light
    root = low + (high - low) * (np.arange(20000) + 0.5) / 20000
    values = [decay._mass_law.py_func(x, point.m_heavy, point.m_light, point.m_zprime,
                                      point.majorana) for x in (root**2, s)]
    return values[1] / (values[0] * 2 * root).sum() / ((high - low) / 20000)


def test_density_turns_with_the_pair_around_the_beam():
    truth = signal.generate(NOTE, 50, seed=5, inside=False)
    seen = density.pairs(truth)
    turned = seen.copy()
    for x in (1, 5):
        turned[:, x] = 0.6 * seen[:, x] - 0.8 * seen[:, x + 1]
        turned[:, x + 1] = 0.8 * seen[:, x] + 0.6 * seen[:, x + 1]
    assert np.allclose(density.of(NOTE, seen, inside=False),
                       density.of(NOTE, turned, inside=False), rtol=1e-9, atol=0)


def test_nodes_are_enough():
    for point in (LIGHT, NOTE, model.broad(m5=500.0, delta=3.0, m_zprime=1250.0, vmu5=1e-4)):
        seen = density.pairs(signal.generate(point, 300, seed=4))
        ratio = density.of(point, seen) / density.of(point, seen, nodes=FINE)
        assert abs(ratio.mean() - 1) < 0.004
        assert ratio.std() < 0.04


# From a source to a target that it covers, over all that a rate hangs on
PAIRS = {
    "real": (LIGHT, model.replace(LIGHT, m_heavy=110.0), {}),
    "virtual": (NOTE, model.broad(m5=190.0, delta=1.0, m_zprime=500.0, vmu5=1e-3), {}),
    "isotropic": (NOTE, NOTE, dict(heavy_decay="isotropic")),
    "majorana": (NOTE, model.replace(NOTE, majorana=1.0), {}),
    "proton": (NOTE, model.broad(m5=190.0, delta=1.0, m_zprime=500.0, vmu5=1e-3),
               dict(regime="proton")),
    "oil": (NOTE, model.broad(m5=190.0, delta=1.0, m_zprime=500.0, vmu5=1e-3),
            dict(experiment="miniboone", regime="both")),
    "long": (NOTE, model.replace(NOTE, ctau=300.0), {}),
    "two flights": (LIGHT, model.replace(LIGHT, ctau=30.0, epsilon=1e-6), {}),
}


@pytest.mark.parametrize("name", PAIRS)
def test_mean_ratio_of_densities_is_the_ratio_of_rates(name):
    source, target, options = PAIRS[name]
    made = {key: options[key] for key in options if not key.endswith("decay")}
    truth = signal.generate(source, 4000, seed=6, **made)
    seen = density.pairs(truth)
    ratio = density.of(target, seen, **options) / density.of(source, seen, **made)
    rates = [signal.expected_events(point, pot=1.0, **made) for point in (target, source)]
    error = ratio.std() / sqrt(len(ratio)) / ratio.mean()
    assert error < 0.05
    assert abs(ratio.mean() * rates[1] / rates[0] - 1) < 3 * error + 0.003


@pytest.mark.parametrize("name", ["real", "virtual"])
def test_weighted_energies_follow_the_spectrum_by_quadrature(name):
    source, target, _ = PAIRS[name]
    truth = signal.generate(source, 6000, seed=7)
    seen = density.pairs(truth)
    weight = truth.weight * density.of(target, seen) / density.of(source, seen)
    edges = np.array([0, 100, 200, 300, 400, 500, 600, 800, 1000, 1300])
    energy = seen[:, 0] + seen[:, 4]
    found = np.histogram(energy, edges, weights=weight)[0]
    error = np.sqrt(np.histogram(energy, edges, weights=weight**2)[0])
    wanted = signal.spectrum(target, edges, pot=1.0)
    assert ((found - wanted) ** 2 / (error**2 + (0.005 * wanted) ** 2)).sum() < 25  # 9 bins, 0.3 %


def test_what_a_model_cannot_make_has_no_density():
    truth = signal.generate(NOTE, 200, seed=8)
    seen = density.pairs(truth)
    s = np.maximum(kinematics.mass(seen[:, :4] + seen[:, 4:8]), 0)
    small = model.broad(m5=60.0, delta=1.0, m_zprime=800.0, vmu5=1e-4)
    assert np.array_equal(density.of(small, seen) > 0, s < 30.0)
    assert not density.of(LIGHT, seen).any()  # a real Z′, and no pair of one
    assert not density.of(NOTE, density.pairs(signal.generate(LIGHT, 9, seed=1))).any()
    assert not density.of(NOTE, seen, regime="proton").any()


def test_share_of_the_place_is_an_integral():
    box = detector.body(detector.MICROBOONE)
    ball = detector.body(detector.MINIBOONE)
    assert np.isclose(density._behind(box, (100.0, 0.0, 300.0), (0.0, 0.0, 1.0)), 300.0)
    assert np.isclose(density._behind(box, (100.0, 0.0, 300.0), (0.8, 0.0, 0.6)), 125.0)
    assert np.isclose(density._behind(box, (100.0, 0.0, 300.0), (-0.8, 0.0, 0.6)), 156.35 / 0.8)
    assert np.isclose(density._behind(ball, (0.0, 100.0, 0.0), (0.0, 1.0, 0.0)), 710.6)
    seen = np.zeros((1, 13))
    seen[0, 8:11] = 100.0, 0.0, 300.0
    way = decay.chain(LIGHT)
    for one, two in ((50.0, 0.0), (400.0, 20.0), (90.0, 90.0)):
        place = density.Place(np.zeros(2), np.zeros(1), box, one, two)
        found = density._share(place, seen, 0, LIGHT.m_heavy, (0.0, 0.0, LIGHT.m_heavy), 30.0,
                               (0.0, 0.0, 1.0), way)
        steps = (np.arange(3000) + 0.5) / 10  # where the flight began, before the pair
        if two:  # the sum of two flights, by steps
            inner = [sum(exp(-x / one - (t - x) / two) for x in np.linspace(0, t, 61)[1::2])
                     * t / 30 / one / two for t in steps[15::30]]
            wanted = 3.0 * sum(inner)
        else:
            wanted = 0.1 * sum(exp(-t / one) / one for t in steps)
        assert np.isclose(found, wanted, rtol=5e-3, atol=0)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="one particle with PDG code 11"):
        density.pairs(gun.shoot(22, 100.0))
    with pytest.raises(ValueError, match="unknown heavy_decay"):
        density.of(NOTE, np.zeros((1, 13)), heavy_decay="odd")

