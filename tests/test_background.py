"""Kinds of background: weights, bits, places, tilts, the chamber, bad input."""

import numba
import numpy as np
import pytest
from scipy.stats import kstest

from darkpairs import background, batches, counting, detector, roulette, transport
from darkpairs.background import BEAM, KINDS, LOSS
from darkpairs.batches import Truth, concatenate, select
from darkpairs.kinematics import mass, opening_angle

ARRAYS = list(Truth.SHAPES)
POT = 6.87e20
SMALL = {"dirt": 300}


@pytest.fixture(scope="module")
def truths():
    return {kind: background.generate(kind, SMALL.get(kind, 3000), seed=4) for kind in KINDS}


def firsts(truth):
    return truth.pdg[truth.offsets[:-1]]


@pytest.mark.parametrize("kind", KINDS)
def test_weights_add_up_to_the_rate(truths, kind):
    expected = background.expected_events(kind, pot=POT)
    assert truths[kind].weight.sum() * POT == pytest.approx(expected, rel=1e-12)
    assert np.ptp(truths[kind].weight) == 0
    assert (truths[kind].kind == batches.KINDS.index(kind)).all()
    assert background.expected_events(kind, pot=2 * POT) == pytest.approx(2 * expected)


@pytest.mark.parametrize("kind", KINDS)
def test_events_depend_on_seed_and_number_alone(kind):
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        whole = background.generate(kind, 60, seed=7)
    finally:
        numba.set_num_threads(before)
    joined = concatenate([background.generate(kind, n, seed=7, first=first)
                          for first, n in ((0, 1), (1, 29), (30, 30))])
    for name in set(ARRAYS) - {"weight"}:
        assert np.array_equal(getattr(whole, name), getattr(joined, name)), name
    other = background.generate(kind, 60, seed=8)
    assert not np.isclose(other.p4[0], whole.p4[0]).any()
    assert np.isclose(other.vertex, whole.vertex).all(axis=1).sum() == 0


@pytest.mark.parametrize(("kind", "tilt"), [("pi0", 0.7), ("dirt", 0.0), ("cosmic", 0.0)])
def test_a_part_of_a_sample_has_the_weights_of_the_whole(kind, tilt):
    whole = background.generate(kind, 50, seed=7, tilt=tilt)
    joined = concatenate([background.generate(kind, n, seed=7, first=first, of=50, tilt=tilt)
                          for first, n in ((0, 1), (1, 28), (29, 21))])
    assert np.array_equal(whole.weight, joined.weight)
    assert np.array_equal(whole.p4, joined.p4)


@pytest.mark.parametrize("of", [7, 9, 10.5])
def test_a_part_beyond_the_whole_is_refused(of):
    with pytest.raises(ValueError, match=f"events 5 to 9 of {of}; wanted a whole number that has"):
        background.generate("pi0", 5, seed=7, first=5, of=of)


@pytest.mark.parametrize("kind", BEAM)
def test_vertices_fill_the_active_volume_and_all_start_there(truths, kind):
    truth = truths[kind]
    low, high = detector.walls(detector.MICROBOONE)
    even = (truth.vertex - low) / (high - low)
    assert min(kstest(each, "uniform").pvalue for each in even.T) > 0.005
    assert np.array_equal(truth.start, np.repeat(truth.vertex, np.diff(truth.offsets), axis=0))
    assert not truth.time.any()


@pytest.mark.parametrize("kind", KINDS)
def test_the_chamber_takes_every_kind(truths, kind):
    energy = transport.energy_in(truths[kind])  # it refuses what the chamber cannot simulate
    assert energy.min() > 0
    assert np.isfinite(energy).all()


def test_each_kind_has_its_particles(truths):
    for kind in ("pi0", "pi0-coherent", "delta-gamma"):
        assert set(np.abs(firsts(truths[kind]))) <= {12, 14}
    assert set(firsts(truths["nue"])) == {11, -11}
    assert set(firsts(truths["numu"])) == {13, -13}
    for kind in ("pi0", "pi0-coherent", "numu-pi0"):
        zero = np.flatnonzero(truths[kind].pdg == 111)
        assert len(np.unique(np.searchsorted(truths[kind].offsets, zero, "right"))) == 3000
    assert 111 not in truths["numu"].pdg
    photons = truths["delta-gamma"].pdg == 22
    assert photons.sum() == 3000
    assert (np.abs(firsts(truths["pi0"])) == 14).mean() > 0.97


