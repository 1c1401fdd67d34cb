"""Volumes, masses and nuclei of the two experiments; points in them and flights out of them."""

from math import exp, isclose, pi

import numpy as np
import pytest
from scipy import integrate, stats

from darkpairs import constants, detector, rng

SIDES = (256.35, 233.0, 1036.8)
PAPERS = {"box": detector.MICROBOONE, "tank": detector.MINIBOONE}
WAYS = [(0.0, 0.0, 1.0), (0.0, -1.0, 0.0), (1.0, 0.0, 0.0), (0.6, 0.0, -0.8),
        (-0.48, 0.6, 0.64), (0.02, -0.03, 0.99935)]
LENGTHS = [0.0, 1e-3, 1.0, 8.0, 40.0, 300.0, 2e3, 2e4, 4e4, 1e5, 1e7, 1e9]


def test_masses_are_the_published_ones():
    assert isclose(detector.mass(detector.MICROBOONE), 85.7e6, rel_tol=5e-4)  # g; 85.7 t
    assert isclose(detector.mass(detector.MINIBOONE), 818e6)
    assert isclose(detector.mass(detector.MINIBOONE, fiducial=True), 449e6, rel_tol=1e-3)


def test_numbers_of_nuclei():
    argon = detector.targets(detector.MICROBOONE)
    assert list(argon) == ["Ar40"]
    assert isclose(argon["Ar40"], 1.29e30, rel_tol=2e-3)
    oil = detector.targets(detector.MINIBOONE)
    assert isclose(oil["C12"], 3.52e31, rel_tol=3e-3)  # 12/14 of 818 t, as the literature has it
    assert isclose(oil["H1"], 2 * oil["C12"])


@pytest.mark.parametrize("hydrogen", [1.0, 2.0, 2.1])
def test_nuclei_weigh_what_the_detector_weighs(hydrogen):
    tank = detector.MINIBOONE._replace(hydrogen_per_carbon=hydrogen)
    weights = {"C12": constants.CARBON_MOLAR_MASS, "H1": constants.HYDROGEN_MOLAR_MASS}
    grams = sum(count * weights[name] for name, count in detector.targets(tank).items())
    assert isclose(grams / constants.AVOGADRO, detector.mass(tank), rel_tol=1e-12)


def test_volume_against_the_dice():
    points = np.random.default_rng(3).uniform(-610.6, 610.6, size=(200_000, 3))
    cube = (2 * 610.6) ** 3
    for fiducial in (False, True):
        share = detector.inside(detector.MINIBOONE, points, fiducial=fiducial).mean()
        true = detector.volume(detector.MINIBOONE, fiducial=fiducial) / cube
        assert abs(share - true) < 4 * np.sqrt(true * (1 - true) / len(points))


def test_box_with_a_margin():
    box = detector.MICROBOONE._replace(margin=10.0)
    assert isclose(detector.volume(box), np.prod(SIDES))
    assert isclose(detector.volume(box, fiducial=True), np.prod([side - 20 for side in SIDES]))
    low, high = detector.walls(box, fiducial=True)
    assert np.allclose(high - low, [side - 20 for side in SIDES])
    edge = [[5.0, 0, 500], [15.0, 0, 500], [128, 110, 500], [128, 0, 1036.0], [128, -100, 500]]
    assert detector.inside(box, edge, fiducial=True).tolist() == [False, True, False, False, True]
    assert detector.inside(box, edge).all()
    outside = [[-1, 0, 5], [257, 0, 5], [5, 117, 5], [5, -117, 5], [5, 0, -1], [5, 0, 1037]]
    assert not detector.inside(box, outside).any()


def test_tank_is_a_sphere():
    assert isclose(detector.volume(detector.MINIBOONE), 4 / 3 * pi * 610.6**3)
    assert isclose(detector.volume(detector.MINIBOONE, fiducial=True), 4 / 3 * pi * 500**3)


def test_papers_by_name():
    assert detector.paper("microboone") is detector.MICROBOONE
    with pytest.raises(ValueError, match=r"unknown experiment 'sbnd'; wanted one of microboone, "
                                         "miniboone"):
        detector.paper("sbnd")


def test_positions_need_three_numbers():
    with pytest.raises(ValueError, match=r"positions of shape \(2,\); wanted \(..., 3\)"):
        detector.inside(detector.MICROBOONE, [1.0, 2.0])


def points(paper, n, seed):
    """Throw points one after the other, each from the state where the last one stopped."""
    body = detector.body(paper)
    state, rows = rng._start(np.uint64(seed), np.uint64(rng.stream("points")), np.uint64(0)), []
    for _ in range(n):
        state, point = detector._point(np.uint64(state), body)
        rows.append(point)
    return np.array(rows)


