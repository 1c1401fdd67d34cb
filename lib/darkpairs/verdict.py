"""The verdict on one model point: how many pairs both searches select, and what that excludes.

In: a model, `Answers`. Out: a `Verdict`. Chapter: verdict.

No event is simulated. Each pair of the cocktail that the chamber has seen counts for the model as
often as its density says (room `density`); so the share of pairs in each bin of a search is a
ratio of two sums, and the exact rate times that share is the signal. Whether the cocktail has pairs
like those of the model is seen from the same sums: their effective number must be large, and
their whole must be the rate.

The coupling that makes ν_h is scaled until CLs is 0.05. Where ν_h lives as long for any coupling,
the signal grows as its square, and one prediction tells all; else it is made anew at each coupling.

Laws: a signal is the rate times shares that do not exceed 1; four times the squared coupling is
four times the signal where the life does not change; at the limit CLs is what the level asks;
a model beyond the reach of the cocktail is refused.
"""

import warnings
from functools import cache
from math import inf, log
from typing import NamedTuple

import numpy as np
from scipy import optimize

from darkpairs import answers as _answers
from darkpairs import decay, density, rates, sensitivity
from darkpairs import miniboone as _miniboone
from darkpairs import model as _model
from darkpairs.counting import effective
from darkpairs.model import DarkModel
from darkpairs.nuisance import observed
from darkpairs.rates import PROTON
from darkpairs.weights import ENOUGH, TooFew

REGIMES = ("coherent", "both")
LEAST = 100.0  # effective pairs below which nothing is said; our choice
SLACK = 0.1  # share of pairs that the cocktail may lack, beside the scatter of its sum; our choice
EVENTS = 50_000  # thrown for MiniBooNE: some percent per bin, below the errors of the data
STEPS = 40  # doublings of the coupling before a search for a limit gives up


class Reach(ValueError):
    """A model that the simulated pairs cannot stand for."""


class Signal(NamedTuple):
    """What one search selects of a model."""

    search: str
    pairs: float  #: inside the active volume, selected or not
    events: np.ndarray  #: ndarray (n,), selected, per bin
    error: float  #: of their sum, from the number of simulated pairs
    effective: float  #: simulated pairs that stand for the model, selected or not

    @property
    def selected(self):
        """Events in all bins."""
        return float(self.events.sum())

    @property
    def efficiency(self):
        """Share of the pairs that is selected."""
        return self.selected / self.pairs


class Answer(NamedTuple):
    """What one search says of a model."""

    signal: Signal
    pot: float  #: protons on target
    background: np.ndarray  #: ndarray (n,), expected per bin without a signal
    error: float  #: of their sum, from all sources but the scatter of the counts
    cls: sensitivity.Band  #: at the coupling of the model; NaN is what is observed without data
    limit: sensitivity.Band  #: squared coupling at which CLs is 0.05; infinite if none is excluded
    delta: float  #: Δχ² of the model if exactly what is expected without a signal is seen

    @property
    def excluded(self):
        """Whether the median experiment without a signal excludes the model, by CLs."""
        return bool(self.cls.expected[2] < 0.05)


class Excess(NamedTuple):
    """What a model does to MiniBooNE's excess."""

    predicted: np.ndarray  #: ndarray (n,), events per bin
    chi2: float  #: with the model
    null: float  #: without a signal
    smallest: float  #: with the model's spectrum at the strength that suits best
    strength: float  #: that strength

    @property
    def delta(self):
        """χ² above the smallest of any strength."""
        return self.chi2 - self.smallest


class Verdict(NamedTuple):
    """All that is said of one model point."""

    model: DarkModel
    coupling: str  #: which coupling is squared, ``"|V_μ5|²"`` or ``"|U_μ4|²"``
    squared: float  #: its value in the model
    regime: str  #: what ν_h was made on in the chamber
    searches: tuple  #: of `Answer`
    miniboone: Excess

    def of(self, name):
        """Return the `Answer` of one search; an unknown one is refused."""
        found = {each.signal.search: each for each in self.searches}
        if name not in found:
            raise ValueError(f"no search {name!r}; there are {', '.join(found)}")
        return found[name]


