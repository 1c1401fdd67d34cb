"""Verdicts: dedicated samples, a slow twin, couplings, limits, MiniBooNE, reach, bad input."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from darkpairs import density, miniboone, model, rates, sensitivity, verdict, weights
from darkpairs.counting import effective
from fewanswers import EXPECTED, dedicated, few

POINTS = {
    "light": model.broad(m5=100.0, delta=3.0, m_zprime=30.0, vmu5=1e-4),
    "light, less": model.broad(m5=140.0, delta=2.0, m_zprime=30.0, vmu5=1e-4),
    "heavy": model.broad(m5=210.0, delta=3.0, m_zprime=800.0, vmu5=1e-2),
    "3+1": model.focused(m4=110.0, umu4_squared=1e-8),
    "Majorana": model.broad(m5=200.0, delta=3.0, m_zprime=600.0, vmu5=1e-2, majorana=True),
}
# lives kilometres, or metres with a larger coupling, which also makes it end
LONG = model.three_plus_one(m4=200.0, m_zprime=800.0, alpha_d=0.25, epsilon=8e-4, umu4=1e-2)


@pytest.fixture(scope="module")
def heavy():
    return verdict.of(POINTS["heavy"], answers=few())


@pytest.mark.parametrize("name", POINTS)
def test_weighted_pairs_are_selected_like_those_of_a_dedicated_sample(name):
    point = POINTS[name]
    truth, shares = dedicated(point)
    for found, share, expected in zip(verdict.signals(point, answers=few()), shares, EXPECTED,
                                      strict=True):
        assert found.pairs == pytest.approx(truth.weight.sum() * expected.pot, rel=1e-9, abs=0)
        n, p = found.effective, np.append(share, share.sum())
        error = np.sqrt(p * (1 - p) * (1 / n + 1 / len(truth)))
        mine = np.append(found.events, found.selected) / found.pairs
        assert (np.abs(mine - p) < 3.5 * error + 1e-9).all(), (mine, p, error)
        assert found.efficiency == pytest.approx(mine[-1], rel=1e-12)


def test_a_signal_is_what_a_slow_loop_finds():
    point, table = POINTS["heavy"], few()
    weight = table.scale * density.of(point, table.pairs())
    for k, found in enumerate(verdict.signals(point, answers=table)):
        events = [0.0] * len(EXPECTED[k])
        for w, place in zip(weight, table.bins[k], strict=True):
            if place >= 0:
                events[place] += w
        rate = rates.expected_events(point, pot=EXPECTED[k].pot)
        share = np.array(events) / weight.sum()
        np.testing.assert_allclose(found.events, rate * share, rtol=1e-9)
        residual = weight * ((table.bins[k] >= 0) - share.sum())
        assert found.error == pytest.approx(
            rate * np.sqrt((residual**2).sum()) / weight.sum(), rel=1e-9, abs=0)
        assert found.effective == pytest.approx(effective(weight), rel=1e-12)


def test_four_times_the_coupling_is_four_times_the_signal(heavy):
    more = verdict.of(verdict.coupled(POINTS["heavy"], 4 * heavy.squared), answers=few())
    assert more.squared == pytest.approx(4 * heavy.squared, rel=1e-12, abs=0)
    for one, other in zip(heavy.searches, more.searches, strict=True):
        np.testing.assert_allclose(other.signal.events, 4 * one.signal.events, rtol=1e-9)
        np.testing.assert_allclose(other.limit.expected, one.limit.expected, rtol=1e-6)
    assert more.miniboone.smallest == pytest.approx(heavy.miniboone.smallest, abs=1e-4)
    assert more.miniboone.strength == pytest.approx(heavy.miniboone.strength / 4, rel=1e-2)


@pytest.mark.parametrize("point", [POINTS["heavy"], LONG], ids=["heavy", "long"])
def test_at_the_limit_cls_is_what_the_level_asks(point):
    found = verdict.of(point, answers=few()).of("focused")
    again = verdict.scan(point, found.limit.expected, search="focused", answers=few())
    np.testing.assert_allclose(np.diag(again.cls.expected), 0.05, rtol=2e-3)
    assert not np.isfinite(found.limit.observed)


def test_a_long_life_bends_the_law_of_the_coupling():
    """Where few decay inside, both making and decaying go as U²: the signal as its square."""
    squares = np.array([1e-9, 1e-8])
    found = verdict.scan(LONG, squares, search="focused", answers=few())
    for square, events in zip(squares, found.events, strict=True):
        own = verdict.signals(verdict.coupled(LONG, square), answers=few())[1].events
        np.testing.assert_allclose(events, own, rtol=1e-9)
    assert 11 < found.events[1].sum() / found.events[0].sum() < 101
    straight = verdict.scan(POINTS["heavy"], squares, search="broad", answers=few())
    np.testing.assert_allclose(straight.events[1], 10 * straight.events[0], rtol=1e-9)


def test_a_scan_is_the_verdict_at_each_coupling(heavy):
    point, squares = POINTS["heavy"], heavy.squared * np.array([0.3, 1.0])
    found = verdict.scan(point, squares, search="broad", answers=few())
    np.testing.assert_allclose(found.events[1], heavy.of("broad").signal.events, rtol=1e-9)
    np.testing.assert_allclose(found.cls.expected[:, 1], heavy.of("broad").cls.expected, rtol=1e-6)
    assert np.isnan(found.cls.observed).all()
    counts = [50, 10, 3]
    seen = verdict.scan(point, squares, search="broad", answers=few(), data={"broad": counts})
    mine = EXPECTED[0].template(found.events[0])
    assert seen.cls.observed[0] == pytest.approx(sensitivity.cls(mine, counts, 1.0).observed,
                                                 rel=1e-6)


def test_counts_are_compared_with_the_signal(heavy):
    counts = [50, 10, 3]
    found = verdict.of(POINTS["heavy"], answers=few(), data={"broad": counts})
    template = EXPECTED[0].template(heavy.of("broad").signal.events)
    band = sensitivity.cls(template, counts, 1.0)
    assert found.of("broad").cls.observed == pytest.approx(band.observed, rel=1e-9)
    limit = sensitivity.upper_limit(template, counts)
    assert found.of("broad").limit.observed == pytest.approx(heavy.squared * limit.observed,
                                                             rel=1e-6)
    assert np.isnan(found.of("focused").cls.observed)
    assert found.of("broad").delta == pytest.approx(
        sensitivity.delta_chi2(template, template.total, 1.0), rel=1e-9)
    assert found.of("broad").excluded == (band.expected[2] < 0.05)


def test_protons_add_pairs(heavy, monkeypatch):
    monkeypatch.setattr(verdict, "LEAST", 30.0)  # the small cocktail has few pairs like these
    monkeypatch.setattr(verdict, "ENOUGH", 30.0)
    both = verdict.of(POINTS["heavy"], answers=few(), regime="both")
    for one, more, expected in zip(heavy.searches, both.searches, EXPECTED, strict=True):
        wanted = rates.expected_events(POINTS["heavy"], pot=expected.pot, regime="both")
        assert more.signal.pairs == pytest.approx(wanted, rel=1e-6)
        assert (more.signal.events > one.signal.events).all()
        assert more.signal.selected < wanted


def test_the_excess_is_that_of_miniboone():
    point = POINTS["heavy"]
    found = verdict.excess(point, events=5000)
    predicted = miniboone.predict(point, events=5000, earth=True)
    assert np.array_equal(found.predicted, predicted)
    assert found.chi2 == pytest.approx(miniboone.chi2(predicted[None])[0], rel=1e-12)
    assert found.null == pytest.approx(miniboone.chi2(0 * predicted[None])[0], rel=1e-12)
    around = found.strength * np.geomspace(0.03, 30, 301)
    values = miniboone.chi2(around[:, None] * predicted)
    assert values.min() >= found.smallest - 1e-9
    assert values.min() == pytest.approx(found.smallest, abs=0.05)
    assert found.delta == found.chi2 - found.smallest >= 0


def test_points_beyond_reach_are_refused_with_what_there_is():
    other = model.broad(m5=100.0, delta=3.0, m_zprime=45.0, vmu5=1e-4)
    with pytest.raises(verdict.Reach, match=r"0 effective pairs .*; there are pairs of real Z′ of "
                                            r"30 MeV and \d+ of virtual ones, from ν_h of 90 to 2"):
        verdict.of(other, answers=few())
    far = model.broad(m5=3000.0, delta=3.0, m_zprime=30.0, vmu5=1e-4)
    with pytest.raises(ValueError, match=r"too heavy|effective pairs"):
        verdict.of(far, answers=few())


def test_a_cocktail_that_lacks_a_part_of_the_pairs_is_refused():
    table = few()
    energy = table.pairs()[:, 0] + table.pairs()[:, 4]
    with pytest.raises(verdict.Reach, match=r"hold \d\d % of those of ν_h of 210 MeV"):
        verdict.signals(POINTS["heavy"], answers=part(table, energy < 500))


def part(table, mask):
    names = ("momenta", "start", "zprime", "recoil", "scale")
    return replace(table, bins=table.bins[:, mask],
                   **{name: getattr(table, name)[mask] for name in names})


def test_few_pairs_are_told():
    table = few()
    some = np.arange(len(table)) % 16 == 0
    small = part(table, some)
    small = replace(small, scale=16 * small.scale)
    with pytest.warns(weights.TooFew, match="effective events of 1000"):
        verdict.signals(POINTS["heavy"], answers=small)


@pytest.mark.parametrize("change", [dict(epsilon=0.0), dict(umu_light=0.0, umu_heavy=0.0),
                                    dict(ud_light=0.0)])
def test_couplings_of_zero_are_refused(change):
    with pytest.raises(ValueError, match="wanted all > 0, else there are no pairs"):
        verdict.of(model.replace(POINTS["heavy"], **change), answers=few())


def test_what_makes_no_sense_is_refused(heavy):
    point = POINTS["heavy"]
    with pytest.raises(ValueError, match="unknown regime 'neutron'"):
        verdict.of(point, answers=few(), regime="neutron")
    with pytest.raises(ValueError, match=r"counts for \['best'\]"):
        verdict.of(point, answers=few(), data={"best": [1.0]})
    with pytest.raises(ValueError, match="data of shape"):
        verdict.of(point, answers=few(), data={"broad": [1.0]})
    with pytest.raises(ValueError, match="no search 'best'; there are broad, focused"):
        verdict.scan(point, 1e-5, search="best", answers=few())
    with pytest.raises(ValueError, match="no search 'best'; there are broad, focused"):
        heavy.of("best")
    for square in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match=r"squared coupling .*; wanted a number > 0"):
            verdict.scan(point, square, search="broad", answers=few())
    with pytest.raises(ValueError, match=r"must be in \[-1, 1\]"):
        verdict.scan(point, 1e3, search="broad", answers=few())


def test_a_limit_that_no_mixing_reaches_is_none():
    weak = model.broad(m5=210.0, delta=3.0, m_zprime=1250.0, vmu5=1e-2)
    weak = model.replace(weak, epsilon=1e-6)
    found = verdict.of(weak, answers=few())
    assert np.isinf(found.of("broad").limit.expected).all()
    assert not found.of("broad").excluded


def test_benchmarks_with_the_answers_that_ship():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", weights.TooFew)
        for name in ("note", "example", "light-140", "ours-3-30", "star-0.5-1250"):
            for each in verdict.signals(model.BENCHMARKS[name]):
                assert 0 < each.efficiency < 1
                assert each.error < 0.3 * each.selected
