"""Break each law once, in a copy, and see that its tests notice.

``tests/mutants.toml`` lists file, line as it stands, line as it becomes, and the tests that must
fail. A line that does not stand exactly once in its file is an error. With ``--minutes`` as many
are tried as fit, from a place that the commit gives, and those of files that changed lately first.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path("lib") / "darkpairs"
COPIED = ("lib", "tests", "tools", "book", "pyproject.toml", "README.md", "requirements.lock",
          "_toc.yml", "_config.yml")
WORKERS = min(os.cpu_count() or 1, 4)
BATCH = 8  # mutants whose tests are first seen to pass, together
LIMIT = 300  # s; who breaks a loop may make a test run for ever
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def listed():
    """Return all mutants, as dicts."""
    return tomllib.loads((ROOT / "tests" / "mutants.toml").read_text(encoding="utf-8"))["mutant"]


def misplaced(mutants):
    """Say of each mutant whose line does not stand exactly once in its file how often it does."""
    for mutant in mutants:
        path = ROOT / mutant["file"]
        count = path.read_text(encoding="utf-8").count(mutant["line"]) if path.is_file() else 0
        if count != 1:
            yield f"{mutant['file']}: {mutant['line']!r} stands there {count} times; wanted once"


def git(*words):
    """Return what git prints, or nothing where there is no git or no such commit."""
    try:
        return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True).stdout
    except OSError:
        return ""


def ordered(mutants, commit, changed):
    """Start at a place that the commit gives, and put the changed files first."""
    start = int(commit[:8] or "0", 16) % len(mutants)
    return sorted(mutants[start:] + mutants[:start], key=lambda one: one["file"] not in changed)


def run(folder, tests, limit=None):
    """Run some tests in a copy of the project; return True when they pass."""
    paths = {"PYTHONPATH": str(folder / "lib"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider",
                           *tests], cwd=folder, env=os.environ | ONE_THREAD | paths,
                          capture_output=True, text=True, timeout=limit)
    if done.returncode not in (0, 1):  # 1: a test failed; anything else: pytest could not run
        raise SystemExit(f"mutants: pytest could not run {tests}:\n{done.stdout}{done.stderr}")
    return done.returncode == 0


@contextmanager
def broken(folder, mutant):
    """Apply one mutant in the copy; rooms that do not see it keep their compiled kernels."""
    path = folder / mutant["file"]
    text, before = path.read_text(encoding="utf-8"), path.stat()
    path.write_text(text.replace(mutant["line"], mutant["becomes"]), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(text, encoding="utf-8")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # numba looks at this time


def survives(folder, mutant):
    """Try one mutant in the copy, and print the verdict; return whether no test noticed."""
    start, clock = time.monotonic(), ""
    with broken(folder, mutant):
        try:
            lives = run(folder, mutant["tests"], LIMIT)
        except subprocess.TimeoutExpired:
            lives, clock = False, ", by the clock"
    print(f"{'ALIVE ' if lives else 'killed'}  {mutant['file']}: {mutant['law']}  "
          f"({time.monotonic() - start:.1f} s{clock})", flush=True)
    return lives


def work(folder, batches, deadline):
    """Try batches in one copy while there is time; return for each mutant whether it lives."""
    for item in COPIED:
        if (ROOT / item).is_dir():
            shutil.copytree(ROOT / item, folder / item, ignore=shutil.ignore_patterns("numba"))
        else:
            shutil.copy2(ROOT / item, folder)
    verdicts = []
    try:
        for batch in batches:
            tests = sorted({test for mutant in batch for test in mutant["tests"]})
            if not run(folder, tests):
                raise SystemExit(f"mutants: of {tests} some fail before anything is broken")
            for mutant in batch:
                verdicts.append(survives(folder, mutant))
                if time.monotonic() > deadline:
                    return verdicts
    finally:
        list(batches)  # time is over or something is wrong: nothing is left for the others either
    return verdicts


def main(arguments=None):
    """Try all mutants, or as many as fit; return 0 when each that was tried was noticed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=float("inf"), help="try what fits")
    minutes, mutants = parser.parse_args(arguments).minutes, listed()
    if wrong := list(misplaced(mutants)):
        raise SystemExit("\n".join(f"mutants: {complaint}" for complaint in wrong))
    if minutes < float("inf"):
        changed = git("diff", "--name-only", "HEAD~5").split()
        mutants = ordered(mutants, git("rev-parse", "HEAD"), changed)
    batches = iter([mutants[k:k + BATCH] for k in range(0, len(mutants), BATCH)])
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(WORKERS) as pool:
        jobs = [pool.submit(work, Path(tempfile.mkdtemp(dir=name)), batches,
                            time.monotonic() + 60 * minutes) for _ in range(WORKERS)]
        verdicts = [lives for job in jobs for lives in job.result()]
    left = len(mutants) - len(verdicts)
    rest = f"; {left} left for `make mutants`" if left else ""
    print(f"mutants: {verdicts.count(False)} of {len(verdicts)} killed{rest}")
    return int(any(verdicts))


if __name__ == "__main__":
    sys.exit(main())
