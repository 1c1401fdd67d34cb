"""Gates closed and open, in every order of calls; records that cannot be bent; bad input."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from darkpairs import blinding, likelihood, register
from darkpairs.blinding import Check, Closed, Gate, Plan, amend, judge, read, seal, status

EDGES = np.linspace(0, 1, 5)
MEAN = np.array([40.0, 30.0, 20.0, 10.0])
COVARIANCE = np.outer(0.1 * MEAN, 0.1 * MEAN) + np.diag(0.02 * MEAN)
FAR, NEAR = ("pions", "dirt"), ("near",)


def check(region, mean=MEAN):
    return Check(region, "energy", EDGES, mean, COVARIANCE)


def plan(p=0.01, **options):
    return Plan((Gate("open data", p, (check("open pions", 0.1 * MEAN),), **options),
                 Gate("far sidebands", p, tuple(check(name) for name in FAR), **options),
                 Gate("near sideband", p, tuple(check(name) for name in NEAR), **options)))


def events(seed, wrong=()):
    """Data after the prediction, region by region; regions in `wrong` lack most of what is soft."""
    energy, regions = [], []
    for k, name in enumerate(("open pions", *FAR, *NEAR, "signal")):
        counts = likelihood.fluctuate(MEAN, COVARIANCE, toys=1, seed=seed, name=name)[0]
        counts = np.round(counts * (0.1 if k == 0 else 1) * ([0.1, 0.6, 1, 1] if name in wrong
                                                             else np.ones(4))).astype(int)
        energy.append(np.repeat((EDGES[:-1] + EDGES[1:]) / 2, counts))
        regions += [name] * counts.sum()
    regions = np.array(regions)
    masks = {name: regions == name for name in dict.fromkeys(regions.tolist())}
    return {"energy": np.concatenate(energy), "row": np.arange(len(regions))}, masks


@pytest.fixture(scope="module")
def good():
    return seal(*events(1), plan(), of="a good world")


@pytest.fixture(scope="module")
def bad():
    return seal(*events(1, wrong=("dirt",)), plan())


def gates(vault, *names):
    for name in names:
        vault = judge(vault, name)
    return vault


ALL = ("open data", "far sidebands", "near sideband")


def test_all_is_closed_at_first(good):
    with pytest.raises(Closed, match="the signal region 'signal' is closed by gate 'open data': it "
                       "was not tried yet; wanted these to pass, in this order: open data, far "
                       "sidebands, near sideband") as told:
        read(good, "signal")
    assert told.value.gate == "open data"
    for region in ("open pions", *FAR, *NEAR):
        with pytest.raises(Closed, match=f"region '{region}' is closed by gate 'open data'"):
            read(good, region)
    assert set(status(good).values()) == {"not tried"}
    assert not blinding.opened(good)


def test_gates_open_one_after_the_other(good):
    columns, masks = events(1)
    one = judge(good, "open data")
    assert (read(one, "open pions")["row"] == columns["row"][masks["open pions"]]).all()
    with pytest.raises(Closed, match="closed by gate 'far sidebands'"):
        read(one, "near")
    two = gates(one, "far sidebands")
    assert len(read(two, "dirt")["energy"]) == masks["dirt"].sum()
    with pytest.raises(Closed, match=r"signal.*closed by gate 'near sideband': it was not tried"):
        read(two, "signal")
    three = gates(two, "near sideband")
    assert blinding.opened(three)
    assert (read(three, "signal")["energy"] == columns["energy"][masks["signal"]]).all()
    assert set(status(three).values()) == {"passed"}
    assert "signal open" in repr(three)
    assert "signal sealed" in repr(two)


def test_a_gate_that_fails_stays_closed(bad):
    vault = gates(bad, "open data", "far sidebands")
    assert list(status(vault).values()) == ["passed", "failed", "not tried"]
    result = blinding.results(vault)[-1]
    assert result["checks"]["dirt: energy"] < 0.005 <= result["checks"]["pions: energy"]
    assert result["p"] == 2 * min(result["checks"].values())
    for call in (lambda: read(vault, "signal"), lambda: read(vault, "near"),
                 lambda: judge(vault, "near sideband")):
        with pytest.raises(Closed, match="'far sidebands': it has failed with p = ") as told:
            call()
        assert told.value.gate == "far sidebands"
    with pytest.raises(ValueError, match="'far sidebands' was tried and has failed; wanted a plan"):
        judge(vault, "far sidebands")
    assert len(read(vault, "dirt")["energy"])  # who has to find a mistake must be able to look


@pytest.mark.parametrize("name", ["good", "bad"])
def test_no_order_of_calls_reads_the_signal_region_too_early(name, request):
    """Slow twin: a list of gates that have passed, and every sequence of three calls."""
    vault = request.getfixturevalue(name)
    for calls in itertools.product(ALL, repeat=3):
        now, passed, stuck = vault, [], False
        for call in calls:
            may = not stuck and len(passed) < 3 and call == ALL[len(passed)]
            try:
                now = judge(now, call)
            except ValueError:
                assert not may
                continue
            assert may
            if name == "bad" and call == "far sidebands":
                stuck = True
            else:
                passed.append(call)
        open_now = passed == list(ALL)
        assert blinding.opened(now) == open_now
        if not open_now:
            with pytest.raises(Closed):
                read(now, "signal")


@pytest.mark.parametrize("toys", [0, 2000])
def test_right_predictions_are_stopped_as_rarely_as_declared(toys):
    """Three spectra, p = 0.1: stopped at most in a tenth of all worlds, and not much less."""
    names = ("a", "b", "c")
    gate = Gate("all", 0.1, tuple(check(name) for name in names), toys=toys)
    rows = [likelihood.fluctuate(MEAN, COVARIANCE, toys=300, seed=5, name=name) for name in names]
    middle, stopped = (EDGES[:-1] + EDGES[1:]) / 2, 0
    for counts in zip(*rows, strict=True):
        energy = np.concatenate([np.repeat(middle, row.astype(int)) for row in counts])
        which = np.repeat(np.arange(3), [int(row.sum()) for row in counts])
        masks = {name: which == k for k, name in enumerate(names)}
        vault = seal({"energy": energy}, masks | {"signal": which > 2}, Plan((gate,)))
        stopped += not blinding.opened(judge(vault, "all"))
    assert 0.04 < stopped / 300 < 0.1 + 3 * np.sqrt(0.09 / 300)


def test_records_are_the_same_for_the_same_plan_and_data(good):
    again = gates(seal(*events(1), plan(), of="a good world"), *ALL)
    assert gates(good, *ALL).record == again.record
    assert register.intact(again.record)
    assert blinding.whose(again) == "a good world"
    other = seal(*events(2), plan(), of="a good world")
    assert other.record[0] != good.record[0]
    lines = [json.loads(line.text) for line in again.record]
    assert lines[1]["declared"] == register.digest(plan())
    assert lines[1]["gates"] == [[name, 0.01] for name in ALL]


def test_a_bent_record_or_plan_is_noticed(bad):
    vault = gates(bad, "open data", "far sidebands")
    forged = json.loads(vault.record[-1].text) | {"passed": True}
    bent = replace(vault, record=(*vault.record[:-1], vault.record[-1]._replace(
        text=json.dumps(forged, ensure_ascii=False, sort_keys=True))))
    easier = replace(vault, plan=plan(p=1e-9))
    for wrong in (bent, easier):
        for call in (lambda v: read(v, "dirt"), lambda v: judge(v, "near sideband"),
                     lambda v: amend(v, plan(), reason="x")):
            with pytest.raises(ValueError, match="wanted the plan as it was declared"):
                call(wrong)


def test_an_amended_plan_starts_anew_and_keeps_its_past(bad):
    vault = gates(bad, "open data", "far sidebands")
    new = plan()
    far = new.gates[1]._replace(checks=(check("pions"), check("dirt", MEAN * [0.1, 0.6, 1, 1])))
    better = amend(vault, new._replace(gates=(new.gates[0], far, new.gates[2])),
                   reason="dirt was thrown without its soft photons")
    assert set(status(better).values()) == {"not tried"}
    assert better.record[:len(vault.record)] == vault.record
    assert "soft photons" in better.record[-1].text
    done = gates(better, *ALL)
    assert blinding.opened(done)
    assert len(read(done, "signal")["energy"])
    with pytest.raises(ValueError, match=r"all gates have passed.*wanted the plan as it was"):
        amend(done, plan(), reason="a better limit")


def test_spectra_together_can_fail_where_each_passes():
    """One rises, the other falls, though the errors would move both alike."""
    shift = 0.45 * np.concatenate([MEAN, MEAN])
    joint = np.outer(shift, shift)
    checks = tuple(check(name)._replace(covariance=joint[:4, :4]) for name in FAR)
    counts = np.round(np.concatenate([1.45 * MEAN, 0.55 * MEAN])).astype(int)
    middle = np.tile((EDGES[:-1] + EDGES[1:]) / 2, 2)
    pions = np.repeat(np.arange(8) < 4, counts)
    masks = {"pions": pions, "dirt": ~pions, "signal": np.zeros(len(pions), dtype=bool)}
    alone, both = (judge(seal({"energy": np.repeat(middle, counts)}, masks, Plan((
        Gate("far", 0.01, checks, *options),))), "far") for options in ((), (joint,)))
    assert blinding.opened(alone)
    assert not blinding.opened(both)
    (result,) = blinding.results(both)
    total = likelihood.goodness(counts, np.concatenate([MEAN, MEAN]), joint, statistic="pearson")
    assert np.isclose(result["checks"]["together"], total.p, rtol=1e-9, atol=0)
    assert result["p"] == 3 * result["checks"]["together"]


def test_a_sideband_may_not_share_events_with_the_signal_region():
    columns, masks = events(1)
    masks["near"] = masks["near"] | (masks["signal"] & (columns["row"] % 10 == 0))
    shared = (masks["near"] & masks["signal"]).sum()
    with pytest.raises(ValueError, match=f"'near' and 'signal' share {shared} of "):
        seal(columns, masks, plan())


def test_what_was_sealed_is_a_copy_and_cannot_be_written():
    columns, masks = events(1)
    vault = gates(seal(columns, masks, plan()), *ALL)
    columns["energy"][:] = 0
    masks["signal"][:] = True
    assert read(vault, "signal")["energy"].all()
    with pytest.raises(ValueError, match="read-only"):
        vault._columns["energy"][0] = 1


ONE = {"energy": np.zeros(3)}
MASKS = {"near": np.array([True, False, False]), "signal": np.array([False, True, False])}


def tried(columns=ONE, masks=MASKS, **change):
    near = check("near")._replace(**change)
    return seal(columns, masks, Plan((Gate("near", 0.1, (near,)),)))


@pytest.mark.parametrize(("call", "message"), [
    (lambda: tried(columns={"energy": np.zeros(2)}), r"of \[2, 3\] events; wanted all of the same"),
    (lambda: tried(columns={**ONE, "kind": np.zeros(3)}), r"columns \['kind'\] say who an event"),
    (lambda: tried(columns={**ONE, "truth_purity": np.zeros(3)}), "'truth_purity'"),
    (lambda: tried(region="far"), "wanted a region of near, signal and a column of energy"),
    (lambda: judge(tried(), "far"), "no gate 'far'; there are near"),
    (lambda: read(judge(tried(), "near"), "far"), "no gate .* 'far'; wanted near, signal"),
    (lambda: amend(tried(), plan(), reason=" "), "wanted 'signal' as before, and a reason"),
    (lambda: amend(tried(), plan()._replace(signal="near"), reason="x"), "signal region 'near'"),
])
def test_bad_input_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call()
