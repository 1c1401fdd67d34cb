"""The whole way, from what really happened to what is seen of it.

In: `Truth`. Out: every stage of one event for a look, or the last stage of many. Chapter: readout.

Laws: one event by itself is the event in its sample, bit for bit, whatever the threads.
"""

from darkpairs import batches, deconvolve, drift, readout, traces, transport
from darkpairs._jit import spread
from darkpairs.detector import MICROBOONE

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
        ``"truth"``, ``"deposits"``, ``"arrivals"``, ``"waveforms"`` and ``"charge"``, each a batch
        of one event.
    """
    if not 0 <= i < len(truth):
        raise ValueError(f"event {i} of a batch of {len(truth)}; wanted 0 to {len(truth) - 1}")
    one = batches.select(truth, [i])
    deposits = transport.deposits(one, detector, seed=seed)
    arrivals = drift.arrivals(deposits, detector)
    waveforms = readout.waveforms(arrivals, detector, seed=seed)
    return {"truth": one, "deposits": deposits, "arrivals": arrivals, "waveforms": waveforms,
            "charge": deconvolve.charge(waveforms, detector)}


def charge(truth, *, detector=MICROBOONE, seed):
    """Return the charge that is found in many events, a `Charge`; the work of all threads.

    Parameters
    ----------
    truth : Truth
        Events.
    detector, seed
        As in `display`.
    """
    def part(first, last):
        found = []
        for begin in range(first, max(last, 1), _CHUNK):  # no events are a chunk, too
            some = batches.select(truth, slice(begin, min(begin + _CHUNK, last)))
            arrivals = drift.arrivals(transport.deposits(some, detector, seed=seed), detector)
            found.append(deconvolve.charge(readout.waveforms(arrivals, detector, seed=seed),
                                           detector))
        return found
    return traces.concatenate([batch for found in spread(part, len(truth)) for batch in found])
