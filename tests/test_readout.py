"""From charge at the wires to counts: against plain sums, and what no wire may do."""

from math import floor

import numpy as np
import pytest
from scipy import stats

from darkpairs import detector, noise, readout, response, traces, wires

LIVE = detector.MICROBOONE._replace(dead=0.0)  # no dead wires
EVERY = (0, 1, 2)


def arrivals(charge, tick, wire, *, width=0.4, length=2.0, event=None, particle=0):
    """One event of clouds; `wire` is one place for all planes or one for each."""
    charge, tick = np.atleast_1d(charge), np.atleast_1d(tick)
    k = len(charge)
    wire = np.asarray(wire, dtype=float)
    wire = np.repeat(wire[:, None], 3, axis=1) if wire.ndim == 1 else wire
    return traces.Arrivals(
        event=np.array([7 if event is None else event]), kind=np.zeros(1), weight=np.ones(1),
        offsets=np.array([0, k]), charge=charge, tick=tick, wire=wire,
        sigma_tick=np.full(k, length), sigma_wire=np.full(k, width),
        particle=np.broadcast_to(particle, k))


def track(n=300, seed=4, **more):
    """A straight line of clouds at an angle to everything."""
    dice = np.random.default_rng(seed)
    s = np.linspace(0, 1, n)
    wire = np.column_stack([500 + 37 * s, 900 - 22.2 * s, 1400 + 64 * s])
    return arrivals(dice.uniform(800, 6000, n), 1500 + 210 * s, wire, **more)


def waves(batch, paper=LIVE):
    """Samples above the pedestal of each block, without noise."""
    made = readout.waveforms(batch, paper, seed=0, noisy=False)
    pedestal = [paper.pedestal_induction] * 2 + [paper.pedestal_collection]
    return made, [made.block(b) - pedestal[made.plane[b]] for b in range(len(made.plane))]


def slow(batch, plane, wire, ticks):
    """What one wire measures [ADC], by plain sums; wires and ticks of the clouds one by one."""
    table, total = response.table(LIVE), np.zeros(ticks)
    reach = table.adc.shape[1] // 2
    for q, tick, place, sigma_t, sigma_w in zip(
            batch.charge, batch.tick, batch.wire[:, plane], batch.sigma_tick, batch.sigma_wire,
            strict=True):
        for d in range(-reach, reach + 1):
            low, high = stats.norm.cdf([wire - d, wire - d + 1], place, sigma_w)
            for t in range(floor(tick - 5 * sigma_t), floor(tick + 5 * sigma_t) + 1):
                early, late = stats.norm.cdf([t, t + 1], tick, sigma_t)
                first = t + table.start
                total[first:first + table.adc.shape[2]] += (
                    q * (high - low) * (late - early) * table.adc[plane, d + reach])
    return total


@pytest.mark.parametrize("plane", EVERY)
def test_the_slow_twin(plane):
    batch = arrivals([4e4, 9e3, 2.5e4], [900.3, 931.0, 905.5], [94.5, 95.9, 97.2])
    made, samples = waves(batch)
    compared = 0
    for b in np.flatnonzero(made.plane == plane):
        for w in range(made.wires[b]):
            wanted = slow(batch, plane, made.wire[b] + w, 1200)
            wanted = wanted[made.tick[b]:made.tick[b] + made.ticks[b]]
            assert abs(samples[b][w] - wanted).max() < 0.7  # whole counts, and faint beginnings
            compared += abs(wanted).max() > 5
    assert compared >= 5


@pytest.mark.parametrize("batch", [
    track(), arrivals(3e4, 2000.0, [700.0]), arrivals(3e4, 2000.5, [700.5], width=0.0, length=0.0),
    arrivals(np.full(80, 2e3), np.full(80, 1234.0), np.linspace(400, 480, 80)),
    arrivals(np.full(80, 2e3), np.linspace(1000, 1400, 80), np.full(80, 431.999999)),
    arrivals(np.full(9, 5e3), np.full(9, 1024.0), np.arange(9) * 16.0 + 32.0),
    arrivals(3e4, 2000.5, [718.5], width=0.0)],
    ids=["slanted", "edge", "point", "along the plane", "along the drift", "group borders",
         "beside a group"])
def test_all_charge_lies_in_a_block(batch):
    made = readout.waveforms(batch, LIVE, seed=0, noisy=False)
    images = readout.true_charge(batch, LIVE)
    for plane in EVERY:
        found = sum(image.sum(dtype=float) for image, p in zip(images, made.plane, strict=True)
                    if p == plane)
        assert found == pytest.approx(batch.charge.sum(), rel=1e-5)


@pytest.mark.parametrize("plane", EVERY)
def test_induction_cancels_and_collection_collects(plane):
    batch = track()
    made, samples = waves(batch)
    total = sum(block.sum() for block, p in zip(samples, made.plane, strict=True) if p == plane)
    wanted = response.area(LIVE) * batch.charge.sum() if plane == 2 else 0.0
    lost = (0.08, 0.02, 0.04)[plane]  # U feels charge before its block; counts are whole
    assert total == pytest.approx(wanted, abs=lost * response.area(LIVE) * batch.charge.sum())


