"""The batches of reconstruction: shapes, types, offsets, what is read-only."""

import numpy as np
import pytest

from darkpairs import traces
from darkpairs.seen import Hits, Objects, Points

RIDE = dict(event=[3, 4], kind=[0, 1], weight=[1.0, 2.0])
HITS = dict(**RIDE, offsets=[0, 1, 3], plane=[0, 1, 2], wire=[10, 11, 12], first=[800, 900, 1000],
            ticks=[9, 8, 7], tick=[804.5, 904.0, 1003.5], width=[2.0, 2.5, 3.0],
            charge=[1e4, 2e4, 3e4], noise=[300.0, 310.0, 200.0], owner_start=[0, 1, 2, 4],
            owner=[0, -1, 0, 1], fraction=[1.0, 1.0, 0.25, 0.75])
POINTS = dict(**RIDE, offsets=[0, 0, 2], position=np.ones((2, 3)), charge=[1e3, 2e3],
              object=[0, -1], hit_offsets=[0, 1, 3], hit_object=[-1, 0, 0])
OBJECTS = dict(**RIDE, offsets=[0, 0, 2], shower=[1, 0], start=np.ones((2, 3)),
               end=2 * np.ones((2, 3)), direction=[[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]],
               charge=[5e5, 1e4], length=[20.0, 3.0], width=[2.0, 0.3], points=[300, 8])
BATCHES = [(Hits, HITS), (Points, POINTS), (Objects, OBJECTS)]


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
    for name in sort.SHAPES:
        short = dict(fields) | {name: np.asarray(fields[name])[:-1]}
        with pytest.raises(ValueError, match=rf"{sort.__name__}\.\w+ .*(wanted|rise)"):
            sort(**short)


@pytest.mark.parametrize(("sort", "fields"), BATCHES, ids=lambda x: getattr(x, "__name__", ""))
def test_batches_join_in_order(sort, fields):
    one = sort(**fields)
    two = traces.concatenate([one, one])
    assert len(two) == 4
    for name, shape in sort.SHAPES.items():
        whole, part = getattr(two, name), getattr(one, name)
        if shape.endswith("+1"):
            part, whole = np.diff(part), np.diff(whole)
        assert np.array_equal(whole, np.concatenate([part, part])), name
