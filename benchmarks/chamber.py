"""What the chamber costs: each stage per event, beside the same done on whole dense windows.

No simulation of liquid-argon chambers installs from a package index without its own data sets or a
graphics card, so the peer here is the plain way: the smallest window of wires and ticks that holds
all charge of an event, transformed whole by scipy. Stages are timed in turn, on one thread, after
one unmeasured run. Memory and compilation are measured in processes of their own, the latter with
an empty cache.
"""

import os
import subprocess
import sys
import tempfile
import time

import numba
import numpy as np
from scipy import fft

from darkpairs import batches, chain, deconvolve, drift, gun, readout, response, transport
from darkpairs.detector import MICROBOONE

EVENTS = 48
RUNS = 5
COLD = """
import sys, time
started = time.perf_counter()
from darkpairs import chain, gun
chain.charge(gun.pair((200.0, 300.0), 0.2, n=2), seed=1)
print(time.perf_counter() - started)
"""
MANY = """
import resource
import numba
from darkpairs import chain, gun
numba.set_num_threads(2)
for first in range(0, 2000, 200):
    chain.charge(gun.pair((200.0, 300.0), 0.2, n=200, first=first), seed=1)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def pairs(n=EVENTS):
    """Pairs of 150 to 800 MeV in all, opening by 2° to 30°, the same in every run."""
    dice = np.random.default_rng(1)
    total, share = dice.uniform(150, 800, n), dice.uniform(0.15, 0.85, n)
    angle = np.radians(dice.uniform(2, 30, n))
    return batches.concatenate([
        gun.pair((t * x, t * (1 - x)), a, azimuth=6 * x, first=i)
        for i, (t, x, a) in enumerate(zip(total, share, angle, strict=True))])


def seconds(function, *arguments, **options):
    started = time.perf_counter()
    kept = function(*arguments, **options)
    return time.perf_counter() - started, kept


def windows(arrivals):
    """Charge of each event in dense windows of all planes, zeros included."""
    shapes = []
    for i in range(len(arrivals)):
        rows = arrivals.rows(i)
        ticks = int(np.ptp(arrivals.tick[rows])) + 160
        shapes.append([(fft.next_fast_len(int(np.ptp(arrivals.wire[rows, plane])) + 16, real=True),
                        fft.next_fast_len(ticks, real=True)) for plane in range(3)])
    return shapes


def dense(shapes):
    """Response and its inverse on dense windows: two transforms each way, as the plain way has."""
    for event in shapes:
        for shape in event:
            window = np.zeros(shape, dtype=np.float32)
            for _ in range(2):
                spectrum = fft.rfft2(window)
                spectrum *= 1.001
                window = fft.irfft2(spectrum, s=shape)


def stages():
    """Rows of what each stage costs per event."""
    numba.set_num_threads(1)
    truth, times = pairs(), {}
    for run in range(RUNS + 1):
        spent = {}
        spent["cascade: truth → deposits"], deposits = seconds(transport.deposits, truth, seed=1)
        spent["drift: deposits → charge at wires"], arrivals = seconds(drift.arrivals, deposits)
        spent["readout: response, noise, counts"], waveforms = seconds(
            readout.waveforms, arrivals, seed=1)
        spent["deconvolution: counts → charge"], _ = seconds(deconvolve.charge, waveforms)
        spent["dense windows: their transforms alone"], _ = seconds(dense, windows(arrivals))
        if run:
            for name, value in spent.items():
                times.setdefault(name, []).append(value / EVENTS * 1e3)
    *names, plain = times
    total = sum(np.median(times[name]) for name in names[1:])
    rows = [(name, f"{np.median(times[name]):.3g}", f"{min(times[name]):.3g}", "")
            for name in names]
    rows.append(("deposits → charge", f"{total:.3g}", "", "1"))
    rows.append((plain, f"{np.median(times[plain]):.3g}", f"{min(times[plain]):.3g}",
                 f"{np.median(times[plain]) / total:.3g}"))
    counts = (f"{len(deposits.energy) / EVENTS:.0f} deposits, "
              f"{len(waveforms.adc) / EVENTS / 1e3:.0f} thousand samples an event")
    return rows, counts


def cascades():
    """Rows of what one electron costs."""
    rows = []
    for energy in (100.0, 500.0, 2000.0):
        truth = gun.shoot(11, energy, n=200)
        spent = [seconds(transport.deposits, truth, seed=1)[0] / 200 * 1e3
                 for _ in range(RUNS + 1)][1:]
        rows.append((f"{energy:.0f} MeV e⁻", f"{np.median(spent):.3g}", f"{min(spent):.3g}"))
    return rows


def threads():
    """Rows of events per second through the whole chamber."""
    truth, rows = pairs(), []
    for count in (1, 2):
        numba.set_num_threads(count)
        spent = [seconds(chain.charge, truth, seed=1)[0] for _ in range(RUNS + 1)][1:]
        rows.append((f"{count} thread" + "s" * (count > 1), f"{EVENTS / np.median(spent):.0f}"))
    numba.set_num_threads(1)
    return rows


def child(code, **variables):
    """Run code in a process of its own and return the number that it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          env=os.environ | variables)
    return float(done.stdout)


def cold(code=COLD):
    """Seconds to the first event with an empty cache, in a copy of the package."""
    with tempfile.TemporaryDirectory() as folder:
        package = os.path.dirname(chain.__file__)
        subprocess.run([sys.executable, "-c", "import shutil, sys; shutil.copytree(sys.argv[1], "
                        "sys.argv[2], ignore=shutil.ignore_patterns('__pycache__'))",
                        package, os.path.join(folder, "darkpairs")], check=True)
        return child(code, PYTHONPATH=folder)


def measure():
    """Yield tables: title, header, rows."""
    response.table(MICROBOONE)
    rows, counts = stages()
    yield (f"The chamber, pairs of 150–800 MeV, one thread ({counts})",
           ("stage", "ms per event", "least", "ratio"), rows)
    yield "The cascade alone", ("what", "ms per event", "least"), cascades()
    yield "Truth to charge", ("threads", "events per second"), threads()
    yield ("Cost of a beginning", ("what", "value"),
           [("first event, empty cache [s]", f"{cold():.1f}"),
            ("peak memory, 2000 events on two threads [MB]", f"{child(MANY):.0f}")])
