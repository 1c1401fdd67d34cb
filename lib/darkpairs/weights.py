"""Weights: one simulated sample for all models, and for all worlds that may be the real one.

In: `Truth`. Out: events per POT for another model, and factors for universes. Chapter: samples.

*Another model.* A chamber sees of a signal event its pair alone. So a pair that lies where the
source of the sample puts ρ pairs, and another model ρ', counts ρ'/ρ times. No bins are needed, and
pairs weighted so agree in energy, opening angle, asymmetry, angle to the beam and place, whatever
is looked at, and together.

*Universes.* What is uncertain has a name (`uncertain`), and in each universe a pull z of its own,
from dice that hang on (seed, name, universe) alone. A rate is moved by exp(Σ σz − ½Σσ²): never
below 0, and 1 on average.

Laws: a sample weighted to its own model is what it was; the weighted events add up to those of the
model; universes have mean 1, the errors and correlations of their papers, and do not hang on how
many there are, nor on what other events are there.
"""

import warnings

import numpy as np

from darkpairs import cocktail, uncertain
from darkpairs import density as _density
from darkpairs._jit import njit
from darkpairs.batches import KINDS
from darkpairs.counting import effective
from darkpairs.kinematics import mass
from darkpairs.model import DarkModel
from darkpairs.rng import _normal, _start, check_seed, stream

SAME = {"experiment", "regime", "inside"}  # options that a sample shares with what it becomes
ENOUGH = 500.0  # effective events below which we warn


class TooFew(UserWarning):
    """A model that few events of a sample can stand for.

    Attributes
    ----------
    model : DarkModel
        Which one.
    effective : float
        How many events, see `counting.effective`.
    """

    def __init__(self, model, effective, events, wanted):
        super().__init__(
            f"{effective:.0f} effective events of {events} stand for ν_h of {model.m_heavy:g} MeV, "
            f"ν_h' of {model.m_light:g} MeV and a Z′ of {model.m_zprime:g} MeV; wanted {wanted:g}")
        self.model, self.effective = model, effective


def signal(truth, model, *, source=cocktail.PARTS, made=None, enough=ENOUGH, **options):
    """Return what the signal events of a sample count for another model.

    Each event is treated by itself: a part of a sample gets a part of the weights. So their sum
    over a whole sample is the rate of the model within 1/√N of it, with N of `counting.effective`.
    What recoiled stays what it was; of protons only the pair is weighted, see the ledger.

    Parameters
    ----------
    truth : Truth
        Signal events, as from `cocktail.generate` or `signal.generate`.
    model : DarkModel
        The model point wanted.
    source : DarkModel or sequence of Part
        What the sample was made from.
    made : ndarray (n,), optional
        The `density` of the source, if it is at hand; for a cocktail it takes most of the time.
    enough : float
        Warn if the effective events are fewer.
    **options
        As in `signal.generate`, for the model. ``experiment``, ``regime`` and ``inside`` are those
        of the sample, too.

    Returns
    -------
    ndarray (n,)
        Expected events per POT that each row stands for, in place of ``truth.weight``.

    Raises
    ------
    ValueError
        If the source makes no pairs like those of the sample, or if the model has a real Z′ of a
        mass that no pair of the sample has.

    Warns
    -----
    TooFew
        If the effective events are fewer than `enough`.
    """
    if made is None:
        made = density(truth, source=source, **{key: options[key] for key in SAME & set(options)})
    made = np.asarray(made, dtype=np.float64)
    if made.shape != (len(truth),) or not (made > 0).all():
        raise ValueError(f"densities of shape {made.shape}, {(~(made > 0)).sum()} of them not > 0, "
                         f"for {len(truth)} events; wanted those of the source of the sample")
    wanted = _density.of(model, _density.pairs(truth), **options)
    if not wanted.any():
        raise ValueError(_lost(truth, model))
    weight = truth.weight * (wanted / made)
    if effective(weight) < enough:
        warnings.warn(TooFew(model, effective(weight), len(truth), enough), stacklevel=2)
    return weight


