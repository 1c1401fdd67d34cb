"""Signal region, sidebands, plain cuts: nothing shared, less after each step."""

import numpy as np
import pytest

import madereco
from darkpairs import regions, selection, sidebands
from darkpairs.batches import KINDS
from darkpairs.record import TOPOLOGIES
from darkpairs.rng import uniforms

RECIPE = selection.BROAD._replace(against=(("pi0", ("pi0",)), ("other", ("numu",))))
CUTS = np.tile([[0.3], [0.35], [0.4], [0.45], [0.5]], (1, 2))


def apart(*masks):
    """Refuse masks that share events."""
    sidebands.disjoint(dict(enumerate(masks)))


def search(n=60):
    """Scores by dice in place of models; a tenth were not asked about."""
    reco = madereco.some(n)
    u = uniforms(4, 4, len(reco), 3)
    scores = np.where(u[:, 2:] < 0.1, np.nan, u[:, :2])
    fold = np.arange(len(reco)) % 5
    chosen = (np.nan_to_num(scores) >= CUTS[fold]).all(axis=1)
    return reco, selection.Search(selection.Trained(RECIPE, ()), scores, fold, CUTS, chosen)


def test_a_sideband_fails_one_cut_and_passes_the_others():
    _, found = search()
    for place, name in enumerate(RECIPE.names):
        mask = regions.sideband(found, name)
        for i in range(len(mask)):
            scores, limits = found.scores[i], CUTS[found.fold[i]]
            good = scores[place] < limits[place] and scores[1 - place] >= limits[1 - place]
            assert mask[i] == good
        assert mask.any()
        apart(mask, found.chosen)
    apart(*(regions.sideband(found, name) for name in RECIPE.names), found.chosen)


def test_near_sideband_of_the_note():
    reco = madereco.some(50, algorithm="tomographic", protons=np.arange(50) % 2)
    score = uniforms(6, 6, len(reco), 1)
    one = RECIPE._replace(against=RECIPE.against[:1])
    found = selection.Search(selection.Trained(one, ()), score, None, None, None)
    mask = regions.near(found, reco)
    assert np.array_equal(mask, (score[:, 0] > 0.6) & (score[:, 0] <= 0.7) & (reco.protons == 0))
    apart(mask, score[:, 0] > selection.SIGNAL_REGION)
    assert list(regions.between(np.array([0.6, 0.65, 0.7, 0.71, np.nan]), 0.6, 0.7)) == [
        False, True, True, False, False]


BROAD = RECIPE._replace(against=tuple((name, ("numu",)) for name in ("cosmic", "pi0", "nue",
                                                                     "other")))


def four(n=400):
    """Four scores by dice; a tenth were not asked about."""
    reco = madereco.some(n, kinds=("signal", "pi0"))
    u = uniforms(7, 7, len(reco), 5)
    scores = np.where(u[:, 4:] < 0.1, np.nan, u[:, :4])
    fold = np.arange(len(reco)) % 5
    limits = np.tile([0.9, 0.8, 0.4, 0.7], (5, 1)) + np.arange(5)[:, None] / 100
    chosen = (np.nan_to_num(scores) >= limits[fold]).all(axis=1)
    return reco, selection.Search(selection.Trained(BROAD, ()), scores, fold, limits, chosen)


def test_far_sidebands_against_a_loop():
    reco, found = four()
    loose = regions.Loose(power=0.5, wall=55.0)
    masks = {name: regions.far(found, reco, name, loose=loose) for name in regions.RICH}
    for i, scores in enumerate(found.scores):
        cut = [max(each, 0.5) for each in found.cuts[found.fold[i]]]
        cosmic, pi0, nue, other = (
            np.nan if np.isnan(s) else s >= 1 / (1 + ((1 - c) / c) ** 0.5)
            for s, c in zip(scores, cut, strict=True))
        if np.isnan(cosmic):
            wanted = False, False
        else:
            wanted = (cosmic and nue and other and not pi0,
                      cosmic and nue and not other and reco.wall[i] <= 55)
        assert (masks["pi0"][i], masks["dirt"][i]) == wanted
    assert all(mask.sum() > 20 for mask in masks.values())
    apart(*masks.values(), found.chosen)


