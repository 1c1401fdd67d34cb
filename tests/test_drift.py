"""From energy to clouds: recombination, attachment, diffusion, and the way to the wires."""

from math import exp, isclose, log, pi, sin, sqrt

import numpy as np
import pytest

from darkpairs import detector, drift
from darkpairs.traces import Deposits

HERE = detector.MICROBOONE
PURE = HERE._replace(lifetime=np.inf)
OLD = HERE._replace(density=1.396)  # g/cm³ at 87 K, for which the literature quotes its numbers
PAPERS = {"default": HERE, "Birks": HERE._replace(birks=1), "strong field": HERE._replace(
    field=0.5, velocity=0.16), "dirty": HERE._replace(lifetime=3000, diffusion_long=6.4e-6,
                                                      diffusion_trans=9.8e-6)}


def deposits(position, energy=0.63, dx=0.3, time=0.0, **rides):
    """One event, or what `rides` make of it."""
    position = np.atleast_2d(np.asarray(position, dtype=float))
    k = len(position)
    columns = {name: np.broadcast_to(value, k) for name, value in
               (("energy", energy), ("dx", dx), ("time", time), ("particle", 0))}
    one = dict(event=[0], kind=[0], weight=[1.0], offsets=[0, k], escaped=[0.0], unseen=[0.0])
    return Deposits(**{**one, **columns, **rides}, position=position)


def scattered(k, seed):
    """Deposits all over the chamber, thin and dense, early and late."""
    dice = np.random.default_rng(seed)
    low, high = detector.walls(HERE)
    return deposits(dice.uniform(low, high, size=(k, 3)), energy=dice.exponential(1.0, k),
                    dx=dice.uniform(0.01, 0.5, k), time=dice.uniform(0, 3, k))


def slow_cloud(position, energy, dx, time, d):
    """Follow one deposit in plain Python."""
    x, y, z = position
    loss = max(energy / dx, d.sparse) / d.density / d.field
    share = (d.birks_a / (1 + d.birks_k * loss) if d.birks else
             log(d.box_alpha + d.box_beta * loss) / (d.box_beta * loss))
    t = x / d.velocity
    charge = energy / d.w_ion * share * exp(-t / d.lifetime)
    tick = d.trigger + time / d.tick + t / d.tick
    across = [(z * 0.5 + side * y * sin(pi / 3) + d.height / 2 * sin(pi / 3)) / d.pitch
              for side in (-1, 1)]
    return [charge, tick, *across, z / d.pitch, sqrt(2 * d.diffusion_long * t) / d.velocity
            / d.tick, sqrt(2 * d.diffusion_trans * t) / d.pitch]


@pytest.mark.parametrize("name", PAPERS)
def test_clouds_agree_with_the_slow_twin(name):
    given = scattered(300, 1)
    found = drift.arrivals(given, PAPERS[name])
    slow = [slow_cloud(*row, PAPERS[name]) for row in
            zip(given.position, given.energy, given.dx, given.time, strict=True)]
    fast = np.column_stack([found.charge, found.tick, found.wire, found.sigma_tick,
                            found.sigma_wire])
    assert np.allclose(fast, slow, rtol=1e-12)


@pytest.mark.parametrize(("dedx", "field", "share"), [
    (2.1, 0.273, 0.634), (4.2, 0.273, 0.507), (10.0, 0.273, 0.336), (2.1, 0.5, 0.705)])
def test_recombination_has_the_usual_numbers(dedx, field, share):
    # From the constants of ArgoNeuT (JINST 8 P08005) by hand, at 1.396 g/cm³
    found = drift.recombination(dedx, OLD._replace(field=field))
    assert isclose(found, share, abs_tol=6e-4)


def test_two_experiments_agree_where_icarus_measured():
    strong = HERE._replace(field=0.5)  # kV/cm; minimum ionising tracks keep 70 % there
    box, birks = (drift.recombination(2.1, strong._replace(birks=law)) for law in (0, 1))
    assert isclose(box, 0.70, abs_tol=0.01)
    assert isclose(birks, 0.70, abs_tol=0.01)  # ICARUS, NIM A 523 (2004) 275
    assert isclose(drift.recombination(2.1, HERE), 0.633, abs_tol=5e-4)


def test_sparse_tracks_keep_what_they_keep_at_the_clamp():
    losses = np.linspace(0.0, 1.0, 50)
    assert len(set(drift.recombination(losses, HERE))) == 1
    bare = HERE._replace(sparse=1e-3)  # what the formula would do
    fine = np.linspace(0.01, 3, 3000)
    share = drift.recombination(fine, bare)
    assert isclose(fine[share.argmax()], 0.84, abs_tol=0.02)
    assert share.max() / drift.recombination(1.0, HERE) < 1.01
    assert (share[fine < 0.124] == 0).all()  # α + ξ < 1: no electrons, instead of negative ones
    assert (share[fine > 0.126] > 0).all()


