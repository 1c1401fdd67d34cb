"""What limits and contours cost; and what the peer, pyhf, costs in the same run.

One toy analysis throughout: 60 bins, 112 events of background, 6 sources of error that move all
bins together, and 14 planes of 50 × 50 signals. Times are wall-clock, on as many threads as numba
finds. Ours and the peer's are taken in turn, after one run that goes unmeasured.

pyhf is timed on a few points or toys, and scaled to the whole where the table says so. Its model
has the same bins and the same six errors (``histosys``); it minimises with scipy. It has no plane
of two parameters; there its fit with the strength held fixed is timed, and multiplied.
"""

import importlib.metadata
from functools import partial
from pathlib import Path

import numba
import numpy as np
from generator import fresh, in_turn

from darkpairs import coverage, likelihood, microboone, miniboone, nuisance, sensitivity
from darkpairs import planes as note
from darkpairs.batches import Template

BINS, EVENTS = 60, 112.0
SLICES, SIDE = 14, 50
SEED = 1
RUNS = 5
PEER_RUNS, PEER_POINTS, PEER_TOYS = 3, 8, 30
TOYS, PLANE_TOYS = 20_000, 200
X = (np.arange(BINS) + 0.5) / BINS


def template():
    """Return the background and its errors; the signal is one of the middle of the first plane."""
    background = X * np.exp(-6 * X) + 0.002
    background *= EVENTS / background.sum()
    waves = [0.05 * np.cos(np.pi * k * X) for k in range(1, 5)]
    shifts = background * [np.full(BINS, 0.1), 0.1 * (1 - 2 * X), *waves]
    return Template(np.linspace(0, 1, BINS + 1), plane(0)[SIDE // 2, SIDE // 2], [background],
                    shifts=shifts)


def plane(k):
    """Return the signals of slice k, ndarray (50, 50, 60): strengths × places of a peak."""
    peaks = np.exp(-0.5 * ((X - np.linspace(0.1, 0.7, SIDE)[:, None]) / (0.05 + 0.005 * k)) ** 2)
    return np.linspace(0, 42, SIDE)[:, None, None] * peaks / peaks.sum(axis=1)[:, None]


def planes():
    """Return all slices below each other, ndarray (700, 50, 60)."""
    return np.concatenate([plane(k) for k in range(SLICES)])


def counts(case):
    return np.random.default_rng(SEED).poisson(case.total).astype(float)


# -- the peer --------------------------------------------------------------------------------------

def peer():
    """Return pyhf with numpy and scipy, or None where it is not installed."""
    try:
        import pyhf
    except ModuleNotFoundError:
        return None
    pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer())
    return pyhf


