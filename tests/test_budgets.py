"""Budgets against slow sums; who shares a shift with whom; what a judge may not do."""

from dataclasses import replace

import numpy as np
import pytest

import madereco
from darkpairs import budgets, plans, samples, systematics, weights
from darkpairs.batches import KINDS, Truth
from darkpairs.lineup import Lineup
from darkpairs.rng import uniforms
from darkpairs.seen import ALGORITHMS
from darkpairs.uncertain import Kind, Section

FIRST = {"signal": 1000180400, "cosmic": 13}  # of the particles of an event; else a ν_μ
EDGES = {"high": np.array([50.0, 55.0, 60.0, 90.0]), "low": np.array([10.0, 40.0, 53.0])}
SOME = 240  # events of a variation


def truth(kind, n):
    """A first particle and a π⁰ of some momentum; no π⁰ in signal and cosmic muons."""
    u = uniforms(4, KINDS.index(kind), n, 3)
    p4 = np.zeros((2 * n, 4))
    p4[1::2, 3] = 100 + 600 * u[:, 0]
    second = 11 if kind in FIRST else 111
    return Truth(event=np.arange(n), kind=np.full(n, KINDS.index(kind)), weight=0.1 + u[:, 1],
                 vertex=np.zeros((n, 3)), e_nu=300 + 2000 * u[:, 2], start=np.zeros((2 * n, 3)),
                 offsets=np.arange(0, 2 * n + 1, 2), pdg=np.tile([FIRST.get(kind, 14), second], n),
                 p4=p4, time=np.zeros(2 * n), parent=np.full(2 * n, -1))


def sample(kind, n, name=None, factor=1.0):
    """Events whose leading energies are a factor of the usual ones."""
    happened = truth(kind, n)
    rows = madereco.joined(*(madereco.kind_of(kind, n, each) for each in ALGORITHMS))
    rows = replace(rows, weight=happened.weight[rows.event],
                   energy_leading=rows.energy_leading * factor)
    return samples.Sample(plans.Entry(name or kind, kind, n, 1), happened, rows)


def judge(reco):
    """Two spectra of the energy: one of each algorithm."""
    return {name: (reco.energy_leading, reco.of(algorithm))
            for name, algorithm in zip(EDGES, ALGORITHMS, strict=True)}


def shown(reco, kept=True):
    return {name: budgets.Spectrum(values, EDGES[name], mask & kept)
            for name, (values, mask) in judge(reco).items()}


@pytest.fixture(scope="module")
def line():
    found = {kind: sample(kind, n) for kind, n in
             (("signal", 300), ("pi0", 600), ("dirt", 200), ("cosmic", 100))}
    reco = madereco.joined(*(each.reco for each in found.values()))
    return Lineup(1.0, found, reco, reco.weight * 2, reco.weight * 2)


@pytest.fixture(scope="module")
def others():
    factors = {"lifetime-": 0.95, "gain-": 0.98, "gain+": 1.01}
    return {name: {kind: sample(kind, SOME, f"{kind}/{name}", factor) for kind in budgets.VARIED}
            for name, factor in factors.items()}


def background(line):
    return shown(line.reco, ~line.of("signal"))


def test_the_prediction_is_the_sum_of_weights(line):
    spectra = background(line)
    found = budgets.content(line, spectra)
    wanted = [systematics.histograms(np.where(where, values, np.nan), edges, line.weight)
              for values, edges, where in spectra.values()]
    assert np.allclose(found.weight.sum(axis=0), np.concatenate(wanted), rtol=1e-12)
    assert len(found.truth) == len(found.weight)
    assert (found.weight > 0).any(axis=1).all()  # who is in no bin is left out
    assert "signal" not in {KINDS[k] for k in np.unique(found.truth.kind)}


