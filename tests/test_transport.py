"""Transport: energy balance, plain Python twins, dice that mind nothing, borders, bad input."""

from math import sqrt

import numba
import numpy as np
import pytest

from darkpairs import batches, gun, matter, rng, shower, track, transport
from darkpairs.batches import Truth
from darkpairs.constants import CHARGED_PION_MASS, ELECTRON_MASS, MUON_MASS, PROTON_MASS
from darkpairs.detector import MICROBOONE
from darkpairs.stepping import world

CODES = [22, 11, -11, 13, -13, 211, -211, 2212]
FIELDS = ["offsets", "escaped", "unseen", "position", "energy", "dx", "time", "particle"]
CHARGES = {22: 0, 11: -1, -11: 1, 13: -1, -13: 1, 211: 1, -211: -1, 2212: 1}


def event(*particles, number=0):
    """One event: rows of (code, (E, px, py, pz), start, parent)."""
    codes, p4, starts, parents = zip(*particles, strict=True) if particles else ((),) * 4
    m = len(codes)
    return Truth(event=[number], kind=[0], weight=[1.0], vertex=[[0.0, 0.0, 0.0]], e_nu=[0.0],
                 offsets=[0, m], pdg=np.array(codes, dtype=int),
                 p4=np.array(p4, dtype=float).reshape(m, 4),
                 start=np.array(starts, dtype=float).reshape(m, 3), time=np.zeros(m),
                 parent=np.array(parents, dtype=int))


def mixed(n=6, energy=120.0):
    """Events with all that is seen, from the middle of the chamber in various directions."""
    ways = [(0.3, 0.1, 1), (0, 0, 1), (1, 0, 0), (0, 1, 0), (0, 0, -1), (1, 1, 1), (-1, 2, 1),
            (0, -1, 0.5)]
    return gun.shoot(CODES, np.full(len(CODES), energy), direction=ways, n=n)


def sums(batch):
    """Visible, escaped and unseen energy of each event."""
    event = np.repeat(np.arange(len(batch)), np.diff(batch.offsets))
    visible = np.bincount(event, weights=batch.energy, minlength=len(batch))
    return visible, batch.escaped, batch.unseen


def same(a, b):
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in FIELDS)


@pytest.fixture(scope="module")
def truth():
    return mixed()


@pytest.fixture(scope="module")
def done(truth):
    return transport.deposits(truth, seed=7)


@pytest.mark.parametrize("pdg", CODES)
def test_energy_is_visible_escaped_or_unseen(pdg):
    for start in (gun.MIDDLE, (255.0, 100.0, 1030.0), (128.0, 0.0, -49.0), (128.0, 0.0, -80.0)):
        shot = gun.shoot(pdg, 250.0, start=start, n=4)
        left = transport.deposits(shot, seed=1)
        assert sum(sums(left)) == pytest.approx(transport.energy_in(shot), rel=1e-11)
        assert min(x.min() for x in sums(left)) >= 0


def test_what_can_be_left_is_what_the_words_say(truth):
    rows = transport.energy_in(truth)
    masses = [0, ELECTRON_MASS, ELECTRON_MASS, MUON_MASS, MUON_MASS, CHARGED_PION_MASS,
              CHARGED_PION_MASS, 0]
    slow = sum(120.0 + mass for mass in masses) + sum(
        CHARGES[code] * ELECTRON_MASS for code in CODES if code != 2212)
    assert rows == pytest.approx([slow] * 6, rel=1e-12)
    assert transport.energy_in(gun.shoot(-11, 5.0))[0] == pytest.approx(5 + 2 * 0.510999, rel=1e-6)
    assert transport.energy_in(gun.shoot(2212, 5.0))[0] == pytest.approx(5, rel=1e-12)


