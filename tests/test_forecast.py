"""Forecasts from made-up samples: who is in which region, sums, gates, vaults that stay shut."""

from dataclasses import replace

import numpy as np
import pytest

import madereco
from darkpairs import (
    blinding,
    budgets,
    forecast,
    plans,
    regions,
    register,
    samples,
    systematics,
    worlds,
)
from darkpairs.batches import KINDS, Truth
from darkpairs.lineup import Lineup
from darkpairs.rng import uniforms
from darkpairs.seen import ALGORITHMS

FIRST = {"signal": 1000180400, "cosmic": 13}  # of the particles of an event; else a ν_μ
EVENTS, RATE = 240, 4.0


def truth(kind, n, seed):
    u = uniforms(seed, KINDS.index(kind), n, 2)
    p4 = np.zeros((2 * n, 4))
    p4[1::2, 3] = 100 + 600 * u[:, 0]
    return Truth(event=np.arange(n), kind=np.full(n, KINDS.index(kind)),
                 weight=np.full(n, RATE / n / worlds.POT) * madereco.RATES[kind],
                 vertex=np.zeros((n, 3)), e_nu=300 + 2000 * u[:, 1], start=np.zeros((2 * n, 3)),
                 offsets=np.arange(0, 2 * n + 1, 2), time=np.zeros(2 * n),
                 pdg=np.tile([FIRST.get(kind, 14), 11 if kind in FIRST else 111], n), p4=p4,
                 parent=np.full(2 * n, -1))


def sample(kind, n, first=0, name=None):
    """Made-up rows of both algorithms, those of other numbers from another part of the dice."""
    happened = truth(kind, n, first)
    rows = madereco.joined(*(madereco.kind_of(kind, n, each, first=first) for each in ALGORITHMS))
    rows = replace(rows, event=rows.event - first, weight=happened.weight[rows.event - first],
                   wall=np.abs(rows.wall) / 2)
    return samples.Sample(plans.Entry(name or kind, kind, n, 1), happened, rows)


def load(name, profile=None, **options):
    """A variation has the events of its mother; a world has others."""
    mother, _, word = name.partition("/")
    return sample(word, 150, first=5000) if mother == "world" else sample(mother, 120)


@pytest.fixture(scope="module")
def line():
    found = {kind: sample(kind, EVENTS) for kind in madereco.RATES}
    reco = madereco.joined(*(each.reco for each in found.values()))
    return Lineup(worlds.POT, found, reco, reco.weight * worlds.POT, reco.weight * worlds.POT)


@pytest.fixture(scope="module")
def ready(line):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(samples, "load", load)
        patch.setattr(plans, "KINDS", tuple(line.samples))
        yield forecast.prepare("quick", line=line, universes=20)


def numbers(reco, mask):
    return {*zip(reco.kind[mask].tolist(), reco.event[mask].tolist(), strict=True)}


def test_no_event_of_a_signal_region_is_in_a_sideband(ready):
    reco, seen = ready.line.reco, ready.seen.regions
    hidden = numbers(reco, seen["signal"]) | numbers(reco, seen["focused"])
    assert hidden
    for name in (*forecast.FAR, *regions.RICH, "near"):
        assert not numbers(reco, seen[name]) & hidden, name
    assert numbers(reco, regions.near(ready.focused, reco)) & hidden  # without the rule there are
    assert all(seen[name].any() for name in ("pi0", "dirt", "near"))
    for name in regions.RICH:
        parts = [seen[each] for each in forecast.FAR if each.startswith(name)]
        assert np.array_equal(np.sum(parts, axis=0), seen[name])


def test_what_a_search_selects_is_in_no_far_sideband_whoever_sees_it(ready, monkeypatch):
    reco, seen = ready.line.reco, ready.seen.regions
    monkeypatch.setattr(forecast.regions, "far", lambda search, reco, name: reco.of("projective"))
    wide = forecast.look(ready.broad, ready.focused, reco).regions
    hidden = numbers(reco, seen["signal"]) | numbers(reco, seen["focused"])
    assert hidden
    for name in regions.RICH:
        assert wide[name].any()
        assert not numbers(reco, wide[name]) & hidden


def test_regions_are_of_the_rows_of_their_search(ready):
    reco, seen = ready.line.reco, ready.seen
    for region, column in forecast.SPECTRA.values():
        rows = seen.regions[region]
        assert reco.of(forecast.COLUMNS[column])[rows].all()
        assert not np.isnan(seen.columns[column][rows]).any()
    first = reco.of("projective")
    assert np.isnan(seen.columns["energy"][~first]).all()
    assert np.array_equal(seen.columns["angle"][first], np.degrees(reco.angle[first]))


def test_a_prediction_is_the_sum_of_weights_without_signal(ready):
    for name, (values, edges, where) in ready.spectra.items():
        mean = np.zeros(len(edges) - 1)
        for row in np.flatnonzero(where & ~ready.line.of("signal")):
            k = np.searchsorted(edges, values[row], side="right") - 1
            if edges[0] <= values[row] < edges[-1]:
                mean[k] += ready.line.weight[row]
        assert np.allclose(ready.joint.mean[ready.joint.places[name]], mean, rtol=1e-12)
        spectrum = ready.kinds(name)
        assert np.allclose(spectrum.of(*spectrum.background())[0], mean, rtol=1e-12)
    assert ready.kinds("signal").of("signal")[0].sum() > 0
    assert {"signal", "near energy", "near angle", *regions.RICH} <= set(ready.spectra)


