"""The whole way, from what really happened to what is seen of it.

In: `Truth`. Out: every stage of one event for a look, or the last stage of many. Chapters: readout,
two-eyes.

Laws: one event by itself is the event in its sample, bit for bit, whatever the threads, the chunks,
the order or the algorithms asked for.
"""

import numpy as np
from tqdm import tqdm

from darkpairs import (
    batches,
    deconvolve,
    drift,
    hits,
    objects,
    observables,
    projective,
    readout,
    tomographic,
    traces,
    transport,
)
from darkpairs._jit import spread
from darkpairs.detector import MICROBOONE
from darkpairs.record import Reco
from darkpairs.seen import ALGORITHMS

_CHUNK = 8  # events that go the way together: memory stays flat


def display(truth, i, *, detector=MICROBOONE, seed):
    """Return every stage of one event.

    Parameters
    ----------
    truth : Truth
        Events.
    i : int
        Which of them, 0 … n−1.
    detector : Detector
        The chamber.
    seed : int
        As for the whole sample: the event comes out as it does there.

    Returns
    -------
    dict
        ``"truth"``, ``"deposits"``, ``"arrivals"``, ``"waveforms"``, ``"charge"``, ``"hits"`` and
        ``"reco"``, each a batch of one event; ``"points"`` and ``"objects"``, dicts of such batches
        from the names of the two algorithms.
    """
    if not 0 <= i < len(truth):
        raise ValueError(f"event {i} of a batch of {len(truth)}; wanted 0 to {len(truth) - 1}")
    one = batches.select(truth, [i])
    deposits = transport.deposits(one, detector, seed=seed)
    arrivals = drift.arrivals(deposits, detector)
    waveforms = readout.waveforms(arrivals, detector, seed=seed)
    found = deconvolve.charge(waveforms, detector)
    return {"truth": one, "deposits": deposits, "arrivals": arrivals, "waveforms": waveforms,
            "charge": found, **recognise(found, detector=detector)}


def charge(truth, *, detector=MICROBOONE, seed):
    """Return the charge that is found in many events, a `Charge`; the work of all threads.

    Parameters
    ----------
    truth : Truth
        Events.
    detector, seed
        As in `display`.
    """
    found = _chunks(truth, lambda some: _charge(some, detector, seed))
    return traces.concatenate(found)


def recognise(charge, *, detector=MICROBOONE, algorithms=ALGORITHMS):
    """Return what is made of charge.

    Parameters
    ----------
    charge : Charge
        Events.
    detector : Detector
        The chamber.
    algorithms : sequence of str
        Who looks: ``"projective"``, ``"tomographic"`` or both, each once.

    Returns
    -------
    dict
        ``"hits"``, a `Hits`; ``"points"`` and ``"objects"``, dicts from algorithm to `Points` and
        `Objects`; ``"reco"``, a `Reco` with the rows of event 0 first, those of an event in the
        order of `algorithms`.
    """
    _check(algorithms)
    found = {"hits": hits.find(charge, detector), "points": {}, "objects": {}}
    rows = []
    for name in algorithms:
        if name == "projective":
            points = projective.points(found["hits"], detector)
        else:
            points = tomographic.points(charge, found["hits"], detector)
        pair = objects.find(points, found["hits"], detector)
        found["points"][name], found["objects"][name] = pair
        rows.append(observables.record(*pair, found["hits"], detector, algorithm=name))
    return found | {"reco": Reco(**{name: np.column_stack(
        [getattr(row, name) for row in rows]).ravel() for name in Reco.SHAPES})}


def reconstruct(truth, *, detector=MICROBOONE, seed, algorithms=ALGORITHMS, progress=False):
    """Return what both reconstructions say of many events, a `Reco`; the work of all threads.

    Parameters
    ----------
    truth : Truth
        Events.
    detector, seed
        As in `display`.
    algorithms : sequence of str
        As in `recognise`; so are the rows. What one says does not depend on the other.
    progress : bool
        Show a bar of the events done.
    """
    _check(algorithms)
    with tqdm(total=len(truth), unit=" events", disable=not progress) as bar:
        return traces.concatenate(_chunks(truth, lambda some: recognise(
            _charge(some, detector, seed), detector=detector, algorithms=algorithms)["reco"], bar))


def _check(algorithms):
    """Refuse algorithms that nobody knows, none at all, or one twice."""
    if isinstance(algorithms, str) or not len(algorithms) or not {*algorithms} <= {*ALGORITHMS} or (
            len({*algorithms}) < len(algorithms)):
        raise ValueError(f"algorithms = {algorithms!r}; wanted some of {ALGORITHMS}, each once")


def _charge(some, detector, seed):
    """Return the charge that is found in a few events."""
    arrivals = drift.arrivals(transport.deposits(some, detector, seed=seed), detector)
    return deconvolve.charge(readout.waveforms(arrivals, detector, seed=seed), detector)


def _chunks(truth, work, bar=None):
    """Return what `work` makes of a few events at a time, in order; the work of all threads."""
    def part(first, last):
        done = []
        for begin in range(first, max(last, 1), _CHUNK):  # no events are a chunk, too
            end = min(begin + _CHUNK, last)
            done.append(work(batches.select(truth, slice(begin, end))))
            if bar is not None:
                with bar.get_lock():
                    bar.update(end - begin)
        return done
    return [batch for done in spread(part, len(truth)) for batch in done]
