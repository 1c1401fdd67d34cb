"""The batches of reconstruction join in order; `test_traces` tests what all batches keep."""

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
def test_batches_join_in_order(sort, fields):
    one = sort(**fields)
    two = traces.concatenate([one, one])
    assert len(two) == 4
    for name, shape in sort.SHAPES.items():
        whole, part = getattr(two, name), getattr(one, name)
        if shape.endswith("+1"):
            part, whole = np.diff(part), np.diff(whole)
        assert np.array_equal(whole, np.concatenate([part, part])), name
