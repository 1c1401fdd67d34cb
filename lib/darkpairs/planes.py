"""The planes of the note: fourteen slices of the broad search, and the one of the focused search.

In: a splitting and the mass of the Z′. Out: models along an axis of masses, and predictions for a
whole plane. Chapters: miniboone and first-contour.

In each plane one axis is the mass of ν_h, the other the square of the coupling that makes it. How
fast ν_h decays does not hang on that coupling, or does not matter, as it decays on the spot. So a
prediction is made once per mass and scaled.

Laws: a prediction grows as the squared coupling; the models of a plane share all but the mass.
"""

from typing import NamedTuple

import numpy as np

from darkpairs import model

DELTAS = (0.5, 3.0)  # the note and arXiv:2308.02543
M_ZPRIME = (30.0, 60.0, 100.0, 200.0, 500.0, 800.0, 1250.0)  # MeV, arXiv:2308.02543
SLICES = tuple((delta, m_zprime) for delta in DELTAS for m_zprime in M_ZPRIME)
MASSES = np.geomspace(10.0, 1000.0, 40)  # MeV, the grid of arXiv:2308.02543
LIGHT_MASSES = np.geomspace(35.0, 800.0, 40)  # MeV, above a Z′ of 30 MeV
SQUARES = np.geomspace(1e-11, 1.0, 331)  # 30 for each power of ten
UNIT = 1e-8  # squared coupling of the models of a plane


class Plane(NamedTuple):
    """Masses of ν_h against the squared coupling that makes it."""

    name: str  #: what the plane is, for titles
    coupling: str  #: which coupling is squared, ``"|V_μ5|²"`` or ``"|U_μ4|²"``
    masses: np.ndarray  #: ndarray (a,), masses of ν_h [MeV]
    squares: np.ndarray  #: ndarray (b,), squared couplings
    models: tuple  #: of a models, with the squared coupling `UNIT`


def broad(delta, m_zprime, *, masses=MASSES, squares=SQUARES, **options):
    """Return one slice of the broad search, a `Plane` of ``|V_μ5|²``.

    Parameters
    ----------
    delta, m_zprime : float
        Splitting (m₅ − m₄)/m₄ and mass of the Z′ [MeV]; the note's fourteen are in ``SLICES``.
    masses, squares : array-like
        The two axes: m₅ [MeV] and ``|V_μ5|²``, both > 0 and rising.
    **options
        As in `model.broad`.
    """
    masses, squares = _axis("masses", masses), _axis("squares", squares)
    models = tuple(model.broad(m5=m5, delta=delta, m_zprime=m_zprime, vmu5=UNIT**0.5, **options)
                   for m5 in masses)
    return Plane(f"Δ = {delta:g}, m_Z′ = {m_zprime:g} MeV", "|V_μ5|²", masses, squares, models)


def focused(*, masses=LIGHT_MASSES, squares=SQUARES, **options):
    """Return the plane of the focused search, a `Plane` of ``|U_μ4|²`` at m_Z′ = 30 MeV.

    Arguments as in `broad`; options as in `model.focused`. Here a larger coupling also makes ν₄
    decay faster, but it flies centimetres at most anyhow.
    """
    masses, squares = _axis("masses", masses), _axis("squares", squares)
    models = tuple(model.focused(m4=m4, umu4_squared=UNIT, **options) for m4 in masses)
    return Plane("m_Z′ = 30 MeV", "|U_μ4|²", masses, squares, models)


def predict(plane, rule, *, progress=iter):
    """Return what a rule predicts for each mass of a plane, ndarray (a, n), at coupling `UNIT`.

    Parameters
    ----------
    plane : Plane
        The plane.
    rule : callable
        From a model to events per bin, ndarray (n,).
    progress : callable
        Wraps the loop over the models, such as ``tqdm``.
    """
    return np.array([rule(point) for point in progress(plane.models)])


def scale(plane, predicted):
    """Return what (a, n) events at coupling `UNIT` become all over a plane, ndarray (a, b, n)."""
    predicted = np.asarray(predicted, dtype=np.float64)
    if predicted.ndim != 2 or len(predicted) != len(plane.masses):
        raise ValueError(f"prediction of shape {predicted.shape}; wanted ({len(plane.masses)}, n), "
                         "one row for each mass")
    return predicted[:, None] * (plane.squares / UNIT)[:, None]


def _axis(name, values):
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not (values[0] > 0 and (np.diff(values) > 0).all()):
        raise ValueError(f"{name} = {values.tolist()}; wanted numbers > 0 that rise")
    return values


def crossing(plane, values, level):
    """Return for each mass the lowest squared coupling at which values rise through a level.

    Parameters
    ----------
    plane : Plane
        The plane.
    values : array-like (a, b)
        Such as Δχ², over masses and squared couplings.
    level : float
        Such as 5.99.

    Returns
    -------
    ndarray (a,)
        Straight lines between the points, in the logarithm of the coupling; NaN where the values
        never rise through the level.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.shape != (len(plane.masses), len(plane.squares)):
        raise ValueError(f"values of shape {values.shape}; wanted one for each of "
                         f"{len(plane.masses)} masses and {len(plane.squares)} couplings")
    logs, result = np.log(plane.squares), np.full(len(values), np.nan)
    for i, row in enumerate(values):
        rises = np.flatnonzero((row[:-1] <= level) & (row[1:] > level))
        if len(rises):
            k = rises[0]
            part = (level - row[k]) / (row[k + 1] - row[k])
            result[i] = np.exp(logs[k] + part * (logs[k + 1] - logs[k]))
    return result