def slow_transport(truth, seed):
    """One event and one particle after the other, in plain Python."""
    argon, liquid, box = matter.argon(), track.slowing(MICROBOONE), world(MICROBOONE)
    stream, rows = rng.stream("transport"), []
    for i in range(len(truth)):
        for k in range(truth.offsets[i + 1] - truth.offsets[i]):
            row = truth.offsets[i] + k
            code, p4 = int(truth.pdg[row]), truth.p4[row]
            size = sqrt((p4[1:] ** 2).sum())
            mass = transport.SEEN[code][0]
            mine = int(rng._mix.py_func(np.uint64((stream + k) % 2**64)))
            state = np.uint64(rng._start(np.uint64(seed), np.uint64(mine),
                                         np.uint64(truth.event[i])))
            out, tally, stack = np.empty((20000, 7)), np.zeros(3), np.empty((1000, 9))
            mover = np.array([*truth.start[row], *(p4[1:] / size), p4[0] - mass, 0.0])
            if abs(code) in track.SORTS:
                _, n = track._track(state, track.SORTS[abs(code)], float(CHARGES[code]), mover,
                                    stack, out, 0, tally, box, argon, matter.STEPS, liquid,
                                    track.FATES, float(k))
            else:
                stack[0] = [CHARGES[code], *mover]
                _, n = shower._cascade(state, stack, 1, out, 0, tally, box, argon, matter.STEPS,
                                       float(k))
            rows.append(out[:n])
    return np.concatenate(rows)


@pytest.mark.filterwarnings("ignore:overflow")
def test_the_kernel_does_what_a_plain_loop_does(truth, done):
    slow = slow_transport(batches.select(truth, [0, 1]), 7)
    fast = slice(0, done.offsets[2])
    assert np.array_equal(slow[:, :3], done.position[fast])
    assert np.array_equal(slow[:, 3], done.energy[fast])
    assert np.array_equal(slow[:, 5], done.time[fast])
    assert np.array_equal(slow[:, 6], done.particle[fast])


def test_neither_order_nor_chunks_nor_threads_matter(truth, done):
    for picked in ([3], [5, 0, 2], range(6)):
        some = transport.deposits(batches.select(truth, list(picked)), seed=7)
        for k, i in enumerate(picked):
            assert np.array_equal(some.position[some.rows(k)], done.position[done.rows(i)])
            assert some.escaped[k] == done.escaped[i]
    before = numba.get_num_threads()
    try:
        for threads in {1, before}:
            numba.set_num_threads(threads)
            assert same(transport.deposits(truth, seed=7), done)
    finally:
        numba.set_num_threads(before)


@pytest.mark.parametrize(("name", "value"), [("ROOM", 3), ("ROOM", 1000), ("DEPTH", 4)])
def test_more_room_changes_nothing(monkeypatch, truth, done, name, value):
    monkeypatch.setattr(transport, name, value)
    assert same(transport.deposits(truth, seed=7), done)


def test_no_particle_minds_its_company_or_the_electronics(truth, done):
    alone = transport.deposits(gun.shoot(22, 120.0, direction=(0.3, 0.1, 1), n=6), seed=7)
    for i in range(6):
        rows = done.rows(i)
        first = done.particle[rows] == 0
        assert np.array_equal(alone.energy[alone.rows(i)], done.energy[rows][first])
    other = MICROBOONE._replace(velocity=0.2, lifetime=1e3, noise_flat=5.0)
    assert same(transport.deposits(truth, other, seed=7), done)
    assert not np.array_equal(transport.deposits(truth, seed=8).escaped, done.escaped)


def test_equal_particles_of_one_event_have_dice_of_their_own():
    twins = transport.deposits(gun.shoot([11, 11], [100.0, 100.0], n=3), seed=1)
    for i in range(3):
        rows = twins.rows(i)
        a, b = (twins.energy[rows][twins.particle[rows] == k] for k in (0, 1))
        assert len(a) > 50
        assert not np.array_equal(a, b)
    assert twins.energy[twins.rows(0)][0] != twins.energy[twins.rows(1)][0]


def test_what_flies_in_starts_at_the_border():
    far = gun.shoot(2212, 300.0, start=(128.0, 0.0, -200.0), n=5)
    left = transport.deposits(far, MICROBOONE._replace(jacket=0.5), seed=1)
    firsts = left.offsets[:-1]
    assert (left.position[firsts, 2] < 0.5).all()
    gamma = 1 + 300.0 / PROTON_MASS
    assert left.time[firsts] == pytest.approx(
        [200.0 / (29979.2458 * sqrt(1 - gamma**-2))] * 5, rel=2e-3)
    away = transport.deposits(gun.shoot(CODES, [300.0] * 8, direction=(0, 0, -1),
                                        start=(128.0, 0.0, -200.0)), seed=1)
    assert len(away.energy) == 0
    assert away.escaped == pytest.approx(transport.energy_in(gun.shoot(CODES, [300.0] * 8)))


