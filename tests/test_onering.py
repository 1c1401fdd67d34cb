"""Rings: one event at a time in plain Python, what no error leaves alone, and the dice's laws."""

import numba
import numpy as np
import pytest
from scipy import stats

import slowring
from darkpairs import batches, kinematics, model, onering, signal
from darkpairs.constants import ELECTRON_MASS, NEUTRON_MASS, PROTON_MASS
from darkpairs.onering import SIGHT

SHARP = SIGHT._replace(stochastic=0.0, noise=0.0, tilt=0.0, growth=0.0)
OPEN = SIGHT._replace(circle=0.0)
LIGHT = model.BENCHMARKS["light-140"]


def electrons(n, k=2, seed=3, spread=0.3):
    """Electrons of 20 to 800 MeV, within a cone around a direction of their event, (n, k, 4)."""
    dice = np.random.default_rng(seed)
    axis = dice.normal(size=(n, 1, 3))
    axis /= np.sqrt((axis**2).sum(-1))[..., None]
    return on_shell(dice.uniform(20, 800, (n, k)), axis + spread * dice.normal(size=(n, k, 3)))


def on_shell(energy, way):
    """Electrons of these energies along these ways, (..., 4)."""
    momentum = np.sqrt(np.asarray(energy) ** 2 - ELECTRON_MASS**2)
    way = way / np.sqrt((way**2).sum(-1))[..., None]
    return np.concatenate([np.asarray(energy)[..., None], momentum[..., None] * way], -1)


def truth(n=2000, seed=5, **options):
    return signal.generate(LIGHT, n, seed=seed, experiment="miniboone", regime="both", **options)


def pairs(events):
    return np.stack([events.p4[batches.only(events, code)] for code in (11, -11)], axis=1)


def repeated(p4, n, sight=SIGHT, seed=11):
    """One electron, measured n times, ndarray (n, 4)."""
    many = np.broadcast_to(np.asarray(p4, dtype=np.float64), (n, 1, 4))
    return onering.measure(many, sight, seed=seed, event=np.arange(n))[:, 0]


def against(p4, seen):
    """Angle between what is and what was measured, and the azimuth about the flight."""
    z = np.asarray(p4[1:]) / np.sqrt(np.sum(np.square(p4[1:])))
    x = np.cross(z, [0.6, 0.8, 0.0])
    x /= np.sqrt(x @ x)
    way = seen[:, 1:]
    return kinematics.opening_angle(p4, seen), np.arctan2(way @ np.cross(z, x), way @ x)


@pytest.mark.parametrize("sight", [SIGHT, OPEN], ids=["circle", "opening"])
def test_one_ring_is_that_of_the_slow_twin(sight):
    leptons = electrons(4000)
    fast = onering.one_ring(leptons[:, 0], leptons[:, 1], sight)
    slow = [slowring.one_ring(*pair, sight) for pair in leptons.tolist()]
    assert 0.1 < fast.mean() < 0.9
    assert np.array_equal(fast, slow)


def test_circle_by_hand(monkeypatch):
    # 200 + 20 MeV at 40°: (1 − cos 40°)/2 = 0.1170 and 20/220 = 0.0909, together 0.148; the radius
    # between 0.379 at 210 MeV and 0.331 at 230 MeV is 0.355
    energy, radius = onering._circle_table()
    assert np.isclose(np.interp(220.0, energy, radius), 0.355)
    assert radius[energy == 510.0] == 0.156  # arXiv:2210.08021, Table II
    a, b = on_shell(np.array([200.0, 20.0]), np.array([[0, 0, 1], [0, 0.64279, 0.76604]]))
    assert onering.one_ring(a[None], b[None]).tolist() == [True]
    for size, ring in ((0.145, False), (0.151, True)):
        flat = energy, np.full_like(radius, size)
        monkeypatch.setattr(onering, "_circle_table", lambda flat=flat: flat)
        assert onering.one_ring(a[None], b[None]).tolist() == [ring]


def test_faint_electrons_are_not_seen():
    far = np.array([[0.0, 0, 1], [0, 1, 0]])
    for energies, ring in (((200, 29.9), True), ((29.9, 200), True), ((200, 30.1), False),
                           ((29.9, 29.9), False), ((30.1, 29.9), True)):
        a, b = on_shell(np.array(energies), far)
        assert onering.one_ring(a[None], b[None], OPEN).tolist() == [ring], energies
    wide = OPEN._replace(faint=250.0)
    a, b = on_shell(np.array([300.0, 200.0]), far)
    assert onering.one_ring(a[None], b[None], wide).all()


def test_near_rings_overlap():
    for degrees, ring in ((12.9, True), (13.1, False)):
        turn = np.radians(degrees)
        way = np.array([[0, 0, 1.0], [np.sin(turn), 0, np.cos(turn)]])
        a, b = on_shell(np.array([150.0, 90.0]), way)
        assert onering.one_ring(a[None], b[None], OPEN).tolist() == [ring]


