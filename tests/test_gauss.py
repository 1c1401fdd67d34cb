"""The table of the Gaussian: against scipy, and at its ends."""

import numpy as np
import pytest
from scipy.stats import norm

from darkpairs import gauss


def test_it_is_gausss_integral():
    x = np.random.default_rng(1).uniform(-7, 7, 10_000)
    assert gauss.below(x) == pytest.approx(norm.cdf(x), abs=2.5e-7)


def test_published_parts_within_one_two_and_three_widths():
    """0.682 689, 0.954 500, 0.997 300: NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7."""
    k = np.array([1.0, 2.0, 3.0])
    assert gauss.below(k) - gauss.below(-k) == pytest.approx([0.682689, 0.9545, 0.9973], abs=1e-6)


def test_it_never_falls():
    x = np.linspace(-6, 6, 50_001)
    assert (np.diff(gauss.below(x)) >= 0).all()


def test_far_away_all_or_nothing_is_below():
    assert gauss.below([-np.inf, -1e9, -5.6, 5.6, 1e9, np.inf]).tolist() == [0, 0, 0, 1, 1, 1]


def test_shapes_are_kept():
    assert gauss.below(np.zeros((2, 0, 3))).shape == (2, 0, 3)
    assert gauss.below(0.0) == pytest.approx(0.5)


def test_nan_is_refused():
    with pytest.raises(ValueError, match="x has NaN; wanted numbers"):
        gauss.below([0.0, np.nan])
