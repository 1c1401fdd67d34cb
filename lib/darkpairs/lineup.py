"""All events of a search side by side: signal and backgrounds, with what they count at an exposure.

In: a profile. Out: a `Lineup`. Chapters: selection, focused, systematics, sidebands, blinding.

Samples come kind by kind, and each knows its own rate. A search looks at all of them together: the
rows of both reconstructions one below the other, with weights in events. Signal rows have two
weights. Training uses the whole cocktail, so that no single model is preferred; predictions use one
model, to which the cocktail is weighted (room `weights`).

Laws: rows of a kind are those of its sample, in its order; weights of each kind add up to its rate
times the exposure, within chance where it is tilted; doubled exposure doubles every weight and
changes nothing else.
"""

from dataclasses import dataclass

import numpy as np

from darkpairs import plans, samples, traces, weights
from darkpairs.batches import KINDS
from darkpairs.model import BENCHMARKS
from darkpairs.record import Reco
from darkpairs.spectra import POT


@dataclass(frozen=True, eq=False)
class Lineup:
    """Rows of many samples, one below the other.

    Attributes
    ----------
    pot : float
        Protons on target that all weights are for.
    samples : dict of str to Sample
        By kind, in the order of the rows.
    reco : Reco
        Both algorithms; ``event`` counts within a sample.
    weight : ndarray (n,)
        Expected events that each row stands for, the signal weighted to one model. Each algorithm
        has the whole rate.
    learn : ndarray (n,)
        The same, the signal as the cocktail that was simulated.
    """

    pot: float
    samples: dict
    reco: Reco
    weight: np.ndarray
    learn: np.ndarray

    def __len__(self):
        return len(self.reco)

    def of(self, kind):
        """Tell which rows are of a kind, ndarray (n,) of bool; an unknown one is refused."""
        if kind not in self.samples:
            raise ValueError(f"no kind {kind!r} in this lineup; there are "
                             f"{', '.join(self.samples)}")
        return self.reco.kind == KINDS.index(kind)

    def spread(self, values):
        """Return a number for each row from numbers for each event, ndarray (n,).

        Parameters
        ----------
        values : dict of str to array-like (events,)
            By kind, such as the true energy of each event; rows of other kinds get NaN.
        """
        result = np.full(len(self), np.nan)
        for kind, some in values.items():
            mine, some = self.of(kind), np.asarray(some)
            if some.shape != (len(self.samples[kind]),):
                raise ValueError(f"values of shape {some.shape} for {len(self.samples[kind])} "
                                 f"events of {kind!r}; wanted one for each")
            result[mine] = some[self.reco.event[mine]]
        return result


def gather(profile, *, pot=POT, model=BENCHMARKS["note"], kinds=plans.KINDS, progress=False,
           **options):
    """Return the samples of the book side by side, a `Lineup`; what is missing is made now.

    Parameters
    ----------
    profile : str
        ``"quick"`` or ``"full"``.
    pot : float
        Protons on target, > 0.
    model : DarkModel
        To which the signal is weighted.
    kinds : sequence of str
        Which of ``plans.KINDS``, each once.
    progress, **options
        As in `samples.load`.

    Raises
    ------
    ValueError
        For unknown kinds, none, one twice, and for an exposure that is no number > 0.

    Warns
    -----
    weights.TooFew
        If few events of the cocktail can stand for the model.
    """
    kinds = tuple(kinds)
    if not kinds or len({*kinds}) < len(kinds) or not {*kinds} <= {*plans.KINDS}:
        raise ValueError(f"kinds {kinds}; wanted some of {', '.join(plans.KINDS)}, each once")
    found = {kind: samples.load(kind, profile, progress=progress, **options) for kind in kinds}
    return beside(found, pot=pot, model=model)


def beside(found, *, pot=POT, model=BENCHMARKS["note"]):
    """Return samples that are at hand side by side, a `Lineup`.

    Parameters
    ----------
    found : dict of str to Sample
        By kind, one at least.
    pot, model
        As in `gather`.
    """
    if not found or not 0 < pot < np.inf:
        raise ValueError(f"{len(found)} samples at {pot} protons on target; wanted one at least, "
                         "and a number > 0")
    reco = traces.concatenate([sample.reco for sample in found.values()])
    learn = reco.weight * pot
    weight = [weights.signal(sample.truth, model)[sample.reco.event] if kind == "signal" else
              sample.reco.weight for kind, sample in found.items()]
    return Lineup(float(pot), dict(found), reco, np.concatenate(weight) * pot, learn)
