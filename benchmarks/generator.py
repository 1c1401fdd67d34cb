"""What the generator costs: per event, per model point and per process; and what the peer costs.

Every run of ours is interleaved with what it is compared with, so that a slow minute hits both;
tables give medians, and minima beside them. Before a measurement one run of the same size goes
unmeasured: the first touch of memory that the machine has not used before is very slow.

The *bare loop* draws as many random numbers as an event needs, from the same SplitMix64, and fills
arrays of the same sizes. It is what any generator of such events must do, and does no physics.

``DARKNEWS_PYTHON=peer/bin/python`` names a Python that has the peer; see `peer_darknews`.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numba
import numpy as np

from darkpairs import _jit, decay, detector, rates, signal, slots
from darkpairs.model import BENCHMARKS, epsilon_from, three_plus_one, three_plus_two
from darkpairs.rng import _GAMMA, _next, _start

HERE = Path(__file__).resolve().parent
EVENTS, MANY = 1_000_000, 2_000_000
RUNS = 5
COUNTED = 2000  # events whose random numbers are counted
OPTIONS = dict(experiment="microboone", regime="coherent", exchange="zprime",
               form_factor="fourier-bessel", pauli=False, inside=True)  # all defaults
TWO = "light-140", "note"  # one with a real Z′, one with a virtual
EDGES = np.linspace(0, 3000, 31)
PEER_POINTS = {  # as in `peer_darknews`
    "light": three_plus_one(m4=140, m_zprime=30, alpha_d=0.25, epsilon=epsilon_from(2e-10),
                            umu4=9e-7**0.5),
    "heavy": three_plus_two(m5=210, m4=107, m_zprime=800, g_d=2, epsilon=8e-4, umu4=0, umu5=1e-4,
                            ud4=0.5**0.5, ud5=0.5**0.5),
}
PEER_RUNS = 3


def seconds(function, *arguments, **options):
    """Time one call; what it returns is freed after the clock has stopped."""
    started = time.perf_counter()
    kept = function(*arguments, **options)
    spent = time.perf_counter() - started
    del kept
    return spent


def in_turn(*cases, runs=RUNS):
    """Run cases without arguments in turn, once unmeasured; return their times, (cases, runs)."""
    for case in cases:
        seconds(case)
    return np.array([[seconds(case) for case in cases] for _ in range(runs)]).T


def middle_and_least(times, scale):
    return f"{np.median(times) * scale:.3g}", f"{np.min(times) * scale:.3g}"


# -- the bare loop ---------------------------------------------------------------------------------

def draws(model):
    """Count the random numbers of an event on average: how many steps of γ its dice have taken.

    One block is made, pass by pass, until each slot has been kept once.
    """
    flight, ways, place = signal.sampler(model, **OPTIONS)
    chain, masses = decay.chain(model), decay.mass_cells(model)
    body = tuple(detector.body(detector.paper("microboone")))
    n, back, taken = slots.BLOCK, pow(int(_GAMMA), -1, 2**64), 0
    for block in range(COUNTED // n):
        w, dice, _ = slots._open(n, block * n, (np.uint64(1), np.uint64(0), np.uint64(0)))
        begun, waiting = dice.copy(), np.ones(n, bool)
        while waiting.any():
            signal._passes(n, dice, w, np.empty(n, np.int64), flight, chain, ways, place, body,
                           masses)
            ends = waiting & (w[slots.KEPT:slots.KEPT + n] == 1.0)
            for j in np.flatnonzero(ends):
                taken += (int(dice[j]) - int(begun[j])) * back % 2**64
            waiting &= ~ends
    return taken / (COUNTED // n * n)


@_jit.njit
def _bare(first, last, draws, events, particles, pdg):
    """Draw, and fill the rows of some events with the sum of what was drawn."""
    for i in range(first, last):
        state = _start(np.uint64(1), np.uint64(0), np.uint64(i))
        total = 0.0
        for _ in range(draws):
            state, u = _next(state)
            total += u
        for c in range(events.shape[1]):
            events[i, c] = total
        for k in range(particles.shape[1]):
            for c in range(particles.shape[2]):
                particles[i, k, c] = total
        pdg[i, 0] = 1


def bare(model, n, draws):
    """What `signal.generate` does, but for the physics."""
    events, particles, truth = signal._empty(model, n, 0, 1.0)
    _jit.spread(_bare, n, round(draws), events, particles, truth["pdg"].reshape(n, -1))
    return truth


# -- ours ------------------------------------------------------------------------------------------

def per_event():
    """Rows of what an event costs on one thread, one row per benchmark."""
    numba.set_num_threads(1)
    for name, model in BENCHMARKS.items():
        numbers = draws(model)
        loop, ours = in_turn(partial(bare, model, EVENTS, numbers),
                             partial(signal.generate, model, EVENTS, seed=1))
        yield (name, f"{EVENTS / np.median(ours) / 1e6:.2f}", f"{EVENTS / ours.min() / 1e6:.2f}",
               *middle_and_least(ours, 1e9 / EVENTS), f"{numbers:.1f}",
               *middle_and_least(loop, 1e9 / EVENTS), f"{np.median(ours / loop):.2f}")


def on_threads(threads, make):
    numba.set_num_threads(threads)
    return make()


def two_threads():
    """Rows of how much faster two threads are than one; and how much the bare loop gains."""
    for name in TWO:
        model, numbers = BENCHMARKS[name], draws(BENCHMARKS[name])
        for what, make in (("generate", partial(signal.generate, model, MANY, seed=1)),
                           ("bare loop", partial(bare, model, MANY, numbers))):
            one, two = in_turn(partial(on_threads, 1, make), partial(on_threads, 2, make))
            yield name, what, f"{np.median(one / two):.2f}", f"{one.min() / two.min():.2f}"


def set_up():
    """Rows of milliseconds before the first event, one row per benchmark."""
    numba.set_num_threads(1)
    for name, model in BENCHMARKS.items():
        parts = in_turn(
            partial(signal.sampler, model, **OPTIONS), partial(decay.chain, model),
            partial(decay.mass_cells, model), partial(rates.expected_events, model, pot=1.0),
            partial(signal.generate, model, 1, seed=1))
        medians = [f"{np.median(part) * 1e3:.2f}" for part in parts]
        yield name, *medians, f"{parts[-1].min() * 1e3:.2f}"


def quadrature():
    """Rows of milliseconds for a spectrum and for the expected events."""
    for name, model in BENCHMARKS.items():
        parts = in_turn(partial(signal.spectrum, model, EDGES, pot=1.0),
                        partial(signal.expected_events, model, pot=1.0), runs=50)
        yield name, *(text for part in parts for text in middle_and_least(part, 1e3))


FIRST_CALL = """
import json, time
t = [time.perf_counter()]
import numba; t.append(time.perf_counter())
from darkpairs import model, signal; t.append(time.perf_counter())
signal.generate(model.BENCHMARKS["light-140"], 1000, seed=1); t.append(time.perf_counter())
print(json.dumps([b - a for a, b in zip(t, t[1:])]))
"""

MEMORY = """
import json, sys
import numba
from pathlib import Path
from darkpairs import model, signal
def status(key):
    return int(Path("/proc/self/status").read_text().split(key)[1].split()[0]) * 1024
