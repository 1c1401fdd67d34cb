"""Boosted trees that tell pairs from what looks like them, and never judge what they learnt from.

In: `Reco`, weights. Out: scores, cuts, who is selected, bins. Chapters: selection, focused.

A *recipe* says whose rows are looked at, which kinds are signal, and which kinds each model is set
against. The broad search of the note has four models: against cosmic rays, neutral pions in neutral
currents, electron neutrinos, and all other neutrinos with those from the dirt; the focused search
has one. Models are trained once for each fold on the events of the others (room `inputs`).

*Weights in training.* Within signal, and within what stands against it, rows count as their weights
say, so that kinds and pairs come in their natural shares. Then both sides are given the same sum: a
score of ½ says "as likely one as the other if both were equally frequent". A recipe may ask for
another *share* of the signal than ½; its scores are those of balanced models, moved to the odds
that go with it. So no model is told how many events to expect: scores do not change if all weights
of a side do by one factor, and their order does not change with the share.

Laws: no truth goes in: with what really happened, numbers and weights shuffled, scores stay bit for
bit; so they do in another order, in parts, and for any number of threads; an event's score does not
change when the event itself is taken out of the training.
"""

from dataclasses import dataclass
from typing import Annotated as Given
from typing import NamedTuple

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from darkpairs import cuts as _cuts
from darkpairs._jit import spread
from darkpairs.batches import KINDS
from darkpairs.inputs import COLUMNS, DOOR, FOLDS, Door, folds, matrix, preselect
from darkpairs.record import TOPOLOGIES

_CHUNK = 1 << 14  # rows scored at a time: memory stays flat
# Of the pairs of the published point that the note's Fig. 8 rests on, among all that passes the
# door: computed in the chapter `focused`, rounded; a cut at 0.9 says nothing without it
SHARE = 0.08
PI_ZERO, OTHER = ("pi0", "pi0-coherent"), ("dirt", "delta-gamma", "numu", "numu-pi0")


class Trees(NamedTuple):
    """How the trees are grown. All numbers are our choice, made on small samples."""

    trees: Given[float, "", "one after the other, never stopped early; ours"] = 100.0
    rate: Given[float, "", "how much of what is left each one learns; ours"] = 0.08
    leaves: Given[float, "", "of a tree, at most; ours"] = 12.0
    rows: Given[float, "", "in a leaf, at least; ours"] = 20.0
    shrink: Given[float, "", "L2 regularisation of the leaves' values; ours"] = 1.0
    steps: Given[float, "", "at which a column may be cut, at most; 255 is the limit"] = 200.0


TREES = Trees()


class Recipe(NamedTuple):
    """What is to be told from what, and by whose rows."""

    algorithm: str  #: one of `seen.ALGORITHMS`
    against: tuple  #: of (name, kinds), one model each
    signal: tuple = ("signal",)  #: kinds
    topologies: tuple = TOPOLOGIES[:3]
    door: Door = DOOR
    columns: tuple = COLUMNS
    fitted: str = "pi0"  #: the model in whose score what passes is counted
    share: float = 0.5  #: of the signal; on which scale of odds scores are given

    @property
    def names(self):
        """Names of the models, a tuple of str."""
        return tuple(name for name, _ in self.against)

    def place(self, name):
        """Return which of the models has a name, int; an unknown one is refused."""
        if name not in self.names:
            raise ValueError(f"no model against {name!r}; there are {', '.join(self.names)}")
        return self.names.index(name)


_FOUR = (("cosmic", ("cosmic",)), ("pi0", PI_ZERO), ("nue", ("nue",)), ("other", OTHER))
BROAD = Recipe("projective", _FOUR)  # the note, §2
SINGLE = Recipe("projective", (("all", ("cosmic", *PI_ZERO, "nue", *OTHER)),),
                fitted="all")  # for comparison
