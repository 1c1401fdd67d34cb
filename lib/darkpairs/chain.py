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
    flash,
    hits,
    objects,
    observables,
    projective,
    readout,
    slices,
    tomographic,
    traces,
    transport,
)
from darkpairs._jit import spread
from darkpairs.detector import MICROBOONE
from darkpairs.record import Reco
from darkpairs.seen import ALGORITHMS

_CHUNK = 8  # events that go the way together: memory stays flat


def display(truth, i, *, detector=MICROBOONE, seed, overlaid=False):
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
    overlaid : bool
        As in `reconstruct`.

    Returns
    -------
    dict
        ``"truth"``, ``"deposits"``, ``"arrivals"``, ``"waveforms"``, ``"charge"``, ``"hits"`` and
        ``"reco"``, each a batch of one event; ``"points"`` and ``"objects"``, dicts of such batches
        from the names of the two algorithms. An overlaid one has ``"light"`` and ``"kept"``,
        too.
    """
    if not 0 <= i < len(truth):
        raise ValueError(f"event {i} of a batch of {len(truth)}; wanted 0 to {len(truth) - 1}")
    one = batches.select(truth, [i])
    deposits = transport.deposits(one, detector, seed=seed)
    arrivals = drift.arrivals(deposits, detector)
    light = {"light": flash.look(deposits, seed=seed)} if overlaid else {}
    view = slices.view(light["light"], detector) if overlaid else None
    waveforms = readout.waveforms(arrivals, detector, seed=seed, view=view)
    found = deconvolve.charge(waveforms, detector)
    return {"truth": one, "deposits": deposits, "arrivals": arrivals, "waveforms": waveforms,
            "charge": found, **light, **recognise(found, detector=detector, **light)}


def charge(truth, *, detector=MICROBOONE, seed):
    """Return the charge that is found in many events, a `Charge`; the work of all threads.

    Parameters
    ----------
    truth : Truth
        Events.
    detector, seed
        As in `display`.
    """
    found = _chunks(truth, lambda some: _charge(some, detector, seed, detector, False)[0])
    return traces.concatenate(found)


def recognise(charge, *, detector=MICROBOONE, algorithms=ALGORITHMS, light=None):
    """Return what is made of charge.

    Parameters
    ----------
    charge : Charge
        Events.
    detector : Detector
        The chamber.
    algorithms : sequence of str
        Who looks: ``"projective"``, ``"tomographic"`` or both, each once.
    light : ndarray (n, 2), optional
        Where the light was, as from `flash.look`: objects are then sought in `slices.find` alone.

    Returns
    -------
    dict
        ``"hits"``, a `Hits`; ``"points"`` and ``"objects"``, dicts from algorithm to `Points` and
        `Objects`; with light also ``"kept"``, from algorithm to the `Hits` that were not thrown
        away; ``"reco"``, a `Reco` with the rows of event 0 first, those of an event in the
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
        kept = found["hits"]
        if light is not None:
            points, kept = slices.find(points, kept, light, detector)
            found.setdefault("kept", {})[name] = kept
        pair = objects.find(points, kept, detector)
        found["points"][name], found["objects"][name] = pair
        rows.append(observables.record(*pair, kept, detector, algorithm=name))
    return found | {"reco": Reco(**{name: np.column_stack(
        [getattr(row, name) for row in rows]).ravel() for name in Reco.SHAPES})}


def reconstruct(truth, *, detector=MICROBOONE, seed, algorithms=ALGORITHMS, believed=None,
                overlaid=False, progress=False):
    """Return what both reconstructions say of many events, a `Reco`; the work of all threads.

    Parameters
    ----------
    truth : Truth
        Events.
    detector, seed
        As in `display`.
    algorithms : sequence of str
        As in `recognise`; so are the rows. What one says does not depend on the other.
    believed : Detector, optional
        What the reconstruction takes the chamber for; if not given, for what it is.
    overlaid : bool
        Muons lie over the events: look only for what may be the beam's, with the help of light,
        and read only the wires and ticks of `slices.view`.
    progress : bool
        Show a bar of the events done.
    """
    _check(algorithms)
    believed = detector if believed is None else believed
    with tqdm(total=len(truth), unit=" events", disable=not progress) as bar:
        def work(some):
            charge, light = _charge(some, detector, seed, believed, overlaid)
            return recognise(charge, detector=believed, algorithms=algorithms,
                             light=light)["reco"]
        return traces.concatenate(_chunks(truth, work, bar))


def _check(algorithms):
    """Refuse algorithms that nobody knows, none at all, or one twice."""
    if isinstance(algorithms, str) or not len(algorithms) or not {*algorithms} <= {*ALGORITHMS} or (
            len({*algorithms}) < len(algorithms)):
        raise ValueError(f"algorithms = {algorithms!r}; wanted some of {ALGORITHMS}, each once")


def _charge(some, detector, seed, believed, overlaid):
    """Return the charge found by one who believes in a chamber, and where the light was.

    Who does not need light gets None for it, and all wires and ticks are read.
    """
    deposits = transport.deposits(some, detector, seed=seed)
    light = flash.look(deposits, seed=seed) if overlaid else None
    view = slices.view(light, believed) if overlaid else None
    waveforms = readout.waveforms(drift.arrivals(deposits, detector), detector, seed=seed,
                                  view=view)
    return deconvolve.charge(waveforms, believed), light


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