def test_a_pair_without_an_opening_angle():
    energies = np.geomspace(31, 900, 60)
    a, b = on_shell(energies, np.array([0.36, 0.48, 0.8])), on_shell(energies[::-1], np.array(
        [0.36, 0.48, 0.8]))
    assert onering.one_ring(a, b, OPEN).all()
    share = np.minimum(a[:, 0], b[:, 0]) / (a + b)[:, 0]
    inside = onering.one_ring(a, b)  # the circle asks how even the energies are, even then
    assert inside[share < 0.09].all()
    assert not inside[share > 0.49].any()


def test_nobody_is_one_ring_without_energy():
    nothing = np.zeros((1, 4))
    assert onering.one_ring(nothing, nothing, OPEN).tolist() == [False]
    assert onering.one_ring(nothing, nothing).tolist() == [True]  # cut away by its visible energy


def test_quasi_elastic_gives_back_the_neutrino():
    for binding in (0.0, 30.0):
        for neutrino in (200.0, 475.0, 1250.0, 3000.0):
            for cosine in (-0.9, 0.0, 0.5, 0.97, 1.0):
                energy = slowring.electron_of(neutrino, cosine, binding)
                back = onering.quasi_elastic(energy, cosine, SIGHT._replace(binding=binding))
                assert abs(back / neutrino - 1) < 1e-9


def test_quasi_elastic_by_hand():
    # 500 MeV straight ahead: (m E − (m² + m_e² − m_p²)/2)/(m − E + p) with E − p = 2.6e-4 MeV
    shift = (NEUTRON_MASS**2 + ELECTRON_MASS**2 - PROTON_MASS**2) / 2
    wanted = (NEUTRON_MASS * 500 - shift) / (NEUTRON_MASS - 2.611e-4)
    assert np.isclose(onering.quasi_elastic(500.0, 1.0), wanted, rtol=1e-9)
    assert np.isclose(wanted, 498.706, atol=2e-3)
    assert onering.quasi_elastic(2000.0, -1.0) == np.inf  # no neutrino could
    assert onering.quasi_elastic([400.0, 500.0], [0.5, 0.5]).shape == (2,)


def test_four_electrons_are_joined_as_the_slow_twin_does():
    leptons = electrons(1500, k=4, seed=8, spread=0.8)
    one, two = onering._two(leptons)
    slow = np.array([slowring.joined(each) for each in leptons.tolist()])
    assert np.allclose(np.stack([one, two], 1), slow, rtol=1e-14)
    assert np.allclose(one + two, leptons.sum(axis=1), rtol=1e-12, atol=1e-9)
    assert np.array_equal(onering._two(leptons[:, :2])[0], leptons[:, 0])


def test_two_tight_pairs_stay_two():
    turn = np.array([0.0, 2.0, 0.02, 2.03])  # first and third near, second and fourth near
    way = np.stack([np.sin(turn), 0 * turn, np.cos(turn)], 1)
    leptons = on_shell(np.array([100.0, 200.0, 300.0, 400.0]), way)
    one, two = onering._two(leptons[None])
    assert np.allclose([one[0], two[0]], [leptons[0] + leptons[2], leptons[1] + leptons[3]])


def test_chance_is_that_of_a_single_electron():
    energies = np.array([20.0, 50.0, 200.0, 333.0, 1099.0, 1999.0, 2500.0])
    assert np.allclose(onering.efficiency(energies), [slowring.efficiency(e) for e in energies])
    assert np.allclose(onering.efficiency([250.0, 300.0]), [0.135, 0.137])  # release of 1207.4809
    assert onering.efficiency(40.0) == 0
    events = truth()
    rings = onering.look(events, seed=2)
    true = pairs(events)[..., 0].sum(axis=1)
    assert np.array_equal(rings.chance, np.where(rings.passes, onering.efficiency(true), 0))
    assert 0.05 < rings.passes.mean() < 0.95
    kept = rings.visible[rings.passes]
    assert kept.min() > SIGHT.lowest
    assert kept.max() < SIGHT.highest


def test_without_errors_nothing_moves():
    events = truth()
    leptons = pairs(events)
    seen = onering.measure(leptons, SHARP, seed=1, event=events.event)
    assert np.allclose(seen, leptons, rtol=1e-9, atol=1e-5)
    rings = onering.look(events, SHARP, seed=1)
    total = leptons.sum(axis=1)
    assert np.allclose(rings.visible, total[:, 0], rtol=0, atol=1e-5)
    assert np.allclose(rings.cosine, total[:, 3] / np.sqrt((total[:, 1:] ** 2).sum(1)), atol=1e-7)
    assert np.array_equal(rings.e_nu, onering.quasi_elastic(rings.visible, rings.cosine))
    wanted = onering.one_ring(leptons[:, 0], leptons[:, 1]) & (total[:, 0] > 140)
    assert np.mean(rings.passes != (wanted & (total[:, 0] < 3000))) < 1e-3


def test_measured_electrons_are_on_shell():
    seen = onering.measure(electrons(1000), seed=4, event=np.arange(1000))
    mass = kinematics.mass(seen)
    assert np.allclose(mass[seen[..., 0] > 5], ELECTRON_MASS, rtol=1e-6)