# The note, §3: one model. It does not say which topologies; we ask for none
FOCUSED = Recipe("tomographic", SINGLE.against, topologies=TOPOLOGIES, fitted="all", share=SHARE)
# As the search for Δ → Nγ of 2021 (arXiv:2110.00409), 1γ0p: one shower, nothing else
PHOTON = Recipe("projective", (*_FOUR[:3], ("other", ("dirt", "numu", "numu-pi0"))),
                signal=("delta-gamma",), topologies=("1s0t",), door=Door(protons=0.0))
SIGNAL_REGION = 0.9  # the note, §3 and Fig. 7: a score above this


@dataclass(frozen=True, eq=False)
class Trained:
    """Models of all folds; `score` asks them.

    Attributes
    ----------
    recipe : Recipe
        What they were trained for.
    models : tuple (folds) of tuple (k)
        For each fold the models that have not seen it, in the order of ``recipe.against``.
    """

    recipe: Recipe
    models: tuple


class Search(NamedTuple):
    """What a search says of each row of a `Reco`."""

    trained: Trained
    scores: np.ndarray  #: ndarray (n, k), NaN for rows that were not asked about
    fold: np.ndarray  #: ndarray (n,) of int
    cuts: np.ndarray  #: ndarray (folds, k)
    chosen: np.ndarray  #: ndarray (n,) of bool

    def of(self, name):
        """Return the score against what a model is set against, ndarray (n,)."""
        return self.scores[:, self.trained.recipe.place(name)]


def broad(reco, weight, *, learn=None, recipe=BROAD, aim=_cuts.AIM, trees=TREES):
    """Train, score and cut: the broad search of the note, or any recipe like it.

    Parameters
    ----------
    reco : Reco
        Signal and all backgrounds; rows of either algorithm.
    weight : ndarray (n,)
        Expected events that each row stands for, at the exposure wanted: cuts are chosen for them.
        Kinds that the recipe does not name have no say.
    learn : ndarray (n,), optional
        Weights for the training, if others are wanted there: such as a whole cocktail of signals,
        where `weight` has one model point.
    recipe, aim, trees
        What to tell from what, what for, and how.

    Returns
    -------
    Search
    """
    trained = train(reco, weight if learn is None else learn, recipe=recipe, trees=trees)
    scores, fold = score(trained, reco), folds(reco)
    named = _of(reco, (*recipe.signal, *(kind for _, kinds in recipe.against for kind in kinds)))
    best = _cuts.optimise(scores, fold, _of(reco, recipe.signal), np.where(named, weight, 0.0),
                          fitted=recipe.place(recipe.fitted), aim=aim)
    return Search(trained, scores, fold, best, _cuts.passes(scores, fold, best))


def edges(search, reco, weight, *, aim=_cuts.AIM):
    """Return the bins in which what is selected is to be fitted, ndarray (m+1,).

    Parameters
    ----------
    search : Search
        Of `broad`. Its score against ``recipe.fitted`` is binned.
    reco : Reco
        The rows that it is about.
    weight, aim
        As in `broad`. Kinds that the recipe does not name count as background, too.
    """
    recipe, rows = search.trained.recipe, np.flatnonzero(search.chosen)
    weight = _weights(weight, len(reco))
    if len(search.chosen) != len(reco):
        raise ValueError(f"a search of {len(search.chosen)} rows and {len(reco)} rows; wanted the "
                         "same")
    return _cuts.edges(search.of(recipe.fitted)[rows], _of(reco, recipe.signal)[rows],
                       weight[rows], aim=aim)


def at_share(score, share):
    """Return the scores of balanced models on the scale of another share, ndarray (...).

    A score p says that the odds are p to 1 − p if both sides are equally frequent. If the signal
    has a share f, they are fp to (1 − f)(1 − p). The order of scores stays.

    Parameters
    ----------
    score : array-like (...)
        0 … 1, or NaN.
    share : float
        Of the signal, 0 < share < 1; for ½ nothing changes, and with 1 − share all is undone.
    """
    if not 0 < share < 1:
        raise ValueError(f"share = {share} of the signal; wanted 0 < share < 1")
    score = np.asarray(score, dtype=np.float64)
    for_, against = share * score, (1 - share) * (1 - score)
    return for_ / (for_ + against)


