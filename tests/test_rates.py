"""Expected pairs against a slow integral, DarkNews, published lines, limits and bad input."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad

from darknews import BENCH, CHARGE
from darkpairs import decay, detector, flux, kinematics, model, rates, upscatter

REFERENCE = tomllib.loads((Path(__file__).parent / "reference" / "rates.toml").read_text())
LIGHT, NOTE = model.BENCHMARKS["light-140"], model.BENCHMARKS["note"]
EDGES = np.linspace(0, 10000, 201)


def slow_rate(point, experiment, regime):
    """Flux × σ × nuclei per POT, bin by bin of the flux, by another rule for the integral."""
    beam, total = flux.bnb(experiment), 0.0
    x, w = np.polynomial.legendre.leggauss(12)
    for name, nuclei in detector.targets(detector.paper(experiment)).items():
        for low, high, height in zip(beam.edges[:-1], beam.edges[1:], beam.numu, strict=True):
            energy = 0.5 * (low + high) + 0.5 * (high - low) * x
            sigma = upscatter.cross_section(point, name, energy, regime=regime)
            total += nuclei * height * 0.5 * (high - low) * (w * sigma).sum()
    return total


@pytest.mark.parametrize("name", ["light-140", "note", "star-0.5-800", "star-3-1250"])
@pytest.mark.parametrize("experiment", detector.EXPERIMENTS)
@pytest.mark.parametrize("regime", ["coherent", "both"])
def test_rate_is_flux_times_cross_section_times_nuclei(name, experiment, regime):
    point = model.BENCHMARKS[name]
    fast = rates.expected_events(point, experiment=experiment, pot=1, regime=regime, inside=False)
    slow = slow_rate(point, experiment, regime) * decay.branching(point)["e+e-"]
    assert np.isclose(fast, slow, rtol=5e-4, atol=0)


@pytest.mark.parametrize(("name", "experiment", "regime"), [
    ("argon", "microboone", "coherent"), ("argon", "microboone", "proton"),
    ("carbon", "miniboone", "coherent")])
def test_rates_of_darknews(name, experiment, regime):
    point = model.replace(BENCH["L1_m140"], charge=CHARGE)
    table, nuclei = REFERENCE["darknews"], next(iter(
        detector.targets(detector.paper(experiment)).values()))
    ours = rates.expected_events(point, experiment=experiment, pot=1e20, regime=regime,
                                 inside=False) * table[f"{name}_nuclei"] / nuclei
    assert np.isclose(ours, table[f"{name}_{regime}"], rtol=2e-3, atol=0)


def test_protons_of_mineral_oil_of_darknews():
    point, table = model.replace(BENCH["L1_m140"], charge=CHARGE), REFERENCE["darknews"]
    ours = rates.expected_events(point, experiment="miniboone", pot=1e20, regime="proton",
                                 inside=False)
    ratio = table["carbon_nuclei"] / detector.targets(detector.MINIBOONE)["C12"]
    theirs = table["carbon_proton"] + table["hydrogen_proton"]
    assert np.isclose(ours * ratio, theirs, rtol=3e-3, atol=0)  # their H per C is 1.985


def test_lines_of_1000_events():
    """An absolute check of couplings, volume and regime; no number here is ours."""
    lines = REFERENCE["lines"]
    events = []
    for m_zprime, m5, squared in lines["points"]:
        point = model.replace(model.broad(m5=m5, delta=3, m_zprime=m_zprime, vmu5=squared**0.5),
                              charge=CHARGE)
        assert np.isclose(decay.branching(point)["e+e-"], 1)
        events.append(rates.expected_events(point, pot=lines["pot"], regime="both", inside=False))
    off = np.abs(np.array(events) / 1000 - 1)
    assert len(off) > 70
    assert np.sort(off)[-2] < 0.04  # one point of the plot, at 30 and 272.8 MeV, is off by 4.1 %
    assert off.max() < 0.045
    assert abs(np.median(events) / 1000 - 1) < 0.01


@pytest.mark.parametrize("name", ["light-140", "note", "star-0.5-800", "star-3-30"])
@pytest.mark.parametrize("inside", [True, False])
def test_spectrum_adds_up(name, inside):
    point = model.BENCHMARKS[name]
    options = dict(pot=1e20, regime="both", inside=inside)
    total = rates.expected_events(point, **options)
    assert np.isclose(rates.spectrum(point, EDGES, **options).sum(), total, rtol=7e-3, atol=0)
    fine = rates.spectrum(point, EDGES, fine=True, **options)
    assert np.isclose(fine.sum(), total, rtol=1e-3, atol=0)
    assert (fine >= -1e-12 * total).all()


@pytest.mark.parametrize(("name", "edges"), [
    ("light-140", np.linspace(50, 1500, 31)), ("note", np.linspace(50, 1250, 31)),
    ("star-3-30", np.linspace(50, 1500, 31))])
def test_coarse_and_fine_spectrum(name, edges):
    point = model.BENCHMARKS[name]
    coarse = rates.spectrum(point, edges, pot=1)
    fine = rates.spectrum(point, edges, pot=1, fine=True)
    assert np.abs(coarse / fine - 1).max() < 7e-3


def test_spectrum_of_one_energy():
    """Slow twin: a flat box with a slope, for one energy of ν_h and one spin along its flight."""
    heavy, e, spin, edges = 140.0, 700.0, -0.8, np.linspace(0, 700, 36)
    grid = np.array([[e, 1.0, spin]])
    below = rates._below(edges, grid, heavy, 0.0, np.array([900.0]), np.ones(1), 1.0)
    r = (30 / 140) ** 2
    slope = (1 - 2 * r) / (1 + 2 * r)  # of ν → ν Z′, arXiv:2207.04137
    pair, k, p = 70 * (1 + r), 70 * (1 - r), np.sqrt(e**2 - heavy**2)

    def density(c):
        return 0.5 * (1 + slope * spin * c)

    for edge, fast in zip(edges, below, strict=True):
        c = np.clip((edge * heavy - e * pair) / (p * k), -1, 1)
        assert np.isclose(fast, quad(density, -1, c)[0], atol=1e-12)


def test_majorana_spectrum_is_harder_and_the_rate_the_same():
    majorana = model.replace(LIGHT, majorana=1)
    assert np.isclose(rates.expected_events(LIGHT, pot=1), rates.expected_events(majorana, pot=1),
                      rtol=1e-3, atol=0)
    middle = (EDGES[:-1] + EDGES[1:]) / 2
    means = [np.average(middle, weights=rates.spectrum(point, EDGES, pot=1))
             for point in (LIGHT, majorana)]
    # DarkNews 0.4.8 has 386 and 511 MeV, with protons
    assert np.allclose(means, [386, 511], rtol=0.015)


def test_short_and_long_lives():
    anywhere = rates.expected_events(NOTE, pot=1, inside=False)
    prompt = rates.expected_events(model.replace(NOTE, ctau=0.0), pot=1)
    assert np.isclose(prompt, anywhere, rtol=1e-12, atol=0)
    one, two = (rates.expected_events(model.replace(NOTE, ctau=c), pot=1) for c in (1e8, 2e8))
    assert np.isclose(one, 2 * two, rtol=1e-3, atol=0)
    assert one < 1e-4 * anywhere


def test_a_long_lived_zprime_leaves():
    slow = model.replace(LIGHT, epsilon=1e-7)  # cτ of the Z′ 270 m: most fly out
    inside = rates.expected_events(slow, pot=1) / rates.expected_events(slow, pot=1, inside=False)
    assert 1e-4 < inside < 1e-2


def test_a_chance_of_two_flights_is_a_double_integral():
    body, x, w = detector.body(detector.MICROBOONE), *np.polynomial.legendre.leggauss(6)
    length, zprime = 300.0, 120.0
    fast = rates._chance(body, length, zprime, 0.0, 1.0, 1.0, x, w)

    def overlap(t):
        return np.maximum(1 - t / detector.MICROBOONE.length, 0)

    t = np.linspace(0, 6000, 600001)
    density = (np.exp(-t / length) - np.exp(-t / zprime)) / (length - zprime)
    assert np.isclose(fast, np.trapezoid(density * overlap(t), t), rtol=1e-6)
    near = rates._chance(body, length, length, 0.0, 1.0, 1.0, x, w)
    erlang = np.trapezoid(t / length**2 * np.exp(-t / length) * overlap(t), t)
    assert np.isclose(near, erlang, rtol=1e-4)


def test_another_filling_takes_the_place_of_the_own():
    own, one = detector.targets(detector.MICROBOONE), {"Ar40": 1.0}
    options = dict(pot=1, regime="both", inside=False)
    assert rates.expected_events(LIGHT, targets=own, **options) == rates.expected_events(
        LIGHT, **options)
    parts = [rates.expected_events(LIGHT, targets=targets, **options)
             for targets in (one, {"O16": 3.0}, {"O16": 3.0, "Ar40": 1.0})]
    assert np.isclose(parts[0] * own["Ar40"], rates.expected_events(LIGHT, **options), atol=0)
    assert np.isclose(parts[0] + parts[1], parts[2], atol=0)
    assert 0.5 < parts[1] / 3 / parts[0] / (8 / 18) ** 2 < 1.6  # Z², and more protons per Z²


def test_flavours_and_pot_add_up():
    parts = [rates.expected_events(LIGHT, pot=1, flavours=(name,)) for name in rates.FLAVOURS]
    both = rates.expected_events(LIGHT, pot=10, flavours=rates.FLAVOURS)
    assert np.isclose(both, 10 * sum(parts), atol=0)
    assert 0.01 < parts[1] / parts[0] < 0.1


def test_fraction_of_other_channels_is_taken_off():
    star = model.BENCHMARKS["star-0.5-1250"]
    full = model.replace(star, dark="full", ctau=decay.ctau(star))
    ratio = rates.expected_events(full, pot=1) / rates.expected_events(star, pot=1)
    assert np.isclose(ratio, decay.branching(full)["e+e-"] / decay.branching(star)["e+e-"])


def test_sum_over_helicities_is_in_x_what_it_is_in_q2():
    ways = rates.processes(NOTE, "microboone", "both")
    for p, target in enumerate(ways.table[:, 0]):
        density, (q2, low, high) = rates._in_x(ways.table, ways.shapes, p, NOTE.m_heavy, 900.0, 0.3)
        assert (low, high) == tuple(map(float, kinematics.q2_limits(900.0, NOTE.m_heavy, target)))
        scale = ways.table[p, 1]
        jacobian = (q2 + scale) ** 2 * (1 / (low + scale) - 1 / (high + scale))
        regime = ("coherent", "proton")[p]
        law = upscatter.dsigma_dq2(NOTE, "Ar40", 900.0, q2, regime=regime) * jacobian
        assert np.isclose(density * rates.HBARC**2 / ways.table[p, 7], law, rtol=1e-9, atol=0)


@pytest.mark.parametrize(("options", "message"), [
    (dict(pot=0), "protons on target must be > 0; got 0"),
    (dict(pot=float("nan")), "protons on target must be > 0; got nan"),
    (dict(pot=1, experiment="dune"), "unknown experiment 'dune'; wanted one of microboone"),
    (dict(pot=1, regime="dis"), "unknown regime 'dis'; wanted one of coherent"),
    (dict(pot=1, exchange="w"), "unknown exchange 'w'"),
    (dict(pot=1, flavours=("nue",)), "flavours .'nue',.; wanted one or both of numu, numubar"),
    (dict(pot=1, flavours="numu"), "flavours 'numu'; wanted one or both"),
    (dict(pot=1, form_factor="flat"), "unknown form factor 'flat'"),
])
def test_bad_input_is_refused_in_words(options, message):
    with pytest.raises(ValueError, match=message):
        rates.expected_events(LIGHT, **options)


def test_too_heavy_and_falling_edges_are_refused_in_words():
    heavy = model.broad(m5=9000.0, delta=3, m_zprime=30.0, vmu5=1e-3)
    with pytest.raises(ValueError, match="MeV is too heavy for this beam, which ends"):
        rates.expected_events(heavy, pot=1)
    with pytest.raises(ValueError, match="edges of bins must rise, at least two; got"):
        rates.spectrum(LIGHT, [0, 10, 5], pot=1)
    with pytest.raises(ValueError, match="ν_h is stable: its couplings or ε are 0; give ctau="):
        rates.expected_events(model.replace(LIGHT, epsilon=0.0), pot=1)
