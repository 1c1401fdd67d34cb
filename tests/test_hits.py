"""Hits: charge is kept, pulses are told apart, wide ones are cut, errors are as foreseen."""

import time
from itertools import pairwise

import numpy as np
import pytest
from scipy import signal

from darkpairs import deconvolve, detector, hits, readout, seen, traces, wires
from darkpairs.hits import LOOKS

LIVE = detector.MICROBOONE._replace(dead=0.0)
MIP = 5.6e4  # electrons per cm of a minimum-ionising track at 273 V/cm, as in `test_drift`
POINT = 1 / (2 * np.pi * 0.111 * LIVE.tick)  # ticks: the width that the filter gives to a point


def regions(rows, *, noise=100.0, plane=2, offsets=None, first=1000):
    """A batch of regions with given samples, each on a wire of its own."""
    n, sizes = len(rows), [len(row) for row in rows]
    offsets = [0, n] if offsets is None else offsets
    events = len(offsets) - 1
    return traces.Charge(
        event=np.arange(events), kind=np.zeros(events), weight=np.ones(events), offsets=offsets,
        plane=np.full(n, plane), wire=100 + np.arange(n), tick=np.full(n, first), ticks=sizes,
        noise=np.full(n, noise), start=np.concatenate([[0], np.cumsum(sizes)]),
        electrons=np.concatenate([np.zeros(0), *rows]), owner_start=np.arange(n + 1),
        owner=np.arange(n) % 3, fraction=np.ones(n))


def pulse(middle, charge=2e4, sigma=3.2, ticks=80):
    """A Gaussian pulse; tick t goes from t to t + 1."""
    t = np.arange(ticks) + 0.5
    return charge / sigma / np.sqrt(2 * np.pi) * np.exp(-0.5 * ((t - middle) / sigma) ** 2)


def ragged(n, seed=1, lengths=(1, 120)):
    """Random rows: pulses of all sizes, near and far, with noise that hangs together."""
    dice = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        ticks = int(dice.integers(*lengths))
        row = sum(pulse(dice.uniform(0, ticks), 10 ** dice.uniform(2, 5.5), dice.uniform(1, 12),
                        ticks) for _ in range(dice.integers(1, 5)))
        shake = np.convolve(dice.normal(size=ticks + 8), np.ones(9) / 3, "valid")
        rows.append((row + 100 * shake).astype(np.float32))
    return rows