def test_universes_against_the_slow_twin(line):
    """Row by row, without any matrix."""
    spectra = background(line)
    sources = {source.name: source for source in budgets.nature(
        budgets.content(line, spectra), universes=20, seed=5)}
    for name in ("pion_plus", "dirt", "shape of π⁰ momenta"):
        factors = {kind: weights.universes(each.truth, 20, seed=5, only=[name])
                   for kind, each in line.samples.items()}
        rows = []
        for k in range(20):
            factor = line.spread({kind: each[k] for kind, each in factors.items()})
            rows.append(np.concatenate([
                systematics.histograms(np.where(where, values, np.nan), edges, line.weight * factor)
                for values, edges, where in spectra.values()]))
        nominal = budgets.content(line, spectra).weight.sum(axis=0)
        slow = systematics.universes(name, nominal, rows)
        assert np.allclose(sources[name].covariance, slow.covariance, rtol=1e-9, atol=1e-12)
    assert "charge of the nucleus" not in sources  # no signal, no error of it


def test_events_in_pieces_make_the_same_universes(line, monkeypatch):
    found = budgets.content(line, background(line))
    whole = budgets.nature(found, universes=6)
    monkeypatch.setattr(budgets, "_CHUNK", 77)
    for one, two in zip(whole, budgets.nature(found, universes=6), strict=True):
        assert one.name == two.name
        assert np.allclose(one.covariance, two.covariance, rtol=1e-9, atol=0)


def test_a_rate_has_one_relative_error(line):
    papers = {name: Kind("", (Section("all rates", 0.2),)) for name in KINDS}
    source, = budgets.nature(budgets.content(line, background(line)), papers=papers,
                             universes=4000)
    found = systematics.gather(budgets.content(line, background(line)).weight.sum(axis=0),
                               [source])
    assert np.allclose(found.sizes["all"], np.sqrt(np.expm1(0.04)), rtol=0.06)  # dice
    assert np.allclose(found.sizes["all"], found.sizes["all"][0], rtol=1e-9)
    assert np.allclose(found.correlation, 1, rtol=1e-9)


def test_common_events_have_common_errors(line):
    spectra = background(line)
    apart = budgets.simulated(budgets.content(line, spectra))
    wide = dict(spectra, again=spectra["high"]._replace(edges=[50.0, 90.0]))
    both = budgets.simulated(budgets.content(line, wide))
    squares = [systematics.squares(np.where(where, values, np.nan), edges, line.weight)
               for values, edges, where in spectra.values()]
    assert np.allclose(np.diag(apart.covariance), np.concatenate(squares), rtol=1e-12)
    assert np.allclose(both.covariance[-1, :3], squares[0], rtol=1e-12)
    # Both algorithms see the same energies here, so events from 50 to 53 are in both spectra
    values, _, where = spectra["high"]
    twice = where & (values >= 50) & (values <= 53)
    assert twice.any()
    assert np.isclose(apart.covariance[0, 4], (line.weight[twice] ** 2).sum(), rtol=1e-12)
    assert not apart.covariance[1:3, 3:].any()


def test_shifts_against_the_slow_twin(line, others):
    """One group for each spectrum: the relative change of the π⁰ events, times the prediction."""
    spectra = background(line)
    found = budgets.shifts(line, spectra, judge, others, enough=75.0)
    assert list(found) == ["lifetime", "gain"]
    nominal = budgets.content(line, spectra).weight.sum(axis=0)

    def count(name, edges, algorithm):
        few = others[name]["pi0"].reco if name else line.samples["pi0"].reco
        return sum(w for e, w, a, i in zip(few.energy_leading, few.weight, few.algorithm,
                                           few.event, strict=True)
                   if i < SOME and a == algorithm and edges[0] <= e <= edges[-1])

    start = 0
    for algorithm, edges in enumerate(EDGES.values()):
        bins = slice(start, start + len(edges) - 1)
        usual, short, low, high = (count(name, edges, algorithm)
                                   for name in ("", "lifetime-", "gain-", "gain+"))
        assert np.allclose(found["lifetime"].shift[bins], nominal[bins] * (short / usual - 1),
                           rtol=1e-9)
        assert np.allclose(found["gain"].shift[bins], nominal[bins] * (high - low) / 2 / usual,
                           rtol=1e-9)
        start = bins.stop
    assert (found["lifetime"].error > 0).all()


