"""Forecast: all that is decided before anybody looks at data.

In: a profile. Out: a `Forecast`; from it a plan with gates, and the vaults of the sealed worlds.
Chapters: sidebands, blinding.

Both searches are trained, all regions and bins chosen, and all spectra predicted with one
covariance, from simulation alone and without a signal. An event that either search selects is in no
sideband: who looks at one search must not see what the other one hides. Then come gates: the open
data, the far sidebands, the near sideband, each with its p-value. Only what has been told by then
goes into a `blinding.Vault`, with the data of a world.

The data of a world are few simulated events that come up more or less often (room `worlds`). What
that adds to the scatter is a source of its own, from the weights of our own events: of n times as
many events, each counts 1/n.

Laws: no sideband shares an event with a signal region; predictions are sums of weights, and those
of the open data smaller by the share of protons; a plan does not know which world it is for.
"""

import warnings
from dataclasses import dataclass
from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs import (
    budgets,
    cuts,
    lineup,
    plans,
    profiles,
    regions,
    samples,
    selection,
    sidebands,
    systematics,
    traces,
    worlds,
)
from darkpairs import spectra as _spectra
from darkpairs.batches import KINDS
from darkpairs.inputs import folds
from darkpairs.record import TOPOLOGIES
from darkpairs.register import Check, Gate, Plan

FAR = tuple(f"{name} {word}" for name in regions.RICH for word in TOPOLOGIES[:3])
# What is seen of an event, and whose row says it
COLUMNS = {"score": "projective", "energy": "projective", "angle": "projective",
           "focused score": "tomographic", "focused energy": "tomographic",
           "focused angle": "tomographic"}
# Spectra, of which region and of what: the two searches, the note's Figs. 6 and 9, and sums
SPECTRA = {"signal": ("signal", "score"), "focused": ("focused", "focused energy"),
           **{name: (name, "energy") for name in FAR},
           "near energy": ("near", "focused energy"), "near angle": ("near", "focused angle"),
           **{name: (name, "energy") for name in regions.RICH}}
DATA = "simulated events behind the data"  # name of a source
P = {"open data": 0.01, "far sidebands": 0.01, "near sideband": 0.01}  # of each gate; our choice
TOYS = 4000  # pretended experiments behind each p-value of a plan; our choice
SEED = 9  # of these


class Bins(NamedTuple):
    """How a spectrum is cut into bins."""

    most: Given[float, "", "bins, at most; ours"] = 5.0
    events: Given[float, "", "expected in each, at least; ours"] = 10.0
    # ours and the world's; half as many if there is one bin
    rows: Given[float, "", "effective simulated events in each, at least; ours"] = 10.0
    reach: Given[float, "", "share of events below the last edge, at least; ours"] = 0.99


BINS = {"quick": Bins(most=2.0, events=5.0, rows=5.0), "full": Bins()}
# What the cuts are chosen for; quick samples are worth less
AIMS = {"quick": cuts.AIM._replace(bins=1.0, least=0.0, whole=20.0), "full": cuts.AIM}


class Seen(NamedTuple):
    """What two searches say of the rows of a `Reco`."""

    columns: dict  #: of ndarray (rows,), NaN in rows of the other algorithm
    regions: dict  #: of ndarray (rows,) of bool


@dataclass(frozen=True, eq=False)
class Forecast:
    """Predictions of all regions.

    Attributes
    ----------
    profile : str
        Of the samples.
    line : lineup.Lineup
        Simulated events, and their weights at the exposure of the data.
    broad, focused : selection.Search
        The two searches, with what they say of ``line``.
    seen : Seen
        Columns and regions of ``line``.
    spectra : dict of str to budgets.Spectrum
        Side by side, without the signal; those of ``SPECTRA`` that can be predicted.
    budget : systematics.Budget
        The prediction and all its errors.
    joint : sidebands.Joint
        The same, by names.
    """

    profile: str
    line: lineup.Lineup
    broad: selection.Search
    focused: selection.Search
    seen: Seen
    spectra: dict
    budget: systematics.Budget
    joint: sidebands.Joint

    def kinds(self, name):
        """Return who makes up a spectrum, signal and all; a `spectra.Spectrum`."""
        region, column = SPECTRA[name]
        return _spectra.spectrum(self.seen.columns[column], self.spectra[name].edges,
                                 self.line.reco.kind, self.line.weight,
                                 where=self.seen.regions[region])

    @property
    def far(self):
        """The far sidebands that can be predicted, a tuple of str."""
        return tuple(name for name in FAR if name in self.spectra)


