"""ν_h from the earth: a slow integral, limits, places and times, published lines, bad input."""

import tomllib
from math import exp, hypot
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kstest

from darknews import CHARGE
from darkpairs import batches, decay, detector, model, rates, signal, upstream
from darkpairs.constants import SPEED_OF_LIGHT
from darkpairs.upstream import EARTH, Earth

REFERENCE = tomllib.loads((Path(__file__).parent / "reference" / "upstream.toml").read_text())
STAR = model.BENCHMARKS["star-3-100"]  # cτ 12 m
FAR = model.replace(model.BENCHMARKS["light-140"], ctau=300.0, epsilon=1e-6)  # its Z′ flies too
CENTRE = {"microboone": np.array([128.175, 0.0, 518.4]), "miniboone": np.zeros(3)}
ARRAYS = list(batches.Truth.SHAPES)


def columns(truth):
    """Start, time and four-momentum by event and particle."""
    n = len(truth)
    return truth.start.reshape(n, -1, 3), truth.time.reshape(n, -1), truth.p4.reshape(n, -1, 4)


def ends_of(truth):
    """Where ν_h decays, its unit direction and its decay length, from the record alone."""
    start, _, p4 = columns(truth)
    size = np.sqrt((p4[:, 1, 1:] ** 2).sum(axis=1))
    return start[:, 2], p4[:, 1, 1:] / size[:, None], size


def slow_share(earth, point, direction, length, step):
    """Integral of e^(−l/λ)/λ along the line behind a point, a small step after the other."""
    total, way = 0.0, step / 2
    while way < 1.2 * (earth.face + earth.length):
        x, y, z = (point[k] - way * direction[k] for k in range(3))
        if hypot(x, y) < earth.radius and -earth.face - earth.length < z < -earth.face:
            total += exp(-way / length) / length * step
        way += step
    return total


@pytest.mark.parametrize(("experiment", "point"), [("microboone", STAR), ("miniboone", STAR),
                                                   ("miniboone", FAR)])
def test_weight_is_an_integral_along_the_line(experiment, point):
    options = dict(seed=3, experiment=experiment, regime="both")
    earth = EARTH[experiment]._replace(length=6000.0)
    truth = upstream.generate(point, 12, earth=earth, **options)
    filled = upstream.nuclei(earth, detector.volume(detector.paper(experiment)))
    made = rates.expected_events(point, pot=1, experiment=experiment, regime="both", inside=False,
                                 targets=filled)
    ends, direction, size = ends_of(truth)
    for i in range(12):
        slow = slow_share(earth, ends[i] - CENTRE[experiment], direction[i],
                          decay.ctau(point) * size[i] / point.m_heavy, 1.0)
        assert np.isclose(truth.weight[i] * 12 / made, slow, rtol=3e-3, atol=1e-6)


def test_sections_of_a_cylinder():
    earth = Earth(face=10.0, length=100.0, radius=3.0)
    points = np.array([[0, 0, 0], [0, 0, 5], [2, 0, 0], [0, 0, 0], [0, 0, 0], [4, 0, 0], [0, 0, 0],
                       [0, 0, -20], [0, 0, -20]], dtype=float)
    slope = np.array([0.1, 0, 1]) / np.sqrt(1.01)
    directions = np.array([[0, 0, 1], [0, 0, 1], [0, 0, 1], slope, [0, 0, -1], [0, 0, 1],
                           [1, 0, 0], [1, 0, 0], [0, 0, -1]])
    near, far = upstream.section(earth, points, directions)
    longer = np.sqrt(1.01)
    assert np.allclose(near, [10, 15, 10, 10 * longer, 0, 0, 0, 0, 0])
    assert np.allclose(far, [110, 115, 110, 30 * longer, 0, 0, 0, 3, 10])


def test_shares_in_limits():
    near, far = np.array([0.0, 10.0, 10.0, 10.0, 0.0]), np.array([1e9, 1e9, 60.0, 60.0, 0.0])
    length = np.array([100.0, 0.0, 1e-3, 1e7, 5.0])
    shares = upstream.share(near, far, length)
    assert shares[0] == 1  # earth without an end, from here on
    assert (shares[[1, 2, 4]] == 0).all()  # nobody comes so far; no earth
    assert np.isclose(shares[3], 50 / 1e7, rtol=1e-4)
    whole = upstream.share(10.0, 60.0, 30.0)
    assert np.isclose(whole, upstream.share(10.0, 40.0, 30.0) + upstream.share(40.0, 60.0, 30.0))


