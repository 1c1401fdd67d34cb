"""Distil: from the samples and both searches to the answers that ship with the package.

In: a `Lineup`. Out: `Answers`. Chapter: verdict.

``python -m darkpairs.distil`` takes the full samples, trains both searches, asks them about every
pair of the cocktail, predicts the backgrounds with all their errors, and writes the file that
`verdict` looks into. It takes a minute or two once the samples are there. `simulate` makes answers
of the same kind from pairs of one model alone: for a model beyond the reach of the cocktail, and to
see whether weighted pairs tell the truth.

The answers remember what they were made of: a digest of the code, one of the samples, and the
versions of what calculates. `stale` compares that with what there is today.

Laws: the bins of a pair are those that its search puts it into; backgrounds and errors are those of
the lineup; made twice, the file has the same bytes; an edit of the code on the way is noticed.
"""

import argparse
import hashlib
import platform
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np

from darkpairs import (
    _jit,
    answers,
    budgets,
    chain,
    cocktail,
    cuts,
    density,
    lineup,
    plans,
    selection,
    signal,
    systematics,
    weights,
)
from darkpairs.inputs import folds
from darkpairs.model import BENCHMARKS
from darkpairs.record import Reco
from darkpairs.spectra import spectrum

SEARCHES = ("broad", "focused")
LIGHT = 150.0  # MeV: the focused search learns from real Z′ below this, of 30, 60 and 100 MeV
BINNED = "example"  # benchmark for which the bins of the focused search are chosen; our choice
LIBRARIES = (*plans.LIBRARIES, "scikit-learn")


class Look(NamedTuple):
    """A trained search, and the bins that its events are counted in."""

    search: selection.Search
    edges: np.ndarray  #: ndarray (n+1,) of the score that is fitted

    @property
    def fitted(self):
        """Against what that score is set."""
        return self.search.trained.recipe.fitted


def ask(line, *, made=None, aim=cuts.AIM, trees=selection.TREES):
    """Train both searches on a lineup and choose their bins, a dict of `Look` by name.

    Parameters
    ----------
    line : lineup.Lineup
        Signal and backgrounds; the broad search is cut and binned for its signal.
    made : ndarray (n,), optional
        As in `weights.signal`.
    aim, trees
        As in `selection.broad`.
    """
    broad = selection.broad(line.reco, line.weight, learn=line.learn, aim=aim, trees=trees)
    truth = line.samples["signal"].truth
    mass = density.pairs(truth)[:, 11]
    light = line.spread({"signal": (mass > 0) & (mass < LIGHT)})
    focused = selection.focused(line.reco, np.where(line.of("signal"), np.nan_to_num(light), 1.0)
                                * line.learn, trees=trees)
    with warnings.catch_warnings():  # a binning needs no precision
        warnings.simplefilter("ignore", weights.TooFew)
        example = line.spread({"signal": weights.signal(
            truth, BENCHMARKS[BINNED], made=made) * line.pot})
    weight = np.where(line.of("signal"), example, line.weight)
    weight = np.where(line.reco.of("tomographic"), weight, 0.0)
    return {"broad": Look(broad, selection.edges(broad, line.reco, line.weight, aim=aim)),
            "focused": Look(focused, selection.edges(focused, line.reco, weight, aim=aim))}


def judge(looks, reco):
    """Ask trained searches about any rows: by name the fitted score and who is selected."""
    found = {}
    for name, look in looks.items():
        trained = look.search.trained
        scores = selection.score(trained, reco)
        found[name] = (scores[:, trained.recipe.place(look.fitted)],
                       cuts.passes(scores, folds(reco), look.search.cuts))
    return found


def places(looks, reco, events):
    """Return the bin of each event in each search, ndarray (searches, events), −1 if in none."""
    result = np.full((len(looks), events), -1, dtype=np.int8)
    for row, (name, (score, chosen)) in zip(result, judge(looks, reco).items(), strict=True):
        row[reco.event[chosen]] = systematics.places(score[chosen], looks[name].edges)
    return result


def predictions(line, looks, *, profile, **options):
    """Return what each search expects without a signal, a tuple of `answers.Prediction`.

    Parameters
    ----------
    line : lineup.Lineup
        Backgrounds.
    looks : dict of Look
        From `ask`.
    profile, **options
        As in `budgets.budget`.
    """
    others = ~line.of("signal")
    told = judge(looks, line.reco)
    found = {name: budgets.Spectrum(score, looks[name].edges, chosen & others)
             for name, (score, chosen) in told.items()}
    budget = budgets.budget(line, found, lambda reco: judge(looks, reco), profile=profile,
                            **options)
    ends = np.cumsum([0, *(len(look.edges) - 1 for look in looks.values())])
    result = []
    for (name, look), first, last in zip(looks.items(), ends[:-1], ends[1:], strict=True):
        mine = slice(first, last)
        part = spectrum(found[name].values, look.edges, line.reco.kind, line.weight,
                        where=found[name].where)
        kinds = part.background()
        events = np.array([part.of(kind)[0] for kind in kinds])
        result.append(answers.Prediction(
            name, f"score against {look.fitted}", line.pot, look.edges, kinds, events,
            budget.names, [source.covariance[mine, mine] for source in budget.sources]))
    return tuple(result)


