"""Data of sealed worlds: their dice, what they multiply, and seals that hold. None is told here."""

import json
import warnings

import numba
import numpy as np
import pytest
from scipy import stats

from darkpairs import batches, blinding, detector, worlds
from darkpairs.batches import KINDS
from darkpairs.blinding import Check, Gate, Plan
from darkpairs.worlds import Nature, draw, factors

PI0, DIRT, SIGNAL = (KINDS.index(name) for name in ("pi0", "dirt", "signal"))
POT = worlds.POT


def sample(n=3000, mean=0.3):
    """Rows of three kinds; each kind counts its own events from 0."""
    dice = np.random.default_rng(4)
    kind = np.repeat([PI0, DIRT, SIGNAL], [n // 2, n // 3, n - n // 2 - n // 3])
    pion = np.where(kind == PI0, dice.exponential(300, n), np.nan)
    event = np.concatenate([np.arange((kind == k).sum()) for k in (PI0, DIRT, SIGNAL)])
    return dict(event=event, kind=kind, weight=np.full(n, mean / POT), pion=pion)


def rows(nature=None, seed=1, pot=POT, name="open world", **given):
    return draw(nature or Nature(signal=1.0), pot=pot, seed=seed, name=name, **(sample() | given))


def counts(found, n=3000):
    return np.bincount(found, minlength=n)


def test_factors_against_the_slow_twin():
    nature = Nature(signal=2.0, pi0=0.8, dirt=1.5, bend=-0.3)
    given = sample(60)
    rate = {PI0: 0.8, DIRT: 1.5, SIGNAL: 2.0}
    found = factors(nature, given["kind"], given["pion"])
    for factor, kind, pion in zip(found, given["kind"], given["pion"], strict=True):
        bend = 1.0 if np.isnan(pion) else ((pion + 300) / 600) ** -0.3
        assert np.isclose(factor, rate[kind] * bend, rtol=1e-13)


def test_a_world_like_ours_changes_nothing():
    given = sample(60)
    assert (factors(Nature(signal=1.0), given["kind"], given["pion"]) == 1).all()
    every = np.arange(len(KINDS))[np.array(KINDS) != "gun"]
    assert (factors(Nature(), every, np.full(len(every), np.nan)) == (every != SIGNAL)).all()
    for name in Nature._fields[:-1]:  # each factor moves the kind of its name
        moved = factors(Nature(signal=1.0)._replace(**{name: 3.0}), every, np.full(9, np.nan))
        assert [KINDS[k] for k in every[moved == 3]] == [name.replace("_", "-")]


def test_a_bend_leaves_300_mev_and_turns_around_it():
    kind = np.full(3, PI0)
    low, middle, high = factors(Nature(bend=-0.5), kind, [0.0, 300.0, 900.0])
    assert np.isclose(low, np.sqrt(2), rtol=1e-13)
    assert middle == 1
    assert np.isclose(high, np.sqrt(0.5), rtol=1e-13)


def test_events_depend_on_their_own_number_alone():
    given, whole = sample(), counts(rows())
    some = np.random.default_rng(1).permutation(3000)[:700]
    part = rows(**{name: array[some] for name, array in given.items()})
    assert (counts(part, 700) == whole[some]).all()
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(max(1, numba.config.NUMBA_NUM_THREADS))
        assert (rows() == rows()).all()
    finally:
        numba.set_num_threads(before)
    assert (counts(rows(seed=2)) != whole).any()
    assert (counts(rows(name="other")) != whole).any()
    kinds = counts(rows())[:1000], counts(rows())[1500:2500]  # of equal numbers
    assert abs(np.corrcoef(*kinds)[0, 1]) < 0.13


def test_counts_follow_poisson():
    whole = np.concatenate([counts(rows(seed=seed)) for seed in range(20)])
    seen = np.bincount(np.minimum(whole, 3), minlength=4)
    wanted = np.append(stats.poisson.pmf([0, 1, 2], 0.3), stats.poisson.sf(2, 0.3)) * len(whole)
    assert stats.chisquare(seen, wanted).pvalue > 0.01


def test_counts_in_bins_are_poisson_whatever_is_selected():
    cut = sample()["pion"] > 500
    sums = [counts(rows(seed=seed))[cut].sum() for seed in range(300)]
    mean = 0.3 * cut.sum()
    assert abs(np.mean(sums) - mean) < 4 * np.sqrt(mean / 300)
    assert abs(np.var(sums) / mean - 1) < 4 * np.sqrt(2 / 300)


def test_exposure_and_rates_multiply():
    for nature, kind, factor in ((Nature(pi0=0.5), PI0, 0.5), (Nature(), SIGNAL, 0.0),
                                 (Nature(dirt=1.7), DIRT, 1.7)):
        mask = sample()["kind"] == kind
        found = sum(counts(rows(nature, seed=seed))[mask].sum() for seed in range(10))
        mean = 10 * 0.3 * factor * mask.sum()
        assert abs(found - mean) <= 4 * np.sqrt(mean)
    total = sum(len(rows(seed=seed, pot=POT / 3)) for seed in range(10))
    assert abs(total - 3000) < 4 * np.sqrt(3000)


def test_the_order_of_data_tells_nothing():
    found = rows()
    kind = sample()["kind"][found]
    place = np.arange(len(found))
    for k in (PI0, DIRT, SIGNAL):
        assert stats.kstest(place[kind == k] / len(found), "uniform").pvalue > 0.001


def test_crowded_rows_vary_more_and_are_told():
    weight = np.random.default_rng(3).uniform(0, 4, 3000) / POT
    many = worlds.crowd(weight, POT)
    assert np.isclose(many, (POT * weight**2).sum() / weight.sum(), rtol=1e-12)
    mean, sums = POT * weight[:500], []
    for k in range(400):  # other samples of the same sort: rows come or do not
        there = np.random.default_rng(k).poisson(1.0, 500)
        sums.append(np.random.default_rng(k + 999).poisson(there * mean).sum())
    wanted = mean.sum() * (1 + worlds.crowd(weight[:500], POT))
    assert abs(np.var(sums) / wanted - 1) < 4 * np.sqrt(2 / 400)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vault("north")
    crowded = np.where(sample()["kind"] == PI0, 0.3, 2.0) / POT
    with pytest.warns(worlds.Crowded, match="region 'signal': a row stands for 1.8 data events"):
        vault("north", weight=crowded)  # rows of dirt and signal alone are in the other regions
    assert worlds.crowd(np.zeros(3), POT) == 0


def test_pions_of_a_truth():
    n, offsets = 3, np.array([0, 2, 4, 6])
    p4 = np.zeros((6, 4))
    p4[1], p4[2], p4[3] = [150, 0, 30, 40], [170, 60, 0, 0], [180, 0, 0, 90]
    truth = batches.Truth(event=np.arange(n), kind=np.full(n, PI0), weight=np.ones(n),
                          vertex=np.zeros((n, 3)), e_nu=np.ones(n), offsets=offsets,
                          pdg=[14, 111, 111, 111, 14, 2212], p4=p4, start=np.zeros((6, 3)),
                          time=np.zeros(6), parent=np.full(6, -1))
    assert np.array_equal(worlds.pions(truth), [50, 60, np.nan], equal_nan=True)


def plan(error=1.0):
    mean, wide = np.array([0.3 * 750.0]), np.array([[(error * 0.3 * 750) ** 2]])
    part = worlds.OPEN / POT
    return Plan((Gate("open", 0.01, (Check("open side", "side", [0, 2], part * mean,
                                           part**2 * wide),)),
                 Gate("side", 0.01, (Check("side", "side", [0, 2], mean, wide),))))


def vault(world, error=1.0, **options):
    given = sample()
    pick = np.arange(3000) % 2 == 0
    side, signal = pick & (given["kind"] == PI0), ~pick
    return worlds.data(world, {"row": np.arange(3000), "side": side},
                       {"side": side, "signal": signal}, plan(error), **(given | options))


def opened(world):
    return blinding.judge(blinding.judge(vault(world), "open"), "side")


def test_recipes_are_those_that_were_sealed():
    assert worlds.seals() == worlds.SEALS
    assert len(set(worlds.SEALS.values())) == 3


def test_worlds_are_within_their_ranges_and_one_has_a_signal():
    natures = [worlds._nature(world) for world in worlds.WORLDS]
    assert sum(nature.signal > 0 for nature in natures) == 1
    assert natures[0] != natures[1]
    ranges = worlds.RANGES
    for nature in natures:
        assert nature.pi0 == nature.delta_gamma  # one error of the analysis moves both
        assert nature.numu == nature.nue
        for name, reach in (("pi0", ranges.resonances), ("pi0_coherent", ranges.coherent),
                            ("dirt", ranges.dirt), ("numu", ranges.charged),
                            ("numu_pi0", ranges.charged_pions), ("cosmic", ranges.cosmic)):
            assert 0 < abs(getattr(nature, name) - 1) <= reach
        assert 0 < abs(nature.bend) <= ranges.bend
        assert nature.signal == 0 or abs(nature.signal - 1) <= ranges.strength


def test_the_chamber_is_a_little_off():
    off, base = worlds.chamber(), detector.MICROBOONE
    assert detector.checked(off) == off
    moved = {name: getattr(off, name) / getattr(base, name) - 1 for name in base._fields
             if getattr(off, name) != getattr(base, name)}
    assert {*moved} == {"gain", "lifetime", "diffusion_long", "diffusion_trans", "box_beta",
                        "noise_flat", "noise_slope"}
    ranges = worlds.RANGES
    assert abs(moved["gain"]) <= ranges.gain
    assert -ranges.lifetime <= moved["lifetime"] < 0
    assert max(abs(moved["diffusion_long"]), abs(moved["diffusion_trans"])) <= ranges.diffusion
    assert abs(moved["box_beta"]) <= ranges.recombination
    assert max(abs(moved["noise_flat"]), abs(moved["noise_slope"])) <= ranges.noise


def test_data_are_the_same_each_time_and_differ_from_world_to_world():
    north, again, south = vault("north"), vault("north"), vault("south")
    assert north.record == again.record
    first = [json.loads(each.record[0].text) for each in (north, south)]
    assert first[0]["sealed"] != first[1]["sealed"]
    assert [each["of"] for each in first] == ["world north", "world south"]


def test_open_data_are_other_events_and_fewer():
    data = opened("north")
    side, part = (len(blinding.read(data, name)["row"]) for name in ("side", "open side"))
    assert 0 < part < 0.2 * side
    masks = data._regions
    assert set(masks) == {"side", "signal", "open side", "open signal"}
    assert not (masks["side"] & masks["open side"]).any()


def test_nothing_of_a_world_is_read_while_a_gate_is_closed():
    with pytest.raises(blinding.Closed, match="closed by gate 'open'"):
        blinding.read(vault("south"), "signal")
    half = blinding.judge(vault("south"), "open")
    for pair in ((vault("north"), vault("south")), (opened("north"), vault("south")),
                 (opened("north"), half)):
        with pytest.raises(blinding.Closed, match="closed by gate"):
            worlds.answer(*pair)


def test_the_answer_comes_after_all_gates():
    found = worlds.answer(opened("south"), opened("north"))
    assert list(found) == ["north", "south"]
    assert sum(nature.signal > 0 for nature in found.values()) == 1


def test_a_changed_recipe_is_noticed(monkeypatch):
    monkeypatch.setattr(worlds, "RANGES", worlds.RANGES._replace(dirt=0.7))
    with pytest.raises(ValueError, match="north, south are not those that were sealed"):
        worlds.answer(opened("south"), opened("north"))


GIVEN = sample(6)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: worlds.answer(opened("north")), "no vault of south; wanted one of each world"),
    (lambda: worlds.answer(*2 * [opened("north")]), "no vault of south"),
    (lambda: vault("west"), "no world 'west'; wanted one of north, south"),
    (lambda: vault("north", pot=-1.0), "at -1 POT; wanted one of each per row, and POT > 0"),
    (lambda: rows(weight=np.full(3000, -1.0)), "weights below 0"),
    (lambda: rows(event=np.zeros(3000)), "2997 rows are events that stand in another row"),
    (lambda: rows(kind=np.zeros(2)), r"kinds \(2,\) and weights"),
    (lambda: rows(seed=-1), "seed -1; wanted"),
    (lambda: rows(Nature(dirt=-0.1)), "wanted factors ≥ 0 and a finite bend"),
    (lambda: rows(Nature(bend=np.nan)), "wanted factors ≥ 0 and a finite bend"),
    (lambda: factors(Nature(), [KINDS.index("gun")], [1.0]), r"kinds \[1\] that no world has"),
    (lambda: factors(Nature(), [PI0], [-1.0]), "momenta ≥ 0 or NaN"),
])
def test_bad_input_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_sideband_that_overlaps_in_the_sample_is_refused():
    given, side = sample(), np.arange(3000) < 1500
    with pytest.raises(ValueError, match="'side' and 'signal' share 1 of 3000 events"):
        worlds.data("north", {"side": side}, {"side": side, "signal": np.arange(3000) >= 1499},
                    plan(), **given)
