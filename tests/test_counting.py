"""Effective numbers and intervals for shares: slow twins, coverage, printed numbers, bad input."""

import numpy as np
import pytest
from scipy.stats import binom

from darkpairs import counting


def test_effective_events():
    assert counting.effective(np.full(7, 0.3)) == pytest.approx(7)
    assert counting.effective([1.0, 2.0, 3.0]) == pytest.approx(36 / 14)  # Kish 1965, Eq. 11.7.6
    assert counting.effective([5.0, 0.0, 0.0]) == 1
    assert counting.effective(np.zeros(3)) == 0


def slow_interval(seen, total, level):
    """Ends at which so few or so many are as rare as half of what is left, by halving."""
    tail, ends = (1 - level) / 2, []
    for chance in (lambda p: binom.sf(seen - 1, total, p) - tail,  # rises with p
                   lambda p: tail - binom.cdf(seen, total, p)):
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (low, middle) if chance(middle) > 0 else (middle, high)
        ends.append(low)
    return ends


@pytest.mark.parametrize(("seen", "total"), [(1, 5), (3, 10), (9, 10), (40, 100)])
def test_interval_agrees_with_sums_of_chances(seen, total):
    for level in (counting.ONE_SIGMA, 0.95):
        assert counting.interval(seen, total, level=level) == pytest.approx(
            slow_interval(seen, total, level), abs=1e-12)


def test_interval_of_printed_tables():
    # 95 % limits for 0, 3 and 10 of 10, as in any table of Clopper and Pearson's limits
    low, high = counting.interval([0, 3, 10], [10, 10, 10], level=0.95)
    assert low == pytest.approx([0.0, 0.0667, 0.6915], abs=1e-4)
    assert high == pytest.approx([0.3085, 0.6525, 1.0], abs=1e-4)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_true_share_lies_inside_as_often_as_promised(share):
    seen = np.arange(41)
    low, high = counting.interval(seen, np.full(41, 40))
    inside = (low <= share) & (share <= high)
    assert binom.pmf(seen, 40, share)[inside].sum() >= counting.ONE_SIGMA


def test_none_of_none_says_nothing_and_parts_of_events_count():
    low, high = counting.interval([0.0, 2.5], [0.0, 7.5])
    assert (low[0], high[0]) == (0, 1)
    assert 0.1 < low[1] < 1 / 3 < high[1] < 0.6


@pytest.mark.parametrize(("seen", "total", "level", "words"), [
    (3, 2, 0.9, "wanted 0 ≤ seen ≤ total"), (-1, 2, 0.9, "wanted 0 ≤ seen"),
    (np.nan, 2, 0.9, "wanted 0 ≤ seen"), (1, 2, 1.0, "level = 1.0; wanted 0 < level < 1")])
def test_bad_input(seen, total, level, words):
    with pytest.raises(ValueError, match=words):
        counting.interval(seen, total, level=level)
