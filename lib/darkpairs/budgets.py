"""All errors of a prediction: what nature, the chamber and few simulated events do to spectra.

In: a `Lineup`, spectra, who judges events. Out: a `systematics.Budget`. Chapters: systematics,
sidebands.

Several spectra lie side by side in one long row of bins: those of a signal region and of its
sidebands, each with its own edges, in any units. What a simulated event puts into each bin is a
matrix of events and bins, and all follows from it: its sums are the prediction, universes multiply
its rows, and bins share a statistical error as far as they share events.

A variation of the chamber is simulated for some of the π⁰ events and of the signal. The relative
change of these π⁰ is carried over to all backgrounds, that of the signal to the signal. Bins are
joined until a group holds enough effective events of the small sample; a spectrum that does not
hold enough at all takes the change of all spectra together. Of a shift is kept what is not its own
statistical error (`systematics.shrink`).

Laws: the prediction is the sum of weights; a source that moves rates alone has the same relative
error in all bins; spectra in another order are the same with their bins in another order; a region
alone has the errors that it has among others, but for what it borrows; bins without common events
have no common statistical error.
"""

from typing import NamedTuple

import numpy as np

from darkpairs import batches, plans, samples, systematics, uncertain, weights
from darkpairs.batches import KINDS, check_edges
from darkpairs.counting import effective
from darkpairs.systematics import Difference

UNIVERSES = 500  # our choice: an error within 1/√1000, 3 % of itself
ENOUGH = 25.0  # effective events that a group of bins has in a small sample; our choice
HEAVY = 3.0  # medians that a varied row counts at most in its spectrum; our choice
VARIED = ("signal", "pi0")  # kinds that are simulated in other chambers, see `plans`
_CHUNK = 1 << 12  # events whose universes are thrown at a time: memory stays flat


class Spectrum(NamedTuple):
    """What is histogrammed of the rows of a lineup. A plain tuple of three does as well."""

    values: np.ndarray  #: ndarray (rows,), in any unit; NaN counts nowhere
    edges: np.ndarray  #: ndarray (n+1,), rising; the last bin holds its upper edge
    where: np.ndarray  #: ndarray (rows,) of bool, which rows count


class Content(NamedTuple):
    """The simulated events behind some spectra, and what each puts where."""

    truth: batches.Truth  #: e events with a row in any bin, kind by kind
    weight: np.ndarray  #: ndarray (e, n), expected events in each of the n bins


def content(line, spectra):
    """Return what each simulated event puts into each bin, a `Content`.

    Parameters
    ----------
    line : lineup.Lineup
        Rows and weights.
    spectra : dict of str to Spectrum
        Side by side in this order; their n bins in all are numbered one after the other.
    """
    place = _places(line, spectra)
    total, truths, matrices = _ends(spectra)[-1], [], []
    for kind, sample in line.samples.items():
        rows = np.flatnonzero(line.of(kind) & (place >= 0).any(axis=0))
        events, owner = np.unique(line.reco.event[rows], return_inverse=True)
        matrix = np.zeros((len(events), total))
        for bins in place[:, rows]:
            there = bins >= 0
            np.add.at(matrix, (owner[there], bins[there]), line.weight[rows[there]])
        truths.append(batches.select(sample.truth, events))
        matrices.append(matrix)
    return Content(batches.concatenate(truths), np.concatenate(matrices))


def nature(found, *, universes=UNIVERSES, seed=0, beam=uncertain.BEAM, papers=uncertain.PAPERS):
    """Return the errors of flux and cross sections, a tuple of `systematics.Source`.

    Parameters
    ----------
    found : Content
        The events.
    universes : int
        How many for each source, > 1.
    seed, beam, papers
        As in `weights.universes`. A source that moves no event is left out.
    """
    nominal = found.weight.sum(axis=0)
    sources = []
    for name, size in uncertain.sizes(found.truth, beam=beam, papers=papers).items():
        if size.any():
            rows = sum(weights.universes(batches.select(found.truth, slice(i, i + _CHUNK)),
                                         universes, seed=seed, beam=beam, papers=papers,
                                         only=[name]) @ found.weight[i:i + _CHUNK]
                       for i in range(0, len(found.truth), _CHUNK))
            sources.append(systematics.universes(name, nominal, rows))
    return tuple(sources)


def simulated(found):
    """Return the error that few simulated events make, a `systematics.Source`.

    Each event comes up as Poisson's dice say, in all bins at once: of bins i and j the covariance
    is the sum over events of what they put into i times what they put into j.
    """
    return systematics.matrix(systematics.STATISTICS, found.weight.T @ found.weight)


def varied(profile, kinds=VARIED, **options):
    """Return the variations of the chamber of some kinds, dict of dict of Sample.

    Parameters
    ----------
    profile, **options
        As in `samples.load`.
    kinds : sequence of str
        Of ``VARIED``.

    Returns
    -------
    dict
        By the names of `plans.variations`, then by kind.
    """
    return {name: {kind: samples.load(f"{kind}/{name}", profile, progress=False, **options)
                   for kind in kinds}
            for name in plans.variations()}