def focused(reco, weight, *, recipe=FOCUSED, above=SIGNAL_REGION, trees=TREES):
    """Train, score and cut at a fixed score: the focused search of the note.

    Parameters
    ----------
    reco, recipe, trees
        As in `broad`.
    weight : ndarray (n,)
        Weights for the training; signal rows that are no light pairs get 0, and are scored still.
    above : float
        The signal region begins here.

    Returns
    -------
    Search
    """
    trained = train(reco, weight, recipe=recipe, trees=trees)
    scores, fold = score(trained, reco), folds(reco)
    fixed = np.full((FOLDS, scores.shape[1]), np.nextafter(above, np.inf))
    return Search(trained, scores, fold, fixed, _cuts.passes(scores, fold, fixed))


def train(reco, weight, *, recipe=BROAD, trees=TREES):
    """Return models that have learnt from all folds but one, for each fold; a `Trained`.

    Parameters
    ----------
    reco : Reco
        Signal and backgrounds.
    weight : ndarray (n,)
        What each row counts, ≥ 0; rows of weight 0 are not learnt from.
    recipe : Recipe
        What to tell from what.
    trees : Trees
        How they are grown.

    Raises
    ------
    ValueError
        If a class has no events in the training of a fold, for weights that are no numbers ≥ 0, and
        for columns as `inputs.matrix` refuses them.
    """
    weight = _weights(weight, len(reco))
    _known(recipe, trees)
    there = np.flatnonzero(_asked(reco, recipe) & (weight > 0))
    values, fold = matrix(reco, there, recipe.columns), folds(reco)[there]
    signal = _of(reco, recipe.signal)[there]
    jobs = []
    for k in range(FOLDS):
        for name, kinds in recipe.against:
            rows = np.flatnonzero((fold != k) & (signal | _of(reco, kinds)[there]))
            counts = np.bincount(signal[rows].astype(int), minlength=2)
            if not counts.all():
                raise ValueError(f"{counts[1]} rows of {'+'.join(recipe.signal)} and {counts[0]} "
                                 f"of {'+'.join(kinds)} to learn {name!r} from outside of fold "
                                 f"{k}; wanted some of each")
            jobs.append(rows)
    found = _share(lambda rows: _grow(values[rows], signal[rows], weight[there][rows], trees), jobs)
    size = len(recipe.against)
    return Trained(recipe, tuple(tuple(found[k:k + size]) for k in range(0, len(found), size)))


def score(trained, reco, *, columns=None):
    """Return what models say of rows that they have not learnt from, ndarray (n, k).

    Parameters
    ----------
    trained : Trained
        Models.
    reco : Reco
        Any rows: those trained on, or others, such as data. Each is judged by the models of its
        fold.
    columns : sequence of str, optional
        What the models are to look at; those that they were trained on, or it is refused.

    Returns
    -------
    ndarray (n, k)
        0 … 1, large for signal; NaN for rows that do not pass the preselection.
    """
    recipe, fold = trained.recipe, folds(reco)
    if columns is not None and tuple(columns) != tuple(recipe.columns):
        odd = sorted({*columns} ^ {*recipe.columns}) or "their order"
        raise ValueError(f"the models were trained on other columns: {odd}; wanted "
                         f"{', '.join(recipe.columns)}")
    asked = np.flatnonzero(_asked(reco, recipe))
    if len(reco) and not reco.of(recipe.algorithm).any():
        raise ValueError(f"no rows of {recipe.algorithm}, on which the models were trained; wanted "
                         "some")
    answer = np.full((len(reco), len(recipe.against)), np.nan)

    def judge(rows):
        for k, models in enumerate(trained.models):
            mine = rows[fold[rows] == k]
            if len(mine):
                values = matrix(reco, mine, recipe.columns)
                for place, model in enumerate(models):
                    balanced = model.predict_proba(values)[:, 1]
                    answer[mine, place] = at_share(balanced, recipe.share)
    _share(judge, [asked[i:i + _CHUNK] for i in range(0, len(asked), _CHUNK)])
    return answer


