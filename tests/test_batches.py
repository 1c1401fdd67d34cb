"""Batches check themselves at birth and cannot be changed after it."""

from dataclasses import FrozenInstanceError, dataclass
from itertools import pairwise

import numpy as np
import pytest

from darkpairs import batches
from darkpairs.batches import Flux, Release, Truth, freeze


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


def ragged(n, seed=1, most=6):
    """Return fields of a `Truth` with 0 … most particles per event; each entry is one of its kind.

    Floats are views into wider arrays, as a generator that fills one array leaves them.
    """
    dice = np.random.default_rng(seed)
    counts = dice.integers(0, most + 1, size=n)
    m = counts.sum()
    events, particles = dice.normal(size=(n, 5)), dice.normal(size=(m, 8))
    return dict(
        event=np.arange(100, 100 + n), kind=dice.integers(0, 99, n).astype(np.int16),
        weight=events[:, 0], vertex=events[:, 1:4], e_nu=events[:, 4],
        offsets=np.concatenate([[0], np.cumsum(counts)]),
        pdg=dice.integers(-9999, 9999, m).astype(np.int32), p4=particles[:, :4],
        start=particles[:, 4:7], time=particles[:, 7],
        parent=dice.integers(-1, most, m).astype(np.int16))


def rows(truth):
    """Write a batch down event by event, as plain lists."""
    def of(name, shape, i):
        values = getattr(truth, name)
        if shape[0] == "n":
            return values[i].tolist()
        return values[truth.offsets[i]:truth.offsets[i + 1]].tolist()

    return [{name: of(name, shape, i) for name, shape in Truth.SHAPES.items() if name != "offsets"}
            for i in range(len(truth))]


def check_types(truth):
    for name in Truth.SHAPES:
        assert getattr(truth, name).dtype == Truth.TYPES.get(name, np.float64), name


def test_truth_takes_arrays_without_a_copy_and_shows_them_read_only():
    fields = ragged(40)
    truth = Truth(**fields)
    check_types(truth)
    for name, given in fields.items():
        held = getattr(truth, name)
        assert np.shares_memory(held, given), name
        with pytest.raises(ValueError, match="read-only"):
            held[0] = 0
        given[0] = given[0]  # the caller's own array stays open
        with pytest.raises(FrozenInstanceError):
            setattr(truth, name, given)
    assert len(truth) == 40


def test_truth_turns_lists_into_arrays_of_its_types():
    truth = Truth([0, 1], [0, 0], [1, 1], [[0, 0, 0]] * 2, [500, 600], [0, 1, 1], [11],
                  [[1, 0, 0, 1]], [[0, 0, 0]], [0], [-1])
    check_types(truth)
    assert truth.p4.tolist() == [[1.0, 0.0, 0.0, 1.0]]


@pytest.mark.parametrize("name", Truth.SHAPES)
def test_one_axis_too_many_is_refused_by_name(name):
    fields = ragged(5)
    with pytest.raises(ValueError, match=rf"^Truth.{name} has shape \(.*1\); wanted \("):
        Truth(**(fields | {name: fields[name][..., None]}))


@pytest.mark.parametrize("name", sorted(set(Truth.SHAPES) - {"event", "pdg"}))  # which set n, m
def test_one_row_too_few_is_refused_by_name(name):
    fields = ragged(5)
    with pytest.raises(ValueError, match=rf"^Truth.{name} has shape \(.* with n = 5"):
        Truth(**(fields | {name: fields[name][:-1]}))


@pytest.mark.parametrize(("name", "width"), [("vertex", 3), ("p4", 4), ("start", 3)])
def test_vectors_of_a_wrong_length_are_refused(name, width):
    fields = ragged(5)
    with pytest.raises(ValueError, match=rf"Truth.{name} .*; wanted \([nm], {width}\)"):
        Truth(**(fields | {name: fields[name][:, 1:]}))


@pytest.mark.parametrize("offsets", [[1, 2, 6], [0, 2, 5], [0, 2, 7], [0, 7, 6], [0, -1, 6]])
def test_offsets_rise_from_zero_to_the_last_particle(offsets):
    fields = ragged(60) | dict(offsets=offsets)
    short = {name: fields[name][:6 if shape[0] == "m" else 2]
             for name, shape in Truth.SHAPES.items() if name != "offsets"}
    with pytest.raises(ValueError, match=r"Truth.offsets must rise from 0 to the 6 particles"):
        Truth(**short, offsets=offsets)
    assert len(Truth(**short, offsets=[0, 6, 6])) == 2


def test_only_finds_the_one_particle_of_a_sort():
    fields = ragged(200, seed=2)
    empty = np.diff(fields["offsets"]) == 0
    truth = batches.select(Truth(**fields), ~empty)
    last = truth.offsets[1:] - 1
    pdg = truth.pdg.copy()
    pdg[last] = 22_000
    truth = Truth(**{name: pdg if name == "pdg" else getattr(truth, name)
                     for name in Truth.SHAPES})
    slow = [first + truth.pdg[first:end].tolist().index(22_000)
            for first, end in pairwise(truth.offsets)]
    assert batches.only(truth, 22_000).tolist() == slow