def test_photons_come_from_their_pi_zero(truths):
    truth = truths["pi0"]
    first = np.repeat(truth.offsets[:-1], np.diff(truth.offsets))
    photons = np.flatnonzero(truth.pdg == 22)
    mothers = first[photons] + truth.parent[photons]
    assert (truth.pdg[mothers] == 111).all()
    pairs = photons.reshape(-1, 2)
    total = truth.p4[pairs].sum(axis=1)
    assert np.abs(total - truth.p4[mothers[::2]]).max() < 1e-8
    # PDG: the smallest angle between the photons is 2 arcsin(m/E)
    angle = opening_angle(truth.p4[pairs[:, 0]], truth.p4[pairs[:, 1]])
    smallest = 2 * np.arcsin(np.minimum(134.9768 / total[:, 0], 1))
    assert (angle > smallest - 1e-6).all()
    share = truth.p4[pairs[:, 0], 0] / total[:, 0]
    speed = np.sqrt(1 - (134.9768 / total[:, 0]) ** 2)
    assert kstest((2 * share - 1) / speed / 2 + 0.5, "uniform").pvalue > 0.01


def test_lost_photons_by_a_slow_loop(truths):
    truth = select(truths["pi0"], slice(0, 60))
    low, high = detector.walls(detector.MICROBOONE)
    slow = []
    for i in range(60):
        gone = False
        for row in range(truth.offsets[i], truth.offsets[i + 1]):
            if truth.pdg[row] == 22:
                d = truth.p4[row, 1:] / truth.p4[row, 0]
                steps = np.arange(0, LOSS.near, 0.05)[:, None] * d + truth.vertex[i]
                out = not ((steps >= low) & (steps <= high)).all()
                gone |= out or truth.p4[row, 0] < LOSS.soft
        slow.append(gone)
    assert (background.lost(truth) == slow).mean() > 0.98
    assert 0.1 < np.mean(slow) < 0.6


@pytest.fixture(scope="module", params=background.WITH_PHOTONS)
def pair(request):
    """Events of a kind as they come, and tilted ones."""
    return (background.generate(request.param, 8000, seed=1),
            background.generate(request.param, 8000, seed=2, tilt=1.0))


def test_weights_of_a_tilted_sample_add_up_to_the_rate_within_chance(pair):
    plain, tilted = pair
    spread = tilted.weight.std() * np.sqrt(8000)
    assert abs(tilted.weight.sum() - plain.weight.sum()) < 4 * np.hypot(
        spread, 0.006 * plain.weight.sum())  # the mean worth is good to half a per cent
    assert 0 < spread < 0.02 * plain.weight.sum()


def test_weights_of_a_tilted_sample_undo_the_worth(pair):
    plain, tilted = pair
    product = tilted.weight * roulette.worth(tilted)
    assert product == pytest.approx(np.full(8000, product[0]), rel=1e-9, abs=0)
    # ⟨w⟩ of events as they come: what a weight of 1/w stands for
    mine = roulette.worth(plain)
    wanted = mine.mean() * plain.weight.sum() / 8000
    assert product[0] == pytest.approx(wanted, rel=4 * mine.std() / mine.mean() / np.sqrt(8000))
    assert 0 < tilted.weight.max() < 20 * plain.weight[0]


def test_half_a_tilt_is_the_root_of_the_worth():
    truth = background.generate("pi0", 300, seed=3, tilt=0.5)
    product = truth.weight * np.sqrt(roulette.worth(truth))
    assert product == pytest.approx(np.full(300, product[0]), rel=1e-9, abs=0)


@pytest.mark.parametrize("name", ["e_nu", "softest", "forward", "protons"])
def test_tilted_or_not_distributions_stay(pair, name):
    plain, tilted = pair
    a, b = (measure(truth, name) for truth in (plain, tilted))
    edges = np.unique(np.quantile(a, np.linspace(0, 1, 9)[1:-1]))
    one = np.bincount(np.searchsorted(edges, a), minlength=len(edges) + 1) / 8000
    two, square = (np.bincount(np.searchsorted(edges, b), tilted.weight**k, len(edges) + 1)
                   for k in (1, 2))
    scale = plain.weight.sum()
    error = one / 8000 + square / scale**2
    there = error > 0  # coherent pions have no protons
    chi2 = ((one - two / scale)[there] ** 2 / error[there]).sum()
    assert chi2 < 24  # 0.3 % for 8 bins


