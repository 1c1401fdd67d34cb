"""Roulette: what an event is worth, by hand and by its limits."""

from math import acos, exp

import numpy as np
import pytest

from darkpairs import background, detector, roulette
from darkpairs.roulette import MARKS


@pytest.fixture(scope="module")
def truths():
    return {kind: background.generate(kind, 400, seed=6) for kind in background.WITH_PHOTONS}


def slow(truth, i):
    """The worth of one event, in plain words."""
    rows = range(truth.offsets[i], truth.offsets[i + 1])
    photons = sorted((k for k in rows if truth.pdg[k] == 22), key=lambda k: -truth.p4[k, 0])
    one, two = (truth.p4[k] for k in photons[:2])
    low, high = detector.walls(detector.MICROBOONE)
    way = two[1:] / two[0]
    ahead = min(((high if way[c] > 0 else low)[c] - truth.vertex[i, c]) / way[c] for c in range(3))
    angle = acos(np.clip(one[1:] @ two[1:] / one[0] / two[0], -1, 1))
    kinetic = {code: max([truth.p4[k, 0] - mass for k in rows if abs(truth.pdg[k]) == code],
                         default=0.0) for code, mass in ((2212, 938.272), (13, 105.658))}
    good = (2.5 * exp(-(1 - one[3] / one[0]) / 0.1) + 1.2 * exp(-two[0] / 30)
            + 1.8 * exp(-angle / 0.35) + 0.9 * exp(-ahead / 25))
    bad = 0.7 * min(kinetic[2212] / 80, 1) + 1.5 * (1 - exp(-kinetic[13] / 100))
    return exp(good - bad - 6.4)


@pytest.mark.parametrize("kind", background.WITH_PHOTONS)
def test_the_worth_is_the_product_of_its_marks(truths, kind):
    truth = truths[kind]
    by_hand = [slow(truth, i) for i in range(len(truth))]
    assert roulette.worth(truth) == pytest.approx(by_hand, rel=1e-4, abs=0)


def test_the_worth_is_never_above_the_best_nor_too_low(truths):
    for truth in truths.values():
        worth = roulette.worth(truth)
        assert worth.max() <= 1
        assert worth.min() >= exp(-MARKS.best - MARKS.proton - MARKS.muon)
        assert worth.max() > 20 * worth.min()


def test_without_marks_all_are_worth_the_same(truths):
    none = MARKS._replace(forward=0.0, soft=0.0, close=0.0, leaves=0.0, proton=0.0, muon=0.0)
    assert (roulette.worth(truths["pi0"], marks=none) == 1).all()
    assert none.best == 0


@pytest.mark.parametrize(("kind", "mark"), [
    ("pi0", "forward"), ("pi0", "soft"), ("pi0", "close"), ("pi0", "leaves"), ("pi0", "proton"),
    ("numu-pi0", "muon")])
def test_each_mark_multiplies_by_a_share_of_itself(truths, kind, mark):
    more = MARKS._replace(**{mark: getattr(MARKS, mark) + 1})
    rise = np.log(roulette.worth(truths[kind], marks=more) / roulette.worth(truths[kind]))
    assert rise.min() >= -1 - 1e-12
    assert rise.max() <= 1e-12
    assert np.ptp(rise) > 0.3


def test_events_without_two_photons_are_refused():
    with pytest.raises(ValueError, match="event 0 has fewer than two photons; wanted events with"):
        roulette.worth(background.generate("nue", 3, seed=1))