class Scan(NamedTuple):
    """One model at many couplings, as one search sees it."""

    squares: np.ndarray  #: ndarray (k,), squared couplings
    events: np.ndarray  #: ndarray (k, n), selected events per bin
    cls: sensitivity.Band  #: observed ndarray (k,), expected ndarray (5, k)


def of(point, *, answers=None, regime="coherent", data=None, level=0.95):
    """Return the `Verdict` on a model point.

    Parameters
    ----------
    point : DarkModel
        The model point.
    answers : Answers, optional
        Simulated pairs; those that ship with the package if not given.
    regime : str
        ``"coherent"``, or ``"both"``: with pairs made on single protons, which then are selected as
        if the proton had not been seen. MiniBooNE's prediction always has both.
    data : dict of str to array-like (n,), optional
        Counts by search. Without, only what is expected is told.
    level : float
        Of the limits on the coupling.

    Raises
    ------
    Reach
        If the simulated pairs cannot stand for the model: a real Z′ of a mass that none has, too
        few effective pairs, or a part of the model's pairs is missing.
    ValueError
        For couplings of 0, and for what makes no sense.

    Warns
    -----
    weights.TooFew
        If the effective pairs are fewer than 500.
    """
    table = _answers.load() if answers is None else answers
    data = _counts(table, data)
    name, squared = coupling(point)
    found = _signals(point, table, regime)
    straight = _straight(point)
    searches = tuple(_answer(found, k, prediction, data.get(prediction.name), squared, straight,
                             _most(point), level) for k, prediction in enumerate(table.predictions))
    return Verdict(point, name, squared, regime, searches, excess(point))


def scan(point, squares, *, search, answers=None, regime="coherent", data=None):
    """Return what one search says of a model at other couplings, a `Scan`.

    Parameters
    ----------
    squares : array-like (k,)
        Squared couplings > 0, as `coupling` names them.
    search : str
        Which one.
    point, answers, regime, data
        As in `of`.
    """
    table = _answers.load() if answers is None else answers
    if search not in table.searches:
        raise ValueError(f"no search {search!r}; there are {', '.join(table.searches)}")
    k = table.searches.index(search)
    squares = np.atleast_1d(np.asarray(squares, dtype=np.float64))
    found, prediction = _signals(point, table, regime), table.predictions[k]
    if _straight(point):
        for square in squares:
            coupled(point, square)  # refuses what no model can have
        _, own = coupling(point)
        events = (squares / own)[:, None] * found(own)[k].events
    else:
        events = np.array([found(square)[k].events for square in squares])
    counts = _counts(table, data).get(search)
    template = prediction.template()
    band = sensitivity.exclusion(events, template, template.total if counts is None else counts)
    return Scan(squares, events, _unseen(band) if counts is None else band)


def signals(point, *, answers=None, regime="coherent"):
    """Return what each search selects of a model, a tuple of `Signal`; arguments as in `of`."""
    table = _answers.load() if answers is None else answers
    return _signals(point, table, regime)(coupling(point)[1])


def excess(point, *, events=EVENTS, seed=1, earth=True, **options):
    """Return what a model does to MiniBooNE's excess, an `Excess`.

    Parameters
    ----------
    point, events, seed, earth, **options
        As in `miniboone.predict`; the variable is the reconstructed energy of the neutrino.
    """
    predicted = _miniboone.predict(point, events=events, seed=seed, earth=earth, **options)
    none, own = (float(x) for x in _miniboone.chi2([0 * predicted, predicted]))
    if not predicted.any():
        return Excess(predicted, own, none, none, 0.0)
    # not convex, as the error grows with the signal: look around first
    logs = np.linspace(np.log(1e-3), np.log(1e4), 321) - np.log(predicted.sum())

    def value(s):
        return float(_miniboone.chi2(np.exp(s) * predicted[None])[0])
    k = int(_miniboone.chi2(np.exp(logs)[:, None] * predicted).argmin())
    best = optimize.minimize_scalar(value, method="bounded", options={"xatol": 1e-6},
                                    bounds=(logs[max(k - 1, 0)], logs[min(k + 1, len(logs) - 1)]))
    smallest, strength = min((best.fun, float(np.exp(best.x))), (none, 0.0), (own, 1.0))
    return Excess(predicted, own, none, float(smallest), strength)


