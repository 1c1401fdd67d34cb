"""What the book costs: from a clone, with nothing changed, one chapter at a time."""

import os
import re
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def make(folder, target="book"):
    """Run one make target; return its seconds and what it printed."""
    started = time.perf_counter()
    done = subprocess.run(["make", target], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"make {target} failed:\n{done.stdout}{done.stderr}")
    return time.perf_counter() - started, done.stdout


def chapters_run(output):
    return re.search(r"(\d+) to run", output).group(1)


def append(path, text):
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def alone(folder, chapter):
    """Run one chapter on one core, with no compiled code and no samples to start from."""
    for cache in folder.glob("lib/darkpairs/__pycache__"):
        shutil.rmtree(cache)
    shutil.rmtree(folder / "_build" / "samples", ignore_errors=True)
    code = f"import sys, execute; sys.exit(execute.run({chapter!r}, 'quick'))"
    started = time.perf_counter()
    subprocess.run([folder / ".venv/bin/python", "-c", code], cwd=folder / "tools", check=True,
                   preexec_fn=lambda: os.sched_setaffinity(0, {0}))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024  # kB to MB on Linux
    return time.perf_counter() - started, peak


def measure():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "clone"
        subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
        first, printed = make(folder)
        rows = [("fresh clone to site", f"{first:.1f}", "180", chapters_run(printed))]
        again, printed = make(folder)
        rows.append(("nothing changed", f"{again:.1f}", "10", chapters_run(printed)))
        append(folder / "book" / "beam.md", "\nOne more sentence.\n")
        edited, printed = make(folder)
        rows.append(("one chapter edited", f"{edited:.1f}", "", chapters_run(printed)))
        append(folder / "lib/darkpairs/show.py", "# one more comment\n")
        comment, printed = make(folder)
        rows.append(("a comment edited in show", f"{comment:.1f}", "", chapters_run(printed)))
        yield "make book, full profile", ["case", "seconds", "limit", "chapters run"], rows
        names = [f"book/{path.stem}" for path in sorted((folder / "book").glob("*.md"))
                 if path.read_text(encoding="utf-8").startswith("---\njupytext")]
        taken = [(name, *alone(folder, name)) for name in names]
        yield ("each chapter alone, quick, one core, empty caches",
               ["chapter", "seconds", "limit", "largest process so far [MB]"],
               [(name, f"{spent:.1f}", "90", f"{peak:.0f}") for name, spent, peak in taken])