def shifts(line, spectra, judge, others, *, enough=ENOUGH):
    """Return what variations of the chamber do to a prediction, dict of str to `Difference`.

    Parameters
    ----------
    line : lineup.Lineup
        The prediction.
    spectra : dict of str to Spectrum
        Its bins.
    judge : callable
        ``judge(reco)`` returns for each spectrum, by name, values and mask for the rows of any
        `Reco`; for those of the lineup what `spectra` holds, or it is refused. It need not care for
        kinds: signal counts if any signal row is in the spectra.
    others : dict of dict of Sample
        See `varied`. Of two variations that end in + and − half the difference is taken.
    enough : float
        Effective events of the small sample that a group of bins needs.

    Returns
    -------
    dict
        By name without + and −. Nothing is shrunk. In the small samples no row counts more than
        ``HEAVY`` times the median of its spectrum.
    """
    found = {}
    for kind, nominal in _parts(line, spectra).items():
        if kind not in line.samples or not all(kind in pair for pair in others.values()):
            raise ValueError(f"{nominal.sum():.3g} events of which {kind!r} should say how they "
                             "vary, and no variation of it; wanted its samples")
        for name, part in _varied(line, kind, spectra, judge, others, nominal, enough).items():
            old = found.get(name, Difference(0.0, 0.0))
            found[name] = Difference(old.shift + part.shift, np.hypot(old.error, part.error))
    return found


def chamber(nominal, moved):
    """Return the errors of the chamber, a tuple of `systematics.Source`.

    Parameters
    ----------
    nominal : array-like (n,)
        The prediction.
    moved : dict of str to Difference
        From `shifts`. Each is shrunk; one that is nowhere larger than its error is a source of
        size 0.
    """
    return tuple(systematics.shift(name, nominal, nominal + systematics.shrink(part).shift)
                 for name, part in moved.items())


def budget(line, spectra, judge, *, profile, universes=UNIVERSES, seed=0, enough=ENOUGH,
           beam=uncertain.BEAM, papers=uncertain.PAPERS, **options):
    """Return all errors of a prediction, a `systematics.Budget` over all bins.

    Parameters
    ----------
    line, spectra, judge, enough
        As in `shifts`.
    profile, **options
        Whose variations are loaded, see `varied`.
    universes, seed, beam, papers
        As in `nature`.
    """
    found = content(line, spectra)
    nominal = found.weight.sum(axis=0)
    others = varied(profile, _parts(line, spectra), **options)
    moved = shifts(line, spectra, judge, others, enough=enough)
    return systematics.gather(nominal, (
        *nature(found, universes=universes, seed=seed, beam=beam, papers=papers),
        *chamber(nominal, moved), simulated(found)))


def families(budget):
    """Return the relative error of each family of sources, dict of ndarray (n,); last, of all.

    The flux, cross sections (and what else is weighted), the chamber, and simulated events.
    """
    chambers = {_word(name) for name in plans.variations()}
    groups = {"flux": [], "cross sections": [], "chamber": [], systematics.STATISTICS: []}
    for source in budget.sources:
        family = ("flux" if source.name in uncertain.FLUX else
                  "chamber" if source.name in chambers else
                  source.name if source.name in groups else "cross sections")
        groups[family].append(source)
    parts = {name: systematics.gather(budget.nominal, some).sizes["all"]
             for name, some in groups.items() if some}
    return parts | {"all": budget.sizes["all"]}


def _parts(line, spectra):
    """Return the part of a prediction that each varied kind speaks for, as far as there is any."""
    place, signal = _places(line, spectra), line.reco.kind == KINDS.index("signal")
    parts = {kind: _sums(place[:, mask], line.weight[mask], _ends(spectra)[-1])
             for kind, mask in zip(VARIED, (signal, ~signal), strict=True)}
    return {kind: part for kind, part in parts.items() if part.any()}


def _varied(line, kind, spectra, judge, others, nominal, enough):
    """Return what all variations do to the part of a prediction that a kind speaks for."""
    some = next(iter(others.values()))[kind]
    mother = line.samples[kind].like(some)
    usual = _judged(judge, mother.reco, spectra)
    weight = _levelled(usual, mother.reco.weight)
    mine = line.of(kind) & (line.reco.event < len(some))
    wrong = usual != _places(line, spectra)[:, mine]
    if wrong.any():
        raise ValueError(f"the judge puts {int(wrong.any(axis=0).sum())} of {wrong.shape[1]} rows "
                         f"of {kind!r} elsewhere than the spectra; wanted the same judgement")
    joint = _groups(usual, weight, spectra, enough)
    before = _sums(usual, weight, len(nominal))
    found = {}
    for word, signs in _pairs(others).items():
        ends = [_judged(judge, _same(mother, others[name][kind]).reco, spectra) for name in signs]
        first, last = (usual, *ends) if len(ends) == 1 else ends
        change = _paired(first, last, weight, len(nominal))
        found[word] = _carried(Difference(change.shift / len(ends), change.error / len(ends)),
                               before, nominal, joint)
    return found