def prepare(profile, *, line=None, universes=budgets.UNIVERSES, **options):
    """Train both searches and predict all spectra, a `Forecast`.

    Parameters
    ----------
    profile : str
        ``"quick"`` or ``"full"``.
    line : lineup.Lineup, optional
        All kinds side by side, if they are at hand.
    universes : int
        As in `budgets.budget`.
    **options
        As in `samples.load`.
    """
    line = lineup.gather(profile, **options) if line is None else line
    broad = selection.broad(line.reco, line.weight, learn=line.learn,
                            aim=profiles.choose(profile, **AIMS))
    focused = selection.focused(line.reco, line.learn)
    seen = look(broad, focused, line.reco)
    sizes = {entry.kind: entry.events for entry in plans.plan(profile)
             if entry.name.startswith("world/")}
    found = _cut(line, seen, broad, profile, _ratios(line, sizes))
    budget = budgets.budget(line, found, lambda reco: _told(look(broad, focused, reco), found),
                            profile=profile, universes=universes, **options)
    budget = systematics.gather(budget.nominal, (*budget.sources, behind(line, found, sizes)))
    ends = np.cumsum([0, *(len(each.edges) - 1 for each in found.values())])
    parts = {name: budget.nominal[a:b]
             for name, a, b in zip(found, ends[:-1], ends[1:], strict=True)}
    return Forecast(profile, line, broad, focused, seen, found, budget,
                    sidebands.join(parts, budget.covariance))


def look(broad, focused, reco):
    """Ask two trained searches about any rows, a `Seen`.

    Parameters
    ----------
    broad, focused : selection.Search
        Trained.
    reco : Reco
        Rows of both algorithms, of events whose numbers are their own within a kind.

    Returns
    -------
    Seen
        Regions ``"signal"`` and ``"focused"`` of the two searches, ``"near"``, those of ``FAR``,
        and ``"pi0"`` and ``"dirt"`` with all topologies. No event of the first two is in another.
    """
    broad, focused = _again(broad, reco), _again(focused, reco)
    values = {"score": broad.of(broad.trained.recipe.fitted), "focused score": focused.scores[:, 0]}
    for word in ("", "focused "):
        values |= {f"{word}energy": reco.energy_showers, f"{word}angle": np.degrees(reco.angle)}
    columns = {name: np.where(reco.of(COLUMNS[name]), values[name], np.nan) for name in COLUMNS}
    hidden = regions.events(reco, broad.chosen | focused.chosen)
    found = {name: regions.far(broad, reco, name) & ~hidden for name in regions.RICH}
    found |= {name: found[name.split()[0]] & regions.topology(reco, name.split()[1])
              for name in FAR}
    found["near"] = regions.near(focused, reco) & ~hidden
    return Seen(columns, {"signal": broad.chosen, "focused": focused.chosen} | found)


def behind(line, found, sizes):
    """Return what the few simulated events behind the data add, a `systematics.Source`.

    Parameters
    ----------
    line : lineup.Lineup
        Our own events, thrown in the same manner.
    found : dict of str to budgets.Spectrum
        Spectra.
    sizes : dict of str to int
        Events behind the data, by kind. Of n times as many, each counts 1/n.
    """
    content = budgets.content(line, found)
    each = content.weight * np.sqrt(_ratios(line, sizes)[content.truth.kind])[:, None]
    return systematics.matrix(DATA, each.T @ each)


def plan(prepared, *, p=P, toys=TOYS):
    """Return the gates to the signal region, a `register.Plan`.

    The open data, far sidebands together, then these by topology at all protons, then the near
    sideband.

    Parameters
    ----------
    prepared : Forecast
        The predictions.
    p : dict of str to float
        At which a gate fails, by its name.
    toys : int
        As in `register.Gate`.
    """
    def check(name, share=1.0):
        region, column = SPECTRA[name]
        bins = prepared.joint.part(name)
        word = "open " if share < 1 else ""
        return Check(word + region, column, prepared.spectra[name].edges,
                     share * prepared.joint.mean[bins],
                     share**2 * prepared.joint.covariance[np.ix_(bins, bins)])

    known = prepared.spectra
    bins = prepared.joint.part(*prepared.far)
    checks = {
        "open data": [check(name, worlds.OPEN / worlds.POT) for name in regions.RICH
                      if name in known],
        "far sidebands": [check(name) for name in prepared.far],
        "near sideband": [check(name) for name in ("near energy", "near angle") if name in known]}
    joint = {"far sidebands": prepared.joint.covariance[np.ix_(bins, bins)]}
    return Plan(tuple(Gate(name, p[name], tuple(some), joint.get(name, ()), toys, SEED)
                      for name, some in checks.items()))