def peer_model(pyhf, case, signal):
    """Return the model of one signal and the data with the centres of the errors."""
    modifiers = [{"name": f"source{k}", "type": "histosys",
                  "data": {"hi_data": (case.total + shift).tolist(),
                           "lo_data": (case.total - shift).tolist()}}
                 for k, shift in enumerate(case.shifts)]
    model = pyhf.Model({"channels": [{"name": "one", "samples": [
        {"name": "signal", "data": signal.tolist(),
         "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]},
        {"name": "background", "data": case.total.tolist(), "modifiers": modifiers}]}]},
        poi_name="mu", validate=False)
    return model, [*counts(case), *model.config.auxdata]


def peer_points(pyhf, case, signals):
    """Return the observed CLs of some signals."""
    answers = []
    for signal in signals:
        model, data = peer_model(pyhf, case, signal)
        answers.append(float(pyhf.infer.hypotest(1.0, data, model, test_stat="qtilde",
                                                 return_expected_set=True)[0]))
    return answers


def peer_toys(pyhf, case, toys):
    model, data = peer_model(pyhf, case, case.signal)
    return pyhf.infer.hypotest(1.0, data, model, test_stat="qtilde", calctype="toybased",
                               ntoys=toys, track_progress=False)


def peer_fits(pyhf, case, signals):
    for signal in signals:
        model, data = peer_model(pyhf, case, signal)
        pyhf.infer.mle.fixed_poi_fit(1.0, data, model)


# -- plain numpy -----------------------------------------------------------------------------------

def numpy_scan(case, signals, data):
    """Return CNP's χ² with the whole covariance, a thousand points at a time."""
    common, values = case.shifts.T @ case.shifts, []
    for few in np.array_split(signals, len(signals) // 1000):
        rates = case.total + few
        own = np.where(data > 0, 3 / (1 / np.maximum(data, 1) + 2 / rates), rates / 2)
        total = common + own[:, :, None] * np.eye(BINS)
        gap = data - rates
        values.append((gap * np.linalg.solve(total, gap[..., None])[..., 0]).sum(axis=1))
    return np.concatenate(values)


# -- the tables ------------------------------------------------------------------------------------

def row(what, ours, wanted, other, theirs):
    """Return a row: our median and least time, what is required, the other's time, the ratio."""
    middle = np.median(ours)
    ratio = f"{theirs / middle:.3g}" if other else ""
    return (what, f"{middle:.3g}", f"{ours.min():.3g}", wanted, other,
            f"{theirs:.3g}" if other else "", ratio)


def scans(pyhf):
    """Rows of seconds for all points of all planes."""
    case, grid = template(), planes()
    data, flat = counts(case), grid.reshape(-1, BINS)
    exclude = partial(sensitivity.exclusion, grid, case, data)
    if pyhf:
        some = flat[np.random.default_rng(SEED).choice(len(flat), PEER_POINTS, replace=False)]
        ask = partial(peer_points, pyhf, case, some)
        gap = np.abs(sensitivity.exclusion(some, case, data).observed - ask()).max()
        assert gap < 1e-4, gap
        ours, theirs = in_turn(exclude, ask, runs=PEER_RUNS)
        scaled = np.median(theirs) * len(flat) / PEER_POINTS
        yield row("CLs, observed and five expected", ours, "< 2", "pyhf, scaled", scaled)
    else:
        yield row("CLs, observed and five expected", *in_turn(exclude, runs=RUNS), "< 2", "", 0)
    yield row("Δχ², Poisson profile", *in_turn(partial(sensitivity.contour, grid, case, data),
                                               runs=RUNS), "", "", 0)
    cnp = partial(sensitivity.contour, grid, case, data, statistic="cnp")
    whole = Template(case.edges, case.signal, case.background,
                     covariance=case.shifts.T @ case.shifts)
    dense = partial(sensitivity.contour, grid, whole, data, statistic="cnp")
    plain = partial(numpy_scan, case, flat, data)
    assert np.allclose(plain(), sensitivity.scan(flat, case, data, statistic="cnp"), rtol=1e-10)
    ours, full, theirs = in_turn(cnp, dense, plain, runs=RUNS)
    yield row("Δχ², CNP, six pulls", ours, "< 0.1", "numpy, solve", np.median(theirs))
    yield row("Δχ², CNP, whole covariance", full, "", "numpy, solve", np.median(theirs))


def rate(what, toys, times, wanted, other, theirs):
    """Return a row: toys per second at the median and at best, required, the other's, ratio."""
    middle = toys / np.median(times)
    return (what, f"{middle:.3g}", f"{toys / times.min():.3g}", wanted, other,
            f"{theirs:.3g}" if other else "", f"{middle / theirs:.3g}" if other else "")


def toys(pyhf):
    """Rows of pretended experiments per second."""
    case, data = template(), counts(template())
    throw = partial(sensitivity.cls, case, data, 1.0, method="toys", toys=TOYS, seed=SEED)
    search = partial(coverage.deltas, plane(0), case, (SIDE // 2, SIDE // 2), toys=PLANE_TOYS,
                     seed=SEED)
    if not pyhf:
        yield rate("CLs", 2 * TOYS, *in_turn(throw, runs=RUNS), "> 20000", "", 0)
        yield rate("plane, Poisson profile", PLANE_TOYS, *in_turn(search, runs=RUNS), "> 100", "",
                   0)
    else:
        ours, theirs = in_turn(throw, partial(peer_toys, pyhf, case, PEER_TOYS), runs=PEER_RUNS)
        yield rate("CLs", 2 * TOYS, ours, "> 20000", "pyhf", 2 * PEER_TOYS / np.median(theirs))
        some = plane(0)[:: SIDE // 4, SIDE // 2]
        ours, theirs = in_turn(search, partial(peer_fits, pyhf, case, some), runs=PEER_RUNS)
        fit = np.median(theirs) / len(some)
        yield rate("plane, Poisson profile", PLANE_TOYS, ours, "> 100", "pyhf, one fit × 2501",
                   1 / (fit * (SIDE * SIDE + 1)))
    for statistic in likelihood.STATISTICS[::-1]:
        times = in_turn(partial(search, statistic=statistic), runs=RUNS)
        yield rate(f"plane, {statistic}", PLANE_TOYS, *times, "", "", 0)
    fits = in_turn(partial(coverage.inject, case, 1.0, toys=1000, seed=SEED), runs=RUNS)
    yield rate("injected signal, free fit", 1000, *fits, "", "", 0)


def slices():
    """Rows of seconds for one slice of the note: 40 masses, 331 couplings."""
    plane = note.broad(0.5, 100.0)
    for earth, words in ((False, "made in the tank"), (True, "and in the earth before it")):
        times = in_turn(partial(miniboone.fit, plane, earth=earth), runs=2)
        yield row(f"MiniBooNE's fit, {words}", times, "< 10", "", 0)
    times = in_turn(partial(note.predict, plane, microboone.predict), runs=2)
    yield row("MicroBooNE's prediction", times, "", "", 0)


MEMORY = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import numba
import verdict
from darkpairs import coverage, miniboone, planes, sensitivity
def status(key):
    return int(Path("/proc/self/status").read_text().split(key)[1].split()[0]) / 1024
case, grid, peaks = verdict.template(), verdict.planes(), [status("VmHWM:")]
data = verdict.counts(case)
sensitivity.exclusion(grid, case, data); peaks.append(status("VmHWM:"))
for statistic in sensitivity.STATISTICS:
    sensitivity.contour(grid, case, data, statistic=statistic)
peaks.append(status("VmHWM:"))
sensitivity.cls(case, data, 1.0, method="toys", toys=verdict.TOYS, seed=1)
coverage.deltas(grid[:50], case, (25, 25), toys=verdict.PLANE_TOYS, seed=1)
peaks.append(status("VmHWM:"))
miniboone.fit(planes.broad(0.5, 100.0))
peaks.append(status("VmHWM:"))
print(json.dumps(peaks))
"""


def memory():
    """Rows of the largest size of a fresh process so far [MB]."""
    if not Path("/proc/self/status").exists():
        yield "not measured: needs Linux", ""
        return
    steps = ("imports, template, 35,000 signals", "and their CLs", "and four contours", "and toys",
             "and MiniBooNE's fit of a slice")
    peaks = fresh(MEMORY, Path(__file__).resolve().parent)
    yield from zip(steps, (f"{peak:.0f}" for peak in peaks), strict=True)


def measure():
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    pyhf = peer()
    who = f"pyhf {importlib.metadata.version('pyhf')}" if pyhf else "pyhf is not installed"
    nuisance.fit(template(), counts(template()))  # compiles
    yield (f"{SLICES} × {SIDE} × {SIDE} points, {BINS} bins, 6 errors [s], "
           f"{numba.get_num_threads()} threads, median and least; {who}, {PEER_POINTS} points",
           ["what", "ours", "least", "required", "beside", "theirs", "ratio"], list(scans(pyhf)))
    yield (f"toys per second, the plane has {SIDE} × {SIDE} points and none; {who}",
           ["what", "ours", "best", "required", "beside", "theirs", "ratio"], list(toys(pyhf)))
    yield (f"one slice, 40 masses [s], {miniboone.EVENTS} events per mass for MiniBooNE and "
           f"{microboone.EVENTS} for MicroBooNE; ours alone",
           ["what", "ours", "least", "required", "", "", ""], list(slices()))
    yield ("memory of a fresh process [MB], largest so far; required: < 1000",
           ["after", "MB"], list(memory()))
