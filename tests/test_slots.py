"""Rows do not overlap, slots do not look at each other, and an event has its dice in any slot."""

import numpy as np
import pytest

from darkpairs import decay, model, rng, signal, slots

RUN = np.uint64(3), np.uint64(rng.stream("slots")), np.uint64(100)
ONE = ("KEPT", "PROCESS", "SINGLE", "TARGET", "SCALE", "ENERGY", "X", "HEIGHT", "REACH", "SQUARE")
THREE = "Q2", "SPIN"
FOUR = "BEGIN", "MIDDLE", "END", "P_HEAVY", "P_PAIR", "P_MINUS", "P_PLUS", "P_LIGHT"


def test_rows_fill_the_scratch_array_without_overlap():
    begins = np.array([getattr(slots, name) for name in ONE + THREE + FOUR])
    sizes = slots.BLOCK * np.repeat([1, 3, 4], [len(ONE), len(THREE), len(FOUR)])
    order = np.argsort(begins)
    assert begins[order][0] == 0
    assert (begins[order][1:] == (begins + sizes)[order][:-1]).all()
    assert (begins + sizes).max() == slots.ROWS * slots.BLOCK


def test_a_slot_is_read_as_it_was_written():
    w, _, _ = slots._open(slots.BLOCK, 0, RUN)
    w[:] = 0
    slots._put_four(w, slots.P_HEAVY, 7, 1.0, 2.0, 3.0, 4.0)
    slots._put_three(w, slots.SPIN, slots.BLOCK - 1, 5.0, 6.0, 7.0)
    assert slots._four(w, slots.P_HEAVY, 7) == (1.0, 2.0, 3.0, 4.0)
    assert slots._three(w, slots.SPIN, slots.BLOCK - 1) == (5.0, 6.0, 7.0)
    assert np.count_nonzero(w) == 7


def test_an_event_has_its_own_dice_in_any_slot():
    _, dice, number = slots._open(5, 20, RUN)
    assert number.tolist() == [20, 21, 22, 23, 24]
    slots._take(0, 23, dice, number, RUN)
    assert number[0] == 23
    assert dice[0] == dice[3] == rng._start(RUN[0], RUN[1], np.uint64(123))
    assert len(set(dice[1:].tolist())) == 4


@pytest.mark.parametrize("n", [1, 7, slots.BLOCK - 1, slots.BLOCK, slots.BLOCK + 1, 1000])
def test_how_many_slots_there_are_does_not_matter(n):
    for name in ("light-140", "note"):
        point = model.BENCHMARKS[name]
        part, whole = (decay.throw(point, k, seed=2, spin=(0, 0, -1)) for k in (n, 1000))
        assert np.array_equal(part, whole[:n])
        part, whole = (signal.generate(point, k, seed=2, experiment="miniboone", regime="both")
                       for k in (n, 1000))
        assert np.array_equal(part.p4, whole.p4[:len(part.p4)])
        assert np.array_equal(part.start, whole.start[:len(part.p4)])
