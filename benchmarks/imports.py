"""What importing each room costs, beside numba, in fresh processes taken in turn."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

LIBRARY = Path(__file__).resolve().parent.parent / "lib" / "darkpairs"
RUNS = 7


def seconds(module):
    """Time one fresh process that imports a module, less nothing: start-up is in it."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
    return time.perf_counter() - started


def measure():
    rooms = sorted(f"darkpairs.{path.stem}" for path in LIBRARY.glob("*.py")
                   if path.stem != "__init__")
    modules = ["sys", "numba", "darkpairs", *rooms]
    taken = {module: [] for module in modules}
    for _ in range(RUNS):
        for module in modules:  # in turn, so that a slow minute hits all alike
            taken[module].append(seconds(module))
    bare = statistics.median(taken.pop("sys"))
    cost = {module: statistics.median(times) - bare for module, times in taken.items()}
    rows = [(module, f"{cost[module]:.3f}", f"{cost[module] - cost['numba']:+.3f}")
            for module in cost]
    yield (f"imports, median of {RUNS} processes, start-up taken off (limit: numba + 0.2 s)",
           ["module", "seconds", "beyond numba"], rows)
