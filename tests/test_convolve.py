"""Filters over wires and ticks: against the plain sums, and block by block."""

import numpy as np
import pytest

from darkpairs import convolve


def blocks(wires, ticks, halo, seed=1):
    """Random blocks in a canvas; return the plan, the canvas and each block by itself."""
    wires, n = np.array(wires), convolve.length(np.array(ticks))
    plan = convolve.plan(wires, np.full(len(wires), -halo), wires + 2 * halo, n)
    dice, canvas = np.random.default_rng(seed), np.zeros(plan.sizes[0], dtype=np.float32)
    single = []
    for source, width, size in zip(plan.source, wires, n, strict=True):
        rows = dice.normal(size=(width + 2 * halo, size)).astype(np.float32)
        canvas[source:source + rows.size] = rows.ravel()
        single.append(rows)
    return plan, canvas, single


def kernel(halo, seed=3):
    """A random filter of 9 ticks: as samples, and as a function of the length."""
    taps = np.random.default_rng(seed).normal(size=(3, 2 * halo + 1, 9)).astype(np.float32)
    return taps, lambda n: np.fft.rfft(taps, n, axis=2).astype(np.complex64)


def goal(plan, out, b, wires, n):
    return out[plan.goal[b]:plan.goal[b] + wires * n].reshape(wires, n)


def test_the_slow_double_sum():
    halo, planes = 2, np.array([0, 2, 1])
    plan, canvas, single = blocks([3, 1, 4], [100, 64, 128], halo)
    taps, spectrum = kernel(halo)
    out = convolve.run(plan, canvas, planes, spectrum)
    for b, rows in enumerate(single):
        width, n = len(rows) - 2 * halo, rows.shape[1]
        slow = np.zeros((width, n))
        for w in range(width):
            for d in range(-halo, halo + 1):
                for t in range(n):
                    for s in range(9):
                        slow[w, (t + s) % n] += taps[planes[b], d + halo, s] * rows[
                            w + halo - d, t]
        assert np.allclose(goal(plan, out, b, width, n), slow, atol=2e-5)


def test_a_single_one_changes_nothing():
    plan, canvas, single = blocks([5, 7], [96, 300], 1)
    one = lambda n: np.stack([np.zeros((3, n // 2 + 1)), np.ones((3, n // 2 + 1)),  # noqa: E731
                              np.zeros((3, n // 2 + 1))], axis=1).astype(np.complex64)
    out = convolve.run(plan, canvas, np.array([1, 1]), one)
    for b, rows in enumerate(single):
        assert np.allclose(goal(plan, out, b, len(rows) - 2, rows.shape[1]), rows[1:-1], atol=2e-6)


@pytest.mark.parametrize("others", [1, 3, 17])
def test_a_block_does_not_depend_on_its_companions(others):
    _, spectrum = kernel(1)
    wires = np.array([3] * (others + 1))
    plan, canvas, _ = blocks(wires, [128] * len(wires), 1)
    many = convolve.run(plan, canvas, np.zeros(len(wires), int), spectrum)
    alone = convolve.plan(wires[:1], np.array([-1]), np.array([5]), np.array([128]))
    room = np.zeros(alone.sizes[0], dtype=np.float32)
    room[:5 * 128] = canvas[:5 * 128]
    one = convolve.run(alone, room, np.zeros(1, int), spectrum)
    assert np.array_equal(one[:3 * 128], many[plan.goal[0]:plan.goal[0] + 3 * 128])


def test_lengths_are_fast_and_long_enough():
    ticks = np.array([1, 32, 33, 224, 225, 352, 416, 6400, 6401, 20000])
    found = convolve.length(ticks)
    assert (found >= ticks).all()
    assert (found < 1.2 * ticks + 8).all()
    for n in found:
        for factor in (2, 3, 5):
            while n % factor == 0:
                n //= factor
        assert n == 1


def test_nothing_is_a_legal_canvas():
    none = np.zeros(0, int)
    plan = convolve.plan(none, none, none, none)
    out = convolve.run(plan, np.zeros(0, np.float32), none, kernel(2)[1])
    assert plan.sizes == (0, 0)
    assert out.size == 0


def test_rows_of_a_group_come_in_sixteens():
    plan, _, _ = blocks([3, 4, 2], [64, 64, 96], 1)
    assert [(end - begin) // n % 16 for n, _, begin, end, *_ in plan.groups] == [0, 0]
    assert [(end - begin) // n % 16 for n, *_, begin, end in plan.groups] == [0, 0]


def test_rows_that_do_not_come_in_count_as_zeros():
    """A block whose neighbours on one side are missing, and whose own first rows are empty."""
    halo, planes = 2, np.array([1])
    plan, canvas, (rows,) = blocks([6], [64], halo)
    rows[:4] = rows[9:] = 0  # of ten rows, the fifth to the ninth are there
    canvas[:640] = rows.ravel()
    taps, spectrum = kernel(halo)
    full = convolve.run(plan, canvas, planes, spectrum)
    less = convolve.plan(np.array([6]), np.array([2]), np.array([5]), np.array([64]))
    room = np.zeros(less.sizes[0], dtype=np.float32)
    room[:5 * 64] = rows[4:9].ravel()
    short = convolve.run(less, room, planes, spectrum)
    assert np.allclose(full[:6 * 64], short[:6 * 64], atol=1e-5)
    assert taps.any()


def test_a_second_filter_only_where_it_is_wanted():
    wires, n = np.array([3, 2, 4]), np.array([64, 64, 96])
    twice, planes = np.array([True, False, True]), np.array([0, 1, 2])
    plan = convolve.plan(wires, np.full(3, -1), wires + 2, n, twice)
    canvas = np.random.default_rng(1).normal(size=plan.sizes[0]).astype(np.float32)
    half = lambda n: np.full(n // 2 + 1, 0.5, dtype=np.float32)  # noqa: E731
    out = convolve.run(plan, canvas, planes, kernel(1)[1], half)
    for b in range(3):
        once = goal(plan, out, b, wires[b], n[b])
        again = out[plan.again[b]:plan.again[b] + once.size].reshape(once.shape)
        assert np.allclose(again, 0.5 * once if twice[b] else once, atol=1e-5)
    assert (plan.again != plan.goal).tolist() == twice.tolist()
    assert [(end - begin) // n % 16 for n, *_, begin, end in plan.groups] == [0, 0]
    plain = convolve.plan(wires, np.full(3, -1), wires + 2, n)
    alone = convolve.run(plain, canvas, planes, kernel(1)[1])
    for b in range(3):
        assert np.array_equal(goal(plain, alone, b, wires[b], n[b]),
                              goal(plan, out, b, wires[b], n[b]))