def test_a_block_begins_and_ends_quiet():
    _, samples = waves(track())
    for block in samples:
        assert abs(block[:, :4]).max() <= 3
        assert abs(block[:, -2:]).max() <= 2
    assert max(block.max() for block in samples) > 40


def test_noise_is_that_of_the_wire():
    batch = arrivals(np.full(40, 5e3), np.full(40, 1500.0), np.linspace(3, 2390, 40))
    quiet = readout.waveforms(batch, LIVE, seed=3, noisy=False)
    loud = readout.waveforms(batch, LIVE, seed=3)
    assert np.array_equal(quiet.start, loud.start)
    for plane in EVERY:
        rms = noise.rms(LIVE, wires.lengths(LIVE, plane))
        pulls = [(loud.block(b)[w].astype(float) - quiet.block(b)[w]) / np.hypot(
                     rms[loud.wire[b] + w], (2 / 12) ** 0.5)  # both are rounded
                 for b in np.flatnonzero(loud.plane == plane) for w in range(loud.wires[b])]
        pulls = np.concatenate(pulls)
        assert np.sqrt(np.mean(pulls**2)) == pytest.approx(1.0, rel=0.03)
        assert abs(pulls.mean()) < 0.05


def test_noise_goes_with_seed_event_and_wire():
    batch = track()
    first = readout.waveforms(batch, LIVE, seed=3).adc
    assert np.array_equal(first, readout.waveforms(batch, LIVE, seed=3).adc)
    for other in (readout.waveforms(batch, LIVE, seed=4),
                  readout.waveforms(track(event=8), LIVE, seed=3)):
        assert 0.2 < (other.adc != first).mean() < 0.95


def test_names_of_particles_change_no_sample():
    one, other = track(), track(particle=np.arange(300) % 7)
    assert np.array_equal(readout.waveforms(one, LIVE, seed=1).adc,
                          readout.waveforms(other, LIVE, seed=1).adc)


def test_an_event_does_not_depend_on_its_companions():
    events = [track(seed=s, n=100 + 30 * s, event=s) for s in range(11)]
    together = readout.waveforms(traces.concatenate(events), LIVE, seed=5)
    backwards = readout.waveforms(traces.concatenate(events[::-1]), LIVE, seed=5)
    for i, event in enumerate(events):
        alone = readout.waveforms(event, LIVE, seed=5)
        for batch, k in ((together, i), (backwards, 10 - i)):
            rows = batch.rows(k)
            samples = slice(batch.start[rows.start], batch.start[rows.stop])
            assert np.array_equal(batch.adc[samples], alone.adc)
            assert np.array_equal(batch.wire[rows], alone.wire)


def test_the_digitiser_has_a_top_and_a_bottom():
    made = readout.waveforms(arrivals(np.full(40, 5e6), np.full(40, 1500.0),
                                      np.linspace(700, 720, 40)), LIVE, seed=1)
    assert made.adc.max() == 4095
    assert made.adc.min() == 0


def test_dead_wires_stay_at_the_pedestal():
    dead = wires.dead(detector.MICROBOONE)
    place = float(np.flatnonzero(dead[2])[5])
    made = readout.waveforms(arrivals(np.full(60, 2e4), np.full(60, 1500.0),
                                      place - 30 + np.arange(60)), seed=1)
    seen = 0
    for b in range(len(made.plane)):
        mask = dead[made.plane[b]][made.wire[b]:made.wire[b] + made.wires[b]]
        rows, level = made.block(b), 473 if made.plane[b] == 2 else 2046
        assert (rows[mask] == level).all()
        assert ((rows[~mask] != level).any(axis=1)).all()
        seen += mask.sum()
    assert seen > 0


@pytest.mark.parametrize("tick", [-0.5, 6400.0, -4e3, 9e5])
def test_what_comes_out_of_time_is_not_read(tick):
    assert len(readout.waveforms(arrivals(1e5, tick, [700.5]), LIVE, seed=1).plane) == 0


@pytest.mark.parametrize(("tick", "quiet"), [(5.0, -1), (6394.0, 0)])
def test_nothing_comes_round_the_end(tick, quiet):
    made, samples = waves(arrivals(3e5, tick, [700.5]))
    assert made.tick.min() >= 0
    assert (made.tick + made.ticks).max() <= 6400
    for block in samples:
        assert abs(block[:, quiet]).max() <= 8  # 300 and more where the charge is


def test_little_charge_makes_no_block_of_its_own():
    little = arrivals(0.9 * readout.LEAST, 1500.0, [700.5])
    assert len(readout.waveforms(little, LIVE, seed=1).plane) == 0
    both = arrivals([2e4, 900.0], [1500.0, 1512.0], [700.5, 702.5])
    images = readout.true_charge(both, LIVE)
    assert sum(image.sum() for image in images) == pytest.approx(3 * 20900, rel=1e-5)


