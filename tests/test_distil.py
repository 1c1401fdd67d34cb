"""Distil: bins of pairs, predictions with their errors, one model alone, where all comes from."""

from types import SimpleNamespace

import numpy as np
import pytest

from darkpairs import answers, budgets, distil, model, samples, systematics, verdict, weights
from darkpairs.batches import KINDS
from darkpairs.lineup import Lineup
from fewanswers import EXPECTED
from smallplan import PLAN

LOOKS = {"broad": distil.Look(SimpleNamespace(trained=SimpleNamespace(
    recipe=SimpleNamespace(fitted="pi0"))), np.array([0.0, 0.3, 0.6, 1.0])),
    "focused": distil.Look(SimpleNamespace(trained=SimpleNamespace(
        recipe=SimpleNamespace(fitted="all"))), np.array([0.0, 0.5, 1.0]))}


def by_charge(looks, reco):
    """A judge without training: scores rise with the charge; each search has its algorithm."""
    score = reco.charge / (reco.charge + 1e6)
    return {name: (score, reco.of(algorithm) & (score > 0.1)) for name, algorithm in
            zip(looks, ("projective", "tomographic"), strict=True)}


@pytest.fixture
def judged(monkeypatch):
    monkeypatch.setattr(distil, "judge", by_charge)


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    directory = tmp_path_factory.mktemp("made")
    found = {entry.kind: samples.load(entry, directory=directory, progress=False, workers=1)
             for entry in PLAN}
    reco = distil.Reco(**{name: np.concatenate([getattr(each.reco, name)
                                                for each in found.values()])
                          for name in distil.Reco.SHAPES})
    weight = reco.weight * 1e21
    return Lineup(1e21, found, reco, weight, weight)


def test_each_event_has_the_bin_that_its_row_falls_in(line, judged):
    reco = line.samples["pi0"].reco
    found = distil.places(LOOKS, reco, len(line.samples["pi0"]))
    for k, (name, algorithm) in enumerate((("broad", 0), ("focused", 1))):
        for event, place in enumerate(found[k]):
            row = np.flatnonzero((reco.event == event) & (reco.algorithm == algorithm))[0]
            score = reco.charge[row] / (reco.charge[row] + 1e6)
            wanted = np.searchsorted(LOOKS[name].edges, score, side="right") - 1
            assert place == (wanted if score > 0.1 else -1)
    assert (found >= 0).any()


def test_predictions_are_those_of_the_lineup_without_the_signal(line, judged, monkeypatch):
    def budget(line, spectra, judge, *, profile):
        assert profile == "quick"
        rows = [systematics.histograms(values, edges, np.where(where, line.weight, 0.0))
                for values, edges, where in spectra.values()]
        nominal = np.concatenate(rows)
        for name, (score, chosen) in judge(line.reco).items():
            assert np.array_equal(score, spectra[name][0], equal_nan=True)
            assert (chosen >= spectra[name][2]).all()
        return systematics.gather(nominal, [
            systematics.shift("one", nominal, 1.1 * nominal),
            systematics.statistics(nominal, name="other")])

    monkeypatch.setattr(budgets, "budget", budget)
    edges = {"broad": [0.0, 1.0], "focused": [0.0, 1.0]}
    looks = {name: look._replace(edges=np.array(edges[name])) for name, look in LOOKS.items()}
    for name, found, (score, chosen) in zip(looks, distil.predictions(
            line, looks, profile="quick"), by_charge(looks, line.reco).values(), strict=True):
        mine = chosen & (line.reco.kind == KINDS.index("pi0"))
        assert (found.name, found.pot, found.kinds) == (name, 1e21, ("pi0",))
        assert found.background.sum() == pytest.approx(line.weight[mine].sum(), rel=1e-12)
        assert found.background.sum() > 0
        assert found.sources == ("one", "other")
        np.testing.assert_allclose(found.covariances[0, 0, 0], found.background.sum() ** 2 / 100,
                                   rtol=1e-9)
        np.testing.assert_allclose(found.covariances[1, 0, 0], found.background.sum(), rtol=1e-9)
        assert score.shape == mine.shape


def test_one_model_alone_has_its_own_pairs_and_rate(judged):
    point = model.broad(m5=100.0, delta=3.0, m_zprime=45.0, vmu5=1e-4)
    found = distil.simulate(point, 6, LOOKS, EXPECTED, seed=3)
    assert len(found) == 6
    assert found.about["heavy"] == "100"
    weight = found.scale * distil.density.of(point, found.pairs())
    np.testing.assert_allclose(weight, distil.signal.expected_events(point, pot=1.0) / 6, rtol=1e-4)
    assert (found.bins >= 0).any()
    with pytest.raises(verdict.Reach, match="6 effective pairs"):
        verdict.signals(point, answers=found)


def test_alone_keeps_the_bins_of_the_answers_that_ship(judged, monkeypatch):
    monkeypatch.setattr(distil.lineup, "gather", lambda profile: profile)
    monkeypatch.setattr(distil, "ask", lambda line: LOOKS if line == "quick" else None)
    found = distil.alone(model.BENCHMARKS["note"], 5, seed=3, profile="quick")
    ships = answers.load().predictions
    assert found.predictions == ships
    looks = {each.name: LOOKS[each.name]._replace(edges=each.edges) for each in ships}
    again = distil.simulate(model.BENCHMARKS["note"], 5, looks, ships, seed=3)
    assert np.array_equal(found.bins, again.bins)


def test_staleness_is_told_in_words():
    now = distil.origin("quick")
    found = SimpleNamespace(about={"profile": "quick", **now})
    assert distil.stale(found) == ""
    found.about["rooms"] = "0" * 16
    assert distil.stale(found) == "made of other rooms"
    found.about["samples"] = "0" * 16
    assert distil.stale(found) == "made of other rooms and samples"
    found.about["versions"] = "Python 2"
    assert distil.stale(found).startswith("made with Python 2; here is Python 3")
    assert now != distil.origin("full")


def test_answers_are_of_the_samples_that_are_there():
    """Who has the full samples can make the answers in two minutes; nobody else has to."""
    words = distil.stale(answers.load())
    if words:
        home, plan = samples.home(), distil.plans.plan("full")
        there = "made with" not in words and all(
            state.made == state.asked for state in samples.status(home, plan))
        if not there:
            pytest.skip(f"the answers that ship are {words}; `make answers` makes them anew")
    assert words == ""


def test_the_program_tells_what_the_answers_are_of(capsys):
    assert distil.main(["status"]) in (0, 1)
    assert "answers: 24000 pairs, broad, focused, profile full" in capsys.readouterr().out


def test_the_light_pairs_are_those_the_focused_search_is_about():
    assert {part.m_zprime for part in distil.cocktail.PARTS
            if part.m_zprime < distil.LIGHT} == {30.0, 60.0, 100.0}
    assert weights.ENOUGH == verdict.ENOUGH
