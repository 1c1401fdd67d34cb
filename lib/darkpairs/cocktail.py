"""The cocktail: one sample of pairs from several model points, to be weighted to any other.

In: how many, a seed. Out: `Truth`, and how dense its pairs lie. Chapter: samples.

Simulating a pair takes a thousand times as long as throwing it. So pairs are thrown once, from
points that together cover what all others do, and seen by the chamber once; `weights` then makes of
them the pairs of any model. A pair of a real Z′ has its mass, which no virtual one hits by chance:
so the cocktail has parts for each mass at which the note's slices have a real Z′, and parts for
virtual ones, from narrow pairs to wide ones.

Event i belongs to the part that row i of a table says, over and over. So each chunk holds all
parts in their shares, and their numbers do not fluctuate.

Laws: shares are exact after each turn of the table; an event does not hang on the chunk it came in;
the density of the mix is the mean of its parts' densities, each divided by its rate; it adds up
to one.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from darkpairs import density as _density
from darkpairs import rates, signal
from darkpairs.batches import Truth, concatenate, select
from darkpairs.model import broad
from darkpairs.rng import check_seed

UNIT = 1e-4  # |V_μ5| of the parts; it cancels
APART = 1 << 40  # the parts count their events from multiples of this, so that none share dice


class Part(NamedTuple):
    """A model point of the cocktail, in the manner of the broad search."""

    m5: float  #: mass of ν₅ [MeV]
    delta: float  #: splitting (m₅ − m₄)/m₄
    m_zprime: float  #: mass of the Z′ [MeV]
    events: float  #: how many of the events of one turn of the table

    @property
    def model(self):
        """The model point, a `DarkModel`."""
        return broad(m5=self.m5, delta=self.delta, m_zprime=self.m_zprime, vmu5=UNIT)


# Masses of ν₅ [MeV] and events of each turn of the table, by (Δ, m_Z′) of the note's slices: those
# that leave the poorest point of any slice as rich as it can be; our choice
TURN = {
    (0.5, 30.0): {10: 3, 12.7: 2, 16: 2, 20.3: 2, 25.7: 2, 32.6: 2, 41.2: 2, 52.2: 2, 58.8: 1,
                  66: 2, 74: 2, 84: 5, 94: 6, 134: 3, 170: 3, 215: 3, 307: 3, 554: 2, 624: 3,
                  702: 3, 790: 3, 889: 4, 1000: 5},
    (0.5, 60.0): {119: 1, 134: 2, 151: 2, 170: 4, 191: 6, 242: 2, 273: 3, 346: 4, 624: 3, 702: 3,
                  790: 3, 889: 4, 1000: 5},
    (0.5, 100.0): {215: 3, 242: 2, 273: 5, 307: 7, 389: 4, 624: 1, 702: 3, 790: 3, 889: 3,
                   1000: 5},
    (0.5, 200.0): {346: 4, 389: 4, 438: 3, 492: 4, 554: 5, 624: 7, 702: 3, 790: 4, 889: 3,
                   1000: 5},
    (0.5, 500.0): {624: 3, 702: 3, 790: 4, 889: 4, 1000: 5},
    (0.5, 800.0): {106: 1},
    (0.5, 1250.0): {10: 4, 11.3: 2, 14.3: 2, 106: 2, 191: 2},
    (3.0, 30.0): {20.3: 3, 32.6: 2, 36.7: 2, 41.2: 4, 151: 4, 215: 4, 273: 5, 702: 4, 790: 3,
                  889: 4, 1000: 7},
    (3.0, 60.0): {52.2: 2, 58.8: 1, 74: 4, 84: 4, 273: 7, 702: 3, 790: 4, 889: 4, 1000: 7},
    (3.0, 100.0): {119: 3, 134: 3, 273: 5, 307: 2, 702: 3, 790: 3, 889: 3, 1000: 7},
    (3.0, 200.0): {273: 1, 554: 2, 702: 3, 790: 3, 889: 3, 1000: 6},
    (3.0, 500.0): {10: 4, 12.7: 2, 492: 3, 554: 2, 624: 5, 702: 7, 790: 3, 889: 3, 1000: 7},
    (3.0, 800.0): {16: 2, 18: 1, 25.7: 3, 32.6: 2, 702: 2, 790: 3, 889: 4, 1000: 6},
    (3.0, 1250.0): {790: 1, 1000: 1},
}
PARTS = tuple(Part(float(m5), *slice_, float(events)) for slice_, row in TURN.items()
              for m5, events in row.items())


def generate(n, *, seed, first=0, parts=PARTS, **options):
    """Return pairs of the cocktail.

    Parameters
    ----------
    n : int
        How many events, > 0.
    seed : int
        From 0 to 2⁶³ − 1. Event i depends on (seed, i) alone.
    first : int
        Number of the first event, ≥ 0.
    parts : sequence of Part
        What is mixed.
    **options
        As in `signal.generate`, for all parts.

    Returns
    -------
    Truth
        Each event has the weight 1/n: a mix of models has no rate. `weights.signal` gives it that
        of a model.
    """
    check_seed(seed)
    if not (n > 0 and first >= 0 and n % 1 == first % 1 == 0):
        raise ValueError(f"n = {n}, first = {first}; wanted whole numbers, n > 0 and first ≥ 0")
    n, first, table = int(n), int(first), turn(parts)
    event = np.arange(first, first + n)
    mine = table[event % len(table)]
    thrown, places = [], []
    for k, part in enumerate(parts):
        place = np.flatnonzero(mine == k)
        if len(place):
            number = k * APART + _before(table, k, first)
            thrown.append(signal.generate(part.model, len(place), seed=seed, first=number,
                                          **options))
            places.append(place)
    truth = select(concatenate(thrown), np.argsort(np.concatenate(places)))
    new = dict(event=event, weight=np.full(n, 1 / n))
    return Truth(**{name: new.get(name, getattr(truth, name)) for name in Truth.SHAPES})


def turn(parts=PARTS):
    """Return which part each event of a turn belongs to, ndarray of int: as even as it goes."""
    counts = [part.events for part in parts]
    if not counts or any(not count > 0 or count % 1 for count in counts):
        raise ValueError(f"the parts have {counts} events; wanted whole numbers > 0, at least one")
    owners = np.repeat(np.arange(len(counts)), np.array(counts, int))
    when = np.concatenate([(np.arange(count) + 0.5) / count for count in counts])
    return owners[np.argsort(when, kind="stable")]


def _before(table, k, first):
    """Return how many events of part k come before event `first`."""
    turns, rest = divmod(first, len(table))
    return turns * int((table == k).sum()) + int((table[:rest] == k).sum())


def density(truth, *, parts=PARTS, **options):
    """Return how dense the pairs of the cocktail lie at the pairs of a batch.

    Parameters
    ----------
    truth : Truth
        Pairs.
    parts, **options
        As in `generate`.

    Returns
    -------
    ndarray (n,)
        Events, for one in all, per element of phase space; the elements are those of `density.of`.
    """
    seen = _density.pairs(truth)
    total = sum(part.events for part in parts)
    return sum(part.events / total / _rate(part, **options)
               * _density.of(part.model, seen, **options) for part in parts)


@cache
def _rate(part, zprime_decay=None, heavy_decay=None, **options):
    """Return the expected events of a part per POT; how it decays does not matter."""
    return rates.expected_events(part.model, pot=1.0, **options)
