"""Thresholds and limits of Q² against sixty digits; boosts against matrices; directions by dice."""

from decimal import Decimal, getcontext

import numpy as np
import pytest
from scipy import stats

from darkpairs import kinematics, rng


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


def lorentz(mover, mass):
    """Write the boost from the rest frame of a mover as the 4 × 4 matrix of the textbooks."""
    mover = np.asarray(mover)
    gamma = np.sqrt(1 + mover @ mover / mass**2)
    beta = mover / (gamma * mass)
    matrix = np.eye(4)
    matrix[0, 0] = gamma
    matrix[0, 1:] = matrix[1:, 0] = gamma * beta
    matrix[1:, 1:] += (gamma - 1) * np.outer(beta, beta) / (beta @ beta)
    return matrix


def boosted(particle, p, mover, mass):
    """Boost (mass of the particle, momentum) with the kernel; return the energy too, on shell."""
    energy = np.sqrt(np.dot(mover, mover) + mass**2)
    after = kinematics._boost(np.sqrt(np.dot(p, p) + particle**2), tuple(p), energy, tuple(mover),
                              mass)
    return np.array([np.sqrt(np.dot(after, after) + particle**2), *after])


def some_boosts(n=50):
    dice = np.random.default_rng(12)
    for particle in (0.0, 0.511, 140.0):
        for _ in range(n):
            p, mover = dice.normal(size=(2, 3)) * 10.0 ** dice.uniform(-2, 3, size=(2, 1))
            yield particle, p, mover, 10.0 ** dice.uniform(0, 3)


def test_a_boost_is_the_matrix_of_the_textbooks_and_keeps_the_mass():
    # The energy of `boosted` is on shell: that it agrees is that the mass is kept
    for particle, p, mover, mass in some_boosts():
        energy = np.sqrt(p @ p + particle**2)
        slow = lorentz(mover, mass) @ [energy, *p]
        assert np.allclose(boosted(particle, p, mover, mass), slow, rtol=0, atol=2e-11 * slow[0])


def test_back_again_is_no_boost():
    for particle, p, mover, mass in some_boosts():
        there = boosted(particle, p, mover, mass)
        back = boosted(particle, there[1:], -mover, mass)
        gamma = np.sqrt(1 + mover @ mover / mass**2)
        assert np.allclose(back[1:], p, rtol=0, atol=1e-14 * gamma * there[0])


def test_what_rests_in_the_mover_moves_like_it():
    assert kinematics._boost(5.0, (0.0, 0.0, 0.0), 13.0, (3.0, 0.0, 12.0), 5.0) == (3.0, 0.0, 12.0)
    assert kinematics._boost(7.0, (1.0, 2.0, 3.0), 5.0, (0.0, 0.0, 0.0), 5.0) == (1.0, 2.0, 3.0)


def test_two_products_carry_what_the_mover_had():
    mover, mass, p = np.array([300.0, -40.0, 2000.0]), 420.0, np.array([50.0, 70.0, -20.0])
    energies = [np.sqrt(p @ p + 30.0**2), 420.0 - np.sqrt(p @ p + 30.0**2)]
    particles = [30.0, np.sqrt(energies[1] ** 2 - p @ p)]
    first, second = (boosted(m, sign * p, mover, mass)
                     for m, sign in zip(particles, (1, -1), strict=True))
    assert np.allclose(first + second, [np.sqrt(mover @ mover + mass**2), *mover], rtol=1e-13)


def test_slow_movers_add_their_velocity():
    mass, p, energy = 100.0, np.array([1.0, -2.0, 0.5]), 30.0
    mover = mass * np.array([2e-7, 1e-7, -3e-7])
    after = kinematics._boost(energy, tuple(p), np.sqrt(mover @ mover + mass**2), tuple(mover),
                              mass)
    assert np.allclose(after - p, energy * mover / mass, rtol=1e-6)  # Galilei, but for v²