def test_earth_all_around_gives_as_many_as_are_made():
    """From a point at the end of a wide and long earth, all that fly forwards come from it."""
    wide = Earth(face=1e-9, length=1e12, radius=1e12)
    truth = signal.generate(STAR, 1000, seed=1, inside=False)
    _, direction, size = ends_of(truth)
    near, far = upstream.section(wide, np.zeros((1000, 3)), direction)
    shares = upstream.share(near, far, decay.ctau(STAR) * size / STAR.m_heavy)
    assert np.allclose(shares, direction[:, 2] > 0, rtol=0, atol=1e-6)


def test_short_and_long_lives():
    prompt = upstream.generate(model.replace(STAR, ctau=0.0), 100, seed=1)
    assert not prompt.weight.any()
    assert np.isfinite(prompt.start).all()
    assert upstream.expected_events(model.BENCHMARKS["light-140"], pot=1e20, n=1000) < 1e-9
    one, two = (upstream.expected_events(model.replace(STAR, ctau=c), pot=1, n=1000)
                for c in (1e8, 2e8))
    assert np.isclose(one, 2 * two, rtol=1e-3)


@pytest.mark.parametrize("experiment", detector.EXPERIMENTS)
@pytest.mark.parametrize("point", [STAR, FAR], ids=["star", "far"])
def test_places_and_times(experiment, point):
    options = dict(seed=5, experiment=experiment, regime="both")
    truth = upstream.generate(point, 5000, **options)
    start, time, p4 = columns(truth)
    counts = truth.weight > 0
    assert counts.mean() > 0.2
    x, y, z = (truth.vertex[counts] - CENTRE[experiment]).T
    earth = EARTH[experiment]
    assert np.hypot(x, y).max() < earth.radius * (1 + 1e-9)
    assert z.max() < -earth.face + 1e-6
    assert z.min() > -earth.face - earth.length - 1e-6
    assert np.array_equal(start[:, 0], truth.vertex)
    assert np.array_equal(start[:, 1], truth.vertex)
    assert not time[:, :2].any()
    paper = detector.paper(experiment)
    assert detector.inside(paper, start[:, -1]).all()
    assert np.array_equal(start[:, -1], start[:, -2])
    movers = ((1, 2), (2, 4)) if point is FAR else ((1, 3),)
    for mover, child in movers:
        way, took = start[:, child] - start[:, mover], time[:, child] - time[:, mover]
        speed = p4[:, mover, 1:] / p4[:, mover, :1] * SPEED_OF_LIGHT
        assert np.abs(way - speed * took[:, None]).max() < 1e-9 * 50000
    filled = upstream.nuclei(earth, detector.volume(paper))
    thrown = signal.generate(point, 5000, inside=False, targets=filled, **options)
    for name in ("p4", "pdg", "parent", "e_nu", "event", "kind", "offsets"):
        assert np.array_equal(getattr(truth, name), getattr(thrown, name)), name
    assert set(truth.pdg[::start.shape[1]].tolist()) == {1000080160, 1000140280, 2212}


@pytest.mark.parametrize("experiment", detector.EXPERIMENTS)
def test_pairs_fill_the_detector_evenly(experiment):
    truth = upstream.generate(FAR, 20000, seed=2, experiment=experiment)
    paper, place = detector.paper(experiment), truth.start[batches.only(truth, 11)]
    if experiment == "microboone":
        low, high = detector.walls(paper)
        even = (place - low) / (high - low)
    else:
        radius = np.sqrt((place**2).sum(axis=1))
        even = np.stack([(radius / paper.radius) ** 3, place[:, 2] / radius / 2 + 0.5], axis=1)
    assert min(kstest(each, "uniform").pvalue for each in even.T) > 0.01


@pytest.mark.parametrize("point", [STAR, model.BENCHMARKS["star-3-500"]], ids=["12 m", "707 m"])
def test_ways_are_exponential_where_there_is_earth(point):
    truth = upstream.generate(point, 20000, seed=6, experiment="miniboone")
    ends, direction, size = ends_of(truth)
    near, far = upstream.section(EARTH["miniboone"], ends, direction)
    way = ((ends - truth.vertex) * direction).sum(axis=1)
    length = decay.ctau(point) * size / point.m_heavy
    kept = truth.weight > 0
    even, whole = (1 - np.exp(-(each - near)[kept] / length[kept]) for each in (way, far))
    assert kstest(even / whole, "uniform").pvalue > 0.01
    assert np.array_equal(far > near, kept)
    assert np.abs(way[~kept]).max() < 1e-9