def coupling(point):
    """Return the name and the value of the squared coupling that makes ν_h.

    ``|V_μ5|²`` of 3+2 models, ``|U_μ4|²`` of 3+1, as in the planes of the note (room `planes`).
    """
    both = _model.is_three_plus_two(point)
    squared = _model.v_production(point) ** 2 if both else point.umu_light**2
    if not squared > 0 or not point.epsilon > 0 or not _model.v_decay(point) > 0:
        raise ValueError(f"the couplings of ν_μ to ν_h, of ν_h to ν_h' and ε are "
                         f"{_model.v_production(point):g}, {_model.v_decay(point):g} and "
                         f"{point.epsilon:g}; wanted all > 0, else there are no pairs")
    return ("|V_μ5|²" if both else "|U_μ4|²"), float(squared)


def coupled(point, squared):
    """Return a model with another squared coupling, > 0; all else stays, as in `planes`."""
    if not 0 < squared < inf:
        raise ValueError(f"squared coupling {squared}; wanted a number > 0")
    factor = (squared / coupling(point)[1]) ** 0.5
    changes = {"umu_light": point.umu_light * factor}
    if _model.is_three_plus_two(point):
        changes["umu_heavy"] = point.umu_heavy * factor
    return _model.replace(point, **changes)


def _most(point):
    """Return the largest squared coupling at which no mixing exceeds 1."""
    largest = max(abs(mixing) for mixing in (point.umu_light, point.umu_heavy) if mixing == mixing)
    return coupling(point)[1] / largest**2


def _straight(point):
    """Tell whether ν_h lives as long, and as often ends as a pair, at any coupling to ν_μ."""
    other = coupled(point, coupling(point)[1] / 4)
    own, new = ((*rates.lengths(each), decay.branching(each)["e+e-"]) for each in (point, other))
    return np.allclose(own, new, rtol=1e-9, atol=0)


def _signals(point, table, regime):
    """Return a function from a squared coupling to what `signals` returns."""
    if regime not in REGIMES:
        raise ValueError(f"unknown regime {regime!r}; wanted one of {', '.join(REGIMES)}")
    seen, own = table.pairs(), coupling(point)[1]

    @cache
    def found(squared):
        some = point if squared == own else coupled(point, squared)
        parts = [_shares(some, table, seen, "coherent")]
        if regime == "both":
            struck = seen.copy()
            struck[:, 12] = PROTON
            parts.append(_shares(some, table, struck, "proton"))
        return tuple(_sum(prediction, [(rate, *each[k], worth) for rate, each, worth in parts])
                     for k, prediction in enumerate(table.predictions))
    return found


def _shares(point, table, seen, regime):
    """Return pairs per POT, for each search shares of its bins and their error, effective pairs."""
    rate = rates.expected_events(point, pot=1.0, regime=regime)
    weight = table.scale * density.of(point, seen, regime=regime)
    total, worth = float(weight.sum()), effective(weight)
    _within_reach(point, table, total / rate, worth)
    each = []
    for place, prediction in zip(table.bins, table.predictions, strict=True):
        chosen = place >= 0
        share = np.bincount(place[chosen], weight[chosen], minlength=len(prediction)) / total
        scatter = weight * (chosen - share.sum())
        each.append((share, np.sqrt((scatter**2).sum()) / total))
    return rate, each, worth


def _sum(prediction, parts):
    """Return the `Signal` of some parts, each pairs per POT, shares, their error and worth."""
    pot = prediction.pot
    return Signal(
        prediction.name,
        float(sum(rate for rate, *_ in parts) * pot),
        sum(rate * share for rate, share, *_ in parts) * pot,
        float(np.sqrt(sum((rate * error) ** 2 for rate, _, error, _ in parts)) * pot),
        min(worth for *_, worth in parts))