def test_signal_speaks_for_signal(line, others):
    """What is of both kinds is moved by both; errors add in squares."""
    all_ = budgets.shifts(line, shown(line.reco), judge, others, enough=1.0)
    signal = budgets.shifts(line, shown(line.reco, line.of("signal")), judge, others, enough=1.0)
    rest = budgets.shifts(line, background(line), judge, others, enough=1.0)
    for name, part in all_.items():
        assert np.allclose(part.shift, signal[name].shift + rest[name].shift, rtol=1e-12)
        assert np.allclose(part.error**2, signal[name].error**2 + rest[name].error**2, rtol=1e-12)
        assert not np.allclose(signal[name].shift, rest[name].shift, rtol=0.01)


def test_few_events_borrow_from_all(line, others):
    """Spectrum `low` gets no events of its own: it takes the change of both together."""
    spectra = background(line)
    spectra["low"] = spectra["low"]._replace(edges=np.array([-1000.0, -500.0, 20.5]))
    found = budgets.shifts(line, spectra, judge, others, enough=30.0)["lifetime"]
    nominal = budgets.content(line, spectra).weight.sum(axis=0)

    def few(reco):
        return [reco.weight[mask & (reco.event < SOME) & (values >= edges[0])
                            & (values <= edges[-1])].sum()
                for (values, mask), edges in zip(judge(reco).values(), (
                    spectra["high"].edges, spectra["low"].edges), strict=True)]

    before, after = few(line.samples["pi0"].reco), few(others["lifetime-"]["pi0"].reco)
    assert np.isclose(found.shift[4], nominal[4] * (sum(after) / sum(before) - 1), rtol=1e-9)
    assert found.shift[3] == 0  # nothing is there
    own = found.shift[:3] / nominal[:3]
    assert not np.isclose(own[0], found.shift[4] / nominal[4], rtol=0.01)


def test_bins_are_joined_from_the_last_one_on():
    edges = {"a": (None, np.arange(6.0), None), "b": (None, np.arange(3.0), None)}
    counts = [30, 3, 4, 9, 2, 1, 2]  # of equal weights; five bins of a, two of b
    bins = np.repeat(np.arange(7), counts)
    place = np.array([np.where(bins < 5, bins, -1), np.where(bins < 5, -1, bins)])
    found = budgets._groups(place, np.ones(place.shape), edges, 10.0)
    assert found.tolist() == [1, 1, 1, 0, 0, -1, -1]  # 9 + 2; 4 + 3 + 30; 3 are too few
    late = budgets._groups(place[:1, bins > 0], np.ones((1, 21)), {"a": edges["a"]}, 10.0)
    assert late.tolist() == [0, 0, 0, 0, 0]  # 3 and 4 are left over


def test_a_heavy_row_counts_three_medians_of_its_own_spectrum():
    place = np.array([[0, 0, 1, 1, -1, -1], [-1, -1, 2, 2, 2, 2]])
    found = budgets._levelled(place, np.array([1.0, 2.0, 2.0, 50.0, 4.0, 60.0]))
    assert found[0, :4].tolist() == [1, 2, 2, 6]  # median 2
    assert found[1, 2:].tolist() == [2, 50, 4, 60]  # median 27: nobody is heavy
    assert budgets._levelled(np.full((1, 2), -1), np.ones(2)).tolist() == [[1, 1]]


def test_order_and_company_change_nothing(line, others):
    """Spectra the other way round, and one alone."""
    spectra = background(line)
    both = budgets.shifts(line, spectra, judge, others, enough=20.0)
    turned = dict(reversed(spectra.items()))
    order = [3, 4, 0, 1, 2]
    back = budgets.shifts(line, turned, judge, others, enough=20.0)
    alone = budgets.shifts(line, {"high": spectra["high"]},
                           lambda reco: {"high": judge(reco)["high"]}, others, enough=20.0)
    for name, part in both.items():
        assert np.allclose(back[name].shift, part.shift[order], rtol=1e-12)
        assert np.allclose(alone[name].shift, part.shift[:3], rtol=1e-12)
    one, two = (budgets.content(line, each) for each in (spectra, turned))
    for first, last in zip(budgets.nature(one, universes=5), budgets.nature(two, universes=5),
                           strict=True):
        assert np.allclose(last.covariance, first.covariance[np.ix_(order, order)], rtol=1e-9)