def test_energy_left_in_the_jacket_has_escaped():
    low = gun.shoot(2212, 30.0, start=(128.0, 0.0, -25.0), n=3)
    left = transport.deposits(low, seed=1, fates=track.FATES._replace(proton_length=np.inf))
    assert len(left.energy) == 0
    assert left.escaped == pytest.approx([30.0] * 3, rel=1e-12)


def test_what_nobody_sees_is_counted():
    neutron = (2112, (1000.0, 0, 0, sqrt(1000.0**2 - 939.56542194**2)), gun.MIDDLE, -1)
    nucleus = (1000180400, (sqrt(37215.0**2 + 100.0**2), 0, 0, 100.0), gun.MIDDLE, -1)
    dark = [(code, (50.0, 0, 0, 40.0), gun.MIDDLE, -1) for code in (12, -14, 16, 5914, 5915, 5921)]
    at_rest = (1000180400, (37215.0, 0, 0, 0), gun.MIDDLE, -1)
    truth = event(neutron, nucleus, at_rest, *dark)
    left = transport.deposits(truth, seed=1)
    recoil = 100.0**2 / (2 * 37215.0)
    assert left.unseen == pytest.approx([1000 - 939.56542194 + recoil + 300], rel=1e-6)
    assert left.unseen == pytest.approx(transport.energy_in(truth), rel=1e-12)
    assert len(left.energy) == left.escaped[0] == 0


def test_events_without_charge_are_empty_rows():
    neutrino = (14, (50.0, 0, 0, 50.0), gun.MIDDLE, -1)
    truth = batches.concatenate([event(neutrino, number=4), event(number=5),
                                 gun.shoot(11, 20.0, first=6), event(neutrino, number=7)])
    left = transport.deposits(truth, seed=1)
    assert list(left.event) == [4, 5, 6, 7]
    assert list(np.diff(left.offsets) > 0) == [False, False, True, False]
    assert list(left.unseen) == [50, 0, 0, 50]
    none = transport.deposits(batches.select(truth, []), seed=1)
    assert len(none) == len(none.energy) == 0


def test_only_final_particles_move():
    z = (111, (200.0, 0, 0, 150.0), gun.MIDDLE, -1)
    photons = [(22, (100.0, 0, x, sqrt(100.0**2 - x * x)), gun.MIDDLE, 0) for x in (67, -67)]
    truth = event(z, *photons)
    assert list(transport.finals(truth)) == [False, True, True]
    left = transport.deposits(truth, seed=1)
    assert set(left.particle) == {1, 2}
    assert sum(sums(left)) == pytest.approx([200.0], rel=1e-12)


def test_an_event_of_the_dark_sector_leaves_its_pair():
    def on_shell(mass, *p):
        return (sqrt(mass**2 + np.dot(p, p)), *p)

    minus, plus = on_shell(ELECTRON_MASS, 10, 0, 90), on_shell(ELECTRON_MASS, -5, 3, 60)
    truth = event((5914, (500.0, 5, 3, 470), gun.MIDDLE, -1),
                  (1000180400, on_shell(37215.5, -5, -3, 30), gun.MIDDLE, -1),
                  (14, (335.0, 0, 0, 320), gun.MIDDLE, 0),
                  (5921, (165.0, 5, 3, 150), gun.MIDDLE, 0),
                  (11, minus, (128.0, 0.0, 300.1), 3), (-11, plus, (128.0, 0.0, 300.1), 3))
    left = transport.deposits(truth, seed=1)
    visible, escaped, unseen = sums(left)
    assert set(left.particle) == {4, 5}
    assert visible + escaped == pytest.approx([minus[0] + plus[0]], rel=1e-12)
    assert unseen == pytest.approx([335.0 + (5**2 + 3**2 + 30**2) / (2 * 37215.5)], rel=1e-6)