@pytest.mark.parametrize(("pdg", "found"), [
    ([11, 22, 11, 22], 2),  # two in the first event, none in the last
    ([22, 11, 22, 22], 1),  # none in the first
    ([11, 22, 11, 11], 3),  # two in the last
    ([22, 22, 22, 22], 0),
])
def test_only_refuses_none_and_more_than_one(pdg, found):
    fields = {name: values[:4 if Truth.SHAPES[name][0] == "m" else 2]
              for name, values in ragged(60).items()}
    truth = Truth(**(fields | dict(offsets=[0, 3, 4], pdg=pdg)))
    with pytest.raises(ValueError, match=f"wanted one particle with PDG code 11 in each of 2 "
                                         f"events; found {found}"):
        batches.only(truth, 11)


@pytest.mark.parametrize("chosen", [
    [5], [3, 1, 2], [7, 7, 0, 7], [-1, 0], np.arange(50)[::-1], slice(None), slice(10, 30, 3),
    slice(40, 0, -7), np.arange(50) % 3 == 0, np.ones(50, bool), np.arange(20, dtype=np.int32),
], ids=str)
def test_selected_events_are_those_of_a_slow_loop(chosen):
    truth = Truth(**ragged(50, seed=3))
    picked = batches.select(truth, chosen)
    everything = rows(truth)
    assert rows(picked) == [everything[i] for i in np.arange(50)[chosen]]
    check_types(picked)


@pytest.mark.parametrize("nothing", [[], slice(0, 0), np.zeros(50, bool), np.arange(0)], ids=str)
def test_nothing_may_be_selected(nothing):
    picked = batches.select(Truth(**ragged(50)), nothing)
    assert (len(picked), len(picked.pdg), picked.offsets.tolist()) == (0, 0, [0])
    assert (picked.vertex.shape, picked.p4.shape) == ((0, 3), (0, 4))
    check_types(picked)
    assert batches.only(picked, 11).tolist() == []


@pytest.mark.parametrize("wrong", [[50], np.ones(49, bool), [-51]], ids=str)
def test_events_that_are_not_there_cannot_be_selected(wrong):
    with pytest.raises(IndexError, match=r"out of bounds|did not match"):
        batches.select(Truth(**ragged(50)), wrong)


def test_concatenated_events_are_those_of_a_slow_loop():
    parts = [Truth(**ragged(n, seed=n)) for n in (1, 30, 0, 7, 30)]
    joint = batches.concatenate(iter(parts))
    assert rows(joint) == [row for part in parts for row in rows(part)]
    assert joint.offsets[-1] == len(joint.pdg) == sum(len(part.pdg) for part in parts)
    check_types(joint)
    assert rows(batches.concatenate(parts[1:2])) == rows(parts[1])


def test_pieces_put_together_are_the_whole():
    truth = Truth(**ragged(80, seed=4))
    cuts = [0, 3, 3, 50, 79, 80]
    pieces = [batches.select(truth, slice(a, b)) for a, b in pairwise(cuts)]
    joint = batches.concatenate(pieces)
    for name in Truth.SHAPES:
        assert np.array_equal(getattr(joint, name), getattr(truth, name)), name
    mask = np.random.default_rng(5).uniform(size=80) < 0.4
    there = np.argsort(np.concatenate([np.flatnonzero(mask), np.flatnonzero(~mask)]))
    parted = batches.concatenate([batches.select(truth, mask), batches.select(truth, ~mask)])
    assert rows(batches.select(parted, there)) == rows(truth)


def test_nothing_cannot_be_concatenated():
    with pytest.raises(ValueError, match="nothing to concatenate; wanted at least one Truth"):
        batches.concatenate([])


def template(**changes):
    fields = dict(edges=[0, 1, 3], signal=[1, 2], background=[[3, 4], [0, 1]])
    return batches.Template(**(fields | changes))


def test_a_template_sums_its_background():
    assert template().total.tolist() == [3.0, 5.0]
    assert template(shifts=[[1, 0]]).shifts.shape == (1, 2)
    assert template(covariance=np.eye(2)).covariance.shape == (2, 2)


@pytest.mark.parametrize(("changes", "message"), [
    (dict(signal=[1]), r"Template.signal has shape \(1,\)"),
    (dict(signal=[1, -2]), "Template.signal falls to -2 events"),
    (dict(signal=[1, np.nan]), "Template.signal holds NaN"),
    (dict(background=[3, 4]), r"Template.background has shape \(2,\)"),
    (dict(background=[[3, 0], [1, 0]]), r"bins \[1\] have no background"),
    (dict(edges=[0, 3, 1]), "Template.edges must rise"),
    (dict(shifts=[[1]]), r"Template.shifts has shape \(1, 1\)"),
    (dict(covariance=np.eye(3)), r"Template.covariance has shape \(3, 3\)"),
    (dict(shifts=[[1, 1]], covariance=np.eye(2)), "wanted one of them, or none"),
])
def test_a_bad_template_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        template(**changes)