def test_points_fill_the_box_evenly():
    found = points(detector.MICROBOONE, 100_000, 1)
    assert detector.inside(detector.MICROBOONE, found).all()
    low, high = detector.walls(detector.MICROBOONE)
    grid, _ = np.histogramdd((found - low) / (high - low), bins=6, range=[[0, 1]] * 3)
    assert stats.chisquare(grid.ravel()).pvalue > 0.01


def test_points_fill_the_sphere_evenly():
    found = points(detector.MINIBOONE, 100_000, 2)
    assert detector.inside(detector.MINIBOONE, found).all()
    radius = np.linalg.norm(found, axis=1)
    even = np.column_stack([(radius / 610.6) ** 3, (found[:, 2] / radius + 1) / 2,
                            np.arctan2(found[:, 1], found[:, 0]) / (2 * pi) + 0.5])
    grid, _ = np.histogramdd(even, bins=6, range=[[0, 1]] * 3)
    assert stats.chisquare(grid.ravel()).pvalue > 0.01


@pytest.mark.parametrize("paper", [detector.MICROBOONE, detector.MINIBOONE,
                                   detector.Detector(drift=300.0, height=20.0, length=7.0),
                                   detector.Tank(radius=33.0)], ids=str)
def test_kernel_and_verb_agree_on_what_lies_inside(paper):
    body = detector.body(paper)
    size = 1.3 * (body[4:] - body[1:4])
    tried = (body[1:4] + body[4:]) / 2 + size * np.random.default_rng(3).uniform(
        -0.5, 0.5, size=(5000, 3))
    corners = np.array([body[1:4], body[4:], (0.0, 0.0, body[6]), (0.0, 0.0, body[3])])
    tried = np.concatenate([tried, corners, np.nextafter(corners, 2 * corners)])
    kernel = [detector._contains(body, tuple(point)) for point in tried]
    assert kernel == detector.inside(paper, tried).tolist()
    assert 0.1 < np.mean(kernel) < 0.9


def test_bodies_and_the_longest_ways_in_them():
    assert detector.body(detector.MICROBOONE).tolist() == [
        0, 0, -116.5, 0, 256.35, 116.5, 1036.8]
    assert detector.body(detector.MINIBOONE).tolist() == [1] + [-610.6] * 3 + [610.6] * 3
    assert isclose(detector.longest(detector.MICROBOONE), np.linalg.norm(SIDES))
    assert detector.longest(detector.MINIBOONE) == 1221.2
    for paper in PAPERS.values():
        found = points(paper, 2000, 3)
        ways = np.linalg.norm(found[:1000] - found[1000:], axis=1)
        assert 0.6 * detector.longest(paper) < ways.max() <= detector.longest(paper)


def shared(paper, t, way):
    """Share of its volume that a body has in common with itself, shifted by t along a way."""
    if isinstance(paper, detector.Tank):  # two caps of height h = R − t/2 each
        h = max(paper.radius - t / 2, 0.0)
        return 2 * pi * h**2 * (3 * paper.radius - h) / 3 / (4 / 3 * pi * paper.radius**3)
    share = 1.0
    for side, step in zip((paper.drift, paper.height, paper.length), way, strict=True):
        share *= max(side - abs(step) * t, 0.0) / side
    return share


def end_of(paper, way):
    """How far along a way a body may be shifted until it has nothing in common with itself."""
    if isinstance(paper, detector.Tank):
        return 2 * paper.radius
    sides = (paper.drift, paper.height, paper.length)
    return min(side / abs(step) for side, step in zip(sides, way, strict=True) if step)


def slow_survival(paper, length, way):
    """Integrate e^(−t/length)/length times the shared volume, in units of the decay length."""
    if length == 0:
        return 1.0
    last = min(end_of(paper, way) / length, 60.0)
    return integrate.quad(lambda s: exp(-s) * shared(paper, s * length, way), 0, last,
                          epsabs=0, epsrel=1e-10)[0]


@pytest.mark.parametrize("name", PAPERS)
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_survival_agrees_with_a_slow_integral(name, way):
    body = detector.body(PAPERS[name])
    for length in LENGTHS:
        fast = detector._survival(body, length, *way)
        assert isclose(fast, slow_survival(PAPERS[name], length, way), rel_tol=1e-6), length


@pytest.mark.parametrize("name", PAPERS)
@pytest.mark.parametrize("length", [15.0, 200.0, 900.0, 5000.0])
def test_survival_agrees_with_flights_from_random_starts(name, length):
    way = np.array([0.36, -0.48, 0.8])
    starts = points(PAPERS[name], 20_000, 4)
    flown = np.random.default_rng(5).exponential(length, size=(len(starts), 1))
    stayed = detector.inside(PAPERS[name], starts + flown * way).sum()
    chance = detector._survival(detector.body(PAPERS[name]), length, *way)
    assert stats.binomtest(int(stayed), len(starts), chance).pvalue > 0.01