def test_a_proton_ends_where_nist_says():
    # PSTAR: 10.9246 g/cm² along the way and 0.9959 of it straight on, for 100 MeV
    shot = gun.shoot(2212, 100.0, n=200)
    left = transport.deposits(shot, seed=1, fates=track.FATES._replace(proton_length=np.inf))
    ends = [left.position[left.rows(i), 2].max() - gun.MIDDLE[2] for i in range(200)]
    assert np.mean(ends) == pytest.approx(10.9246 * 0.99593 / 1.3836, rel=4e-3)


GOOD = (22, (10.0, 0, 0, 10.0), gun.MIDDLE, -1)


@pytest.mark.parametrize(("particle", "words"), [
    ((111, (200.0, 0, 0, 150.0), gun.MIDDLE, -1), "event 9: particle 111 .* wanted γ, e, μ, π±, p"),
    ((321, (600.0, 0, 0, 340.0), gun.MIDDLE, -1), "particle 321 .* cannot be simulated"),
    ((-2212, (1000.0, 0, 0, 345.8), gun.MIDDLE, -1), "particle -2212"),
    ((-2112, (1000.0, 0, 0, 340.0), gun.MIDDLE, -1), "particle -2112"),
    ((11, (0.51, 0, 0, 0.0), gun.MIDDLE, -1), "no kinetic energy; wanted energy above its mass"),
    ((13, (50.0, 0, 0, 10.0), gun.MIDDLE, -1), "particle 13 .* no kinetic energy"),
    ((22, (0.0, 0, 0, 0.0), gun.MIDDLE, -1), "no kinetic energy"),
    ((22, (-1.0, 0, 0, 1.0), gun.MIDDLE, -1), "no kinetic energy"),
    ((22, (10.0, 0, 0, 9.0), gun.MIDDLE, -1), "off its mass shell; wanted E² = p² [+] m²"),
    ((22, (np.nan, 0, 0, 1.0), gun.MIDDLE, -1), "NaN or infinity; wanted finite"),
    ((22, (10.0, 0, 0, 10.0), (np.inf, 0, 0), -1), "NaN or infinity; wanted finite"),
    ((14, (np.nan, 0, 0, 1.0), gun.MIDDLE, -1), "NaN or infinity; wanted finite"),
    ((22, (10001.0, 0, 0, 10001.0), gun.MIDDLE, -1), "wanted up to 10 GeV for γ and e"),
    ((13, (2e5, 0, 0, 2e5), gun.MIDDLE, -1), "wanted up to 10 GeV for γ and e"),
    ((22, (10.0, 0, 0, 10.0), gun.MIDDLE, 2), "event 9: particle 1 comes from 2; wanted another"),
    ((22, (10.0, 0, 0, 10.0), gun.MIDDLE, 1), "particle 1 comes from 1; wanted another one of its"),
    ((22, (10.0, 0, 0, 10.0), gun.MIDDLE, -2), "particle 1 comes from -2; wanted"),
    ((14, (-1.0, 0, 0, 1.0), gun.MIDDLE, -1), "less than no energy; wanted 0 or more"),
])
def test_bad_particles_are_refused_by_name(particle, words):
    truth = event(GOOD, particle, number=9)
    with pytest.raises(ValueError, match=words):
        transport.deposits(truth, seed=1)
    with pytest.raises(ValueError, match=words):
        transport.energy_in(truth)


@pytest.mark.parametrize(("change", "words"), [
    (dict(seed=-1), "seed -1; wanted"),
    (dict(seed=2**63), "wanted a whole number"),
    (dict(seed=2.5), "seed 2.5; wanted a whole number"),
    (dict(detector=MICROBOONE._replace(density=np.nan)), "a chamber with .*density.*; wanted"),
    (dict(steps=matter.STEPS._replace(highland=np.inf)), "highland = inf; wanted a finite width"),
    (dict(steps=matter.STEPS._replace(step=-0.3)), "step = -0.3; wanted a number > 0"),
    (dict(fates=track.FATES._replace(last=0.0)), "last = 0.0; wanted"),
    (dict(fates=track.FATES._replace(pion_length=np.nan)), "pion_length = nan; wanted"),
])
def test_bad_papers_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        transport.deposits(event(GOOD), **dict(seed=1) | change)