def test_across_the_motion_nothing_changes_and_light_is_shifted():
    ahead = boosted(0.0, [0.0, 0.0, 10.0], [0.0, 0.0, 3e5], 30.0)
    behind = boosted(0.0, [0.0, 0.0, -10.0], [0.0, 0.0, 3e5], 30.0)
    shift = (np.hypot(3e5, 30.0) + 3e5) / 30.0  # γ (1 + β)
    assert np.isclose(ahead[3], 10 * shift, rtol=1e-13)
    assert np.isclose(behind[3], -10 / shift, rtol=0, atol=1e-10)
    assert boosted(1.0, [3.0, 4.0, 7.0], [0.0, 0.0, 3e5], 30.0)[1:3].tolist() == [3.0, 4.0]


def test_boost_of_arrays_is_the_kernel_and_the_matrix_for_each():
    rows = list(some_boosts())
    p4 = np.array([[np.hypot(particle, np.sqrt(p @ p)), *p] for particle, p, _, _ in rows])
    movers = np.array([[np.hypot(mass, np.sqrt(m @ m)), *m] for _, _, m, mass in rows])
    after = kinematics.boost(p4, movers)
    for one, p, (_, _, mover, mass) in zip(after, p4, rows, strict=True):
        kernel = kinematics._boost(p[0], tuple(p[1:]), np.hypot(mass, np.sqrt(mover @ mover)),
                                   tuple(mover), mass)
        size = (lorentz(mover, mass) @ p)[0]
        lost = 1e-15 * (1 + (mover @ mover) / mass**2)  # of the mass, from E and p of the mover
        assert np.allclose(one[1:], kernel, rtol=0, atol=(1e-12 + lost) * size)
        assert np.allclose(one, lorentz(mover, mass) @ p, rtol=0, atol=(2e-11 + lost) * size)


def test_boost_of_arrays_keeps_masses_and_comes_back():
    dice = np.random.default_rng(8)
    p, mover = 100 * dice.normal(size=(2, 40, 2, 3))
    p4 = np.concatenate([np.sqrt((p**2).sum(-1) + 50.0**2)[..., None], p], -1)
    frame = np.concatenate([np.sqrt((mover**2).sum(-1) + 200.0**2)[..., None], mover], -1)[:, :1]
    there = kinematics.boost(p4, frame)  # (40, 2, 4): two for each mover
    assert there.shape == p4.shape
    assert np.allclose(kinematics.mass(there), 50.0, rtol=1e-10)
    both = kinematics.mass(p4[:, 0] + p4[:, 1])
    assert np.allclose(kinematics.mass(there[:, 0] + there[:, 1]), both, rtol=1e-10)
    back = kinematics.boost(there, frame * [1, -1, -1, -1])
    assert np.allclose(back, p4, rtol=0, atol=1e-10)
    assert np.allclose(kinematics.boost([200.0, 0, 0, 0], frame), frame, rtol=1e-12)


@pytest.mark.parametrize("mover", [[5.0, 0, 0, 5.0], [[9.0, 1, 2, 3], [3.0, 0, 4.0, 0]]])
def test_a_mover_without_mass_is_refused(mover):
    with pytest.raises(ValueError, match="a mover of mass 0 MeV has no rest frame; wanted > 0"):
        kinematics.boost([1.0, 0, 0, 0], mover)


def throws(kernel, n, seed):
    """Call a kernel again and again, each time from the state where the last one stopped."""
    state, rows = rng._start(np.uint64(seed), np.uint64(rng.stream("throws")), np.uint64(0)), []
    for _ in range(n):
        state, *values = kernel(np.uint64(state))
        rows.append(values[0] if len(values) == 1 else values)
    return np.array(rows)


def test_directions_are_unit_vectors_and_uniform():
    x, y, z = throws(kinematics._direction, 100_000, 1).T
    assert abs(x**2 + y**2 + z**2 - 1).max() < 1e-12
    assert stats.kstest(z, "uniform", (-1, 2)).pvalue > 0.01
    phi = np.arctan2(y, x)
    assert stats.kstest(phi, "uniform", (-np.pi, 2 * np.pi)).pvalue > 0.01
    grid, _, _ = np.histogram2d(z, phi, bins=20, range=[[-1, 1], [-np.pi, np.pi]])
    assert stats.chisquare(grid.ravel()).pvalue > 0.01


