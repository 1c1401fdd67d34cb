"""Throws without an inverse: cells come as often as they weigh, laws stay under their ceilings."""

import numpy as np
import pytest
from scipy import stats

from darkpairs import cells, rng


def shares(table):
    """Add up slowly how often each cell comes: its own place, and what other places hand over."""
    total = [0.0] * len(table)
    for place, (chance, other) in enumerate(table[:, :2]):
        total[place] += chance / len(table)
        total[int(other)] += (1 - chance) / len(table)
    return total


def some_weights():
    dice = np.random.default_rng(11)
    yield "one cell", np.array([3.7])
    yield "all equal", np.full(137, 0.1)
    yield "one of many", np.eye(50)[17]
    yield "even", dice.uniform(size=1000)
    yield "half of them zero", dice.uniform(size=500) * (dice.uniform(size=500) < 0.5)
    yield "over sixty powers of ten", 10.0 ** dice.uniform(-60, 0, size=300)
    yield "small ones", 1e-200 * dice.exponential(size=60)
    yield "whole numbers", np.array([0, 5, 0, 1, 1, 0, 900])


@pytest.mark.parametrize("weights", [pytest.param(w, id=name) for name, w in some_weights()])
def test_the_table_holds_the_weights_exactly(weights):
    table = cells.table(weights)
    assert table.shape == (len(weights), 2)
    assert ((table[:, 0] >= 0) & (table[:, 0] <= 1)).all()
    assert np.allclose(shares(table), weights / weights.sum(), rtol=0, atol=1e-12)
    hands_over = table[table[:, 0] < 1, 1].astype(int)
    assert (weights[hands_over] > 0).all()
    assert (table[weights == 0, 0] == 0).all()


def test_a_fine_grid_of_numbers_finds_each_cell_as_often_as_it_weighs():
    # Eight weights with the sum 8 · 128: each place is split at a whole 128th
    weights = [0, 400, 1, 127, 128, 129, 239, 0]
    table = cells.table(weights)
    found = [cells._pick((k + 0.5) / 1024, table) for k in range(1024)]
    assert np.bincount(found, minlength=8).tolist() == weights


@pytest.mark.parametrize("n", [1, 2, 3, 7, 1000, 4097, 99_991])
def test_the_ends_of_the_dice_lie_in_the_table(n):
    table = cells.table(np.ones(n))
    assert cells._pick(0.0, table) == 0
    assert cells._pick(1 - 2.0**-53, table) == n - 1


def test_picks_follow_the_weights():
    weights = np.random.default_rng(5).exponential(size=40)
    weights[[0, 7, 39]] = 0
    table = cells.table(weights)
    u = rng.uniforms(8, rng.stream("cells"), 200_000, 1)[:, 0]
    counts = np.bincount([cells._pick(x, table) for x in u], minlength=40)
    assert (counts[weights == 0] == 0).all()
    heavy = weights > 0
    wanted = weights[heavy] / weights.sum() * len(u)
    assert stats.chisquare(counts[heavy], wanted).pvalue > 0.01


def test_what_the_kernel_wants_to_know_stands_beside():
    low, width = np.arange(5.0), np.full(5, 0.5)
    table = cells.table([1, 2, 3, 4, 5], low, width)
    assert table.shape == (5, 4)
    assert (table[:, 2] == low).all()
    assert (table[:, 3] == width).all()


@pytest.mark.parametrize(("weights", "message"), [
    ([1, -1e-9, 2], r"weights of shape \(3,\); wanted \(n,\), finite and not negative"),
    ([1, np.nan], "finite and not negative"),
    ([1, np.inf], "finite and not negative"),
    ([[1, 2], [3, 4]], r"weights of shape \(2, 2\); wanted \(n,\)"),
    (1.0, r"weights of shape \(\); wanted \(n,\)"),
    ([0, 0, 0], "all weights are zero, so there is nothing to choose"),
    ([], "all weights are zero"),
])
def test_bad_weights_are_refused_in_words(weights, message):
    with pytest.raises(ValueError, match=message):
        cells.table(weights)


def parabola(samples, t):
    """Draw the parabola through samples at 0, ½ and 1."""
    start, middle, end = samples
    return (start * (2 * t - 1) * (t - 1) + 4 * middle * t * (1 - t) + end * t * (2 * t - 1))


def test_a_parabola_through_three_samples_stays_between_floor_and_ceiling():
    dice = np.random.default_rng(6)
    worst = [[0.2, 1, 1], [1, 1, 0.2], [1, 0.2, 0.2], [0.2, 0.2, 1]]
    samples = np.concatenate([worst, dice.uniform(0.15, 1, size=(500, 3)),
                              10.0 ** dice.uniform(-40, 40, size=(500, 1))
                              * dice.uniform(0.15, 1, size=(500, 3))])
    ceiling, floor = cells.bounds(samples)
    for row, high, low in zip(samples, ceiling, floor, strict=True):
        curve = parabola(row, np.linspace(0, 1, 101))
        assert (curve < high).all()
        assert (curve > low * high).all()


def test_samples_lie_between_floor_and_ceiling_however_many_they_are():
    dice = np.random.default_rng(7)
    for k in (1, 2, 9):
        samples = dice.exponential(size=(200, k)) ** 3
        ceiling, floor = cells.bounds(samples)
        assert (samples <= ceiling[:, None]).all()
        assert (samples >= (floor * ceiling)[:, None]).all()
        assert ((floor >= 0) & (floor < 1)).all()


def test_a_flat_law_is_nearly_always_below_its_floor_and_a_steep_one_has_none():
    ceiling, floor = cells.bounds(np.array([[2.0, 2.0, 2.0], [0.0, 0.5, 1.0], [0.1, 0.5, 1.0]]))
    assert np.isclose(ceiling[0], 2, rtol=1e-8)
    assert 1 - 1e-8 < floor[0] < 1
    assert floor[1:].tolist() == [0, 0]


def test_where_there_is_no_law_floor_and_ceiling_are_zero():
    ceiling, floor = cells.bounds(np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]))
    assert (ceiling[0], floor[0]) == (0, 0)
    assert floor[1] > 0.99


def test_throws_from_cells_follow_the_law():
    # The whole road in plain Python: pick a cell, throw inside, keep below the floor or the law
    def law(x):
        return np.exp(-x) * (1 + np.sin(3 * x) ** 2)

    edges = np.linspace(0, 4, 17)
    width = np.diff(edges)
    ceiling, floor = cells.bounds(law(edges[:-1, None] + width[:, None] * np.array([0, 0.5, 1])))
    table = cells.table(ceiling * width, edges[:-1], width, ceiling, floor)
    kept = []
    for u, v, w in rng.uniforms(9, rng.stream("law"), 60_000, 3):
        _, _, low, step, high, safe = table[cells._pick(u, table)]
        x = low + v * step
        assert safe * high <= law(x) <= high
        if w < safe or w * high < law(x):
            kept.append(x)
    grid = np.linspace(0, 4, 400_001)
    areas = np.append(0, np.cumsum((law(grid)[1:] + law(grid)[:-1]) / 2))
    assert stats.kstest(kept, lambda x: np.interp(x, grid, areas / areas[-1])).pvalue > 0.01
