"""Families: who lies in whose cone, and who starts with whom."""

from math import asin, inf, pi

import numpy as np
import pytest

from darkpairs import families
from darkpairs.families import RULES

MEV = 2.7e4  # electrons, about


def piece(start, way, *, length=10.0, doubt=1.0, legs=None):
    """Both ends of a straight piece and the ways of its legs, as `starts` gives them."""
    start, way = np.array(start, dtype=float), np.array(way) / np.linalg.norm(way)
    return [*start, *way, *(start + length * way), *(-way), doubt,
            *np.ravel([way, way] if legs is None else legs)]


def choose(pieces, energies, rules=RULES):
    ends = np.array(pieces).reshape(-1, 19)
    middle = (ends[:, 0:3] + ends[:, 6:9]) / 2
    return families._choose(ends, MEV * np.array(energies, dtype=float), middle, rules), ends


def bent(degrees, far):
    """A place `far` cm from the origin, off the z axis."""
    angle = np.radians(degrees)
    return [far * np.sin(angle), 0.0, far * np.cos(angle)]


def test_a_piece_in_the_cone_belongs_and_one_beside_it_does_not():
    trunk = piece((0, 0, 0), (0, 0, 1))
    for degrees, belongs in ((0, True), (14, True), (40, False), (120, False)):
        at = bent(degrees, 50)
        owner, _ = choose([trunk, piece(at, at)], [200, 40])
        assert list(owner) == ([0, 0] if belongs else [0, 1]), degrees


def test_the_cone_is_narrow_for_much_energy():
    angles = [families._cone(MEV * energy, RULES) for energy in (1, 9.9, 16, 100, 1e6)]
    assert angles[0] == angles[1] == RULES.cone
    assert all(np.diff(angles[1:]) < 0)
    assert angles[-1] == pytest.approx(RULES.tight, rel=1e-4)


def test_the_other_photon_of_a_pion_stays_apart():
    """Below 570 MeV, two photons of a π⁰ open by 2 asin(m/E) or more: m = 134.98 MeV (PDG).

    So a photon of 30 MeV or more is never taken for a piece, if it starts where the π⁰ was.
    """
    least = np.degrees(2 * asin(134.98 / 570))
    assert np.degrees(families._cone(30 * MEV, RULES)) < least
    one, two = bent(least / 2, 20), bent(-least / 2, 35)
    owner, _ = choose([piece(one, one), piece(two, two)], [250, 250])
    assert list(owner) == [0, 1]


def test_prongs_that_start_together_stay_two_and_share_their_start():
    pieces = [piece((0, 0, 0.5), (0, 0.2, 1)), piece((0.5, 0, 0), (0, -0.2, 1)),
              piece((0, 12, 60), (0, 0.2, 1)), piece((0, -12, 60), (0, -0.2, 1))]
    owner, ends = choose(pieces, [200, 100, 40, 30])
    assert list(owner) == [0, 1, 0, 1]
    assert ends[0, :3] == pytest.approx([0.5, 0, 0])  # the earlier one
    assert np.array_equal(ends[0, :3], ends[1, :3])


def test_a_doubtful_piece_is_turned_to_start_with_another():
    wrong = piece((0, 4, 10), (0, -0.4, -1), length=10.8, doubt=0.05)
    owner, ends = choose([piece((0, 0, 0), (0, -0.2, 1)), wrong], [200, 60])
    assert list(owner) == [0, 1]
    assert ends[1, 3:6] == pytest.approx(np.array([0, 0.4, 1]) / np.hypot(0.4, 1))


def test_a_prong_that_parts_late_starts_with_the_other():
    """Its line comes from the start of the other; the other way round, too."""
    for first in (0, 1):
        trunk, late = piece((0, 0, 0), (0, 0, 1)), piece((0, 2.5, 8), (0, 0.3, 1))
        owner, ends = choose([trunk, late][::1 - 2 * first], [200, 150][::1 - 2 * first])
        assert list(owner) == [0, 1]
        assert ends[:, :3] == pytest.approx(0)


def test_a_small_first_piece_has_the_shower_behind_it():
    """The first 10 cm of an electron, and the photon that took most of its energy."""
    owner, _ = choose([piece((0, 0, 30), (0, 0, 1)), piece((0, 0, 0), (0, 0.1, 1))], [200, 25])
    assert list(owner) == [1, 1]


def test_a_far_piece_that_looks_back_owns_nothing():
    back = piece((0, 0, 60), (0, 0, -1), doubt=0.1)
    owner, _ = choose([piece((0, 0, 0), (0, 0, 1)), back], [200, 30])
    assert list(owner) == [0, 0]


