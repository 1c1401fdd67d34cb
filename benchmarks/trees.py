"""What the selection costs: four models for each of five folds, scores, cuts.

Rows are dice, as many of each kind as the full samples leave after the preselection. Times are on
the wall, with the threads that numba may use; models are trained twice and compared to the bit.
"""

import time
from typing import NamedTuple

import numpy as np

from darkpairs import cuts, inputs, selection
from darkpairs.batches import KINDS
from darkpairs.record import Reco
from darkpairs.rng import stream, uniforms

ROWS = {"signal": 18000, "pi0": 15000, "pi0-coherent": 3600, "dirt": 4000, "delta-gamma": 3900,
        "nue": 3200, "numu": 1200, "numu-pi0": 2100, "cosmic": 900}  # as in the full samples


class Step(NamedTuple):
    """One line of the table."""

    name: str
    rows: int
    seconds: float


def dice(rows=ROWS):
    """Rows of all kinds, each kind shifted in a column of its own."""
    parts = []
    for place, (name, n) in enumerate(rows.items()):
        u = uniforms(1, stream("benchmark", name), n, len(Reco.SHAPES))
        columns = dict(zip(Reco.SHAPES, 50 + 20 * u.T, strict=True))
        columns[inputs.COLUMNS[10 + place]] += 10
        parts.append(columns | dict(event=np.arange(n), kind=np.full(n, KINDS.index(name)),
                                    algorithm=np.zeros(n), weight=np.full(n, 1 / n),
                                    topology=np.arange(n) % 3))
    return Reco(**{name: np.concatenate([part[name] for part in parts]) for name in Reco.SHAPES})


def measure():
    """Yield one table: title, header, rows."""
    reco, found, answers = dice(), [], []

    def step(name, work):
        start = time.perf_counter()
        result = work()
        found.append(Step(name, len(reco), time.perf_counter() - start))
        return result
    for _ in range(2):
        trained = step("train 20 models", lambda: selection.train(reco, reco.weight))
        answers.append(step("score", lambda trained=trained: selection.score(trained, reco)))
    step("cut", lambda: cuts.optimise(answers[0], inputs.folds(reco), reco.kind == 0, reco.weight))
    same = np.array_equal(*answers, equal_nan=True)
    rows = [(one.name, f"{one.rows:,}", f"{one.seconds:.2f}", f"{one.rows / one.seconds:,.0f}")
            for one in found]
    rows.append(("same bits again", "", "", "yes" if same else "no"))
    yield "Selection", ("step", "rows", "seconds", "rows per second"), rows