def test_a_view_leaves_blocks_out_and_changes_none():
    batch = traces.concatenate([track(seed=s, event=s) for s in (4, 5, 6)])
    whole = readout.waveforms(batch, LIVE, seed=3)
    view = np.array([[[505, 530], [0, 2400], [1420, 1440], [1500, 1600]],
                     [[0, 2400], [0, 2400], [0, 3456], [0, 6400]],
                     [[0, 0], [0, 0], [0, 0], [0, 0]]])
    made = readout.waveforms(batch, LIVE, seed=3, view=view)
    names = ("plane", "wire", "tick", "wires", "ticks")
    event = np.repeat(EVERY, np.diff(whole.offsets))
    (a, b), (early, late) = view[event, whole.plane].T, view[event, 3].T
    inside = ((whole.wire < b) & (whole.wire + whole.wires > a)
              & (whole.tick < late) & (whole.tick + whole.ticks > early))
    assert np.diff(made.offsets).tolist() == np.bincount(event[inside], minlength=3).tolist()
    assert 0 < inside[event == 0].sum() < (event == 0).sum()
    assert inside[event == 1].all()
    for mine, his in enumerate(np.flatnonzero(inside)):
        assert [getattr(made, n)[mine] for n in names] == [getattr(whole, n)[his] for n in names]
        assert np.array_equal(made.block(mine), whole.block(his))


@pytest.mark.parametrize("view", [np.zeros((2, 4, 2), int), np.zeros((1, 3, 2), int),
                                  np.zeros((1, 4, 2))])
def test_a_view_of_another_shape_is_refused(view):
    with pytest.raises(ValueError, match=r"for 1 events; wanted whole numbers of shape \(1, 4, 2"):
        readout.waveforms(track(), LIVE, seed=0, view=view)


def test_blocks_do_not_overlap():
    made = readout.waveforms(track(), LIVE, seed=1)
    for plane in EVERY:
        taken = np.zeros((3456, 6400), dtype=bool)
        for b in np.flatnonzero(made.plane == plane):
            part = taken[made.wire[b]:made.wire[b] + made.wires[b],
                         made.tick[b]:made.tick[b] + made.ticks[b]]
            assert not part.any()
            part[:] = True


def test_an_event_without_charge_is_a_result():
    empty = arrivals(np.zeros(0), np.zeros(0), np.zeros((0, 3)))
    made = readout.waveforms(empty, LIVE, seed=1)
    assert len(made) == 1
    assert made.offsets.tolist() == [0, 0]
    assert made.adc.shape == (0,)


def test_a_seed_is_a_whole_number():
    with pytest.raises(ValueError, match=r"seed -1; wanted a whole number from 0 to 2⁶³ − 1"):
        readout.waveforms(track(), LIVE, seed=-1)


@pytest.mark.parametrize("place", [-1e-12, 3456.0])
def test_charge_on_the_outermost_wall_has_its_block(place):
    made = readout.waveforms(arrivals(3e4, 2000.0, [place]), LIVE, seed=0, noisy=False)
    y = made.plane == 2
    end = made.wire[y] if place < 0 else made.wire[y] + made.wires[y]
    assert end.tolist() == [0 if place < 0 else 3456]
    image = readout.true_charge(arrivals(3e4, 2000.0, [place]), LIVE)[np.argmax(y)]
    assert image.sum() == pytest.approx(1.5e4, rel=1e-4)  # half of the cloud lies beyond


def test_wide_clouds_have_all_their_blocks():
    wide = arrivals([3e5, 2e5], [2000.0, 2100.0], [700.0, 1000.0], width=12.0)
    images, made = readout.true_charge(wide, LIVE), readout.waveforms(wide, LIVE, seed=0)
    for plane in EVERY:
        found = sum(image.sum() for image, p in zip(images, made.plane, strict=True) if p == plane)
        assert found == pytest.approx(5e5, rel=1e-5)


def test_what_no_chamber_can_write_is_refused():
    for wrong in (arrivals(-3e4, 2000.0, [700.0]), arrivals(3e4, 2000.0, [np.nan])):
        with pytest.raises(ValueError, match="wanted finite numbers, and charge and widths ≥ 0"):
            readout.waveforms(wrong, LIVE, seed=1)
    for look in (readout.true_charge, lambda *few: readout.waveforms(*few, seed=1)):
        with pytest.raises(ValueError, match="the range of 10 bits"):
            look(track(), LIVE._replace(bits=10.0))


@pytest.mark.parametrize(("place", "home"), [(-1e-9, 300), (0.0, 300), (3455.9, 515),
                                             (3456.0, 515)])
def test_no_place_is_beyond_the_groups_of_its_plane(place, home):
    assert readout._home(np.array([0, 150, 300, 516]), 2, place) == home
