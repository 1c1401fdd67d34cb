"""What the reconstructions cost: each stage per event, the whole way, memory, a beginning, a crowd.

Events are pairs from a dark neutrino, light and heavy Z′, of 200 to 800 MeV. Stages are timed in
turn, on one thread, after one unmeasured run, in seconds of the processor: what else the machine
does counts less. Memory and compilation are measured in processes of their own, the latter with an
empty cache.
"""

import time

import numba
import numpy as np
from chamber import RUNS, child, cold
from chamber import seconds as on_the_wall

from darkpairs import (
    batches,
    chain,
    gun,
    hits,
    model,
    objects,
    observables,
    projective,
    signal,
    tomographic,
)

EVENTS = 64
FEW = 8  # events that go the way together, as in the chain
CROWD = 40  # events laid into one
COLD = """
import time
from darkpairs import chain, gun
chain.reconstruct(gun.pair((200.0, 300.0), 0.2, n=2), seed=1)
print(time.process_time())
"""
MANY = """
import resource
import numba
from darkpairs import chain, gun
numba.set_num_threads(2)
for first in range(0, 1000, 200):
    chain.reconstruct(gun.pair((200.0, 300.0), 0.2, n=200, first=first), seed=1)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def seconds(function, *arguments, **options):
    started = time.process_time()
    kept = function(*arguments, **options)
    return time.process_time() - started, kept


def pairs(n=EVENTS):
    """Signal of 200 to 800 MeV that opens by 4°, 15° and 31° in the middle, a third of each."""
    some = []
    for point in ("star-3-100", "light-140", "note"):
        truth = signal.generate(model.BENCHMARKS[point], 4 * n, seed=1)
        energy = np.add.reduceat(np.where(abs(truth.pdg) == 11, truth.p4[:, 0], 0.0),
                                 truth.offsets[:-1])
        fits = np.flatnonzero((energy > 200) & (energy < 800))
        some.append(batches.select(truth, fits[:-(-n // 3)]))
    return batches.concatenate(some)


def crowded(truth, n=CROWD):
    """One event in which the particles of n events start together, near each other."""
    few = batches.select(truth, slice(0, n))
    charged = np.flatnonzero(abs(few.pdg) == 11)
    p4 = few.p4[charged]
    kinetic = p4[:, 0] - gun.MASSES[11]
    return gun.shoot(few.pdg[charged], kinetic, direction=p4[:, 1:])


def eyes(charge):
    """Run each stage of both reconstructions; return seconds of each, and the hits."""
    spent = {}
    spent["hits"], found = seconds(hits.find, charge)
    spent["projective"], flat = seconds(projective.points, found)
    spent["tomographic"], deep = seconds(tomographic.points, charge, found)
    for name, points in (("projective", flat), ("tomographic", deep)):
        spent[f"objects, {name}"], pair = seconds(objects.find, points, found)
        spent[f"observables, {name}"], _ = seconds(observables.record, *pair, found,
                                                   algorithm=name)
    return spent, found


def stages(truth):
    """Rows of what each stage costs per event, a few events at a time, as the chain takes them."""
    n, times = len(truth), []
    parts = [chain.charge(batches.select(truth, slice(first, first + FEW)), seed=1)
             for first in range(0, n, FEW)]
    for _ in range(RUNS + 1):
        runs = [eyes(part)[0] for part in parts]
        times.append({name: sum(run[name] for run in runs) / n * 1e3 for name in runs[0]})
    times = times[1:]
    rows = [(name, f"{np.median([t[name] for t in times]):.3g}",
             f"{min(t[name] for t in times):.3g}") for name in times[0]]
    totals = [sum(t.values()) for t in times]
    return [*rows, ("charge → record, both", f"{np.median(totals):.3g}", f"{min(totals):.3g}")]


def threads(truth):
    """Rows of events per second, truth to record."""
    rows = []
    for count in (1, 2):
        numba.set_num_threads(count)
        spent = [on_the_wall(chain.reconstruct, truth, seed=1)[0] for _ in range(RUNS + 1)][1:]
        rows.append((f"{count} thread" + "s" * (count > 1), f"{len(truth) / np.median(spent):.0f}",
                     f"{len(truth) / min(spent):.0f}"))
    numba.set_num_threads(1)
    spent = [seconds(chain.reconstruct, truth, seed=1)[0] for _ in range(RUNS)]
    rows.append(("second of a processor", f"{len(truth) / np.median(spent):.0f}",
                 f"{len(truth) / min(spent):.0f}"))
    return rows


def crowds(truth):
    """Rows for single crowded events: hits, and what they cost."""
    rows = []
    for count in (1, CROWD // 4, CROWD):
        charge = chain.charge(crowded(truth, count), seed=1)
        eyes(charge)
        spent, found = eyes(charge)
        rows.append((f"{count} pairs from one point", f"{len(found.tick)}",
                     f"{sum(spent.values()) * 1e3:.1f}",
                     f"{sum(spent.values()) / max(len(found.tick), 1) * 1e6:.2f}"))
    return rows


def measure():
    """Yield tables: title, header, rows."""
    numba.set_num_threads(1)
    truth = pairs()
    rows = stages(truth)
    yield ("Charge to record, signal of 200–800 MeV, one thread",
           ("stage", "ms per event", "least"), rows)
    yield "Truth to record, both reconstructions", ("threads", "events per second",
                                                    "most"), threads(truth)
    yield "Crowded events", ("what", "hits", "ms", "µs per hit"), crowds(truth)
    yield ("Cost of a beginning", ("what", "value"),
           [("first record, empty cache [s of a processor]", f"{cold(COLD):.1f}"),
            ("peak memory, 1000 events on two threads [MB]", f"{child(MANY):.0f}")])
