"""Thresholds and limits of Q² against exact rational arithmetic and their own limits."""

from decimal import Decimal, getcontext

import numpy as np
import pytest

from darkpairs import kinematics


def slow_limits(energy, mass, target):
    """Solve the quadratic of Q² in 60 digits, the textbook way that cancels in floating point."""
    getcontext().prec = 60
    e, m, big = Decimal(energy), Decimal(mass), Decimal(target)
    s = big * big + 2 * big * e
    root = ((s - big * big - m * m) ** 2 - 4 * big * big * m * m).sqrt()
    middle = (s - big * big) ** 2 - m * m * (s + big * big)
    return [float((middle + sign * (s - big * big) * root) / (2 * s)) for sign in (-1, 1)]


@pytest.mark.parametrize("energy", [160.0, 423.0, 800.0, 7000.0])
@pytest.mark.parametrize("mass", [0.5, 10.0, 140.0])
@pytest.mark.parametrize("target", [938.272, 11174.86, 37215.5])
def test_limits_agree_with_sixty_digits(energy, mass, target):
    low, high = kinematics.q2_limits(energy, mass, target)
    slow_low, slow_high = slow_limits(energy, mass, target)
    assert np.isclose(low, slow_low, rtol=1e-11, atol=0)
    assert np.isclose(high, slow_high, rtol=1e-11, atol=0)


def test_product_of_the_limits():
    low, high = kinematics.q2_limits(900.0, 140.0, 37215.5)
    s = 37215.5**2 + 2 * 37215.5 * 900.0
    assert np.isclose(low * high, 37215.5**2 * 140.0**4 / s, rtol=1e-13)


def test_limits_meet_at_threshold_and_vanish_below():
    edge = kinematics.threshold(420.0, 938.272)
    assert np.isclose(edge, 420 + 420**2 / (2 * 938.272))
    low, high = kinematics.q2_limits(edge * (1 + 1e-12), 420.0, 938.272)
    assert np.isclose(low, high, rtol=1e-5)
    low, high = kinematics.q2_limits([edge * 0.999, 100.0], 420.0, 938.272)
    assert (low == 0).all()
    assert (high == 0).all()


def test_limits_against_the_dice():
    # Throw the angle in the centre of mass: Q² stays inside the limits and fills the range.
    energy, mass, target = 700.0, 210.0, 938.272
    s = target**2 + 2 * target * energy
    k = target * energy / np.sqrt(s)
    p = np.sqrt((s - (target + mass) ** 2) * (s - (target - mass) ** 2) / (4 * s))
    cosine = np.random.default_rng(4).uniform(-1, 1, 100_000)
    q2 = 2 * k * (np.hypot(p, mass) - p * cosine) - mass**2
    low, high = kinematics.q2_limits(energy, mass, target)
    assert low * (1 - 1e-12) <= q2.min() < low + 1e-4 * (high - low)
    assert high - 1e-4 * (high - low) < q2.max() <= high * (1 + 1e-12)