def test_events_depend_on_seed_and_number_alone():
    options = dict(seed=7, regime="both", experiment="miniboone")
    whole = upstream.generate(STAR, 1000, **options)
    parts = [upstream.generate(STAR, n, first=first, **options)
             for first, n in ((0, 1), (1, 299), (300, 700))]
    joined = batches.concatenate(parts)
    for name in set(ARRAYS) - {"weight"}:
        assert np.array_equal(getattr(whole, name), getattr(joined, name)), name
    counts = np.repeat([1, 299, 700], [1, 299, 700])
    assert np.allclose(joined.weight * counts, whole.weight * 1000, rtol=1e-12)
    assert not np.isclose(upstream.generate(STAR, 1000, **{**options, "seed": 8}).e_nu,
                          whole.e_nu).any()


def test_weights_add_up_and_grow_with_the_earth():
    options = dict(regime="both", experiment="miniboone", n=20000, seed=4)
    rate = upstream.expected_events(STAR, pot=1e20, **options)
    truth = upstream.generate(STAR, **options)
    assert np.isclose(truth.weight.sum() * 1e20, rate, rtol=1e-12)
    other = upstream.expected_events(STAR, pot=1e20, **{**options, "seed": 5})
    assert np.isclose(other, rate, rtol=0.05)
    earth = EARTH["miniboone"]
    dense, wide = (upstream.expected_events(STAR, pot=1e20, earth=each, **options) for each in (
        earth._replace(density=2 * earth.density), earth._replace(radius=2 * earth.radius)))
    assert np.isclose(dense, 2 * rate)
    assert 1.2 * rate < wide < 4 * rate


def test_the_earth_weighs_what_it_should():
    filled = upstream.nuclei(EARTH["miniboone"], 1000.0)  # a litre: 2150 g
    grams = (filled["Si28"] * 28.0855 + filled["O16"] * 15.999) / 6.02214076e23
    assert np.isclose(grams, 2150)
    assert filled["O16"] == 2 * filled["Si28"]


def test_lines_of_1000_events_of_long_lived_ones():
    """Published lines of long-lived ν_h; those made inside are 8 to 40 % of them.

    Ours are a few percent low throughout. They count argon around the active volume, and we do
    not: that is the likely reason.
    """
    lines = REFERENCE["lines"]
    earth = EARTH["microboone"]._replace(radius=lines["radius"])
    ratios, inside = [], []
    for m_zprime, m5, squared in lines["points"]:
        point = model.replace(model.broad(m5=m5, delta=3, m_zprime=m_zprime, vmu5=1e-3),
                              charge=CHARGE)
        options = dict(pot=lines["pot"] * squared / 1e-6, regime="both")
        inside.append(rates.expected_events(point, **options) / 1000)
        ratios.append(inside[-1] + upstream.expected_events(point, earth=earth, n=20000,
                                                            **options) / 1000)
    assert max(inside) < 0.4
    assert 0.88 < min(ratios) < max(ratios) < 1.05
    assert 0.93 < np.median(ratios) < 0.99


@pytest.mark.parametrize(("options", "message"), [
    (dict(earth=Earth(density=0.0)), r"Earth\(density=0.0, .*; wanted numbers > 0"),
    (dict(earth=Earth(radius=float("nan"))), "radius=nan.; wanted numbers > 0"),
    (dict(earth=Earth(face=500.0)), "earth ends 500 cm before the detector's centre, inside the "
                                    "detector; wanted face ≥ 518.4 cm"),
    (dict(experiment="dune"), "unknown experiment 'dune'"), (dict(regime="dis"), "unknown regime"),
    (dict(n=0), "n = 0, first = 0; wanted whole numbers"), (dict(seed=-1), "seed -1; wanted"),
    (dict(model=model.replace(STAR, epsilon=0.0)), "ν_h is stable"),
    (dict(model=model.replace(STAR, ctau=np.inf)), "ν_h is stable and decays nowhere; wanted"),
])
def test_bad_input_is_refused_in_words(options, message):
    with pytest.raises(ValueError, match=message):
        upstream.generate(**{"model": STAR, "n": 10, "seed": 1, **options})


def test_too_few_protons_are_refused_in_words():
    with pytest.raises(ValueError, match="protons on target must be > 0; got 0"):
        upstream.expected_events(STAR, pot=0)
