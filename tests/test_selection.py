"""Boosted trees: nobody judges what it learnt from, nothing tells the answer, bits stay."""

import numba
import numpy as np
import pytest

import madereco
from darkpairs import cuts, inputs, record, scrutiny, selection
from darkpairs.batches import KINDS
from darkpairs.rng import uniforms

FEW = selection.TREES._replace(trees=20.0, rate=0.2)
AIM = cuts.Aim(levels=5.0, fine=10.0, least=5.0, whole=5.0)
RECIPE = selection.BROAD._replace(against=(
    ("cosmic", ("cosmic",)), ("pi0", ("pi0",)), ("nue", ("nue",)), ("other", ("numu", "dirt"))))


@pytest.fixture(scope="module")
def made():
    reco = madereco.some(300)
    return reco, selection.broad(reco, reco.weight, recipe=RECIPE, aim=AIM, trees=FEW)


def same(one, other):
    return np.array_equal(one, other, equal_nan=True)


def test_a_search_tells_pairs_from_all_others(made):
    reco, search = made
    signal = reco.kind == 0
    assert search.scores.shape == (len(reco), 4)
    for name, kinds in RECIPE.against:
        mine = signal | np.isin(reco.kind, [KINDS.index(kind) for kind in kinds])
        assert scrutiny.area(search.of(name)[mine], signal[mine]).area > 0.7, name
    assert search.chosen[signal].mean() > 3 * search.chosen[~signal].mean()
    with pytest.raises(ValueError, match="no model against 'k0'; there are cosmic, pi0, nue"):
        search.of("k0")


def test_models_come_near_the_best_there_is():
    # one column tells: by Neyman and Pearson no score beats it. Two Gaussians 2σ apart have an
    # area of Φ(2/√2) = 0.921
    reco = madereco.some(2500, kinds=("signal", "pi0"))
    recipe = RECIPE._replace(against=(("pi0", ("pi0",)),), columns=("angle", "width", "cone"))
    search = selection.broad(reco, reco.weight, recipe=recipe, aim=AIM, trees=FEW)
    best = scrutiny.area(-reco.angle, reco.kind == 0)
    found = scrutiny.area(search.scores[:, 0], reco.kind == 0)
    assert best.area == pytest.approx(0.921, abs=0.012)
    assert best.area - 0.015 < found.area < best.area + 0.003


def test_same_bits_again_and_with_any_threads(made):
    reco, search = made
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(min(2, numba.config.NUMBA_NUM_THREADS))
        again = selection.broad(reco, reco.weight, recipe=RECIPE, aim=AIM, trees=FEW)
    finally:
        numba.set_num_threads(threads)
    assert same(again.scores, search.scores)
    assert same(again.cuts, search.cuts)
    assert same(again.chosen, search.chosen)


def test_what_really_happened_does_not_matter(made):
    reco, search = made
    order = np.argsort(uniforms(9, 9, len(reco), 1)[:, 0])
    shuffled = {name: getattr(reco, name)[order] for name in (*record.Reco.TRUTH, "weight")}
    lying = madereco.taken(reco, slice(None), **shuffled)
    assert same(selection.score(search.trained, lying), search.scores)
    again = selection.train(lying, reco.weight, recipe=RECIPE, trees=FEW)
    assert same(selection.score(again, reco), search.scores)
    # places may move as one likes, too
    moved = madereco.taken(reco, slice(None), start_x=reco.start_z, direction_z=reco.start_x)
    assert same(selection.score(search.trained, moved), search.scores)


def test_order_and_parts_do_not_matter(made, monkeypatch):
    reco, search = made
    order = np.argsort(uniforms(8, 8, len(reco), 1)[:, 0])
    assert same(selection.score(search.trained, madereco.taken(reco, order)), search.scores[order])
    monkeypatch.setattr(selection, "_CHUNK", 7)
    assert same(selection.score(search.trained, reco), search.scores)


def test_nobody_judges_what_it_learnt_from(made):
    reco, search = made
    for k in (0, 3):  # whatever becomes of a fold, its scores stay
        mine = inputs.folds(reco) == k
        liar = reco.angle.copy()
        liar[mine & (reco.kind == 0)] += 30
        other = madereco.taken(reco, slice(None), angle=liar)
        again = selection.train(other, np.where(mine, 0.0, reco.weight), recipe=RECIPE, trees=FEW)
        assert same(selection.score(again, reco)[mine], search.scores[mine])
        if k == 0:
            assert not same(selection.score(again, reco), search.scores)


