"""What models may see: columns, the door, the folds; nothing that tells the answer."""

import numpy as np
import pytest
from scipy.stats import chisquare

import madereco
from darkpairs import inputs
from darkpairs.batches import KINDS
from darkpairs.record import TOPOLOGIES, Reco
from darkpairs.rng import stream, uniforms


def test_no_column_tells_the_answer():
    rides = {"event", "kind", "weight", "algorithm"}
    assert not {*inputs.COLUMNS} & ({*Reco.TRUTH} | rides | {*inputs.PLACES})
    assert {*inputs.COLUMNS} | {*inputs.PLACES, "unclustered"} == {*Reco.FEATURES}
    assert "unclustered" not in inputs.COLUMNS  # it tells of muons, where there are any
    assert {*inputs.MAY_LACK} < {*Reco.FEATURES}
    for name in (*Reco.TRUTH, *rides):
        with pytest.raises(ValueError, match=f"columns \\['{name}'\\] are no features"):
            inputs.matrix(madereco.some(3), slice(None), (*inputs.COLUMNS, name))
    with pytest.raises(ValueError, match=r"columns \[\] are no features; wanted some of topology"):
        inputs.matrix(madereco.some(3), slice(None), ())


def test_door_agrees_with_a_loop():
    reco = madereco.some(80, algorithm="tomographic")
    lost = np.where(np.arange(len(reco)) % 7 == 0, np.nan, reco.energy_leading)
    reco = madereco.taken(reco, slice(None), energy_leading=lost,
                          protons=np.arange(len(reco)) // 4 % 3, topology=np.arange(len(reco)) % 4)
    door = inputs.Door(energy=45.0, border=50.0, protons=1.0)
    mask = inputs.preselect(reco, algorithm="tomographic", topologies=("2s0t", "other"), door=door)
    for i in range(len(reco)):
        good = (TOPOLOGIES[reco.topology[i]] in ("2s0t", "other") and lost[i] >= 45.0
                and reco.border[i] >= 50.0 and reco.protons[i] <= 1)
        assert mask[i] == good
    assert 0 < mask.sum() < len(mask)
    assert not inputs.preselect(reco, algorithm="projective").any()


def test_columns_come_in_their_order():
    reco = madereco.some(5)
    values = inputs.matrix(reco, np.array([3, 1]), ("gap", "angle"))
    assert np.array_equal(values, np.column_stack([reco.gap, reco.angle])[[3, 1]], equal_nan=True)


def test_numbers_that_mean_nothing_are_refused():
    reco = madereco.some(5)
    for name, number, words in (("angle", np.nan, "wanted finite numbers$"),
                                ("gap", np.inf, "or NaN for what is not there"),
                                ("energy_leading", np.inf, "in 1 of 30 rows")):
        column = np.array(getattr(reco, name))
        column[0] = number
        bad = madereco.taken(reco, slice(None), **{name: column})
        with pytest.raises(ValueError, match=f"column '{name}' holds NaN or infinity.*{words}"):
            inputs.matrix(bad, slice(None))


def test_folds_are_throws_of_the_dice_of_kind_and_number():
    n = 4000
    for name in ("signal", "pi0"):
        fold = inputs.folds(madereco.kind_of(name, n))
        u = uniforms(0, stream(name, "fold"), n, 1)[:, 0]
        assert np.array_equal(fold, np.floor(5 * u))
        assert chisquare(np.bincount(fold, minlength=5)).pvalue > 0.01
    both = [inputs.folds(madereco.kind_of(name, n)) for name in ("signal", "pi0")]
    table = np.histogram2d(*both, bins=5)[0].ravel()
    assert chisquare(table).pvalue > 0.01  # unrelated from kind to kind


def test_an_event_keeps_its_fold():
    reco = madereco.some(200)
    fold = inputs.folds(reco)
    order = np.argsort(uniforms(1, 2, len(reco), 1)[:, 0])
    assert np.array_equal(inputs.folds(madereco.taken(reco, order)), fold[order])
    late = inputs.folds(madereco.kind_of("nue", 50, first=150, algorithm="tomographic"))
    assert np.array_equal(late, fold[reco.kind == KINDS.index("nue")][150:])


@pytest.mark.parametrize(("call", "words"), [
    (lambda reco: inputs.folds(reco, 1), "1 folds; wanted a whole number from 2 to 100"),
    (lambda reco: inputs.folds(madereco.taken(reco, [0], kind=[99])), "kinds from 99 to 99"),
    (lambda reco: inputs.preselect(reco, algorithm="wire"), "unknown algorithm 'wire'"),
    (lambda reco: inputs.preselect(reco, algorithm="projective", topologies=("3s0t",)),
     "topologies .*; wanted some of 1s0t"),
    (lambda reco: inputs.preselect(reco, algorithm="projective",
                                   door=inputs.Door(border=np.nan)), "border = nan; wanted")])
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call(madereco.some(3))