def test_denser_tracks_and_weaker_fields_keep_less():
    losses = np.geomspace(1.7, 1e6, 200)  # from the least that a charged particle loses
    for birks in (0, 1):
        shares = [drift.recombination(losses, HERE._replace(birks=birks, field=field))
                  for field in (0.1, 0.273, 0.5)]
        assert (np.diff(shares[1]) < 0).all()
        assert (np.diff(shares, axis=0) > 0).all()
        assert shares[1][-1] < 1e-3 < 1 > shares[2][0]


def test_the_law_can_be_turned_around():
    losses = np.geomspace(1, 60, 100)
    scale = HERE.box_beta / (HERE.density * HERE.field)  # ξ per MeV/cm
    electrons = losses / HERE.w_ion * drift.recombination(losses, HERE)  # per cm
    back = (np.exp(scale * HERE.w_ion * electrons) - HERE.box_alpha) / scale  # ArgoNeuT, Eq. 2.5
    assert np.allclose(back, losses, rtol=1e-10)


def test_a_minimum_ionising_track_leaves_56_thousand_electrons_per_cm():
    cloud = drift.arrivals(deposits([0.0, 0, 500]))
    assert isclose(cloud.charge[0] / 0.3, 56.3e3, rel_tol=2e-3)
    two = drift.arrivals(deposits([0.0, 0, 500], energy=1.26))
    assert isclose(two.charge[0] / cloud.charge[0], 1.595, abs_tol=1e-3)  # not 2


def test_the_longest_drift():
    near, far = (drift.arrivals(deposits([x, 0, 500])) for x in (0.0, HERE.drift))
    assert near.tick[0] == 800
    assert isclose((far.tick[0] - near.tick[0]) * HERE.tick, 2.33e3, rel_tol=3e-3)  # µs
    assert near.sigma_tick[0] == near.sigma_wire[0] == 0
    assert isclose(far.sigma_tick[0], 2.41, abs_tol=0.01)
    assert isclose(far.sigma_tick[0] * HERE.tick * HERE.velocity, 0.132, abs_tol=1e-3)  # cm
    assert isclose(far.sigma_wire[0] * HERE.pitch, 0.165, abs_tol=1e-3)  # cm
    assert isclose(far.charge[0] / near.charge[0], exp(-2.335 / 18), rel_tol=1e-4)


def test_the_square_of_a_width_goes_with_the_drift():
    x = np.linspace(0, HERE.drift, 40)
    cloud = drift.arrivals(deposits(np.column_stack([x, 0 * x, 300 + 0 * x])))
    for width in (cloud.sigma_tick, cloud.sigma_wire):
        assert np.allclose(np.diff(width**2), width[-1] ** 2 / 39)


def test_charge_is_conserved():
    given = scattered(5000, 2)
    for paper in (HERE, HERE._replace(lifetime=3000.0)):
        expected = (given.energy / paper.w_ion * drift.recombination(given.energy / given.dx, paper)
                    * np.exp(-given.position[:, 0] / paper.velocity / paper.lifetime))
        assert isclose(drift.arrivals(given, paper).charge.sum(), expected.sum(), rel_tol=1e-12)


@pytest.mark.parametrize("way", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0.6, 0.8), (0.6, 0.64, 0.48),
                                 (0, sqrt(3) / 2, 0.5), (-1, 0, 0)], ids=str)
def test_charge_does_not_ask_for_the_direction(way):
    steps = np.arange(200)[:, None] * 0.3 * np.asarray(way)
    track = drift.arrivals(deposits(np.array([128.0, 0, 500]) + steps), PURE)
    assert isclose(track.charge.sum(), 200 * drift.arrivals(deposits([128, 0, 500]),
                                                            PURE).charge[0], rel_tol=1e-12)


def test_two_planes_tell_the_third():
    cloud = drift.arrivals(scattered(1000, 3))
    sums = cloud.wire[:, 0] + cloud.wire[:, 1] - cloud.wire[:, 2]
    assert np.allclose(sums, HERE.height * sin(pi / 3) / HERE.pitch)  # the corner they count from


def test_labels_ride_along_and_change_nothing():
    given = scattered(40, 4)
    plain = drift.arrivals(given)
    other = deposits(given.position, given.energy, given.dx, given.time, event=[7, 8, 9],
                     kind=[1, 2, 3], weight=[0.1, 0.2, 0.3], offsets=[0, 11, 11, 40],
                     escaped=[0.0] * 3, unseen=[0.0] * 3, particle=np.arange(40))
    found = drift.arrivals(other)
    for name in ("charge", "tick", "wire", "sigma_tick", "sigma_wire"):
        assert np.array_equal(getattr(found, name), getattr(plain, name))
    for name in ("event", "kind", "weight", "offsets", "particle"):
        assert np.array_equal(getattr(found, name), getattr(other, name))