def test_kinds_that_a_recipe_does_not_name_have_no_say(made):
    reco, search = made
    strange = madereco.kind_of("delta-gamma", 200, weight=np.full(200, 100.0))
    both = madereco.joined(reco, strange)
    again = selection.broad(both, both.weight, recipe=RECIPE, aim=AIM, trees=FEW)
    assert same(again.cuts, search.cuts)
    assert same(again.scores[:len(reco)], search.scores)
    assert again.chosen[len(reco):].any()


def test_only_shares_within_a_side_are_learnt(made):
    reco, search = made
    louder = reco.weight * np.where(reco.kind == 0, 2.0**60, 2.0**-9)
    again = selection.train(reco, louder, recipe=RECIPE, trees=FEW)
    assert same(selection.score(again, reco), search.scores)
    uneven = reco.weight * np.where(reco.kind == KINDS.index("dirt"), 30.0, 1.0)
    again = selection.train(reco, uneven, recipe=RECIPE, trees=FEW)
    assert same(selection.score(again, reco)[:, :3], search.scores[:, :3])
    assert not same(selection.score(again, reco), search.scores)


def test_rows_of_no_weight_are_judged_and_not_learnt_from(made):
    reco, search = made
    late = madereco.kind_of("signal", 100, first=5000)
    both = madereco.joined(reco, late)
    weight = np.append(reco.weight, np.zeros(100))
    again = selection.score(selection.train(both, weight, recipe=RECIPE, trees=FEW), both)
    assert same(again[:len(reco)], search.scores)
    assert np.isfinite(again[len(reco):]).mean() > 0.9  # few are too faint to be asked about


def test_scores_are_balanced():
    # where both sides are as frequent as here, about as many are right as the score says
    reco = madereco.some(3000, kinds=("signal", "nue"))
    recipe = RECIPE._replace(against=(("nue", ("nue",)),), columns=("dedx_leading", "width"))
    trained = selection.train(reco, reco.weight, recipe=recipe, trees=FEW)
    scores = selection.score(trained, reco)[:, 0]
    for low in (0.1, 0.3, 0.5, 0.7):
        mine = (scores > low) & (scores <= low + 0.2)
        right = (reco.kind[mine] == 0).mean()
        assert right == pytest.approx(scores[mine].mean(), abs=3 * 0.5 / np.sqrt(mine.sum()))


def test_focused_search_cuts_above_its_score():
    reco = madereco.some(250, algorithm="tomographic")
    all_others = ("all", ("pi0", "cosmic", "nue", "numu", "dirt"))
    recipe = selection.FOCUSED._replace(against=(all_others,), share=0.5)
    light = np.where((reco.kind == 0) & (reco.event % 2 == 1), 0.0, reco.weight)
    search = selection.focused(reco, light, recipe=recipe, above=0.6, trees=FEW)
    assert np.array_equal(search.chosen, search.scores[:, 0] > 0.6)
    assert 0 < search.chosen[reco.kind == 0].mean() < 1
    on_edge = np.array([[0.6]])
    assert not cuts.passes(on_edge, np.array([0]), search.cuts[:1])[0]


def test_bins_of_what_is_selected(made):
    reco, search = made
    bins = selection.edges(search, reco, reco.weight, aim=AIM)
    rows, score = search.chosen, search.of("pi0")
    assert np.array_equal(bins, cuts.edges(score[rows], reco.kind[rows] == 0, reco.weight[rows],
                                           aim=AIM))
    assert 3 <= len(bins) <= 5
    assert bins[0] == score[rows].min()
    first = search._replace(chosen=rows & (score > 0.5))
    assert selection.edges(first, reco, reco.weight, aim=AIM)[0] > 0.5
    with pytest.raises(ValueError, match="a search of 1800 rows and 9 rows; wanted the same"):
        selection.edges(search, madereco.some(9, kinds=("signal",)), np.ones(9))


