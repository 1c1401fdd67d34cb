"""From counts back to charge: what goes in comes out, noise is as foreseen, truth is not used."""

import numpy as np
import pytest

from darkpairs import (
    convolve,
    deconvolve,
    detector,
    noise,
    owners,
    readout,
    response,
    runs,
    traces,
    wires,
)
from darkpairs.deconvolve import FILTERS

LIVE = detector.MICROBOONE._replace(dead=0.0)  # no dead wires
MIP = 5.6e4  # electrons per cm of a minimum-ionising track at 273 V/cm, as in `test_drift`


def track(way, *, n=1, length=60.0, seed=0):
    """Straight tracks of steady charge from the middle of the chamber, n events of one each."""
    way = np.array(way) / np.linalg.norm(way)
    s = np.arange(0.0, length, 0.1)
    position = np.array([60.0, -20.0, 400.0]) + s[:, None] * way
    time = position[:, 0] / LIVE.velocity
    k = len(s)
    return traces.Arrivals(
        event=np.arange(seed, seed + n), kind=np.zeros(n), weight=np.ones(n),
        offsets=np.arange(n + 1) * k, charge=np.full(n * k, 0.1 * MIP),
        tick=np.tile(LIVE.trigger + time / LIVE.tick, n),
        wire=np.tile(wires.places(LIVE, position), (n, 1)),
        sigma_tick=np.tile(np.sqrt(2 * LIVE.diffusion_long * time) / LIVE.velocity / LIVE.tick, n),
        sigma_wire=np.tile(np.sqrt(2 * LIVE.diffusion_trans * time) / LIVE.pitch, n),
        particle=np.tile(np.arange(k) // (k // 2 + 1), n))


def find(batch, paper=LIVE, *, seed=1, **more):
    return deconvolve.charge(readout.waveforms(batch, paper, seed=seed), paper, **more)


def recovered(found, batch):
    """Part of the true charge that each plane gives back."""
    plane = np.repeat(found.plane, found.ticks)
    return np.bincount(plane, found.electrons, 3) / batch.charge.sum()


@pytest.fixture(scope="module")
def slanted():
    """Eight noisy events, 45° to the drift."""
    batch = track((0.7, 0.1, 0.7), n=8)
    return batch, readout.waveforms(batch, LIVE, seed=1)


@pytest.mark.parametrize("way", [(0, 0, 1), (0, 0.98, 0.2), (0.26, 0.2, 0.94), (0.5, 0.3, 0.81),
                                 (0.7, 0.1, 0.7)],
                         ids=["beam", "upright", "15°", "30°", "45° to the wires' plane"])
def test_charge_in_is_charge_out(way):
    batch = track(way, n=16)
    assert recovered(find(batch), batch) == pytest.approx([1, 1, 1], abs=0.02)


def test_what_is_lost_along_the_drift():
    batch = track((0.985, 0.1, 0.14), n=8)
    u, v, y = recovered(find(batch), batch)
    assert u < 0.6  # it nearly follows one wire of U: a signal without end and without net area
    assert 0.6 < v < 0.9
    assert 0.95 < y < 1.0


def test_one_wire_gets_what_is_above_it(slanted):
    _, waveforms = slanted
    found = deconvolve.charge(waveforms, LIVE)
    plane, wire = found.plane, found.wire
    low, high = np.percentile(wire[plane == 2], [10, 90])
    inner = (plane == 2) & (wire > low) & (wire < high)
    sums = np.bincount(wire[inner], np.add.reduceat(found.electrons, found.start[:-1])[inner])
    mean = sums[sums > 0] / 8
    assert mean.mean() == pytest.approx(0.3 / 0.7 * MIP * np.sqrt(0.99), rel=0.01)  # Y: 3 mm of z


@pytest.mark.parametrize("n", [128, 300])
def test_the_filter_undoes_the_response(n):
    """Σ_d G_d(f) R(f) is the wanted shape for waves that lie steady across the wires."""
    g = deconvolve.inverse(LIVE, FILTERS, n).sum(axis=1)
    r = response.spectrum(LIVE, 2 * n)[..., ::2].sum(axis=1)
    f = np.fft.rfftfreq(n, LIVE.tick)
    shape = np.exp(-0.5 * (f / 0.111) ** 2)
    some = (f > 0.03) & (f < 0.3)
    for plane, close in zip(range(3), (0.05, 0.05, 0.01), strict=True):
        assert abs(g[plane] * r[plane] - shape)[some].max() < close
    assert abs((g * r)[2, 0] - 1) < 1e-3
    assert abs((g * r)[:2, 0]).max() < 1e-6  # nothing can be known of it


@pytest.mark.parametrize("time", [0.111, 0.15])
def test_the_slow_twin(time):
    """One row, transformed by plain sums, gives the library's image.

    Every second tick is enough for the first filter, not for the second.
    """
    filters = FILTERS._replace(time=time)
    batch = track((0.0, 0.0, 1.0))
    waveforms = readout.waveforms(batch, LIVE, seed=1, noisy=False)
    b = np.flatnonzero(waveforms.plane == 2)[3]
    image = deconvolve.images(waveforms, LIVE, filters=filters)[b]
    n = int(convolve.length(waveforms.ticks[b:b + 1])[0])
    rows = np.zeros((waveforms.wires[b], n))
    rows[:, :waveforms.ticks[b]] = waveforms.block(b) - 473.0
    kernel, t = deconvolve.inverse(LIVE, filters, n), np.arange(n)
    wire, found = 8, np.zeros(n)
    for d in range(-5, 6):
        for k in range(n):
            g = kernel[2, d + 5, min(k, n - k)]
            g = g if k <= n - k else np.conj(g)
            coefficient = (rows[wire - d] * np.exp(-2j * np.pi * k * t / n)).sum()
            found += (g * coefficient * np.exp(2j * np.pi * k * t / n)).real / n
    assert abs(image[wire] - found[:image.shape[1]]).max() < 1e-3 * image.max()


def noise_alone(n=12, ticks=2000):
    """Blocks of noise of one wire each, far from one another."""
    rms, pool = noise.rms(LIVE, wires.lengths(LIVE, 2)[0]), noise.pool(LIVE)
    batch = track((0, 0, 1))
    blocks = [(plane, 300 + 40 * i) for plane in range(3) for i in range(n)]
    rows = [np.rint(rms * pool[7 * ticks * b:7 * ticks * b + ticks]
                    + (473 if plane == 2 else 2046)) for b, (plane, _) in enumerate(blocks)]
    count = len(blocks)
    plane, wire = np.array(blocks).T
    return rms, traces.Waveforms(
        event=np.zeros(1), kind=np.zeros(1), weight=np.ones(1), offsets=np.array([0, count]),
        plane=plane, wire=wire, tick=np.full(count, 900), wires=np.ones(count),
        ticks=np.full(count, ticks), start=np.arange(count + 1) * ticks,
        adc=np.concatenate(rows), owner=batch)


@pytest.mark.parametrize("tight", [False, True])
def test_the_noise_that_is_left_is_the_one_foreseen(tight):
    rms, waveforms = noise_alone()
    images = np.array(deconvolve.images(waveforms, LIVE, tight=tight))[:, 0]
    power = deconvolve.inverse(LIVE, FILTERS, 2000)[:, 5:6]  # a wire alone
    for plane in range(3):
        found = images[12 * plane:12 * plane + 12].std()
        all_wires = deconvolve.remaining_noise(LIVE, FILTERS, 2000, tight)[plane]
        own = all_wires * np.sqrt(
            (abs(power[plane]) ** 2 * noise.spectrum(LIVE, 2000)).sum()
            / (abs(deconvolve.inverse(LIVE, FILTERS, 2000)[plane]) ** 2
               * noise.spectrum(LIVE, 2000)).sum())
        assert found == pytest.approx(own * np.hypot(rms, 12**-0.5), rel=0.12)


def test_noise_alone_is_rarely_charge():
    _, waveforms = noise_alone()
    found = deconvolve.charge(waveforms, LIVE)
    assert len(found.plane) <= 4  # of 36 wires with 2000 ticks
    assert (found.owner == owners.NOBODY).all()


def test_names_of_particles_change_only_the_owners(slanted):
    batch, _ = slanted
    other = traces.Arrivals(**{name: getattr(batch, name) for name in batch.SHAPES
                               if name != "particle"}, particle=batch.particle * 0 + 5)
    one, two = find(batch), find(other)
    for name in one.SHAPES:
        if not name.startswith(("owner", "fraction")):
            assert np.array_equal(getattr(one, name), getattr(two, name)), name
    assert set(two.owner) <= {5, owners.NOBODY}
    assert set(one.owner) <= {0, 1, owners.NOBODY}


def test_fractions_sum_to_one(slanted):
    found = deconvolve.charge(slanted[1], LIVE)
    sums = np.add.reduceat(found.fraction, found.owner_start[:-1])
    assert sums == pytest.approx(np.ones(len(found.plane)), abs=1e-12)
    assert (found.fraction > 0).all()


def test_an_event_does_not_depend_on_its_companions():
    events = [track((0.3, 0.1 * i, 0.8), seed=i, length=20.0 + 4 * i) for i in range(10)]
    together = find(traces.concatenate(events))
    for i, event in enumerate(events):
        alone, rows = find(event), together.rows(i)
        samples = slice(together.start[rows.start], together.start[rows.stop])
        assert np.array_equal(together.electrons[samples], alone.electrons)
        assert np.array_equal(together.wire[rows], alone.wire)
        assert np.array_equal(together.noise[rows], alone.noise)


def test_regions_are_sorted_and_apart(slanted):
    found = deconvolve.charge(slanted[1], LIVE)
    event = np.repeat(np.arange(8), np.diff(found.offsets))
    keys = np.column_stack([event, found.plane, found.wire, found.tick])
    assert np.array_equal(np.lexsort(keys.T[::-1]), np.arange(len(keys)))
    same = (keys[1:, :3] == keys[:-1, :3]).all(axis=1)
    assert (found.tick[1:] >= found.tick[:-1] + found.ticks[:-1])[same].all()


def test_dead_wires_have_no_regions():
    batch = track((0.2, 0.3, 0.9), length=150.0)
    found, dead = find(batch, detector.MICROBOONE), wires.dead(detector.MICROBOONE)
    assert not any(dead[p][w] for p, w in zip(found.plane, found.wire, strict=True))
    assert len(found.plane) < len(find(batch).plane)


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_wires_beside_dead_ones_keep_their_charge(plane):
    """What the three living wires on each side find is what they would find without dead ones."""
    batch = track((0.1, 0.3, 0.9), n=8, length=150.0)
    dead = wires.dead(detector.MICROBOONE)[plane]
    found, whole = (find(batch, paper) for paper in (detector.MICROBOONE, LIVE))
    sums = [np.bincount(one.wire[one.plane == plane], np.add.reduceat(
        one.electrons, one.start[:-1])[one.plane == plane], len(dead)) for one in (found, whole)]
    beside = np.any([np.roll(dead, d) for d in (-3, -2, -1, 1, 2, 3)], axis=0) & ~dead
    beside &= sums[1] > 0
    assert beside.sum() >= 6
    assert sums[0][beside] / sums[1][beside] == pytest.approx(1.0, abs=0.2)


def test_a_higher_threshold_finds_less(slanted):
    _, waveforms = slanted
    sizes = [len(deconvolve.charge(waveforms, LIVE,
                                   filters=FILTERS._replace(threshold=t)).electrons)
             for t in (3.0, 4.0, 20.0, 1e4)]
    assert sizes[0] > sizes[1] > sizes[2] > sizes[3] == 0


def test_waveforms_without_blocks_give_no_charge():
    batch = traces.Arrivals(event=[3], kind=[0], weight=[1], offsets=[0, 0], charge=[], tick=[],
                            wire=np.zeros((0, 3)), sigma_tick=[], sigma_wire=[], particle=[])
    found = find(batch)
    assert len(found) == 1
    assert found.electrons.shape == (0,)


def test_a_chamber_without_noise_finds_no_rounding(slanted):
    silent = LIVE._replace(noise_flat=0.0, noise_start=0.0, noise_slope=0.0)
    batch, _ = slanted
    u, v, y = recovered(find(batch, silent), batch)
    assert (u, v, y) == pytest.approx((1, 1, 1), abs=0.05)
    assert 0 < len(find(track((0, 0, 1)), silent).plane) < 3 * 250  # a region or two for each wire


def test_the_ends_of_a_short_row_do_not_reach_beyond_it(slanted):
    _, waveforms = slanted
    far = deconvolve.charge(waveforms, LIVE, filters=FILTERS._replace(base=1e4))
    assert np.isfinite(far.electrons).all()
    row = np.array([2.0, 4.0, 1e9, 1e9], dtype=np.float32)
    zero, slope = runs._line(row[:2], 10)
    assert (zero, slope) == pytest.approx((2.0, 2.0))


@pytest.mark.parametrize(("change", "words"), [
    (dict(length=100.0), "up to wire .*another chamber made these"),
    (dict(ticks=1400.0), "and 1400 ticks: another chamber made these"),
    (dict(gain=0.0), "a chamber with .*gain.*wanted numbers > 0")])
def test_another_chamber_is_refused(slanted, change, words):
    for look in (deconvolve.charge, deconvolve.images):
        with pytest.raises(ValueError, match=words):
            look(slanted[1], LIVE._replace(**change))


@pytest.mark.parametrize(("change", "words"), [
    (dict(time=0.0), "time = 0.0; wanted a number > 0"),
    (dict(pad=2.5), "pad = 2.5; wanted a whole number"),
    (dict(base=-1.0), "base = -1.0; wanted a whole number ≥ 0"),
    (dict(threshold=np.nan), "threshold = nan; wanted a number > 0"),
    (dict(reach=32.0), "reach = 32.0; wanted less than 32 wires")])
def test_filters_without_sense_are_refused(slanted, change, words):
    with pytest.raises(ValueError, match=words):
        deconvolve.charge(slanted[1], LIVE, filters=FILTERS._replace(**change))