def test_a_tilted_sample_is_worth_more_where_it_matters(pair):
    plain, tilted = pair
    best = np.quantile(roulette.worth(plain), 0.98)
    more, as_it_comes = (counting.effective(truth.weight[roulette.worth(truth) > best])
                         for truth in (tilted, plain))
    assert more > 4 * as_it_comes
    assert 2000 < counting.effective(tilted.weight) < 8000


def measure(truth, name):
    if name == "e_nu":
        return truth.e_nu
    event = np.repeat(np.arange(len(truth)), np.diff(truth.offsets))
    if name == "forward":
        total = np.zeros((len(truth), 4))
        np.add.at(total, event[truth.pdg == 22], truth.p4[truth.pdg == 22])
        return total[:, 3] / total[:, 0]
    if name == "protons":
        return np.bincount(event, (truth.pdg == 2212) * truth.p4[:, 0], len(truth))
    softest = np.full(len(truth), np.inf)
    photons = truth.pdg == 22
    np.minimum.at(softest, event[photons], truth.p4[photons, 0])
    return softest


def test_protons_and_pi_zeros_look_as_published(truths):
    # MicroBooNE, arXiv 2205.07943: 2γ1p of 0.444 and 2γ0p of 0.624 in 1.243, in e-38 cm² per argon,
    # a proton counting above 50 MeV (from memory): half of the events have none
    truth = truths["pi0"]
    fast = (truth.pdg == 2212) & (truth.p4[:, 0] - 938.272 > 50)
    counts = np.add.reduceat(fast, truth.offsets[:-1])
    assert 0.35 < (counts == 0).mean() < 0.70
    assert 0.25 < (counts == 1).mean() < 0.55
    # and the π⁰ are slow: their momentum peaks at some 200 MeV (MiniBooNE, arXiv 0911.2063)
    momentum = np.sqrt((truth.p4[truth.pdg == 111, 1:] ** 2).sum(axis=1))
    assert 150 < np.median(momentum) < 320


def test_particles_are_on_their_mass_shell(truths):
    known = {2212: 938.27208943, 2112: 939.56542194, 211: 139.57039, 111: 134.9768, 22: 0.0,
             11: 0.51099895, 13: 105.6583755, 12: 0.0, 14: 0.0}
    for kind in KINDS:
        truth = truths[kind]
        for code, wanted in known.items():
            rows = np.abs(truth.pdg) == code
            off = np.abs(mass(truth.p4[rows]) - wanted)
            assert not rows.any() or off.max() < 0.02, (kind, code)


def test_every_number_has_its_unit_source_and_error():
    rows = background.table()
    assert {row[0] for row in rows} == {"Nucleus", "Delta", "Quasielastic", "Coherent",
                                        "Surroundings", "Sky", "Loss", "Marks"}
    for paper, name, value, _, source, error in rows:
        assert len(source) > 3, (paper, name)
        assert 0 <= error <= value, (paper, name)
    assert ("Delta", "photon", 0.006) in {row[:3] for row in rows}
    assert {row[1] for row in background.table(LOSS)} == {"soft", "near"}


def test_refusals():
    with pytest.raises(ValueError, match="unknown kind 'nc'; wanted one of pi0, pi0-coherent"):
        background.generate("nc", 1, seed=1)
    with pytest.raises(ValueError, match="unknown kind 'nc'"):
        background.expected_events("nc", pot=1.0)
    with pytest.raises(ValueError, match="protons on target must be > 0; got 0"):
        background.expected_events("pi0", pot=0)
    with pytest.raises(ValueError, match=r"n = 1\.5, first = 0; wanted whole numbers"):
        background.generate("pi0", 1.5, seed=1)
    for kind, tilt in (("pi0", 1.5), ("pi0", -1), ("pi0", np.nan), ("dirt", 0.5), ("nue", 0.5)):
        with pytest.raises(ValueError, match="wanted 0 < tilt ≤ 1, for a kind with π⁰"):
            background.generate(kind, 1, seed=1, tilt=tilt)
    with pytest.raises(ValueError, match=r"Marks with .*soft.*wanted finite numbers"):
        background.generate("pi0", 1, seed=1, tilt=1, marks=roulette.MARKS._replace(soft=-1.0))
