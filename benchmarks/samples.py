"""What a production of samples costs: time, workers, memory, disk.

Each row is a production in a process of its own, with kernels that were compiled before. Seconds of
processors are those of all its processes together; memory is that of the largest of them. The
sample is half pairs of the cocktail and half π⁰. Both laws can be read off: time grows with events
alone, memory not at all.
"""

import json
import subprocess
import sys
import tempfile

MAKE = """
import json, resource, sys, time
from darkpairs import plans, samples
if __name__ == "__main__":
    n, workers, overlay = (int(word) for word in sys.argv[2:])
    plan = [plans.Entry(kind, kind, n // 2, 1, overlay=bool(overlay), chunk=25)
            for kind in ("signal", "pi0")]
    started = time.perf_counter()
    samples.produce(sys.argv[1], plan, workers=workers, progress=False)
    wall = time.perf_counter() - started
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(json.dumps([wall, sum(each.ru_utime + each.ru_stime for each in used),
                      max(each.ru_maxrss for each in used) / 1024]))
"""
SIZE = """
import json, sys
from darkpairs import plans, samples, chunks
from pathlib import Path
for kind in ("signal", "pi0"):
    entry = plans.Entry(kind, kind, 1000, 1)
    samples.produce(sys.argv[1], [entry], workers=1, progress=False)
print(json.dumps([sum(p.stat().st_size for p in Path(sys.argv[1]).rglob(f"*.{part}.parquet")) / 2000
                  for part in chunks.PARTS]))
"""
EVENTS = (50, 100, 200, 400, 800, 1600)
WORKERS = (1, 2, 3, 4)
MANY = 800  # events for which workers are compared
CROWDED = 50  # events under muons


def run(code, *words):
    """Run a program in an empty folder, as its first argument; return what it prints."""
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/made.py"
        with open(file, "w", encoding="utf-8") as out:
            out.write(code)
        done = subprocess.run([sys.executable, file, f"{folder}/samples", *map(str, words)],
                              capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def measure():
    """Yield tables: title, header, rows."""
    run(MAKE, 4, 1, 0)  # compiles, where that was not done
    rows, spent = [], {}
    for n in EVENTS:
        wall, spent[n], peak = run(MAKE, n, 1, 0)
        rows.append((n, f"{wall:.1f}", f"{spent[n]:.1f}", f"{peak:.0f}"))
    yield "One worker", ("events", "seconds", "of a processor", "largest process [MB]"), rows
    cost = (spent[EVENTS[-1]] - spent[EVENTS[0]]) / (EVENTS[-1] - EVENTS[0])
    rows = []
    for workers in WORKERS:
        wall, used, peak = run(MAKE, MANY, workers, 0)
        rows.append((workers, f"{wall:.1f}", f"{used:.1f}", f"{MANY / wall:.0f}", f"{peak:.0f}"))
    yield (f"{MANY} events", ("workers", "seconds", "of processors", "events per second",
                              "largest process [MB]"), rows)
    crowded = (run(MAKE, CROWDED, 1, 1)[1] - run(MAKE, 2, 1, 1)[1]) / (CROWDED - 2)
    yield "Per event", ("what", "value"), [
        ("seconds of a processor", f"{cost:.4f}"),
        ("the same, under muons", f"{crowded:.3f}"),
        ("ratio", f"{crowded / cost:.0f}")]
    truth, reco = run(SIZE)
    yield "On disk", ("what", "bytes"), [
        ("truth, per event", f"{truth:.0f}"),
        ("reco, per event and algorithm", f"{reco / 2:.0f}")]