def own(array):
    return array if array.base is None else own(array.base)
numba.set_num_threads(1)
point, n = model.BENCHMARKS[sys.argv[1]], int(sys.argv[2])
signal.generate(point, 1000, seed=1)
before = status("VmRSS:")
truth = signal.generate(point, n, seed=1)
grown = status("VmHWM:") - before
owners = {id(a): a for a in map(own, vars(truth).values())}
print(json.dumps([grown, sum(a.nbytes for a in owners.values())]))
"""


def fresh(code, *arguments, folder=None):
    """Run code in a fresh process of this Python and return what it printed, from JSON.

    With a folder, `darkpairs` is imported from there.
    """
    environment = dict(os.environ, **({"PYTHONPATH": str(folder)} if folder else {}))
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], check=True,
                          env=environment, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def first_call():
    """Rows of seconds in a fresh process, with an empty compilation cache and with a full one."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(_jit.PACKAGE, Path(folder) / "darkpairs",
                        ignore=shutil.ignore_patterns("__pycache__"))
        cold = fresh(FIRST_CALL, folder=folder)
        warm = [fresh(FIRST_CALL, folder=folder) for _ in range(RUNS)]
    yield "empty, one process", *(f"{spent:.2f}" for spent in cold)
    yield f"full, median of {RUNS}", *(f"{statistics.median(spent):.2f}"
                                       for spent in zip(*warm, strict=True))
    yield f"full, least of {RUNS}", *(f"{min(spent):.2f}" for spent in zip(*warm, strict=True))


