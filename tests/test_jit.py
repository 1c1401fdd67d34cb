"""The compiler's cache never lies: edits in other files are seen, options do not collide.

Each case runs in a process of its own, on a copy of the package with two extra rooms.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from darkpairs import _jit

CALLEE = """
from darkpairs._jit import njit

@njit
def step(x):
    return x + 1
"""
CALLER = """
from darkpairs._jit import njit, parallel, prange
from darkpairs.callee import step

@njit
def walk(n):
    x = 0
    for _ in range(n):
        x = step(x)
    return x

def total(n):
    s = 0
    for i in prange(n):
        s += i
    return s

serial, threaded = njit(total), parallel(total)
"""


@pytest.fixture
def package(tmp_path):
    shutil.copytree(_jit.PACKAGE, tmp_path / "darkpairs",
                    ignore=shutil.ignore_patterns("__pycache__", "data"))
    (tmp_path / "darkpairs" / "callee.py").write_text(CALLEE)
    (tmp_path / "darkpairs" / "caller.py").write_text(CALLER)
    return tmp_path / "darkpairs"


def run(package, code):
    settings = os.environ | {"PYTHONPATH": str(package.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=settings, capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


WALK = ("from darkpairs.caller import walk; "
        "print(walk(10), sum(walk.stats.cache_hits.values()))")


def test_an_edit_in_a_callee_is_seen_and_an_unchanged_package_is_cached(package):
    assert run(package, WALK) == ["10", "0"]
    assert run(package, WALK) == ["10", "1"]
    (package / "callee.py").write_text(CALLEE.replace("x + 1", "x + 2"))
    assert run(package, WALK) == ["20", "0"]


def test_serial_and_threaded_kernels_do_not_share_a_cache(package):
    code = ("from darkpairs.caller import serial, threaded; serial(5); threaded(5); "
            "hits = lambda f: sum(f.stats.cache_hits.values()); "
            "print(hits(serial), hits(threaded), "
            "serial.targetoptions.get('parallel', False), threaded.targetoptions['parallel'])")
    assert run(package, code) == ["0", "0", "False", "True"]
    assert run(package, code) == ["1", "1", "False", "True"]


def test_old_caches_are_cleared_away_and_the_option_is_restored(package):
    stale = [package / "__pycache__" / f"numba-{number:016x}" for number in range(8)]
    for age, folder in enumerate(stale):
        folder.mkdir(parents=True)
        os.utime(folder, (1e9 + age, 1e9 + age))
    code = ("import numba; before = numba.config.CACHE_DIR; from darkpairs.caller import walk; "
            "walk(1); print(numba.config.CACHE_DIR == before)")
    assert run(package, code) == ["True"]
    left = sorted(path.name for path in (package / "__pycache__").glob("numba-*"))
    assert len(left) == 1 + _jit._KEEP
    assert stale[-1].name in left
    assert stale[0].name not in left


def test_the_digest_covers_every_file():
    assert len(_jit.source_digest()) == 16
    assert Path(_jit.cache_folder()).name == f"numba-{_jit.source_digest()}"