P4 = [on_shell(np.array(e), np.array(way)) for e, way in (
    (300.0, [0.0, 0.0, 1.0]), (200.0, [0.0, 0.0, -1.0]), (900.0, [0.5, -0.7, 0.3]))]


@pytest.mark.parametrize("p4", P4, ids=["ahead", "back", "aside"])
def test_energies_and_tilts_follow_the_normal_law(p4):
    seen = repeated(p4, 20000)
    energy = p4[0]
    sigma = 0.12 * np.sqrt(energy * 1000) + 10  # J. Phys. Conf. Ser. 120 (2008) 052003
    pulls = (seen[:, 0] - energy) / sigma
    assert stats.kstest(pulls, "norm").pvalue > 0.01
    angle, azimuth = against(p4, seen)
    tilt = np.radians(2.7 + np.log(1000 / energy))
    assert stats.kstest(angle / tilt, "halfnorm").pvalue > 0.01
    assert stats.kstest(azimuth, "uniform", (-np.pi, 2 * np.pi)).pvalue > 0.01
    assert abs(stats.spearmanr(pulls, angle).statistic) < 0.03


@pytest.mark.parametrize("p4", P4, ids=["ahead", "back", "aside"])
def test_resolution_is_that_of_the_slow_twin(p4):
    slow = np.array(slowring.smeared(p4.tolist(), SIGHT, 4000, seed=6))
    fast = repeated(p4, 20000, seed=12)
    for one, two in zip(fast.T, slow.T, strict=True):
        assert stats.ks_2samp(one, two).pvalue > 0.01


def test_energies_end_at_the_floor():
    seen = repeated(on_shell(np.array(15.0), np.array([0, 0.6, 0.8])), 20000)
    floor = np.isclose(seen[:, 0], ELECTRON_MASS + onering.NOTHING, rtol=0, atol=1e-12)
    chance = stats.norm.cdf(-(15 - ELECTRON_MASS) / (0.12 * np.sqrt(15000) + 10))
    assert seen[:, 0].min() >= ELECTRON_MASS
    assert stats.binomtest(int(floor.sum()), 20000, chance).pvalue > 0.01


def test_two_electrons_of_an_event_scatter_apart():
    seen = onering.measure(np.tile(P4[0], (20000, 2, 1)), seed=9, event=np.arange(20000))
    assert abs(np.corrcoef(*seen[..., 0].T)[0, 1]) < 0.03
    assert not (seen[:, 0] == seen[:, 1]).any()


def test_events_depend_on_seed_and_number_alone():
    events = truth(900)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        whole = onering.look(events, seed=7)
    finally:
        numba.set_num_threads(before)
    order = np.random.default_rng(1).permutation(900)
    for part in (order[:1], order[1:250], order[250:], np.arange(900)):
        again = onering.look(batches.select(events, part), seed=7)
        for one, two in zip(whole, again, strict=True):
            assert np.array_equal(one[part], two)
    other = onering.look(events, seed=8)
    assert not np.isclose(other.visible, whole.visible, rtol=1e-9).any()


def test_nothing_given_is_changed():
    leptons = electrons(50)
    copy = leptons.copy()
    onering.measure(leptons, seed=1, event=np.arange(50))
    onering._two(np.concatenate([leptons, leptons], axis=1))
    assert np.array_equal(leptons, copy)


def test_a_second_pair_adds_its_energy():
    events = truth(500)
    second = electrons(500, seed=4)
    one, two = (onering.look(events, SHARP, seed=1, second=pair) for pair in (None, second))
    assert np.allclose(two.visible - one.visible, second[..., 0].sum(axis=1), atol=1e-5)
    four = np.concatenate([pairs(events), second], axis=1)
    wanted = [slowring.one_ring(*slowring.joined(each), SHARP) for each in four.tolist()]
    wanted &= (two.visible > 140) & (two.visible < 3000)
    assert np.mean(two.passes != wanted) < 1e-2
    chance = onering.efficiency(four[..., 0].sum(axis=1))
    assert np.array_equal(two.chance, np.where(two.passes, chance, 0))


@pytest.mark.parametrize(("leptons", "options", "message"), [
    (np.zeros((2, 4)), {}, r"leptons of shape \(2, 4\) and \(3,\) events; wanted \(n, k, 4\)"),
    (np.zeros((3, 2, 3)), {}, r"leptons of shape \(3, 2, 3\)"),
    (np.zeros((2, 2, 4)), {}, r"leptons of shape \(2, 2, 4\) and \(3,\) events"),
    (np.zeros((3, 2, 4)), dict(seed=-1), "seed -1; wanted a whole number from 0 to"),
    (np.zeros((3, 2, 4)), dict(seed=2**63), "wanted a whole number from 0 to"),
    (np.zeros((3, 2, 4)), dict(seed=0.5), "seed 0.5; wanted a whole number"),
])
def test_bad_input_is_refused_in_words(leptons, options, message):
    with pytest.raises(ValueError, match=message):
        onering.measure(leptons, **{"seed": 1, "event": np.arange(3), **options})
