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
    (lambda reco, found: regions.flow({"a": reco.gap}, reco.kind, reco.weight), "a mask of shape")])
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call(*search(10))