def test_scores_of_another_share_of_signal(made):
    reco, search = made
    score = search.scores
    assert same(selection.at_share(score, 0.5), score)
    assert selection.at_share(0.8, 0.2) == pytest.approx(0.5, rel=1e-15)  # odds of 4 : 1 by 1 : 4
    odds = selection.at_share(score, 0.1) / (1 - selection.at_share(score, 0.1))
    assert np.allclose(odds, score / (1 - score) / 9, rtol=1e-12, equal_nan=True)
    assert np.allclose(selection.at_share(selection.at_share(score, 0.1), 0.9), score, rtol=1e-12,
                       equal_nan=True)
    moved = selection.Trained(RECIPE._replace(share=0.1), search.trained.models)
    assert same(selection.score(moved, reco), selection.at_share(score, 0.1))
    for share in (0.0, 1.0, np.nan):
        with pytest.raises(ValueError, match="of the signal; wanted 0 < share < 1"):
            selection.at_share(0.3, share)


def test_recipes_of_the_note():
    assert selection.BROAD.names == ("cosmic", "pi0", "nue", "other")
    for recipe in (selection.BROAD, selection.SINGLE, selection.FOCUSED, selection.PHOTON):
        kinds = [kind for _, kinds in recipe.against for kind in kinds] + [*recipe.signal]
        missing = {*KINDS} - {*kinds}
        assert missing == ({"gun", "signal"} if recipe is selection.PHOTON else {"gun"})
        assert len({*kinds}) == len(kinds)


def test_a_column_that_nobody_has():
    reco = madereco.some(200, kinds=("signal", "pi0"), gap=np.full(200, np.nan))
    recipe = RECIPE._replace(against=(("pi0", ("pi0",)),))
    scores = selection.score(selection.train(reco, reco.weight, recipe=recipe, trees=FEW), reco)
    assert np.isfinite(scores).mean() > 0.9


def bad_weight(reco):
    return np.where(np.arange(len(reco)) == 3, np.nan, reco.weight)


@pytest.mark.parametrize(("call", "words"), [
    (lambda r, t: selection.train(r, r.weight[1:], recipe=RECIPE), "for 1800 rows; wanted one fi"),
    (lambda r, t: selection.train(r, bad_weight(r), recipe=RECIPE), "one finite number ≥ 0"),
    (lambda r, t: selection.train(r, r.weight * (r.kind != 9), recipe=RECIPE),
     "and 0 of cosmic to learn 'cosmic' from outside of fold 0"),
    (lambda r, t: selection.train(r, r.weight * (r.kind != 0), recipe=RECIPE), "0 rows of signal"),
    (lambda r, t: selection.train(r, r.weight, recipe=RECIPE._replace(signal=("pi0",))),
     r"pi0: \['pi0'\] are signal, too"),
    (lambda r, t: selection.train(r, r.weight, recipe=RECIPE._replace(against=())), "one at least"),
    (lambda r, t: selection.train(r, r.weight, recipe=RECIPE._replace(
        against=(("k", ("k0",)),))), r"k: kinds \('k0',\); wanted some of signal"),
    (lambda r, t: selection.train(r, r.weight, recipe=RECIPE._replace(columns=("kind",))),
     r"columns \['kind'\] are no features"),
    (lambda r, t: selection.train(r, r.weight, recipe=RECIPE, trees=FEW._replace(leaves=1.0)),
     "leaves ≥ 2"),
    (lambda r, t: selection.train(r, r.weight, recipe=RECIPE._replace(share=1.0)),
     "share = 1.0 of the signal; wanted 0 < share < 1"),
    (lambda r, t: selection.broad(r, r.weight, recipe=RECIPE._replace(fitted="k0"), trees=FEW),
     "no model against 'k0'"),
    (lambda r, t: selection.score(t, r, columns=(*inputs.COLUMNS[1:], "start_x")),
     r"trained on other columns: \['start_x', 'topology'\]; wanted topology"),
    (lambda r, t: selection.score(t, r, columns=inputs.COLUMNS[::-1]), "columns: their order"),
    (lambda r, t: selection.score(t, madereco.some(9, algorithm="tomographic")),
     "no rows of projective, on which the models were trained")])
def test_bad_input(made, call, words):
    reco, search = made
    with pytest.raises(ValueError, match=words):
        call(reco, search.trained)