def test_far_sidebands_hold_nobody_who_is_chosen():
    reco, found = four()
    none = np.full_like(found.cuts, -np.inf)
    open_door = found._replace(cuts=none, chosen=~np.isnan(found.scores).any(axis=1))
    for name in regions.RICH:
        assert not regions.far(open_door, reco, name).any()


def test_loosened_cuts_have_odds_to_a_power():
    cuts = np.array([0.5, 0.6, 0.9, 0.999])
    for power in (0.3, 1.0):
        loose = regions.loosened(cuts, power)
        assert np.allclose(loose / (1 - loose), (cuts / (1 - cuts)) ** power, rtol=1e-12)
    assert (regions.loosened(cuts, 0.0) == 0.5).all()
    assert regions.loosened([-np.inf, 0.2, 1.0], 0.5).tolist() == [0.5, 0.5, 1.0]


def test_events_have_rows_of_both_algorithms():
    parts = [madereco.some(10, kinds=("pi0", "dirt"), algorithm=name)
             for name in ("projective", "tomographic")]
    reco = madereco.joined(*parts)
    mask = np.zeros(len(reco), dtype=bool)
    mask[[3, 14, 25]] = True
    wanted = {(reco.kind[i], reco.event[i]) for i in (3, 14, 25)}
    found = regions.events(reco, mask)
    assert found.sum() == 6
    assert {*zip(reco.kind[found], reco.event[found], strict=True)} == wanted


def test_topologies_share_nothing_and_hold_all():
    reco = madereco.some(20)
    masks = [regions.topology(reco, name) for name in TOPOLOGIES]
    apart(*masks)
    assert np.sum(masks, axis=0).min() == 1


def test_flow_counts_as_a_loop_does():
    reco = madereco.some(40)
    rules = regions.Plain(border=45.0, wall=40.0, track=60.0, angle=60.0, energy=42.0)
    steps = regions.plain(reco, "projective", rules=rules)
    flow = regions.flow(steps, reco.kind, reco.weight)
    assert next(iter(flow)) == "all"
    left = range(len(reco))
    for words, mask in steps.items():
        left = [i for i in left if mask[i]]
        for k in range(len(KINDS)):
            assert flow[words][k] == pytest.approx(
                sum(reco.weight[i] for i in left if reco.kind[i] == k), abs=1e-12)
    totals = np.array(list(flow.values()))
    assert (np.diff(totals, axis=0) <= 1e-12).all()
    assert 0 < totals[-1].sum() < totals[0].sum()


def test_each_plain_cut_looks_where_it_says():
    reco = madereco.some(40, protons=np.arange(40) % 2)
    steps = regions.plain(reco, "projective")
    rules = regions.PLAIN
    assert np.array_equal(steps["no proton"], reco.protons == 0)
    assert np.array_equal(steps["away from the walls"], reco.border >= rules.border)
    assert np.array_equal(steps["not from outside"], reco.wall >= rules.wall)
    assert np.array_equal(steps["forward"], reco.angle <= rules.angle)
    assert not any(mask.any() for mask in regions.plain(reco, "tomographic").values())


def test_flow_of_some_rows():
    reco = madereco.some(30)
    mine = reco.kind == 0
    flow = regions.flow({"half": reco.event % 2 == 0}, reco.kind, np.ones(180), where=mine)
    assert flow["all"].sum() == flow["all"][0] == 30
    assert flow["half"][0] == 15


@pytest.mark.parametrize(("call", "words"), [
    (lambda reco, found: regions.topology(reco, "3s"), "unknown topology '3s'; wanted one of 1s0t"),
    (lambda reco, found: regions.between(reco.gap, 0.7, 0.6), "wanted low < high"),
    (lambda reco, found: regions.near(found, reco), "wanted one score for each row"),
    (lambda reco, found: regions.sideband(found, "dirt"), "no model against 'dirt'"),
    (lambda reco, found: regions.far(found, reco, "nue"), "far sideband 'nue'.*wanted one of pi0"),
    (lambda reco, found: regions.far(found, reco, "pi0", loose=regions.Loose(power=2.0)),
     "0 ≤ power ≤ 1"),
    (lambda reco, found: regions.events(reco, [True]), "a mask of shape"),
    (lambda reco, found: regions.flow({"a": reco.gap}, reco.kind, reco.weight), "a mask of shape")])
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call(*search(10))
