"""Make the book: samples, the chapters that changed, the site; then check the key numbers.

``python tools/book.py --profile full`` is what ``make book`` calls, with ``quick`` what ``make
quick`` calls. It ends with status 0 only when every chapter ran, the site was built without a
warning and no key number moved.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import chapters
import execute
import key_numbers
from chapters import ROOT, ChapterError
from darkpairs import locks, plans, profiles, samples


def prepare(profile):
    """Make the samples, if a chapter that is to run loads any; in chapters no bar is shown."""
    late = [name for name in chapters.chapters() if not execute.is_current(name, profile)]
    if any("samples" in chapters.rooms(name) for name in late):
        states = samples.produce(samples.home(), plans.plan(profile))
        print(f"samples: {sum(state.made for state in states)} events, "
              f"{sum(state.bytes for state in states) / 1e6:.0f} MB in {samples.home()}")


def render(profile):
    """Render the site with Jupyter Book; warnings are errors. Returns its exit status."""
    command = [Path(sys.executable).with_name("jupyter-book"), "build", ".", "-W", "-n",
               "--keep-going", "--quiet"]
    settings = os.environ | {"DARKPAIRS_PROFILE": profile}
    return subprocess.run(command, cwd=ROOT, env=settings, stdout=subprocess.DEVNULL).returncode


def main(arguments=None):
    """Run the whole pipeline and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--profile", default="full", help="quick or full (default)")
    options = parser.parse_args(arguments)
    try:
        profiles.check(options.profile)
    except ValueError as error:
        parser.error(str(error))
    started = time.monotonic()
    try:
        prepare(options.profile)
        made = time.monotonic()
        failures = execute.run_all(options.profile)
    except (ChapterError, locks.Busy) as error:
        failures = [str(error)]
    if failures:
        print("\nbook: failed:", *failures, sep="\n  ", file=sys.stderr)
        return 1
    ran = time.monotonic()
    if status := render(options.profile):
        print("\nbook: the site was not built; Sphinx's words stand above", file=sys.stderr)
        return status
    moved = key_numbers.check(options.profile)
    if moved:
        print("\nbook: key numbers:", *moved, sep="\n  ", file=sys.stderr)
        return 1
    print(f"book: profile {options.profile}: samples {made - started:.1f} s, chapters "
          f"{ran - made:.1f} s, site "
          f"{time.monotonic() - ran:.1f} s, key numbers as expected: _build/html/index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