def _within_reach(point, table, covered, worth):
    """Refuse a model for which too few pairs stand, or not all; warn if they are few."""
    what = (f"ν_h of {point.m_heavy:g} MeV, ν_h' of {point.m_light:g} MeV and a "
            f"{'real' if decay.is_real(point) else 'virtual'} Z′ of {point.m_zprime:g} MeV")
    if worth < LEAST:
        raise Reach(f"{worth:.0f} effective pairs stand for {what}; wanted {LEAST:g}; "
                    + _has(table))
    if abs(covered - 1) > SLACK + 3 / np.sqrt(worth):
        raise Reach(f"the simulated pairs hold {100 * covered:.0f} % of those of {what}; wanted "
                    f"all; {_has(table)}")
    if worth < ENOUGH:
        warnings.warn(TooFew(point, worth, len(table), ENOUGH), stacklevel=2)


def _has(table):
    """Say which pairs there are."""
    real = np.unique(np.round(table.zprime[table.zprime > 0], 3))
    words = ", ".join(f"{each:g}" for each in real) or "no mass"
    return (f"there are pairs of real Z′ of {words} MeV and {int((table.zprime == 0).sum())} of "
            f"virtual ones, from ν_h of {table.about.get('heavy', 'unknown')} MeV")


def _answer(found, k, prediction, counts, squared, straight, most, level):
    signal = found(squared)[k]
    template = prediction.template(signal.events)
    seen = template.total if counts is None else counts
    band = sensitivity.cls(template, seen, 1.0)
    limit = _limit(found, k, prediction, seen, squared, straight, most, level)
    if counts is None:
        band, limit = _unseen(band), _unseen(limit)
    return Answer(signal, prediction.pot, template.total, float(prediction.covariance.sum() ** 0.5),
                  band, limit, sensitivity.delta_chi2(template, template.total, 1.0))


def _limit(found, k, prediction, counts, squared, straight, most, level):
    """Return the squared couplings at the limit, a `Band`; infinite above `most`."""
    @cache
    def strengths(at):
        events = found(at)[k].events
        if not events.any():
            return np.full(6, inf)
        band = sensitivity.upper_limit(prediction.template(events), counts, level=level)
        return np.append(band.observed, band.expected)

    limits = squared * strengths(squared)
    if not (straight or _near(found, k, squared, limits, most)):
        limits = np.array([_crossing(lambda at, i=i: strengths(at)[i], limit, most)
                           for i, limit in enumerate(limits)])
    limits = np.where(limits <= most, limits, inf)
    return sensitivity.Band(float(limits[0]), limits[1:])


def _near(found, k, squared, limits, most):
    """Tell whether the signal grows as the squared coupling from the limits to the model's own."""
    here, ends = found(squared)[k].selected, limits[np.isfinite(limits)]
    return len(ends) > 0 and ends.max() <= most and all(
        abs(found(x)[k].selected / here * (squared / x) - 1) < 1e-4
        for x in (float(ends.min()), float(ends.max())))


def _crossing(strength, guess, most):
    """Return the squared coupling at which the limit on the strength is 1; infinite if none is."""
    def gap(x):
        return log(strength(float(np.exp(x))))
    low = high = log(min(guess, most))
    for _ in range(STEPS):
        if gap(high) <= 0 or high >= log(most):
            break
        low, high = high, min(high + log(2.0), log(most))
    if gap(high) > 0:
        return inf
    for _ in range(STEPS):
        if gap(low) >= 0:
            break
        low, high = low - log(2.0), low
    return float(np.exp(optimize.brentq(gap, low, high, xtol=1e-4)))


def _counts(table, data):
    data = {} if data is None else dict(data)
    unknown = {*data} - {*table.searches}
    if unknown:
        raise ValueError(f"counts for {sorted(unknown)}; there are {', '.join(table.searches)}")
    return {each.name: observed(each.template(), data[each.name])
            for each in table.predictions if each.name in data}


def _unseen(band):
    return sensitivity.Band(np.nan * band.observed, band.expected)