def density(truth, *, source=cocktail.PARTS, **options):
    """Return how dense the pairs of the source of a sample lie at its own pairs.

    Parameters
    ----------
    truth : Truth
        Signal events.
    source : DarkModel or sequence of Part
        What the sample was made from.
    **options
        As in `signal.generate`, with which it was made.

    Returns
    -------
    ndarray (n,)
        See `density.of` and `cocktail.density`.
    """
    if len(truth) == 0 or (truth.kind != KINDS.index("signal")).any():
        raise ValueError(f"{len(truth)} events, of which {int((truth.kind != 0).sum())} are no "
                         "signal; wanted signal events alone, at least one")
    one = isinstance(source, DarkModel)
    known = np.array([source.m_heavy] if one else [part.m5 for part in source])
    heavy = mass(truth.p4[truth.offsets[:-1] + 1])  # ν_h comes after what recoils
    strange = np.abs(heavy[:, None] / known - 1).min(axis=1) > 1e-6
    if strange.any():
        raise ValueError(f"{int(strange.sum())} events have a ν_h that the source does not make, "
                         f"such as {heavy[strange][0]:g} MeV; wanted the source of the sample")
    if one:
        return _density.of(source, _density.pairs(truth), **options)
    return cocktail.density(truth, parts=source, **options)


def _lost(truth, model):
    """Say why no event of a sample can stand for a model."""
    real = _density.pairs(truth)[:, 11]
    there = np.unique(np.round(real[real > 0], 6))
    return (f"no pair of the sample can be one of ν_h of {model.m_heavy:g} MeV and a Z′ of "
            f"{model.m_zprime:g} MeV; it has {int((real == 0).sum())} pairs of virtual Z′, and of "
            f"real ones those of {', '.join(f'{each:g}' for each in there) or 'no mass'} MeV")


def universes(truth, n, *, seed, beam=uncertain.BEAM, papers=uncertain.PAPERS, only=None):
    """Return what each event counts in other universes, beside its weight in ours.

    Parameters
    ----------
    truth : Truth
        Events of any kinds that `papers` knows.
    n : int
        How many universes, > 0.
    seed : int
        From 0 to 2⁶³ − 1. Universe k hangs on (seed, k) alone: fewer are the first of more.
    beam, papers
        Errors of the flux and of each kind, as in `uncertain.modes`.
    only : sequence of str, optional
        Let these sources move alone, with the dice that they have among all; see
        `uncertain.sizes` for their names. One that moves no event of this sample moves nothing; a
        name that no paper has is refused.

    Returns
    -------
    ndarray (n, events)
        Factors > 0 with mean 1 over many universes.
    """
    check_seed(seed)
    if not n > 0 or n % 1:
        raise ValueError(f"n = {n} universes; wanted a whole number > 0")
    names, sizes = uncertain.modes(truth, beam=beam, papers=papers)
    if only is not None:
        _check_sources(only, papers)
        kept = [name.split("\0")[0] in only for name in names]
        names, sizes = [name for name, keep in zip(names, kept, strict=True) if keep], sizes[kept]
    pulls = np.array([_pulls(np.uint64(seed), np.uint64(stream("universe", name)), int(n))
                      for name in names]).reshape(len(names), int(n))
    return _factors(pulls, sizes)


def _check_sources(only, papers):
    """Refuse names of sources that no paper has, and none at all."""
    known = {*uncertain.FLUX,
             *(section.name for kind in papers.values() for section in kind.sections)}
    if isinstance(only, str) or not len(only) or not {*only} <= known:
        raise ValueError(f"only = {only!r}; wanted some of {', '.join(sorted(known))}")


@njit
def _pulls(seed, name, n):
    """Pulls of one name in n universes."""
    result = np.empty(n)
    for k in range(n):
        _, result[k] = _normal(_start(seed, name, np.uint64(k)))
    return result


@njit
def _factors(pulls, sizes):
    """exp(Σ σz − ½Σσ²) for each universe and event."""
    result = np.empty((pulls.shape[1], sizes.shape[1]))
    for k in range(result.shape[0]):
        for i in range(result.shape[1]):
            total = 0.0
            for m in range(len(sizes)):
                total += sizes[m, i] * (pulls[m, k] - 0.5 * sizes[m, i])
            result[k, i] = np.exp(total)
    return result