def distil(line, *, profile, aim=cuts.AIM, trees=selection.TREES, **options):
    """Return the answers of the cocktail in a lineup.

    Parameters
    ----------
    line, profile, **options
        As in `predictions`.
    aim, trees
        As in `ask`.
    """
    truth = line.samples["signal"].truth
    made = weights.density(truth)
    looks = ask(line, made=made, aim=aim, trees=trees)
    mine = Reco(**{name: getattr(line.reco, name)[line.of("signal")] for name in Reco.SHAPES})
    heavy = sorted({part.m5 for part in cocktail.PARTS})
    return answers.collect(
        truth, made, places(looks, mine, len(truth)),
        predictions(line, looks, profile=profile, **options), profile=profile,
        events=len(truth), heavy=f"{heavy[0]:g} to {heavy[-1]:g}", **origin(profile))


def simulate(point, events, looks, expected, *, seed=1):
    """Return answers from pairs of one model alone, sent through the whole chain now.

    Parameters
    ----------
    point : DarkModel
        The model point.
    events : int
        How many pairs, > 0.
    looks : dict of Look
        From `ask`.
    expected : sequence of Prediction
        What the searches expect without a signal.
    seed : int
        Of the pairs and of the chamber.
    """
    truth = signal.generate(point, events, seed=seed)
    reco = chain.reconstruct(truth, seed=seed)
    made = weights.density(truth, source=point)
    return answers.collect(truth, made, places(looks, reco, len(truth)), expected,
                           events=len(truth), heavy=f"{point.m_heavy:g}", source="one model alone")


def alone(point, events, *, seed=1, profile="full"):
    """Return answers for one model, simulated now, with searches trained on samples of the book.

    Bins and backgrounds are those of the answers that ship. It takes a minute beside the
    simulation, and much longer if samples are missing: they are made first.

    Parameters
    ----------
    point, events, seed
        As in `simulate`.
    profile : str
        Of the samples.
    """
    expected = answers.load().predictions
    looks = ask(lineup.gather(profile))
    looks = {each.name: looks[each.name]._replace(edges=each.edges) for each in expected}
    return simulate(point, events, looks, expected, seed=seed)


def origin(profile):
    """Return what answers made now would be made of, a dict of str.

    ``rooms``, a digest of the code; ``samples``, one of the keys of the samples; ``versions`` of
    Python and of what calculates.
    """
    rooms = hashlib.sha256()
    for room in sorted(_jit.seen_by("distil")):
        rooms.update(plans._code(room).encode())
    varied = {f"{kind}/{name}" for kind in budgets.VARIED for name in plans.variations()}
    keys = " ".join(plans.key(entry) for entry in plans.plan(profile)
                    if entry.name in {*plans.KINDS} | varied)
    versions = [f"{name} {version(name)}" for name in LIBRARIES]
    return {"rooms": rooms.hexdigest()[:16],
            "samples": hashlib.sha256(keys.encode()).hexdigest()[:16],
            "versions": ", ".join([f"Python {platform.python_version()}", *versions])}


def stale(found):
    """Say in what answers differ from what would be made today, in words; "" if in nothing.

    Code and samples have other digests under other versions of Python and libraries; so if these
    differ, that is all that is said.
    """
    now = origin(found.about["profile"])
    there = {name: found.about.get(name, "nothing") for name in now}
    if there["versions"] != now["versions"]:
        return f"made with {there['versions']}; here is {now['versions']}"
    changed = [name for name in ("rooms", "samples") if there[name] != now[name]]
    return f"made of other {' and '.join(changed)}" if changed else ""


def main(arguments=None):
    """Make the answers that ship with the package, or say what they are made of."""
    parser = argparse.ArgumentParser(prog="python -m darkpairs.distil", description=main.__doc__)
    parser.add_argument("do", nargs="?", default="make", choices=("make", "status"))
    parser.add_argument("--profile", default="full", help="of the samples (default: full)")
    parser.add_argument("--to", type=Path, default=answers.FILE, help="the file (default: ours)")
    options = parser.parse_args(arguments)
    if options.do == "make":
        line = lineup.gather(options.profile, progress=True)
        answers.write(distil(line, profile=options.profile), options.to)
    found = answers.read(options.to)
    words = stale(found)
    print(f"answers: {len(found)} pairs, {', '.join(found.searches)}, profile "
          f"{found.about['profile']}, {options.to.stat().st_size / 1e3:.0f} kB: "
          f"{words or 'of the code and samples of today'}")
    return int(bool(words))


if __name__ == "__main__":
    sys.exit(main())
