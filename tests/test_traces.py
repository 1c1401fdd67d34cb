"""The batches of the chamber: shapes, types, offsets, what is read-only."""

import numpy as np
import pytest

import test_seen
from darkpairs.traces import Arrivals, Charge, Deposits, Waveforms, check_clouds

RIDE = dict(event=[3, 4], kind=[0, 1], weight=[1.0, 2.0])
DEPOSITS = dict(**RIDE, offsets=[0, 2, 3], escaped=[0.0, 1.0], unseen=[0.5, 0.0],
                position=np.ones((3, 3)), energy=[1.0, 2.0, 3.0], dx=[0.3, 0.3, 0.1],
                time=[0.0, 0.0, 2.0], particle=[0, 1, 0])
ARRIVALS = dict(**RIDE, offsets=[0, 1, 3], charge=[1e4, 2e4, 3e4], tick=[900.0, 901.0, 902.0],
                wire=np.ones((3, 3)), sigma_tick=[1.0, 1.0, 1.0], sigma_wire=[0.1, 0.2, 0.3],
                particle=[0, 0, 1])
WAVEFORMS = dict(**RIDE, offsets=[0, 1, 2], plane=[0, 2], wire=[10, 20], tick=[100, 200],
                 wires=[2, 1], ticks=[3, 4], start=[0, 6, 10], adc=np.arange(10),
                 owner=Arrivals(**ARRIVALS))
CHARGE = dict(**RIDE, offsets=[0, 1, 2], plane=[0, 2], wire=[10, 20], tick=[100, 200],
              ticks=[3, 4], noise=[300.0, 250.0], start=[0, 3, 7], electrons=np.arange(7),
              owner_start=[0, 1, 3], owner=[0, -1, 1], fraction=[1.0, 0.4, 0.6])
BATCHES = [(Deposits, DEPOSITS), (Arrivals, ARRIVALS), (Waveforms, WAVEFORMS), (Charge, CHARGE),
           *test_seen.BATCHES]


@pytest.mark.parametrize(("sort", "fields"), BATCHES, ids=lambda x: getattr(x, "__name__", ""))
def test_fields_keep_their_values_and_get_their_types(sort, fields):
    batch = sort(**fields)
    assert len(batch) == 2
    for name in sort.SHAPES:
        array = getattr(batch, name)
        assert np.array_equal(array, fields[name]), name
        assert array.dtype == sort.TYPES.get(name, np.float64), name
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


@pytest.mark.parametrize(("sort", "fields"), BATCHES, ids=lambda x: getattr(x, "__name__", ""))
def test_wrong_lengths_are_refused_by_name(sort, fields):
    for name in set(sort.SHAPES) - {"offsets", "start", "owner_start"}:
        short = dict(fields) | {name: np.asarray(fields[name])[:-1]}
        with pytest.raises(ValueError, match=rf"{sort.__name__}\.\w+ .*(wanted|rise)"):
            sort(**short)


def test_arrays_are_taken_without_a_copy_and_left_as_they_are():
    energy = np.array([1.0, 2.0, 3.0])
    batch = Deposits(**dict(DEPOSITS) | dict(energy=energy))
    assert np.shares_memory(batch.energy, energy)
    energy[0] = 5.0  # the giver may still write
    assert batch.energy[0] == 5.0


def test_rows_of_an_event_are_those_between_its_offsets():
    batch = Deposits(**DEPOSITS)
    slow = [[row for row in range(3) if DEPOSITS["offsets"][i] <= row < DEPOSITS["offsets"][i + 1]]
            for i in range(2)]
    assert [list(np.arange(3)[batch.rows(i)]) for i in range(2)] == slow
    assert list(batch.energy[batch.rows(1)]) == [3.0]


@pytest.mark.parametrize("offsets", [[1, 2, 3], [0, 2, 4], [0, 3, 2], [0, 2, 2]])
def test_offsets_lead_from_zero_to_the_end(offsets):
    with pytest.raises(ValueError, match=r"Deposits.offsets must rise from 0 to 3; it goes from"):
        Deposits(**dict(DEPOSITS) | dict(offsets=offsets))


@pytest.mark.parametrize(("sort", "fields", "name", "end"), [
    (Waveforms, WAVEFORMS, "start", 10), (Charge, CHARGE, "start", 7),
    (Charge, CHARGE, "owner_start", 3), (Charge, CHARGE, "offsets", 2)])
def test_each_kind_of_offset_counts_its_own_rows(sort, fields, name, end):
    wrong = np.array(fields[name])
    wrong[-1] += 1
    with pytest.raises(ValueError, match=rf"{sort.__name__}\.{name} must rise from 0 to {end}"):
        sort(**dict(fields) | {name: wrong})


def test_a_block_has_one_row_per_wire():
    batch = Waveforms(**WAVEFORMS)
    assert batch.block(0).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert batch.block(1).tolist() == [[6, 7, 8, 9]]


def test_events_without_rows_are_legal():
    batch = Deposits(**dict(RIDE), offsets=[0, 0, 0], escaped=[0, 0], unseen=[9, 9],
                     position=np.empty((0, 3)), energy=[], dx=[], time=[], particle=[])
    assert len(batch) == 2
    assert batch.rows(1) == slice(0, 0)


@pytest.mark.parametrize(("name", "value"), [("charge", -1.0), ("tick", np.inf), ("wire", np.nan),
                                             ("sigma_tick", -0.1), ("sigma_wire", np.nan)])
def test_clouds_without_sense_are_refused(name, value):
    one = dict(event=[1], kind=[0], weight=[1.0], offsets=[0, 1], charge=[9.0], tick=[-5.0],
               wire=[[-1.0, 2.0, 3.0]], sigma_tick=[0.0], sigma_wire=[0.0], particle=[0])
    check_clouds(Arrivals(**one))
    with pytest.raises(ValueError, match=f"{name} is NaN, infinite or less than nothing"):
        check_clouds(Arrivals(**one | {name: np.full(np.shape(one[name]), value)}))