def test_worth_by_plain_sums():
    """A start with a prong; one piece ahead of it, one ahead of its prong only, one of neither."""
    pieces = np.array([
        piece((0, 0, 0), (0, 0, 1), doubt=0.2), piece((0, 2, 40), (0, 1, 8), doubt=0.1),
        piece((0, 80, 0), (0, 1, 0)), piece((0.5, 0, 0), (0, 1, 1), doubt=inf),
        piece((0, 50, 48), (0, 1, 1), doubt=0.3)])
    energy = np.array([100.0, 60.0, 30.0, 20.0, 25.0])
    place = (pieces[:, 0:3] + pieces[:, 6:9]) / 2
    sure = np.minimum(1, pieces[:, 12] / RULES.sure) * np.minimum(1, MEV * energy / RULES.firm)
    by_hand = energy[0] * (1 + sure[0]) + energy[3] * (1 + sure[3])
    for k, way in ((1, np.array([0, 0, 1])), (4, np.array([0, 1, 1]) / np.sqrt(2))):
        to = place[k] / np.linalg.norm(place[k])
        counts = 1 - (1 - to @ way) / (1 - RULES.before)
        by_hand += energy[k] * counts * (1 + to @ pieces[k, 3:6] * sure[k])
    found = families._worth(pieces, MEV * energy, place, 0, 0, np.full(5, -1), RULES)
    assert found == pytest.approx(MEV * by_hand)


def test_a_small_piece_is_never_sure():
    row = np.array(piece((0, 0, 0), (0, 0, 1), doubt=inf))
    small, large = (families._sure(row, 0, share * RULES.firm, RULES) for share in (0.25, 4.0))
    assert (small, large) == (0.25, 1.0)


def test_far_pieces_that_all_look_back_do_not_turn_an_event():
    """The tail of a shower: small pieces, each sure of the wrong way."""
    tail = [piece((0, y, 70 + 3 * y), (0, 0, -1), doubt=5.0) for y in (-4, 0, 4)]
    owner, _ = choose([piece((0, 0, 0), (0, 0, 1), doubt=0.3), *tail], [60, 15, 12, 10])
    assert list(owner) == [0, 0, 0, 0]


def test_what_lies_ahead_of_a_leg_belongs_to_its_fork():
    """A leg that goes on behind a gap, 35° off the mean way of both legs."""
    legs = [np.array(bent(35, 1)), np.array(bent(-35, 1))]
    rest = piece(bent(-35, 40), legs[1])
    for known, owners in ((legs, [0, 0]), (None, [0, 1])):
        owner, _ = choose([piece((0, 0, 0), (0, 0, 1), legs=known), rest], [150, 200])
        assert list(owner) == owners


def test_each_piece_has_one_object_and_any_order_gives_the_same():
    dice = np.random.default_rng(3)
    start = dice.uniform(0, 100, (30, 3))
    way = dice.normal(size=(30, 3))
    energy = dice.uniform(8, 200, 30)
    pieces = np.array([piece(a, b, doubt=0.3) for a, b in zip(start, way, strict=True)])
    owner, _ = choose(pieces.copy(), energy)
    assert (owner >= 0).all()
    assert np.array_equal(owner[owner], owner)
    mixed = dice.permutation(30)
    other, _ = choose(pieces[mixed].copy(), energy[mixed])
    assert np.array_equal(mixed[other], owner[mixed])


def test_fragments_join_whom_they_lie_before_or_touch():
    ends = np.array([piece((0, 0, 0), (0, 0, 1))])
    place = np.column_stack([np.zeros(20), np.zeros(20), np.arange(20.0)])
    crumbs = np.array([[0, 0, 10, 200 * MEV], [5, 0, 30, MEV], [0, 0, -3, MEV], [0, 0, -30, MEV],
                       [0, 60, 2, MEV], [0, 7, 1, MEV]])
    begin = np.array([0, 20, 20, 20, 20, 20, 20])
    owner = families._gather(crumbs, begin, place, np.array([0]), ends, np.array([0]), RULES)
    assert list(owner) == [0, 0, 0, -1, -1, 0]


def test_angles():
    assert families._angle((0.0, 0.0, 1.0), (0.0, 1.0, 1.0)) == pytest.approx(pi / 4)
    assert families._angle((0.0, 0.0, 2.0), (0.0, 0.0, -1.0)) == pytest.approx(pi)
    assert families._angle((0.0, 0.0, 0.0), (0.0, 0.0, 1.0)) == 0