@pytest.mark.parametrize("name", PAPERS)
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_survival_from_all_to_nothing(name, way):
    body = detector.body(PAPERS[name])
    chances = [detector._survival(body, length, *way) for length in np.geomspace(1e-2, 1e9, 500)]
    assert detector._survival(body, 0.0, *way) == 1
    assert chances[0] > 1 - 2e-4
    assert (np.diff(chances) < 0).all()  # who lives longer decays inside more seldom
    # From afar a body is as long as the mean way ∫V(t)dt/V; that of a sphere is 3R/4
    mean = integrate.quad(lambda t: shared(PAPERS[name], t, way), 0, end_of(PAPERS[name], way))[0]
    if name == "tank":
        assert isclose(mean, 3 / 4 * 610.6)
    assert isclose(detector._survival(body, 1e9, *way) * 1e9, mean, rel_tol=1e-5)


@pytest.mark.parametrize("name", PAPERS)
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_survival_does_not_jump_where_the_formula_changes(name, way):
    body, end = detector.body(PAPERS[name]), end_of(PAPERS[name], way)
    for switch in (30 * end, end / 50):
        below, above = (detector._survival(body, switch * (1 + shift), *way)
                        for shift in (-1e-12, 1e-12))
        assert isclose(below, above, rel_tol=1e-6)


def test_survival_does_not_ask_for_the_sign_of_the_way():
    body = detector.body(detector.MICROBOONE)
    signs = [(a, b, c) for a in (1, -1) for b in (1, -1) for c in (1, -1)]
    assert len({detector._survival(body, 300.0, 0.48 * a, 0.6 * b, 0.64 * c)
                for a, b, c in signs}) == 1


@pytest.mark.parametrize("paper", PAPERS.values(), ids=PAPERS)
def test_the_table_tells_unit_and_source_of_every_field(paper):
    rows = detector.table(paper)
    assert [(name, value) for name, value, _, _ in rows] == list(paper._asdict().items())
    for name, value, unit, source in rows:
        assert type(value) is float, name  # an int would compile a second version
        assert unit in {"", "cm", "cm/µs", "cm²/µs", "g/cm³", "K", "kV", "kV/cm", "µs", "MeV",
                        "MeV/cm", "(kV/cm)(g/cm²)/MeV", "flag", "rad", "tick", "mV/fC", "mV",
                        "ADC", "ADC/m", "t"}, name
        assert len(source) > 3, name
    assert dict((row[0], row[2:]) for row in detector.table(detector.MICROBOONE))["field"] == (
        "kV/cm", "MicroBooNE's operating value, 70 kV on the cathode")


def test_the_table_shows_what_was_changed():
    changed = detector.MICROBOONE._replace(lifetime=3000.0)
    new, old = (dict((row[0], row[1:]) for row in detector.table(paper))
                for paper in (changed, detector.MICROBOONE))
    assert [name for name in old if new[name] != old[name]] == ["lifetime"]
    assert new["lifetime"][0] == 3000


@pytest.mark.parametrize(("change", "words"), [
    (dict(height=-5.0), "a chamber with .*height.*wanted numbers > 0"),
    (dict(lifetime=np.nan), "a chamber with .*lifetime.*wanted numbers > 0"),
    (dict(noise_flat=-1.0), "noise_flat.*≥ 0 for diffusion, noise and jacket"),
    (dict(trigger=np.inf), "trigger.*all finite but for the lifetime"),
    (dict(ticks=100.5), "ticks = 100.5; wanted a whole number from 1 to 524288"),
    (dict(ticks=0.0), "ticks = 0; wanted a whole number"),
    (dict(bits=16.0), "bits = 16; wanted a whole number from 1 to 15"),
    (dict(order=2.5), "order = 2.5; wanted a whole number"),
    (dict(angle=1.6), "wires at 1.6 rad to the vertical; wanted less than π/2"),
    (dict(bits=10.0), "pedestals of 2046 and 473 ADC; wanted 0 to 1023, the range of 10 bits"),
])
def test_chambers_without_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        detector.checked(detector.MICROBOONE._replace(**change))


def test_chambers_with_sense_are_taken_as_they_are():
    for change in (dict(), dict(lifetime=np.inf), dict(bits=14), dict(jacket=0, noise_flat=0)):
        given = detector.MICROBOONE._replace(**change)
        assert detector.checked(given) == given