def test_a_piece_without_energy_has_no_charge_whatever_its_length():
    found = drift.arrivals(deposits([[1.0, 0, 5]] * 2, energy=0.0, dx=[0.0, 0.3]))
    assert found.charge.tolist() == [0, 0]


def test_strided_columns_are_read_as_they_are():
    given = scattered(30, 5)
    rows = np.column_stack([given.position, given.energy, given.dx, given.time])
    strided = deposits(rows[:, :3], rows[:, 3], rows[:, 4], rows[:, 5])
    assert np.array_equal(drift.arrivals(strided).charge, drift.arrivals(given).charge)


def test_events_without_deposits():
    none = deposits(np.zeros((0, 3)), event=[1, 2], kind=[0, 0], weight=[1.0, 1.0],
                    offsets=[0, 0, 0], escaped=[5.0, 0.0], unseen=[0.0, 0.0])
    found = drift.arrivals(none)
    assert len(found) == 2
    assert found.wire.shape == (0, 3)


@pytest.mark.parametrize("wrong", [
    dict(position=[-0.01, 0, 5]), dict(position=[1, 117, 5]), dict(position=[1, 0, np.nan]),
    dict(energy=-1.0), dict(energy=np.nan), dict(energy=np.inf), dict(dx=0.0), dict(dx=-0.3),
    dict(dx=-0.3, energy=0.0), dict(dx=np.nan), dict(time=np.inf), dict(time=np.nan),
    dict(dx=np.nan, energy=0.0), dict(dx=1e-320, energy=1e3)],
    ids=str)
def test_impossible_deposits_are_refused(wrong):
    one = dict(position=[1.0, 0, 5], energy=1.0, dx=0.3, time=0.0) | wrong
    rows = {name: np.array([good, value], dtype=float) for (name, value), good in
            zip(one.items(), ([1.0, 0, 5], 1.0, 0.3, 0.0), strict=True)}
    with pytest.raises(ValueError, match=r"deposit 1 at \[.*wanted a point in the active volume"):
        drift.arrivals(deposits(**rows))


@pytest.mark.parametrize("field", ["field", "density", "velocity", "lifetime", "w_ion", "sparse",
                                   "pitch", "tick"])
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
def test_impossible_chambers_are_refused(field, value):
    with pytest.raises(ValueError, match=f"a chamber with .*{field}.*wanted numbers > 0"):
        drift.arrivals(scattered(1, 6), HERE._replace(**{field: value}))


def test_other_refusals():
    with pytest.raises(ValueError, match=r"diffusion_long.*≥ 0 for diffusion"):
        drift.recombination(2.1, HERE._replace(diffusion_long=-1.0))
    with pytest.raises(ValueError, match=r"dE/dx of \[2.1, -1.0\] MeV/cm; wanted finite"):
        drift.recombination([2.1, -1.0])
    for field, temperature in ((-0.1, 89), (13.0, 89), (np.nan, 89), (0.3, 0.0), (0.3, np.nan)):
        with pytest.raises(ValueError, match="wanted fields from 0"):
            drift.velocity(field, temperature)


def test_the_velocity_is_what_the_mobility_of_argon_gives():
    assert isclose(drift.velocity(HERE.field, HERE.temperature), HERE.velocity, rel_tol=5e-3)
    assert isclose(drift.velocity(0.5, 87.0), 0.16, rel_tol=5e-3)  # usual in the field's codes
    slope = log(drift.velocity(0.5, 89.5) / drift.velocity(0.5, 88.5))
    assert isclose(slope, -0.0172, abs_tol=8e-4)  # per K: Walkowiak, NIM A 449 (2000) 288
    assert drift.velocity([0.0, 1e-6], 89.0)[0] == 0
    assert isclose(drift.velocity(1e-9, 89.0) / 1e-9, 0.5516, rel_tol=1e-3)  # 551.6 cm²/V/s
    assert (np.diff(drift.velocity(np.linspace(0, 2, 100), 89.0)) > 0).all()


def test_diffusion_across_follows_from_diffusion_along():
    fields = HERE.field * np.array([0.999, 1.001])
    mobility = drift.velocity(fields, HERE.temperature) / fields
    ratio = 1 + np.diff(np.log(mobility))[0] / np.diff(np.log(fields))[0]  # generalised Einstein
    assert isclose(HERE.diffusion_long / HERE.diffusion_trans, ratio, rel_tol=0.01)
