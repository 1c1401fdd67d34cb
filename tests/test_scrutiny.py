"""ROC curves, what was learnt by heart, what models look at."""

import numpy as np
import pytest

import madereco
from darkpairs import inputs, scrutiny, selection
from darkpairs.batches import KINDS
from darkpairs.rng import uniforms

FEW = selection.TREES._replace(trees=20.0, rate=0.2)
RECIPE = selection.BROAD._replace(against=(("pi0", ("pi0",)), ("nue", ("nue",))),
                                  columns=("angle", "dedx_leading", "width", "showers"))


@pytest.fixture(scope="module")
def made():
    reco = madereco.some(400, kinds=("signal", "pi0", "nue"), showers=np.full(400, 1))
    trained = selection.train(reco, reco.weight, recipe=RECIPE, trees=FEW)
    return trained, reco, reco.weight, selection.score(trained, reco)


def dice(n=300):
    u = uniforms(2, 3, n, 3)
    signal = u[:, 0] < 0.4
    return np.round(np.where(signal, np.sqrt(u[:, 1]), u[:, 1]), 1), signal, u[:, 2]


def test_area_counts_pairs():
    score, signal, weight = dice()
    won = total = 0.0
    for i in np.flatnonzero(signal):
        for j in np.flatnonzero(~signal):
            pair = weight[i] * weight[j]
            won += pair * ((score[i] > score[j]) + 0.5 * (score[i] == score[j]))
            total += pair
    assert scrutiny.area(score, signal, weight).area == pytest.approx(won / total, rel=1e-12)


def test_curve_counts_who_passes():
    score, signal, weight = dice(100)
    passing, mistaken = scrutiny.roc(score, signal, weight)
    for cut, p, m in zip(np.unique(score)[::-1], passing[1:], mistaken[1:], strict=True):
        assert p == pytest.approx((weight * signal)[score >= cut].sum() / weight[signal].sum())
        assert m == pytest.approx((weight * ~signal)[score >= cut].sum() / weight[~signal].sum())
    lost = np.where(np.arange(100) % 2 == 0, np.nan, score)  # not asked about: never passes
    assert scrutiny.roc(lost, signal)[0][-1] == pytest.approx(signal[1::2].sum() / signal.sum())


def test_limits_of_the_area():
    score, signal, weight = dice()
    assert scrutiny.area(signal + score / 10, signal).area == 1
    assert scrutiny.area(np.zeros(300), signal).area == 0.5
    one, other = (scrutiny.area(x, signal, weight) for x in (score, np.exp(5 * score)))
    assert one == other


def test_error_as_published_and_as_seen():
    # Hanley and McNeil 1982, Table II: 0.893 ± 0.032 with 51 abnormal and 58 normal
    found = scrutiny.area(*published())
    assert found.area == pytest.approx(0.893, abs=0.001)
    assert found.error == pytest.approx(0.032, abs=0.0006)
    u = uniforms(7, 7, 400, 80)
    areas = [scrutiny.area(np.append(np.sqrt(row[:40]), row[40:]), np.arange(80) < 40)
             for row in u]
    seen = np.std([each.area for each in areas])
    said = np.mean([each.error for each in areas])
    assert said == pytest.approx(seen, rel=0.12)  # two standard errors of the scatter, 3.5 % each


def published():
    """Ratings of computed tomographs by one reader, Table I of the same paper."""
    normal, abnormal = (33, 6, 6, 11, 2), (3, 2, 2, 11, 33)
    score = np.repeat(np.tile(np.arange(5), 2), normal + abnormal)
    return score, np.arange(109) >= 58


def test_seen_events_look_better(made):
    trained, reco, weight, _ = made
    mine, areas = np.isin(reco.kind, [0, KINDS.index("pi0")]) & (reco.energy_leading >= 30), []
    mine &= reco.border >= 0
    for k, models in enumerate(trained.models):
        rows = np.flatnonzero(mine & (inputs.folds(reco) != k))
        guess = models[0].predict_proba(inputs.matrix(reco, rows, RECIPE.columns))[:, 1]
        areas.append(scrutiny.area(guess, reco.kind[rows] == 0, weight[rows]).area)
    assert scrutiny.overtraining(*made)["pi0"][0].area == pytest.approx(np.mean(areas), rel=1e-12)
    for name, (seen, unseen) in scrutiny.overtraining(*made).items():
        assert seen.area > unseen.area, name
        assert 0.8 < unseen.area < 0.95
        assert unseen.area == pytest.approx({"pi0": 0.92, "nue": 0.86}[name], abs=0.05)


def test_models_look_at_what_tells(made):
    worth = scrutiny.importance(*made)
    for name, best in (("pi0", 0), ("nue", 1)):
        assert np.argmax(worth[name]) == best
        assert worth[name][best] > 0.2
        assert worth[name][3] == 0  # the same for all
        # a column that tells all: without it, dice
        whole = scrutiny.overtraining(*made)[name][1].area
        assert worth[name][best] == pytest.approx(whole - 0.5, abs=0.06)
    again = scrutiny.importance(*made)
    assert all(np.array_equal(worth[name], again[name]) for name in worth)


@pytest.mark.parametrize(("given", "words"), [
    ((np.zeros(3), np.ones(3)), "a mask of bool"),
    ((np.zeros(3), np.ones(4, bool)), "wanted one each"),
    ((np.zeros(3), np.ones(3, bool)), "some of signal and of background"),
    ((np.zeros(2), np.array([True, False]), np.array([1.0, -1.0])), "no numbers ≥ 0")])
def test_bad_input(given, words):
    with pytest.raises(ValueError, match=words):
        scrutiny.area(*given)
