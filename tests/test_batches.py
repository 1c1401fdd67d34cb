"""Batches check themselves at birth and cannot be changed after it."""

from dataclasses import FrozenInstanceError, dataclass

import numpy as np
import pytest

from darkpairs.batches import Flux, Release, freeze


@dataclass(frozen=True, eq=False)
class Pair:
    first: object
    second: object
    shapes: tuple = ("n", "n+1")

    def __post_init__(self):
        freeze(self, first=self.shapes[0], second=self.shapes[1])


def flat_flux(**changes):
    fields = dict(edges=[0, 1, 2], numu=[1, 1], numubar=[1, 1], nue=[1, 1], nuebar=[1, 1])
    return Flux(**(fields | changes))


def test_fields_become_read_only_float64():
    source = np.array([1, 2])
    pair = Pair(source, [1, 2, 3])
    assert pair.first.dtype == np.float64
    with pytest.raises(ValueError, match="read-only"):
        pair.first[0] = 5
    source[0] = 9  # the caller's own array stays the caller's
    assert pair.first[0] == 1
    with pytest.raises(FrozenInstanceError):
        pair.first = source


@pytest.mark.parametrize(("first", "second", "shapes", "message"), [
    ([1, 2], [1, 2], ("n", "n+1"), r"Pair.second has shape \(2,\); wanted \(n\+1\) with n = 2"),
    ([[1, 2, 3]], [[1, 2]], ("m,4", "m,2"), r"Pair.first has shape \(1, 3\); wanted \(m, 4\)"),
    ([1, np.nan], [1, 2, 3], ("n", "n+1"), "Pair.first holds NaN or infinity"),
    (3.0, [1, 2], ("n", "n+1"), r"Pair.first has shape \(\)"),
])
def test_wrong_shapes_are_refused_by_name(first, second, shapes, message):
    with pytest.raises(ValueError, match=message):
        Pair(first, second, shapes)


def test_edges_must_rise():
    with pytest.raises(ValueError, match=r"Flux.edges must rise"):
        flat_flux(edges=[0, 2, 1])


def test_release_needs_a_covariance_for_all_its_bins():
    with pytest.raises(ValueError, match=r"Release.fractional is 3 wide; wanted 4"):
        Release([0, 1], [1], [1], [0, 1, 2], [1, 1], [1, 1], np.eye(3))