def memory():
    """Rows of how much a process grows at most, over what the batch holds in the end."""
    if not Path("/proc/self/status").exists():
        yield "not measured: needs Linux", "", "", "", ""
        return
    for name in TWO:
        grown, held = fresh(MEMORY, name, MANY)
        yield (name, f"{grown / 1e6:.0f}", f"{held / 1e6:.0f}", f"{grown / held:.3f}",
               f"{held / MANY:.0f}")


# -- the peer --------------------------------------------------------------------------------------

def run_peer(python, point, *options):
    done = subprocess.run([python, HERE / "peer_darknews.py", point, *options], check=True,
                          stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def compare(python, point, *options):
    """Run the peer and ours in turn; return the peer's middle answer and our rate [1/s]."""
    make = partial(signal.generate, PEER_POINTS[point], EVENTS, seed=1)
    answers, ours = [], []
    for _ in range(PEER_RUNS):
        answers.append(run_peer(python, point, *options))
        seconds(make)  # unmeasured: while the peer ran, the machine took our memory back
        ours.append(EVENTS / seconds(make))
    middle = sorted(answers, key=lambda answer: answer["seconds"])[PEER_RUNS // 2]
    return middle, statistics.median(ours)


def peer(python):
    """Rows of what the peer makes in a second, and how many times as much we make."""
    numba.set_num_threads(1)
    for point in PEER_POINTS:
        for options in ((), ("--best",)):
            answer, ours = compare(python, point, *options)
            per_second = [answer[key] / answer["seconds"]
                          for key in ("weighted", "effective", "unweighted")]
            yield (" ".join((point, *options)), *(f"{rate:.0f}" for rate in per_second),
                   f"{answer['kb_per_event']:.2f}", f"{ours:.3g}",
                   *(f"{ours / rate:.0f}" for rate in per_second))


def measure():
    yield (f"generate, {EVENTS} events, one thread, median and least of {RUNS} runs after one "
           f"unmeasured; random numbers counted over {COUNTED} events",
           ["benchmark", "million/s", "best", "ns/event", "least", "numbers/event", "bare ns",
            "least", "times bare"], list(per_event()))
    if numba.config.NUMBA_NUM_THREADS > 1:
        yield (f"two threads, {MANY} events: time on one over time on two, {RUNS} runs in turn",
               ["benchmark", "what", "median ratio", "ratio of the least"], list(two_threads()))
        numba.set_num_threads(1)
    yield (f"set-up of a model point [ms], median of {RUNS}; the last column the least",
           ["benchmark", "sampler", "chain", "mass_cells", "expected_events", "generate, n = 1",
            "least"], list(set_up()))
    yield ("first call in a fresh process [s]: light-140, n = 1000",
           ["compilation cache", "import numba", "import darkpairs.signal", "first generate"],
           list(first_call()))
    yield (f"memory of generate, {MANY} events [MB]: peak growth of the process over the batch",
           ["benchmark", "growth", "batch", "ratio", "bytes/event"], list(memory()))
    yield (f"quadrature [ms], median and least of 50; spectrum in {len(EDGES) - 1} bins",
           ["benchmark", "spectrum", "least", "expected_events", "least"], list(quadrature()))
    python = os.environ.get("DARKNEWS_PYTHON")
    if python:
        yield (f"DarkNews, median of {PEER_RUNS} processes, imports left out; ours on one thread",
               ["point", "weighted/s", "effective/s", "unweighted/s", "kB/event", "ours/s",
                "ours over weighted", "over effective", "over unweighted"], list(peer(python)))
    else:
        yield ("DarkNews: not measured; set DARKNEWS_PYTHON to a Python that has it, see "
               "peer_darknews.py", [], [])
