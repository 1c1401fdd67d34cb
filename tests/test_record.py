"""The record: one flat row per event and algorithm, its columns, tables of pandas."""

import numpy as np
import pytest

from darkpairs import record
from darkpairs.record import TOPOLOGIES, Reco
from darkpairs.seen import ALGORITHMS


def some(n=4, **changes):
    """Return a record in which every column is different."""
    columns = {name: np.arange(n) + 10.0 * k for k, name in enumerate(Reco.SHAPES)}
    columns |= dict(algorithm=np.arange(n) % 2, topology=np.arange(n) % 4)
    return Reco(**columns | changes)


def test_every_column_has_one_number_per_row():
    reco = some()
    assert len(reco) == 4
    for name in Reco.SHAPES:
        column = getattr(reco, name)
        assert column.shape == (4,)
        assert column.dtype == Reco.TYPES.get(name, np.float64), name
        with pytest.raises(ValueError, match="read-only"):
            column[...] = 0


def test_every_column_is_described_in_order():
    text = Reco.__doc__[Reco.__doc__.index("Attributes"):]
    heads = [line for line in text.splitlines() if " : ndarray (n,)" in line]
    described = [name for line in heads for name in line.partition(":")[0].strip().split(", ")]
    assert sorted(described) == sorted(Reco.SHAPES)


def test_truth_stands_apart():
    rides = {"event", "kind", "weight", "algorithm"}
    assert set(Reco.FEATURES) | set(Reco.TRUTH) | rides == set(Reco.SHAPES)
    assert not set(Reco.FEATURES) & (set(Reco.TRUTH) | rides)
    assert all(name.startswith("truth_") for name in Reco.TRUTH)
    assert not any("truth" in name for name in Reco.FEATURES)


def test_wrong_lengths_and_words_are_refused():
    with pytest.raises(ValueError, match=r"Reco.gap has shape \(3,\); wanted \(n\) with n = 4"):
        some(gap=np.zeros(3))
    with pytest.raises(ValueError, match=r"Reco.topology from 0 to 4; wanted 0 to 3, for 1s0t"):
        some(topology=[0, 1, 2, 4])
    with pytest.raises(ValueError, match=r"Reco.algorithm from -1 to 1; wanted 0 to 1, for proj"):
        some(algorithm=[0, 1, -1, 1])
    with pytest.raises(ValueError, match="unknown algorithm 'pandora'; wanted one of projective"):
        some().of("pandora")


def test_rows_of_an_algorithm_and_their_table():
    reco = some(gap=[np.nan, 1, 2, np.nan])
    assert list(reco.of("tomographic")) == [False, True, False, True]
    table = reco.to_pandas()
    assert list(table) == list(Reco.SHAPES)
    assert list(table.algorithm) == [ALGORITHMS[i % 2] for i in range(4)]
    assert list(table.topology) == list(TOPOLOGIES)
    assert list(table.gap.isna()) == [True, False, False, True]
    for name in set(Reco.SHAPES) - {"algorithm", "topology"}:
        assert np.array_equal(table[name], getattr(reco, name), equal_nan=True), name
    table.loc[0, "length"] = -1.0  # the table is a copy: the record stays as it is
    assert reco.length[0] != -1.0


def test_records_are_joined_and_may_be_empty():
    joined = record.concatenate([some(3), some(0), some(2)])
    assert len(joined) == 5
    assert list(joined.event) == [0, 1, 2, 0, 1]
    assert joined.topology.dtype == np.int8
    assert list(some(0).to_pandas()) == list(Reco.SHAPES)
