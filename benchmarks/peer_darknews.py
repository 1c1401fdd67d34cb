"""Make coherent MicroBooNE events with the peer, DarkNews 0.4.8, and print what they cost.

Run by a Python in which the peer is installed (from source, with a C compiler), never by ours:

    python -m venv peer && peer/bin/pip install DarkNews==0.4.8
    peer/bin/python benchmarks/peer_darknews.py light --events 20000

The last line printed is one JSON object. ``--events`` is DarkNews' ``neval``: events asked for per
helicity, of which there are two. Seconds are wall-clock, and leave the import out.
"""

import argparse
import contextlib
import json
import os
import tempfile
import time
from pathlib import Path

POINTS = {  # masses in GeV; DarkNews sets Umu4 to 1e-3 where it is not told otherwise
    "light": dict(m4=0.140, mzprime=0.030, alphaD=0.25, alpha_epsilon2=2e-10,
                  Umu4=9e-7**0.5, UD4=1),
    "heavy": dict(m5=0.21, m4=0.107, mzprime=0.8, gD=2, epsilon=8e-4,
                  UD4=0.5**0.5, UD5=0.5**0.5, Umu4=0, Umu5=1e-4),
}
SETTINGS = dict(experiment="microboone_tpc", HNLtype="dirac", nopelastic=True,  # coherent only
                pandas=False, loglevel="ERROR")  # no event file


@contextlib.contextmanager
def quiet_and_clean():
    """Send standard output to nowhere, and written files to a folder that is then removed."""
    with (tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder),
          open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere)):
        yield


def load():
    """Import the peer; return its version, its launcher and the seconds that took."""
    started = time.perf_counter()
    import DarkNews
    return DarkNews.__version__, DarkNews.GenLauncher, time.perf_counter() - started


def generate(launcher, point, events, seed, best):
    """Return the weights of the events of one model point, and the seconds they took."""
    started = time.perf_counter()
    frame = launcher(**SETTINGS, **POINTS[point], neval=events, seed=seed, noHF=best).run()
    return frame["w_event_rate", ""].to_numpy(), time.perf_counter() - started


def held(key):
    """Return memory held, now or at most, in MB: getrusage would count who started us."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split(key)[1].split()[0]) / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("point", choices=POINTS)
    parser.add_argument("--events", type=int, default=20000, help="neval (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--best", action="store_true",
                        help="without its slow runs in which the helicity flips")
    options = parser.parse_args()
    with quiet_and_clean():
        version, launcher, importing = load()
        before = held("VmRSS:")
        weights, seconds = generate(launcher, options.point, options.events, options.seed,
                                    options.best)
    total, peak = weights.sum(), held("VmHWM:")
    print(json.dumps({
        "peer": "DarkNews", "version": version, "point": options.point, "neval": options.events,
        "weighted": len(weights), "seconds": round(seconds, 3),
        "effective": round(total**2 / (weights**2).sum(), 1),  # of equal statistical power
        "unweighted": round(total / weights.max(), 1),  # kept by accept-reject, on average
        "expected": total,  # events in the exposure of DarkNews' detector file
        "peak_mb": round(peak, 1), "import_seconds": round(importing, 3),
        "kb_per_event": round((peak - before) * 1024 / len(weights), 3),
    }))


if __name__ == "__main__":
    main()
