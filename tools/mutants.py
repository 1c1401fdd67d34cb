"""Break each law once, in a copy, and see that its tests notice.

``tests/mutants.toml`` lists for each mutant the file, the line as it stands, the line as it becomes
and the tests that must fail. A mutant whose line is no longer there is an error, not a pass.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("lib", "tests", "tools", "book", "pyproject.toml", "README.md", "requirements.lock",
          "_toc.yml", "_config.yml")


def run(folder, tests):
    """Run some tests in a copy of the project; return True when they pass."""
    settings = os.environ | {"PYTHONPATH": str(folder / "lib"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider",
                           *tests], cwd=folder, env=settings, capture_output=True, text=True)
    if done.returncode not in (0, 1):  # 1: a test failed; anything else: pytest could not run
        raise SystemExit(f"mutants: pytest could not run {tests}:\n{done.stdout}{done.stderr}")
    return done.returncode == 0


def survives(folder, mutant):
    """Apply one mutant in the copy, run its tests, and undo it."""
    path = folder / mutant["file"]
    text = path.read_text(encoding="utf-8")
    if text.count(mutant["line"]) != 1:
        raise SystemExit(f"mutants: {mutant['file']}: the line {mutant['line']!r} stands there "
                         f"{text.count(mutant['line'])} times; wanted once")
    path.write_text(text.replace(mutant["line"], mutant["becomes"]), encoding="utf-8")
    try:
        return run(folder, mutant["tests"])
    finally:
        path.write_text(text, encoding="utf-8")


def main():
    """Try all mutants; return 0 when each was noticed."""
    mutants = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text(encoding="utf-8"))["mutant"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for item in COPIED:
            source = ROOT / item
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, folder / item)
        if not run(folder, sorted({test for mutant in mutants for test in mutant["tests"]})):
            raise SystemExit("mutants: the tests fail before anything is broken")
        alive = 0
        for mutant in mutants:
            lives = survives(folder, mutant)
            alive += lives
            print(f"{'ALIVE ' if lives else 'killed'}  {mutant['file']}: {mutant['law']}",
                  flush=True)
    print(f"mutants: {len(mutants) - alive} of {len(mutants)} killed")
    return int(alive > 0)


if __name__ == "__main__":
    sys.exit(main())