def test_directions_do_not_lean():
    points = throws(kinematics._direction, 100_000, 2)
    for along in ([1, 0, 0], [0, 1, 0], [0, 0, 1], [0.6, 0, 0.8], [0.36, 0.48, 0.8]):
        assert stats.kstest(points @ along, "uniform", (-1, 2)).pvalue > 0.01 / 5
    mean = points.mean(axis=0) * np.sqrt(3 * len(points))  # one component scatters by 1/√3
    assert stats.chi2.sf(mean @ mean, 3) > 0.01


def test_the_circle_agrees_with_numpy():
    u = np.concatenate([np.random.default_rng(6).random(20_000), np.arange(16) / 16,
                        [2.0**-53, 1 - 2.0**-53, np.nextafter(0.5, 0)]])
    cosine, sine = np.array([kinematics._circle(each) for each in u]).T
    assert np.allclose(cosine, np.cos(2 * np.pi * u), rtol=0, atol=2e-15)
    assert np.allclose(sine, np.sin(2 * np.pi * u), rtol=0, atol=2e-15)


def test_three_axes_stand_on_each_other():
    axes = throws(kinematics._frame, 1000, 5)
    assert np.allclose(axes @ axes.transpose(0, 2, 1), np.eye(3), rtol=0, atol=1e-14)
    assert np.allclose(np.linalg.det(axes), 1, rtol=0, atol=1e-14)


def test_azimuths_lie_on_the_circle_and_are_uniform():
    cosine, sine = throws(kinematics._azimuth, 100_000, 3).T
    assert abs(cosine**2 + sine**2 - 1).max() < 1e-12
    phi = np.arctan2(sine, cosine)
    assert stats.kstest(phi, "uniform", (-np.pi, 2 * np.pi)).pvalue > 0.01
    after, _, _ = np.histogram2d(phi[:-1:2], phi[1::2], bins=16, range=[[-np.pi, np.pi]] * 2)
    assert stats.chisquare(after.ravel()).pvalue > 0.01  # from throw to throw
    means = np.array([cosine.mean(), sine.mean()]) * np.sqrt(2 * len(phi))
    assert stats.chi2.sf(means @ means, 2) > 0.01


def test_mass_and_opening_angle():
    angle, energies = np.array([1e-9, 1e-3, 0.3, 2.0, np.pi]), (300.0, 40.0)
    a = energies[0] * np.array([1.0, 0, 0, 1])
    b = energies[1] * np.stack([np.ones(5), np.sin(angle), np.zeros(5), np.cos(angle)], axis=1)
    assert np.allclose(kinematics.opening_angle(a, b), angle, rtol=1e-12, atol=1e-15)
    wanted = 2 * np.sqrt(energies[0] * energies[1]) * np.sin(angle / 2)
    assert np.allclose(kinematics.mass(a + b)[1:], wanted[1:], rtol=1e-9)
    heavy = np.array([np.hypot(105.6, 3000.0), 0, 3000.0, 0])
    assert np.isclose(kinematics.mass(heavy), 105.6)
    assert kinematics.mass(a) == 0


def test_limits_with_two_masses():
    for energy, lepton, target in ((600.0, 105.658, 938.9), (2000.0, 105.658, 938.9)):
        low, high = kinematics._massive_limits(energy, target, lepton, target)
        wanted = kinematics.q2_limits(energy, lepton, target)
        assert low == pytest.approx(float(wanted[0]), rel=1e-8)
        assert high == pytest.approx(float(wanted[1]), rel=1e-10)
    # ν at 1 GeV to a Δ of 1232 MeV: from 0, by a slow turn of the angle where momenta sum to zero
    low, high = kinematics._massive_limits(1000.0, 938.9, 0.0, 1232.0)
    s = 938.9**2 + 2 * 938.9 * 1000
    assert low == 0
    assert high == pytest.approx((s - 938.9**2) * (s - 1232.0**2) / s, rel=1e-12)
    assert kinematics._massive_limits(300.0, 938.9, 105.658, 1232.0) == (0.0, 0.0)
