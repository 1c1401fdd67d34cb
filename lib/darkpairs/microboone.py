"""MicroBooNE's published search: its efficiencies, backgrounds and counts, in place of our chamber.

In: a model. Out: expected pairs after the published selections, and a `Template` with the counts.
Chapter: first-contour.

All numbers are of arXiv:2502.10900, the result that followed the note, read off public figures. The
efficiency is published against the energy of the pair and against its opening angle, each averaged
over the other. Their product over a mean stands for both; the mean is set so that the published
example comes out with its 67 events.

Laws: the example point gives its published events; conditioning on the samples with neutral pions
lowers the background and its error; no efficiency leaves 0 … 1.
"""

from functools import cache

import numpy as np

from darkpairs import likelihood, signal, tables, upstream
from darkpairs.batches import Template, only
from darkpairs.kinematics import opening_angle
from darkpairs.sensitivity import _known

POT = 6.87e20  # protons on target, the note and arXiv:2502.10900
OBSERVED, EXPECTED, ERROR = 95, 69.7, 17.3  # counts, constrained background, arXiv:2502.10900
MEAN = 0.2745  # calibrated: the example of `microboone_visible.csv` then keeps 67.5 events
PLATEAU, RISE = 0.40, 300.0  # focused search: 40 % above 300 MeV, the note's Fig. 7
SEARCHES, VARIABLES, ERRORS = ("broad", "focused"), ("score", "visible"), ("published", "read")
EVENTS = 20_000  # thrown per model: less than a percent on the sum


def efficiency(energy, opening, *, search="broad", by_opening=True):
    """Return the chance that a pair is selected, ndarray (n,).

    Parameters
    ----------
    energy : array-like (n,)
        True energy of the pair [MeV].
    opening : array-like (n,)
        True angle between e⁻ and e⁺ [rad].
    search : str
        ``"broad"``: as read off the published figures. ``"focused"``: 40 % above 300 MeV as the
        note says, and below it a straight line from 0, which is our choice.
    by_opening : bool
        Let the efficiency of the broad search depend on the opening angle too.
    """
    energy, opening = np.asarray(energy, dtype=np.float64), np.asarray(opening, dtype=np.float64)
    _known("search", search, SEARCHES)
    if search == "focused":
        return PLATEAU * np.clip(energy / RISE, 0.0, 1.0)
    values = _step("microboone_efficiency_energy.csv", energy)
    if by_opening:
        values = values * _step("microboone_efficiency_opening.csv", np.degrees(opening)) / MEAN
    return np.minimum(values, 1.0)


def predict(point, *, search="broad", variable="score", by_opening=True, regime="coherent",
            earth=False, events=EVENTS, seed=1, **options):
    """Return the selected pairs per bin that a model makes at 6.87×10²⁰ POT, ndarray (n,).

    Parameters
    ----------
    point : DarkModel
        The model point.
    search, by_opening
        As in `efficiency`.
    variable : str
        ``"score"``: the score against neutral pions; all models get the shape of the published
        example. ``"visible"``: the energy of the pair; the true one, without errors.
    regime, **options
        As in `signal.generate`.
    earth : bool
        Add ν_h made in the earth before the detector, see room `upstream`.
    events, seed : int
        How many events are thrown, and their dice.
    """
    _known("variable", variable, VARIABLES)
    table = tables.read(f"microboone_{variable}.csv")
    total = np.zeros(len(table["low"]))
    for room in (signal, upstream) if earth else (signal,):
        truth = room.generate(point, events, seed=seed, regime=regime, **options)
        pair = [truth.p4[only(truth, code)] for code in (11, -11)]
        energy = pair[0][:, 0] + pair[1][:, 0]
        weights = truth.weight * POT * efficiency(energy, opening_angle(*pair), search=search,
                                                  by_opening=by_opening)
        if variable == "score":
            total += weights.sum() * table["example"] / table["example"].sum()
        else:
            edges = np.append(table["low"], table["high"][-1])
            total += np.histogram(energy, edges, weights=weights)[0]
    return total


def template(*, variable="score", errors="published"):
    """Return the `Template` of the search without a signal, and the counts, ndarray (n,).

    Parameters
    ----------
    variable : str
        As in `predict`.
    errors : str
        ``"read"``: the four bins of the score, conditioned on the samples with neutral pions with
        the covariance read off the public figure. ``"published"``: scaled to the published sum of
        69.7 ± 17.3, the missing error moving all bins together.
    """
    _known("variable", variable, VARIABLES)
    _known("errors", errors, ERRORS)
    table = tables.read(f"microboone_{variable}.csv")
    if variable == "visible" and errors == "read":
        raise ValueError("no covariance of the visible energy is public; wanted errors='published'")
    mean, covariance = table["background"], np.zeros(2 * [len(table["background"])])
    if variable == "score":
        mean, covariance = constrained()
    if errors == "published":
        scale = EXPECTED / mean.sum()
        mean, covariance = mean * scale, covariance * scale**2
        missing = max(ERROR**2 - covariance.sum(), 0.0)
        covariance = covariance + missing * np.outer(mean, mean) / mean.sum() ** 2
    edges = np.append(table["low"], table["high"][-1])
    nothing = np.zeros(len(mean))
    if variable == "visible":  # one shift says the same as a matrix of rank one
        return Template(edges, nothing, mean[None], shifts=(mean * ERROR / EXPECTED)[None]), \
            table["data"]
    return Template(edges, nothing, mean[None], covariance=covariance), table["data"]


@cache
def constrained():
    """Return the background in the bins of the score after the constraint, a `Constrained`.

    The fractional covariance of 4 + 28 bins times the predictions, and the scatter of the 28 counts
    with neutral pions (two photons with and without a proton).
    """
    scores, sides = (tables.read(f"microboone_{name}.csv") for name in ("score", "sidebands"))
    mean = np.concatenate([scores["background"], sides["background"]])
    fractional = tables.read("microboone_fractional_covariance.csv").matrix()
    joint = fractional * np.outer(mean, mean)
    known = np.arange(len(scores["background"]), len(mean))
    joint[known, known] += mean[known]
    return likelihood.constrain(mean, joint, sides["data"], known=known)


def _step(name, values):
    """Return the efficiency of the bin of each value; 0 outside the table."""
    table = tables.read(name)
    place = np.searchsorted(table["low"], values, side="right") - 1
    inside = (place >= 0) & (values < table["high"][-1])
    return np.where(inside, table["efficiency"][np.maximum(place, 0)], 0.0)

