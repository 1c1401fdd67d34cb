"""Filters over wires and ticks: against the plain sums, and block by block."""

import numpy as np
import pytest

from darkpairs import convolve


def blocks(wires, ticks, halo, seed=1):
    """Random blocks in a canvas; return the plan, the canvas and each block by itself."""
    wires, ticks = np.array(wires), np.array(ticks)
    plan = convolve.plan(wires, convolve.length(ticks), halo)
    dice, canvas = np.random.default_rng(seed), np.zeros(plan.sizes[0], dtype=np.float32)
    single = []
    for source, width, n in zip(plan.source, wires, convolve.length(ticks), strict=True):
        rows = dice.normal(size=(width + 2 * halo, n)).astype(np.float32)
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
    out, = convolve.run(plan, canvas, planes, np.array([3, 1, 4]), halo, [spectrum])
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
    out, = convolve.run(plan, canvas, np.array([1, 1]), np.array([5, 7]), 1, [one])
    for b, rows in enumerate(single):
        assert np.allclose(goal(plan, out, b, len(rows) - 2, rows.shape[1]), rows[1:-1], atol=2e-6)


@pytest.mark.parametrize("others", [1, 3, 17])
def test_a_block_does_not_depend_on_its_companions(others):
    _, spectrum = kernel(1)
    wires = np.array([3] * (others + 1))
    plan, canvas, _ = blocks(wires, [128] * len(wires), 1)
    many, = convolve.run(plan, canvas, np.zeros(len(wires), int), wires, 1, [spectrum])
    alone = convolve.plan(wires[:1], np.array([128]), 1)
    one, = convolve.run(alone, np.concatenate([canvas[:5 * 128], np.zeros(11 * 128)]).astype(
        np.float32), np.zeros(1, int), wires[:1], 1, [spectrum])
    assert np.array_equal(one[:3 * 128], many[plan.goal[0]:plan.goal[0] + 3 * 128])


def test_lengths_are_fast_and_long_enough():
    ticks = np.array([1, 32, 33, 224, 225, 352, 416, 6400, 6401, 20000])
    found = convolve.length(ticks)
    assert (found >= ticks).all()
    assert (found % 32 == 0).all()
    assert (found < 1.34 * ticks + 32).all()
    for n in found:
        for factor in (2, 3, 5):
            while n % factor == 0:
                n //= factor
        assert n == 1


def test_nothing_is_a_legal_canvas():
    plan = convolve.plan(np.zeros(0, int), np.zeros(0, int), 2)
    out, = convolve.run(plan, np.zeros(0, np.float32), np.zeros(0, int), np.zeros(0, int), 2,
                        [kernel(2)[1]])
    assert plan.sizes == (0, 0)
    assert out.size == 0


def test_rows_of_a_group_come_in_sixteens():
    plan, _, _ = blocks([3, 4, 2], [64, 64, 96], 1)
    assert [(end - begin) // n % 16 for n, _, begin, end, *_ in plan.groups] == [0, 0]
    assert [(end - begin) // n % 16 for n, *_, begin, end in plan.groups] == [0, 0]