def vaults(prepared, gates=None, *, names=worlds.WORLDS, **options):
    """Seal the data of worlds, a dict of `blinding.Vault` by their names.

    A signal region holds what either search selects; ``"broad"`` and ``"focused"`` among the
    columns say which. For each region there is an ``"open "`` one with the open data.

    Parameters
    ----------
    prepared : Forecast
        Trained searches.
    gates : register.Plan, optional
        By default that of `plan`.
    names : sequence of str
        Some of ``worlds.WORLDS``.
    **options
        As in `samples.load`.
    """
    found = [samples.load(f"world/{kind}", prepared.profile, progress=False, **options)
             for kind in plans.KINDS]
    reco = traces.concatenate([sample.reco for sample in found])
    seen = look(prepared.broad, prepared.focused, reco)
    rows = {name: np.flatnonzero(reco.of(name)) for name in ("projective", "tomographic")}
    first, second = rows.values()
    if not (np.array_equal(reco.event[first], reco.event[second])
            and np.array_equal(reco.kind[first], reco.kind[second])):
        raise ValueError("rows of the two algorithms are not of the same events in one order; "
                         "wanted samples as they were made")
    columns = {name: seen.columns[name][rows[word]] for name, word in COLUMNS.items()}
    masks = {name: mask[first] | mask[second] for name, mask in seen.regions.items()}
    columns |= {"broad": masks["signal"].astype(float),
                "focused": masks.pop("focused").astype(float)}
    masks["signal"] = (columns["broad"] + columns["focused"]) > 0
    who = dict(event=reco.event[first], kind=reco.kind[first], weight=reco.weight[first],
               pion=np.concatenate([worlds.pions(sample.truth) for sample in found]))
    gates = plan(prepared) if gates is None else gates
    with warnings.catch_warnings():  # `behind` has it in the covariance
        warnings.simplefilter("ignore", worlds.Crowded)
        return {name: worlds.data(name, columns, masks, gates, **who) for name in names}


def vault(prepared, world, gates=None, **options):
    """Seal the data of one world, a `blinding.Vault`; see `vaults`."""
    return vaults(prepared, gates, names=(world,), **options)[world]


def edges(values, weight, rules, *, shares=None):
    """Return rounded bins of about the same content, ndarray (n+1,); None if one would be poor.

    Parameters
    ----------
    values, weight : ndarray (rows,)
        Of what is predicted, without NaN.
    rules : Bins
        How many, and how rich.
    shares : ndarray (rows,), optional
        How many times fewer events of this sort are behind the data; 1 if not given.
    """
    if not len(values):
        return None
    shares = np.ones(len(values)) if shares is None else shares
    step = 10.0 ** np.floor(np.log10(np.ptp(values) / 20 + 1e-9))
    low, high = np.floor(values.min() / step), np.ceil(
        cuts.quantiles(values, weight, rules.reach) / step)
    values, weight, shares = (array[values <= high * step] for array in (values, weight, shares))
    for n in range(int(rules.most), 0, -1):
        inner = np.round(cuts.quantiles(values, weight, np.arange(1, n) / n) / step)
        found = np.unique([low, *inner, high]) * step
        parts = np.clip(np.searchsorted(found, values, side="right"), 1, n)
        sums = [np.bincount(parts, each, n + 1)[1:n + 1]
                for each in (weight, weight**2, weight**2 * shares)]
        rows = rules.rows if n > 1 else rules.rows / 2  # a sum may be known less well than a shape
        if len(found) == n + 1 and all(
                total >= rules.events and total**2 >= rows * max(square, other)
                for total, square, other in zip(*sums, strict=True)):
            return found
    return None


def _ratios(line, sizes):
    """Return how many of our events there are for one behind the data, ndarray (KINDS,)."""
    ratio = np.zeros(len(KINDS))
    for kind, sample in line.samples.items():
        ratio[KINDS.index(kind)] = len(sample) / sizes[kind]
    return ratio


def _cut(line, seen, broad, profile, ratios):
    """Return the spectra that can be predicted, dict of `budgets.Spectrum`."""
    rules, found = profiles.choose(profile, **BINS), {}
    background = line.reco.kind != KINDS.index("signal")
    for name, (region, column) in SPECTRA.items():
        values, where = seen.columns[column], seen.regions[region] & background
        some = values[where], line.weight[where]
        if name == "signal":
            found[name] = selection.edges(broad, line.reco, line.weight,
                                          aim=profiles.choose(profile, **AIMS))
        else:
            found[name] = edges(*some, rules, shares=ratios[line.reco.kind[where]])
        if found[name] is None and name not in FAR:  # of these there is one bin at least
            found[name] = edges(*some, Bins(most=1.0, events=0.0, rows=0.0))
        if found[name] is None:
            del found[name]
        else:
            found[name] = budgets.Spectrum(values, found[name], where)
    return found


def _again(search, reco):
    """Return what a trained search says of other rows."""
    scores, fold = selection.score(search.trained, reco), folds(reco)
    return search._replace(scores=scores, fold=fold,
                           chosen=cuts.passes(scores, fold, search.cuts))


def _told(seen, found):
    """Return values and masks of spectra, as `budgets.budget` asks for them."""
    return {name: (seen.columns[SPECTRA[name][1]], seen.regions[SPECTRA[name][0]])
            for name in found}