def _levelled(place, weight):
    """Return what each row counts in each spectrum, ndarray (spectra, rows): none far too much.

    Of tilted events a few are heavy: none of their like was kept. If one of them moves in a small
    sample, it says nothing that is known of the rest, and drowns what the others say.
    """
    result = np.tile(weight, (len(place), 1))
    for row, bins in zip(result, place, strict=True):
        if (bins >= 0).any():
            np.minimum(row, HEAVY * np.median(weight[bins >= 0]), out=row)
    return result


def _paired(first, last, weights, n):
    """Return the `Difference` of two rows of bins, with all spectra side by side."""
    edges = np.arange(n + 1) - 0.5
    parts = [systematics.paired(*(np.where(bins < 0, np.nan, bins) for bins in pair), edges, weight)
             for *pair, weight in zip(first, last, weights, strict=True)]
    return Difference(sum(part.shift for part in parts),
                      np.sqrt(sum(part.error**2 for part in parts)))


def _carried(change, before, nominal, joint):
    """Carry a change over: group by group, and of all together where a group is −1."""
    whole = systematics.carry(change, before, nominal, np.zeros(len(nominal)))
    own = joint >= 0
    if own.any():
        few = systematics.carry(Difference(*(part[own] for part in change)), before[own],
                                nominal[own], joint[own])
        for part, better in zip(whole, few, strict=True):
            part[own] = better
    return whole


def _groups(place, weights, spectra, enough):
    """Return the group of each bin, ndarray (n,) of int: bins are joined from the last one on.

    −1 where a whole spectrum has too few events.
    """
    ends, group = _ends(spectra), 0
    result = np.full(ends[-1], -1)
    for bins, weight, first, last in zip(place, weights, ends[:-1], ends[1:], strict=True):
        if effective(weight[bins >= 0]) < enough:
            continue
        high = last
        for k in range(last - 1, first - 1, -1):
            if effective(weight[(bins >= k) & (bins < high)]) >= enough:
                result[k:high], high, group = group, k, group + 1
        result[first:high] = group - 1  # what is left goes to its neighbour
    return result


def _pairs(others):
    """Return the variations that belong together, dict of str to list of names, − before +."""
    found = {}
    for name in others:
        found.setdefault(_word(name), []).append(name)
    return {word: sorted(names, key=lambda name: name.endswith("+"))
            for word, names in found.items()}


def _word(name):
    return name.rstrip("+-")


def _same(mother, other):
    """Return a variation whose rows are those of its mother, or refuse it."""
    for name in ("event", "algorithm"):
        if not np.array_equal(getattr(mother.reco, name), getattr(other.reco, name)):
            raise ValueError(f"{other.name!r} has other rows than {mother.name!r}; wanted a "
                             "variation of it")
    return other


def _judged(judge, reco, spectra):
    """Return the bins that a judge puts rows into, ndarray (spectra, rows), −1 for none."""
    found = judge(reco)
    if set(found) != set(spectra):
        raise ValueError(f"the judge knows {', '.join(found)}; wanted {', '.join(spectra)}")
    shown = {name: (found[name][0], spectra[name][1], found[name][1]) for name in spectra}
    return _numbered(shown, len(reco))


def _places(line, spectra):
    """Return the bin of each row in each spectrum, ndarray (spectra, rows), −1 for none."""
    if not spectra:
        raise ValueError("no spectra; wanted one at least")
    return _numbered(spectra, len(line))


def _numbered(spectra, rows):
    result = []
    for (name, (values, edges, where)), first in zip(spectra.items(), _ends(spectra)[:-1],
                                                     strict=True):
        values, where = np.asarray(values, dtype=np.float64), np.asarray(where)
        if values.shape != (rows,) or where.shape != (rows,) or where.dtype != bool:
            raise ValueError(f"spectrum {name!r}: {values.shape} values and a mask of "
                             f"{where.shape} {where.dtype} for {rows} rows; wanted one number and "
                             "one bool for each")
        check_edges(edges, f"edges of {name!r}")
        bins = systematics.places(values, edges)
        result.append(np.where(where & (bins >= 0), bins + first, -1))
    return np.array(result)


def _ends(spectra):
    """Return where the bins of each spectrum begin, and in the end how many there are."""
    return np.cumsum([0, *(len(edges) - 1 for _, edges, _ in spectra.values())])


def _sums(place, weights, n):
    """Return the sum of weights in each bin, ndarray (n,)."""
    return sum(np.bincount(bins[bins >= 0], weight[bins >= 0], minlength=n)
               for bins, weight in zip(place, np.broadcast_to(weights, place.shape), strict=True))