def _grow(values, signal, weight, trees):
    """Return one model, after both sides have been given the same sum of weights."""
    values = _coarse(values, int(trees.steps))
    weight = weight * np.where(signal, 1 / weight[signal].sum(), 1 / weight[~signal].sum())
    model = HistGradientBoostingClassifier(
        max_iter=int(trees.trees), learning_rate=trees.rate, max_leaf_nodes=int(trees.leaves),
        min_samples_leaf=int(trees.rows), l2_regularization=trees.shrink, early_stopping=False,
        random_state=0)  # nothing is thrown; this says so
    return model.fit(values, signal, sample_weight=weight * (len(signal) / weight.sum()))


def _coarse(values, steps):
    """Return columns in which each number is the nearest of a few quantiles of its column.

    Trees cut half-way between two such numbers, and there are columns of finer numbers cut alike:
    no score needs this. Without it the weighted quantiles that scikit-learn takes cost most of the
    training.
    """
    result = np.zeros_like(values)  # a column that nobody has tells nothing
    for column, new in zip(values.T, result.T, strict=True):
        there = ~np.isnan(column)
        if there.any():
            order = np.sort(column[there])
            grid = np.unique(order[np.linspace(0, len(order) - 1, steps).round().astype(int)])
            place = np.searchsorted((grid[1:] + grid[:-1]) / 2, column)
            new[:] = np.where(there, grid[place], np.nan)
    return result


def _share(work, jobs):
    """Return what `work` makes of each job, one thread for each at a time."""
    def part(first, last):
        with threadpool_limits(1, user_api="openmp"):  # threads of threads wait for each other
            return [work(job) for job in jobs[first:last]]
    return [done for some in spread(part, len(jobs)) for done in some]


def _of(reco, kinds):
    """Tell which rows are of some kinds, ndarray (n,) of bool."""
    return np.isin(reco.kind, [KINDS.index(name) for name in kinds])


def _asked(reco, recipe):
    return preselect(reco, algorithm=recipe.algorithm, topologies=recipe.topologies,
                     door=recipe.door)


def _weights(weight, n):
    weight = np.asarray(weight, dtype=np.float64)
    if weight.shape != (n,) or not (np.isfinite(weight) & (weight >= 0)).all():
        raise ValueError(f"weights of shape {weight.shape} for {n} rows; wanted one finite number "
                         "≥ 0 for each")
    return weight


def _known(recipe, trees):
    """Refuse kinds that there are not, a kind on both sides, and trees that cannot grow."""
    for name, kinds in (("signal", recipe.signal), *recipe.against):
        if not kinds or not {*kinds} <= {*KINDS}:
            raise ValueError(f"{name}: kinds {kinds!r}; wanted some of {', '.join(KINDS)}")
        if name != "signal" and {*kinds} & {*recipe.signal}:
            raise ValueError(f"{name}: {sorted({*kinds} & {*recipe.signal})} are signal, too")
    if not recipe.against or len({*recipe.names}) < len(recipe.against):
        raise ValueError(f"models against {recipe.names}; wanted one at least, with names of their "
                         "own")
    at_share(0.5, recipe.share)
    if not (min(trees.trees, trees.rows) >= 1 and trees.leaves >= 2 and trees.rate > 0
            and trees.shrink >= 0 and 2 <= trees.steps <= 255):
        raise ValueError(f"{trees}; wanted trees, rows ≥ 1, leaves ≥ 2, rate > 0, "
                         "shrink ≥ 0 and 2 ≤ steps ≤ 255")
