"""Runs of ticks: against plain Python, between the samples, and at their ends."""

import numpy as np
import pytest

from darkpairs import runs

WIDTH = 2.87  # ticks: a Gaussian of the default filter, 1/(2π 0.111 MHz)


def pulse(middle, n, step=1):
    """Samples of a pulse as the filter makes it, on a circle of n ticks."""
    t = np.arange(0, n, step)
    away = (t - middle + n / 2) % n - n / 2
    return np.exp(-0.5 * (away / WIDTH) ** 2)


def rough(seed, rows, n):
    """Rows of filtered noise with pulses, as float32."""
    dice = np.random.default_rng(seed)
    waves = np.fft.rfft(dice.normal(size=(rows, 2 * n)), axis=1)
    f = np.fft.rfftfreq(2 * n, 0.5)
    smooth = np.fft.irfft(waves * np.exp(-0.5 * (f / 0.111) ** 2), axis=1)[:, ::2]
    for row in smooth:
        for middle in dice.uniform(0, n, 3):
            row += dice.uniform(0, 6) * smooth.std() * pulse(2 * middle, 2 * n, 2)
    return (smooth / smooth.std()).astype(np.float32)


def slow(loose, tight, ticks, step, likely, sure, look):
    """Runs of one row in plain Python: list of (first tick, ticks)."""
    pad, join, base = look
    count, ends = -(-ticks // step), min(base // step, len(range(0, ticks, step)) // 2)
    first, last = np.mean(loose[:ends]), np.mean(loose[count - ends:count])
    slope = (last - first) / (count - ends)
    line = first + slope * (np.arange(count) - (ends - 1) / 2)
    high = tight[:count] > sure
    on = high | (loose[:count] - line > likely)
    found, t = [], 0
    while t < count:
        if not on[t]:
            t += 1
            continue
        end = t
        while end < count and on[end]:
            end += 1
        if high[t:end].any():
            low, top = max(t * step - pad, 0), min(end * step + pad, ticks)
            if found and t * step - pad <= found[-1][1] + join:
                found[-1][1] = top
            else:
                found.append([low, top])
        t = end
    return [(low, top - low) for low, top in found]


@pytest.mark.parametrize("step", [1, 2])
def test_the_slow_twin_finds_the_same_runs(step):
    n, rows, ticks = 96, 40, 96 * step - 8
    loose, tight = rough(1, rows, n), rough(2, rows, n)
    likely, sure = np.full(rows, 1.5), np.full(rows, 2.0)
    likely[3], sure[5] = 9.0, np.inf
    table = np.array([[0, 1, 100, 40, 25, ticks], [0, 2, 7, 80, 15, ticks]])
    begin = np.array([0, 25 * n])  # of the loose images; then come the tight ones
    look = (6, 10, 10)
    found = runs.find(table, (begin, begin + loose.size), np.array([n, n]), step,
                      np.concatenate([loose.ravel(), tight.ravel()]), (likely, sure), look)
    wanted = []
    for r in range(rows):
        b = int(r >= 25)
        wanted += [(0, 1 + b, table[b, 2] + r - 25 * b, table[b, 3] + first, size, b)
                   for first, size in slow(loose[r], tight[r], ticks, step, likely[r], sure[r],
                                           look)]
    assert len(wanted) > 40
    assert found.tolist() == [list(map(int, one)) for one in wanted]


@pytest.mark.parametrize("look", [(0, 0, 10), (1, 0, 0)])
def test_more_runs_than_first_thought_have_room(look):
    """Four pulses on each wire: the first guess is two."""
    row = sum(pulse(middle, 256, 2) for middle in (30, 90, 150, 210)).astype(np.float32)
    table = np.array([[0, 0, 5, 0, 3, 256]])
    rows = np.tile(row, 3)
    found = runs.find(table, (np.array([0]),) * 2, np.array([128]), 2, rows,
                      (np.full(3, 0.5), np.full(3, 0.5)), look)
    assert found[:, 2].tolist() == [5] * 4 + [6] * 4 + [7] * 4
    assert (np.diff(found[:4, 3]) == 60).all()


@pytest.mark.parametrize("middle", [0.0, 0.3, 1.0, 37.5, 62.9])
def test_what_lies_between_two_samples(middle):
    row = pulse(middle, 64, 2).astype(np.float32)
    every = runs.ticks(row[None], 2)[0]
    assert every[::2].tolist() == row.tolist()
    assert every == pytest.approx(pulse(middle, 64), abs=1.2e-3)
    assert every.sum() == pytest.approx(2 * row.sum(), rel=1e-6)


def test_a_steady_level_stays():
    assert runs.ticks(np.full((2, 32), 3.0, dtype=np.float32), 2) == pytest.approx(
        np.full((2, 64), 3.0), abs=1e-6)
    rows = rough(3, 2, 32)
    assert np.array_equal(runs.ticks(rows, 1), rows)


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("slope", [0.0, 0.01])
def test_charge_is_what_lies_above_the_line(step, slope):
    """Half a pulse per electron on a tilted floor: all is taken but the floor."""
    n = 128
    tilted = 5.0 + slope * np.arange(0, n, step)
    row = (1000 * pulse(61.0, n, step) + tilted).astype(np.float32)
    table, begin, length = np.array([[0, 2, 9, 16, 1, n]]), np.array([0]), np.array([len(row)])
    regions = np.array([[0, 2, 9, 16 + 41, 41, 0]])
    start, electrons = runs.take(table, begin, length, step, row, regions, 10)
    assert start.tolist() == [0, 41]
    assert electrons == pytest.approx(1000 * pulse(61.0, n)[41:82], abs=2.0)
    assert electrons.sum() == pytest.approx(1000 * WIDTH * np.sqrt(2 * np.pi), rel=2e-3)


def test_a_region_at_the_end_of_a_row_has_no_line_there():
    row = np.full(64, 2.0, dtype=np.float32)
    table, one = np.array([[0, 2, 9, 0, 1, 128]]), np.array([0])
    _, electrons = runs.take(table, one, np.array([64]), 2, row,
                             np.array([[0, 2, 9, 0, 128, 0]]), 10)
    assert electrons == pytest.approx(np.full(128, 2.0), rel=1e-6)


def test_no_blocks_have_no_runs():
    none, empty = np.zeros((0, 6), dtype=np.int64), np.zeros(0, dtype=np.float32)
    zero = np.zeros(0, dtype=np.int64)
    found = runs.find(none, (zero, zero), zero, 2, empty, (np.zeros(0), np.zeros(0)), (6, 10, 10))
    assert found.shape == (0, 6)
    start, electrons = runs.take(none, zero, zero, 2, empty, found, 10)
    assert (start.tolist(), electrons.shape) == ([0], (0,))