def track(way, *, n=1, length=60.0, seed=0):
    """Straight tracks of steady charge, n events of one each."""
    way = np.array(way) / np.linalg.norm(way)
    s = np.arange(0.0, length, 0.1)
    position = np.array([60.0, -20.0, 400.0]) + s[:, None] * way
    drifted = position[:, 0] / LIVE.velocity
    k = len(s)
    batch = traces.Arrivals(
        event=np.arange(seed, seed + n), kind=np.zeros(n), weight=np.ones(n),
        offsets=np.arange(n + 1) * k, charge=np.full(n * k, 0.1 * MIP),
        tick=np.tile(LIVE.trigger + drifted / LIVE.tick, n),
        wire=np.tile(wires.places(LIVE, position), (n, 1)),
        sigma_tick=np.full(n * k, 1.0), sigma_wire=np.full(n * k, 0.2),
        particle=np.tile(np.arange(k) // (k // 2 + 1), n))
    return batch, deconvolve.charge(readout.waveforms(batch, LIVE, seed=1), LIVE)


@pytest.fixture(scope="module")
def flat():
    """Eight tracks along the beam: each wire of Y sees a point."""
    return track((0.0, 0.0, 1.0), n=8)


def slow(row, noise, looks=LOOKS):
    """Where the hits of one region begin, and their charge, mean and width, in plain Python."""
    starts, peak, low, at = [0], None, 0.0, None
    for t, q in enumerate(row):
        if peak is None:
            if q < low:
                low, at = q, (None if at is None else t)
            elif q - max(low, 0) > looks.valley * noise and q - low > looks.dip * q:
                starts += [] if at is None else [at]
                peak = q
        elif q > peak:
            peak = q
        elif peak - q > looks.valley * noise and peak - q > looks.dip * peak:
            peak, low, at = None, q, t
    found = []
    for a, b in zip(starts, [*starts[1:], len(row)], strict=True):
        found += slow_pieces(row, a, b, noise, looks)
    return [(a, b, *slow_moments(row[a:b], looks.floor * noise)) for a, b in found]


def slow_pieces(row, a, b, noise, looks):
    """Cut one pulse at equal times if it is wide."""
    high = [t for t in range(a, b) if row[t] > looks.floor * noise]
    if slow_moments(row[a:b], looks.floor * noise)[1] <= looks.widest or not high:
        return [(a, b)]
    begin, end = high[0] + looks.tail, high[-1] + 1 - looks.tail
    parts = max(int(np.ceil((end - begin) / looks.piece)), 1)
    cuts = [a, *(int(begin + (end - begin) * k / parts) for k in range(1, parts)), b]
    return list(pairwise(cuts))


def slow_moments(part, least):
    q = np.where(part > least, part, 0).astype(float)
    t = np.arange(len(q)) + 0.5
    if q.sum() == 0:
        return len(q) / 2, len(q) / np.sqrt(12), float(part.sum(dtype=float))
    mean = (q * t).sum() / q.sum()
    return (mean, np.sqrt((q * t * t).sum() / q.sum() - mean**2 + 1 / 12),
            float(part.sum(dtype=float)))


def test_the_slow_twin():
    rows = ragged(600)
    found = hits.find(regions(rows))
    wanted = [(100 + r, *hit) for r, row in enumerate(rows) for hit in slow(row, 100.0)]
    wire, first, end, mean, width, charge = np.array(wanted).T
    assert np.array_equal(found.wire, wire)
    assert np.array_equal(found.first, 1000 + first)
    assert np.array_equal(found.ticks, end - first)
    assert found.tick == pytest.approx(1000 + first + mean)
    assert found.width == pytest.approx(width, rel=1e-6)
    assert found.charge == pytest.approx(charge, rel=1e-6)
    assert len(found.tick) > 900


def test_hits_of_a_region_sum_to_its_charge_and_cover_its_ticks_once():
    charge = regions(ragged(300))
    found = hits.find(charge)
    of = found.wire - 100
    sums = np.add.reduceat(charge.electrons.astype(float), charge.start[:-1])
    assert np.bincount(of, found.charge) == pytest.approx(sums, abs=1e-6 * abs(sums).max())
    assert np.array_equal(np.bincount(of, found.ticks), charge.ticks)
    follows = of[1:] == of[:-1]
    assert np.array_equal(found.first[1:][follows], (found.first + found.ticks)[:-1][follows])
    assert (found.ticks > 0).all()


@pytest.mark.parametrize("sigma", [1.5, POINT, 4.0])
def test_a_pulse_alone_is_one_hit(sigma):
    middles = np.linspace(30, 50, 9)
    found = hits.find(regions([pulse(m, 1e7, sigma) for m in middles], noise=1.0))
    assert len(found.tick) == 9
    assert found.tick == pytest.approx(1000 + middles, abs=1e-3)
    assert found.width == pytest.approx(np.hypot(sigma, 12**-0.5), rel=2e-3)
    assert found.charge == pytest.approx(1e7, rel=1e-3)


def test_two_pulses_have_a_valley_from_twice_their_width_on():
    """The sum of two equal Gaussians has two peaks if they are more than 2σ apart (Behboodian,
    Technometrics 12 (1970) 131); a valley of 5 % of the peak needs a little more."""
    apart = np.arange(3.0, 14.0, 0.25)
    rows = [pulse(40 - d / 2, 1e7) + pulse(40 + d / 2, 1e7) for d in apart]
    found = hits.find(regions(rows, noise=1e-3), looks=LOOKS._replace(dip=1e-6, widest=99))
    number = np.bincount(found.wire - 100)
    assert (number[apart < 2 * 3.2] == 1).all()
    assert (number[apart > 2 * 3.2 + 0.6] == 2).all()
    both = (number == 2)[found.wire - 100]
    assert found.charge[both] == pytest.approx(1e7, rel=0.2)
    assert (np.bincount(hits.find(regions(rows, noise=1e-3), looks=LOOKS._replace(widest=99)
                                  ).wire - 100) <= number).all()


def test_pulses_are_as_many_as_prominent_peaks():
    """scipy's peaks, with the prominence that is asked of a valley."""
    rows = ragged(400, seed=2)
    found = hits.find(regions(rows), looks=LOOKS._replace(dip=1e-9, widest=1e3))
    number = np.bincount(found.wire - 100)
    for row, n in zip(rows, number, strict=True):
        padded = np.concatenate([[-1e9, 0.0], np.maximum(row, 0), [-1e9]]).astype(float)
        assert n == max(1, len(signal.find_peaks(padded, prominence=400.0)[0]))


def test_noise_alone_seldom_makes_two_pulses_of_one(flat):
    charge = flat[1]
    found = hits.find(charge, LIVE)
    assert len(found.tick) < 1.02 * len(charge.plane)


def test_a_wide_pulse_is_cut_at_equal_times():
    """A track along the drift, as one wire of Y sees it."""
    row = np.convolve(np.full(150, 3e3), pulse(20, 1.0, POINT, 40))
    found = hits.find(regions([row]))
    inner = found.ticks[1:-1]
    assert inner.max() <= LOOKS.piece
    assert np.ptp(inner) <= 1
    assert found.charge[2:-2] == pytest.approx(3e3 * inner[1:-1], rel=0.01)
    assert np.diff(found.tick)[1:-1].mean() == pytest.approx(inner.mean(), rel=0.02)
    assert np.ptp(found.charge / found.charge.mean()) < 0.5  # those at the ends are alike
    finer = hits.find(regions([row]), looks=LOOKS._replace(piece=4.0))
    assert len(finer.tick) == pytest.approx(2 * len(found.tick), abs=2)


def test_negative_ticks_count_in_the_charge_only():
    row = pulse(40.0)
    dented = row.copy()
    dented[5:12] = -150.0
    one, two = hits.find(regions([row])), hits.find(regions([dented]))
    assert two.charge[0] == pytest.approx(one.charge[0] - 7 * 150.0, rel=1e-3)
    assert (two.tick, two.width) == (pytest.approx(one.tick), pytest.approx(one.width))


def test_a_region_below_zero_is_a_hit_in_its_middle():
    found = hits.find(regions([np.full(12, -50.0)]))
    assert (found.tick[0], found.charge[0]) == (pytest.approx(1006.0), pytest.approx(-600.0))
    assert found.width[0] == pytest.approx(12**0.5)


def test_a_point_has_the_width_of_the_filter(flat):
    found = hits.find(flat[1], LIVE)
    mine = (found.plane == 2) & (found.ticks > 20)
    assert np.median(found.width[mine]) == pytest.approx(np.hypot(POINT, 1.0), rel=0.06)


def test_times_are_those_of_the_charge(flat):
    batch, charge = flat
    found = hits.find(charge, LIVE)
    for plane, sharp in zip(range(3), (0.3, 0.4, 0.3), strict=True):
        off = found.tick[found.plane == plane] - batch.tick[0]
        assert np.median(off) == pytest.approx(0, abs=0.06)
        assert np.percentile(abs(off), 68) < sharp


def test_errors_are_as_foreseen(flat):
    """(found − true)/error of wires far from the ends has a spread of one."""
    found = hits.find(flat[1], LIVE)
    for plane in range(3):
        low, high = np.percentile(found.wire[found.plane == plane], [8, 92])
        inner = (found.plane == plane) & (found.wire > low) & (found.wire < high)
        inner &= found.ticks > 20
        off = found.charge[inner] - np.median(found.charge[inner])
        spread = 1.4826 * np.median(abs(off / found.noise[inner]))  # of a Gaussian's middle half
        assert spread == pytest.approx(1.0, abs=0.17)


def test_the_error_of_a_sum_follows_from_how_noise_hangs_together():
    """Sums over filtered noise itself, with the same straight line taken off."""
    dice, n, base = np.random.default_rng(3), 24, 10
    f = np.fft.rfftfreq(2048, LIVE.tick)
    white = np.fft.rfft(dice.normal(size=(400, 2048)))
    rows = np.fft.irfft(white * np.exp(-0.5 * (f / 0.05) ** 2))
    weight = np.concatenate([np.full(base, -n / 20), np.ones(n), np.full(base, -n / 20)])
    sums = np.array([np.convolve(row, weight, "valid")[::60] for row in rows])
    power = np.exp(-((f / 0.05) ** 2))
    assert hits.spread_of_sum(power, n, base) == pytest.approx(sums.std() / rows.std(), rel=0.03)


def test_names_of_particles_change_only_the_owners(flat):
    charge = flat[1]
    columns = {name: getattr(charge, name) for name in charge.SHAPES}
    other = traces.Charge(**columns | {"owner": charge.owner + 5})
    one, two = hits.find(charge, LIVE), hits.find(other, LIVE)
    for name in one.SHAPES:
        assert np.array_equal(getattr(one, name), getattr(two, name)) is (name != "owner"), name


def test_owners_are_those_of_the_region(flat):
    charge = flat[1]
    found = hits.find(charge, LIVE)
    for h in range(0, len(found.tick), 97):
        r = np.flatnonzero((charge.plane == found.plane[h]) & (charge.wire == found.wire[h])
                           & (charge.tick <= found.first[h])
                           & (found.first[h] < charge.tick + charge.ticks))
        event = np.searchsorted(found.offsets, h, "right") - 1
        r = r[(r >= charge.offsets[event]) & (r < charge.offsets[event + 1])][0]
        mine, its = (slice(b.owner_start[k], b.owner_start[k + 1])
                     for b, k in ((found, h), (charge, r)))
        assert np.array_equal(found.owner[mine], charge.owner[its])
        assert np.array_equal(found.fraction[mine], charge.fraction[its])


def test_an_event_does_not_depend_on_its_companions(flat):
    together = hits.find(flat[1], LIVE)
    alone = hits.find(track((0.0, 0.0, 1.0), n=3)[1], LIVE)
    rows = together.rows(2)
    for name in ("plane", "wire", "first", "ticks", "tick", "width", "charge", "noise"):
        assert np.array_equal(getattr(together, name)[rows], getattr(alone, name)[alone.rows(2)])
    same = np.flatnonzero(np.diff(together.plane[rows]) < 0)
    assert not len(same)  # sorted as the regions are


def test_empty_events_and_none_at_all_are_results():
    found = hits.find(regions([], offsets=[0]))
    assert isinstance(found, seen.Hits)
    assert len(found) == len(found.tick) == 0
    found = hits.find(regions([pulse(40)], offsets=[0, 0, 1, 1]))
    assert found.offsets.tolist() == [0, 0, 1, 1]


def test_a_hundred_thousand_hits_take_no_more_than_their_share():
    spent = []
    for count in (2000, 100_000):
        charge, runs = regions([pulse(20, ticks=40)] * count), []
        for _ in range(3):
            started = time.process_time()  # others may be busy
            found = hits.find(charge)
            runs.append(time.process_time() - started)
        spent.append(min(runs))
    assert len(found.tick) == 100_000
    assert spent[1] < 250 * spent[0]


def test_saturated_wires_give_hits():
    """All that a wire could say, and on it goes: a flat top of two hundred ticks."""
    row = np.minimum(pulse(150, 5e7, 40.0, 300), 2e5)
    found = hits.find(regions([row]))
    assert np.isfinite(found.tick).all()
    assert found.charge.sum() == pytest.approx(row.sum())


@pytest.mark.parametrize(("change", "words"), [
    (dict(valley=0.0), "valley = 0.0; wanted a number > 0"),
    (dict(dip=1.0), "dip = 1.0; wanted a number > 0, and dip < 1"),
    (dict(piece=np.nan), "piece = nan; wanted a number > 0"),
    (dict(widest=np.inf), "widest = inf; wanted a number > 0"),
])
def test_looks_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        hits.find(regions([pulse(40)]), looks=LOOKS._replace(**change))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_charge_that_is_no_number_is_refused(bad):
    with pytest.raises(ValueError, match="charge that is NaN or infinite"):
        hits.find(regions([np.full(5, bad)]))
    with pytest.raises(ValueError, match="or without noise"):
        hits.find(regions([pulse(40)], noise=0.0))
