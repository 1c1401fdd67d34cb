"""Two lines from one start: their angle, wherever they point; a slow twin; bad input."""

from dataclasses import replace

import numpy as np
import pytest

from darkpairs import legs
from darkpairs.legs import LOOK
from drawn import draw, line

START = np.array([120.0, 10.0, 400.0])


def pair(angle, *, axis=(0.0, 0.0, 1.0), turn=0.0, charges=(5e4, 5e4)):
    """Two lines that open by an angle about an axis."""
    axis = np.array(axis) / np.linalg.norm(axis)
    side = np.cross(axis, (0.3, 0.9, 0.2))
    side /= np.linalg.norm(side)
    side = np.cos(turn) * side + np.sin(turn) * np.cross(axis, side)
    return [line(START, np.cos(angle / 2) * axis + s * np.sin(angle / 2) * side, charge=q, label=k)
            for k, (s, q) in enumerate(zip((1, -1), charges, strict=True))]


def fit(*events, **more):
    points = draw(*events)[0]
    way = np.array([np.sum([one["way"] for one in lines] or [(0, 0, 1)], axis=0)
                    for lines in events])
    return points, legs.fit(points, np.tile(START, (len(events), 1)),
                            way / np.linalg.norm(way, axis=1, keepdims=True), **more)


@pytest.mark.parametrize("axis", [(0, 0, 1), (1, 0, 0), (-0.3, 0.8, 0.2), (0.5, 0.1, -0.9)])
@pytest.mark.parametrize("angle", [0.1, 0.3, 0.8])
def test_two_straight_legs_give_their_angle(axis, angle):
    _, (found, *_) = fit(*[pair(angle, axis=axis, turn=turn) for turn in (0.0, 0.7, 2.0, 3.0)])
    assert found == pytest.approx(np.full(4, angle), rel=1e-6)


def test_charges_are_those_between_near_and_far():
    points, (angle, leading, second, _) = fit(pair(0.3, charges=(3e4, 7e4)))
    assert angle == pytest.approx([0.3], rel=1e-6)
    r = np.linalg.norm(points.position - START, axis=1)
    inside = (r > LOOK.near) & (r < LOOK.far)
    for label, charge in ((0, second), (1, leading)):
        assert charge == pytest.approx(points.charge[inside & (points.object == label)].sum())


def test_more_charge_everywhere_changes_no_angle():
    dice = np.random.default_rng(2)
    points, _ = fit(pair(0.2), pair(0.5))
    moved = points.position + dice.normal(0, 0.2, points.position.shape)
    noisy = replace(points, position=moved)
    more = replace(noisy, charge=7 * points.charge)
    starts, ways = np.tile(START, (2, 1)), np.tile([0.0, 0.0, 1.0], (2, 1))
    one, other = legs.fit(noisy, starts, ways), legs.fit(more, starts, ways)
    assert other[0] == pytest.approx(one[0], rel=1e-12)
    assert other[1] == pytest.approx(7 * one[1], rel=1e-12)


def slow(position, charge, start, look):
    """The best of many ends of the same sharing, in plain numpy: angle and gain."""
    r = position - start
    far = np.linalg.norm(r, axis=1)
    here = (far > look.near) & (far < look.far)
    r, q, far = r[here], charge[here], far[here]
    mean = (q[:, None] * r / far[:, None]).sum(axis=0)
    mean /= np.linalg.norm(mean)
    base = np.linalg.svd(mean[None])[2][1:]
    depth = r @ mean
    slope, spread = (r @ base.T) / depth[:, None], look.spread + look.widen * depth

    def settle(rays):
        for _ in range(60):
            off = np.linalg.norm(slope[:, None] - rays, axis=2) * (depth / spread)[:, None]
            mine, near = off.argmin(axis=1), off.min(axis=1)
            for k in range(len(rays)):
                on = (mine == k) & (near <= look.reach)
                if on.any():
                    rays[k] = np.average(slope[on], axis=0, weights=(q * (depth / spread)**2)[on])
        return (q * np.minimum(near, look.reach) ** 2).sum(), rays
    alone, (one,) = settle(np.zeros((1, 2)))
    ends = [settle(np.array([one, other])) for other in slope]
    for turn in np.linspace(0, np.pi, 24, endpoint=False):
        ray = look.narrow * np.array([np.cos(turn), np.sin(turn)])
        ends.append(settle(np.array([ray, -ray])))
    best, rays = min(ends, key=lambda end: end[0])
    ways = np.column_stack([rays, [1, 1]])
    cosine = ways[0] @ ways[1] / np.prod(np.linalg.norm(ways, axis=1))
    return np.arccos(cosine), (alone - best) / q.sum()


def test_the_fit_is_that_of_a_slow_search():
    dice = np.random.default_rng(5)
    points, _ = fit(*[pair(angle) for angle in (0.15, 0.3, 0.45, 0.6, 0.9)])
    moved = points.position + dice.normal(0, 0.15, points.position.shape)
    points = replace(points, position=moved)
    found = legs.fit(points, np.tile(START, (5, 1)), np.tile([0.0, 0.0, 1.0], (5, 1)))
    wanted = [slow(points.position[points.rows(i)], points.charge[points.rows(i)], START, LOOK)
              for i in range(5)]
    assert found[0] == pytest.approx([angle for angle, _ in wanted], rel=1e-3)
    assert found[3] == pytest.approx([gain for _, gain in wanted], rel=1e-3)


def test_gain_is_what_the_second_line_saves():
    # Two even legs at ±θ/2 lie s tan(θ/2) from the one ray between them; two rays save all of it
    points, (_, _, _, gain) = fit([line(START, (0, 0, 1))], pair(0.1))
    assert gain[0] == pytest.approx(0, abs=1e-9)
    s = (points.position[points.rows(1)] - START)[:, 2]
    s = s[(s > LOOK.near) & (s < LOOK.far * np.cos(0.05))]
    off = s * np.tan(0.05) / (LOOK.spread + LOOK.widen * s)
    assert gain[1] == pytest.approx((off**2).mean(), rel=0.02)


def test_a_soft_wide_leg_is_found_beside_a_strong_one():
    thick = [line(START + np.array([0, y, 0]), (0, 0, 1), charge=1e5) for y in (-0.3, 0.0, 0.3)]
    soft = line(START, (0, np.sin(0.6), np.cos(0.6)), 8.0, charge=5e4)
    _, (angle, _, second, _) = fit([*thick, soft])
    assert angle == pytest.approx([0.6], abs=0.02)
    assert second == pytest.approx([6 * 5e4], rel=0.1)


def test_too_little_is_nan_and_far_charge_does_not_count():
    far = line(START + np.array([0, 0, 30.0]), (0, 0, 1))
    _, found = fit([far], [line(START, (0, 0, 1), 1.0)], [])
    assert np.isnan(found).all()


def test_bad_input_is_refused():
    points = draw(pair(0.3))[0]
    with pytest.raises(ValueError, match=r"starts \(2, 3\) and directions \(1, 3\) of 1 events"):
        legs.fit(points, np.zeros((2, 3)), np.zeros((1, 3)))
    with pytest.raises(ValueError, match="far = nan; wanted a number > 0"):
        legs.fit(points, np.zeros((1, 3)), np.zeros((1, 3)), look=LOOK._replace(far=np.nan))