def test_few_events_behind_the_data_against_a_loop(ready):
    name = "near energy"
    values, edges, where = ready.spectra[name]
    sizes = {kind: 10 + 3 * k for k, kind in enumerate(ready.line.samples)}
    square = np.zeros(len(edges) - 1)
    for row in np.flatnonzero(where & (values >= edges[0]) & (values < edges[-1])):
        kind = KINDS[ready.line.reco.kind[row]]
        many = EVENTS / sizes[kind]
        square[np.searchsorted(edges, values[row], side="right") - 1] += (
            many * ready.line.weight[row] ** 2)
    found = forecast.behind(ready.line, {name: ready.spectra[name]}, sizes)
    assert np.allclose(np.diag(found.covariance), square, rtol=1e-12)
    assert forecast.DATA in ready.budget.names
    assert systematics.STATISTICS in ready.budget.names


def test_gates_in_their_order_with_open_data_by_share(ready):
    plan = forecast.plan(ready, toys=2000)
    assert [gate.name for gate in plan.gates] == ["open data", "far sidebands", "near sideband"]
    assert [gate.p for gate in plan.gates] == [0.01, 0.01, 0.01]
    share = worlds.OPEN / worlds.POT
    for check in plan.gates[0].checks:
        place = ready.joint.places[check.region.removeprefix("open ")]
        assert np.allclose(check.prediction, share * ready.joint.mean[place], rtol=1e-12)
        assert np.allclose(check.covariance, share**2 * ready.joint.covariance[place, place],
                           rtol=1e-12, atol=0)
    assert plan.gates[1].joint.shape[0] == sum(len(c.prediction) for c in plan.gates[1].checks)
    assert {check.region for check in plan.gates[2].checks} == {"near"}
    assert register.digest(plan) == register.digest(forecast.plan(ready, toys=2000))
    assert register.digest(plan) != register.digest(forecast.plan(
        ready, p=forecast.P | {"near sideband": 0.02}, toys=2000))


def test_a_vault_holds_a_world_and_stays_shut(ready):
    vault = forecast.vault(ready, "south")
    assert blinding.whose(vault) == "world south"
    assert {*vault._columns} == {*forecast.COLUMNS, "broad", "focused"}
    with pytest.raises(blinding.Closed, match="closed by gate 'open data'"):
        blinding.read(vault, "signal")
    assert register.digest(vault.plan) == register.digest(forecast.plan(ready))
    again = forecast.vault(ready, "south", forecast.plan(ready))
    assert vault.record == again.record
    assert forecast.vault(ready, "north").record[0] != vault.record[0]


def test_regions_of_a_vault_are_those_of_its_columns(ready):
    vault = forecast.vault(ready, "north")
    regions_, columns = vault._regions, vault._columns
    either = regions_["signal"] | regions_["open signal"]
    assert np.array_equal(either, (columns["broad"] + columns["focused"]) > 0)
    near = regions_["near"] | regions_["open near"]
    score = columns["focused score"]
    assert near.any()
    assert ((score[near] > 0.6) & (score[near] <= 0.7)).all()
    assert not (near & either).any()
    assert (regions_["signal"].sum() > regions_["open signal"].sum())


def test_a_vault_wants_rows_that_belong_together(ready, monkeypatch):
    def shuffled(name, profile=None, **options):
        found = load(name)
        rows = np.arange(len(found.reco))
        rows[:2] = 1, 0
        return samples.Sample(found.entry, found.truth, madereco.taken(found.reco, rows))
    monkeypatch.setattr(samples, "load", shuffled)
    with pytest.raises(ValueError, match="not of the same events in one order"):
        forecast.vault(ready, "north")


def test_bins_have_about_the_same_content():
    u = uniforms(1, 1, 4000, 2)
    values, weight = 1000 * u[:, 0] ** 2, 0.5 + u[:, 1]
    found = forecast.edges(values, weight, forecast.Bins())
    counts = np.histogram(values, found, weights=weight)[0]
    assert len(counts) == 5
    assert counts.max() / counts.min() < 1.5
    assert 0.985 < counts.sum() / weight.sum() <= 1
    assert np.allclose(found % 10, 0)


def test_poor_bins_are_joined_or_refused():
    values, weight = np.arange(60.0), np.ones(60)
    assert len(forecast.edges(values, weight, forecast.Bins(rows=1.0))) == 6
    assert len(forecast.edges(values, weight, forecast.Bins(events=25.0, rows=1.0))) == 3
    assert len(forecast.edges(values, weight, forecast.Bins(events=1.0, rows=25.0))) == 3
    assert len(forecast.edges(values, weight, forecast.Bins(events=1.0, rows=8.0),
                              shares=np.full(60, 3.0))) == 3  # a third as many behind the data
    assert forecast.edges(values, weight, forecast.Bins(events=80.0)) is None
    assert len(forecast.edges(values, weight, forecast.Bins(events=1.0, rows=110.0))) == 2
    assert forecast.edges(values, weight, forecast.Bins(events=1.0, rows=130.0)) is None
    assert forecast.edges(values[:0], weight[:0], forecast.Bins()) is None


def test_spectra_are_as_budgets_wants_them(ready):
    assert all(isinstance(each, budgets.Spectrum) for each in ready.spectra.values())
    assert list(ready.joint.places) == list(ready.spectra)
    assert np.allclose(ready.joint.covariance, ready.budget.covariance, rtol=1e-12)