def test_a_budget_has_all_sources(line, others, monkeypatch):
    monkeypatch.setattr(plans, "variations", lambda: dict.fromkeys(others))
    monkeypatch.setattr(samples, "load", lambda name, profile, **options: others[
        name.removeprefix("pi0/")]["pi0"])  # there is no signal, and none is asked for
    found = budgets.budget(line, background(line), judge, profile="quick", universes=8)
    assert found.names[-3:] == ("lifetime", "gain", systematics.STATISTICS)
    assert {"pot", "pion_plus", "kaon_plus", "line"} < {*found.names}
    assert {"resonances, neutral current", "shape of π⁰ momenta", "dirt",
            "cosmic muons"} < {*found.names}
    raw = budgets.shifts(line, background(line), judge, others)["lifetime"]
    kept = np.sqrt(np.maximum(raw.shift**2 - raw.error**2, 0))
    assert np.allclose(np.abs(found.sources[-3].shifts[0]), kept, rtol=1e-12)
    parts = budgets.families(found)
    assert list(parts) == ["flux", "cross sections", "chamber", systematics.STATISTICS, "all"]
    squares = sum(parts[name] ** 2 for name in list(parts)[:-1])
    assert np.allclose(squares, parts["all"] ** 2, rtol=1e-12)
    names = {"chamber": ("lifetime", "gain"), "flux": ("pot", "pion_plus", "kaon_plus", "line")}
    for family, some in names.items():
        slow = sum(found.sizes[name] ** 2 for name in some)
        assert np.allclose(parts[family] ** 2, slow, rtol=1e-12)


def strange(reco):
    return {name: (values + 3, mask) for name, (values, mask) in judge(reco).items()}


@pytest.mark.parametrize(("change", "words"), [
    (dict(judge=strange), "rows of 'pi0' elsewhere than the spectra"),
    (dict(judge=lambda reco: {"high": judge(reco)["high"]}), "judge knows high; wanted high"),
    (dict(spectra={}), "no spectra; wanted one at least"),
    (dict(others={"gain+": {}}), "'pi0' should say how they vary, and no variation"),
])
def test_a_judge_is_the_same_for_all(line, others, change, words):
    given = dict(spectra=background(line), judge=judge, others=others) | change
    with pytest.raises(ValueError, match=words):
        budgets.shifts(line, **given)


@pytest.mark.parametrize(("part", "words"), [
    (dict(values=np.zeros(3)), r"spectrum 'high': \(3,\) values"),
    (dict(where=np.ones(2400)), "float64 for 2400 rows; wanted one number and one bool"),
    (dict(edges=[2.0, 1.0]), "edges of 'high' must rise"),
])
def test_wrong_spectra_are_refused(line, part, words):
    spectra = background(line)
    spectra["high"] = spectra["high"]._replace(**part)
    with pytest.raises(ValueError, match=words):
        budgets.content(line, spectra)


def test_variations_of_other_rows_are_refused(line, others):
    wrong = others["gain+"]["pi0"]
    rows = madereco.taken(wrong.reco, np.arange(len(wrong.reco))[::-1])
    bad = dict(others, **{"gain+": {"pi0": replace(wrong, reco=rows)}})
    with pytest.raises(ValueError, match="'pi0/gain\\+' has other rows than 'pi0'"):
        budgets.shifts(line, background(line), judge, bad)


def test_too_few_universes_are_refused(line):
    with pytest.raises(ValueError, match="wanted at least 2"):
        budgets.nature(budgets.content(line, background(line)), universes=1)
