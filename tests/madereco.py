"""A `Reco` of made-up events: each kind differs from signal in one column, by a known amount."""

import numpy as np

from darkpairs.batches import KINDS
from darkpairs.record import Reco
from darkpairs.rng import stream, uniforms
from darkpairs.seen import ALGORITHMS

# What tells a kind from signal: a column, and by how many standard deviations
MARKS = {"pi0": ("angle", 2.0), "cosmic": ("direction_y", 3.0), "nue": ("dedx_leading", 1.5),
         "numu": ("length", 3.0), "dirt": ("border", -2.0)}
RATES = {"signal": 60.0, "pi0": 300.0, "cosmic": 200.0, "nue": 80.0, "numu": 400.0, "dirt": 100.0}


def gauss(name, n, draws, first=0):
    """Standard Gaussian numbers (n, draws) that hang on a word and the event's number alone."""
    u = uniforms(5, stream("made", name), n, 2 * draws, first=first)
    return np.sqrt(-2 * np.log1p(-u[:, :draws])) * np.cos(2 * np.pi * u[:, draws:])


def kind_of(name, n, algorithm="projective", first=0, **changes):
    """Rows of one kind; every column is Gaussian around 50, but those that count."""
    names = list(Reco.SHAPES)
    values = 50 + 10 * gauss(name, n, len(names), first)
    columns = dict(zip(names, values.T, strict=True))
    if name in MARKS:
        column, sigmas = MARKS[name]
        columns[column] = columns[column] + 10 * sigmas
    columns["vertex_x"] = columns["vertex_y"] = columns["vertex_z"] = np.full(n, np.nan)
    columns |= dict(gap=np.where(columns["gap"] > 55, np.nan, columns["gap"]),
                    event=np.arange(first, first + n), kind=np.full(n, KINDS.index(name)),
                    weight=np.full(n, RATES.get(name, 1.0) / n),
                    algorithm=np.full(n, ALGORITHMS.index(algorithm)),
                    topology=np.arange(first, first + n) % 3, protons=np.zeros(n))
    return Reco(**columns | changes)


def some(n=300, kinds=tuple(RATES), **changes):
    """Rows of several kinds, one kind after the other."""
    parts = [kind_of(name, n, **changes) for name in kinds]
    return joined(*parts)


def joined(*parts):
    """Rows of several records, one after the other."""
    return Reco(**{name: np.concatenate([getattr(part, name) for part in parts])
                   for name in Reco.SHAPES})


def taken(reco, rows, **changes):
    """Some rows in some order."""
    return Reco(**{name: getattr(reco, name)[rows] for name in Reco.SHAPES} | changes)
