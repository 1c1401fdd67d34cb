"""The compiler's cache never lies: edits in other files are seen, options do not collide.

Each of these cases runs in a process of its own, on a copy of the package with two extra rooms.
Then: work shared out to threads is done once, and comes back in order.
"""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import chapters
from darkpairs import _jit, rng

CALLEE = """
from darkpairs._jit import njit, within

@njit
def step(x):
    return x + 1

@within
def leap(x):
    return x + 1
"""
CALLER = """
from darkpairs._jit import apart, njit
from darkpairs.callee import leap, step

@njit
def walk(n):
    x = 0
    for _ in range(n):
        x = step(x)
    return x

@njit
def jump(n):
    x = 0
    for _ in range(n):
        x = leap(x)
    return x

def total(n):
    s = 0
    for i in range(n):
        s += i
    return s

inlined, called = njit(total), apart(total)
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


def test_lines_of_a_caller_are_not_compiled_by_themselves_and_their_edit_is_seen(package):
    code = ("from darkpairs.caller import jump; from darkpairs.callee import leap; "
            "print(jump(10), sum(jump.stats.cache_hits.values()), len(leap.signatures), leap(1))")
    assert run(package, code) == ["10", "0", "0", "2"]
    (package / "callee.py").write_text(CALLEE.replace("x + 1", "x + 2"))
    assert run(package, code) == ["20", "0", "0", "3"]


def test_inlined_and_called_kernels_do_not_share_a_cache(package):
    code = ("from darkpairs.caller import inlined, called; inlined(5); called(5); "
            "hits = lambda f: sum(f.stats.cache_hits.values()); "
            "print(hits(inlined), hits(called), inlined.targetoptions['forceinline'], "
            "called.targetoptions.get('forceinline', False))")
    assert run(package, code) == ["0", "0", "True", "False"]
    assert run(package, code) == ["1", "1", "True", "False"]


def test_old_caches_are_cleared_away_and_the_option_is_restored(package):
    home = package / "__pycache__" / "numba" / "caller"
    stale = [home / f"{number:016x}" for number in range(8)]
    for age, folder in enumerate(stale):
        folder.mkdir(parents=True)
        os.utime(folder, (1e9 + age, 1e9 + age))
    code = ("import numba; before = numba.config.CACHE_DIR; from darkpairs.caller import walk; "
            "walk(1); print(numba.config.CACHE_DIR == before)")
    assert run(package, code) == ["True"]
    left = [path.name for path in home.iterdir()]
    assert len(left) == 1 + _jit._KEEP
    assert stale[-1].name in left
    assert stale[0].name not in left


def test_an_edit_leaves_the_kernels_of_rooms_below_as_they_are(package):
    code = ("from darkpairs.callee import step; from darkpairs.caller import walk; "
            "hits = lambda f: sum(f.stats.cache_hits.values()); "
            "step(1); print(walk(10), hits(step), hits(walk))")
    assert run(package, code) == ["10", "0", "0"]
    (package / "caller.py").write_text(CALLER.replace("x = 0\n", "x = 5\n", 1))
    assert run(package, code) == ["15", "1", "0"]


def test_an_edit_two_floors_below_is_seen(package):
    (package / "top.py").write_text(CALLER.replace("callee", "middle"))
    (package / "middle.py").write_text("from darkpairs.callee import (  # both\n    leap,\n"
                                       "    step,\n)\n\n__all__ = ['leap', 'step']\n")
    code = WALK.replace("caller", "top")
    assert run(package, code) == ["10", "0"]
    (package / "callee.py").write_text(CALLEE.replace("x + 1", "x + 2"))
    assert run(package, code) == ["20", "0"]


@pytest.mark.parametrize("room", sorted(path.stem for path in _jit.PACKAGE.glob("*.py")))
def test_a_room_sees_what_python_says_that_it_imports(room):
    assert chapters.with_imports({room}) - {"__init__"} <= _jit.seen_by(room)


def test_a_module_from_elsewhere_may_see_everything():
    rooms = {path.stem for path in _jit.PACKAGE.glob("*.py")}
    folder = Path(_jit.cache_folder("test_of_something"))
    assert folder.name == _jit.source_digest(rooms)
    assert folder.parts[-2] == "elsewhere"
    assert len({_jit.source_digest(rooms - {room}) for room in rooms} | {folder.name}) == len(
        rooms) + 1


@pytest.fixture(params=[1, 2, 3, 7, 64])
def threads(request, monkeypatch):
    """Pretend that numba may use so many threads, more than this machine may have."""
    monkeypatch.setattr(_jit.numba, "get_num_threads", lambda: request.param)
    return request.param


@pytest.mark.parametrize("n", [1, 2, 5, 64, 1000])
def test_each_place_is_visited_once(threads, n):
    visits, lock = [0] * n, threading.Lock()

    def kernel(first, last):
        for i in range(first, last):
            with lock:
                visits[i] += 1
        return first, last

    parts = _jit.spread(kernel, n)
    assert visits == [1] * n
    assert len(parts) == min(threads, n)
    assert [i for first, last in parts for i in range(first, last)] == list(range(n))
    sizes = [last - first for first, last in parts]
    assert max(sizes) - min(sizes) <= 1  # nobody waits for one who has more to do


def test_answers_come_in_order_though_the_last_is_first(threads):
    last_is_done = threading.Event()

    def kernel(first, last, word):
        if last == 10:
            last_is_done.set()
        assert last_is_done.wait(10)
        return word, first

    answers = _jit.spread(kernel, 10, "place")
    assert answers == [("place", 10 * k // min(threads, 10)) for k in range(min(threads, 10))]


def test_the_parts_run_side_by_side(threads):
    meeting = threading.Barrier(min(threads, 50), timeout=10)  # broken unless all come
    waited = _jit.spread(lambda first, last: meeting.wait(), 50)
    assert sorted(waited) == list(range(min(threads, 50)))


def test_an_error_in_any_part_comes_out(threads):
    def kernel(first, last):
        if first <= 99 < last:
            raise ArithmeticError(f"place 99 of {first} … {last - 1}")

    with pytest.raises(ArithmeticError, match="place 99 of"):
        _jit.spread(kernel, 100)


def test_numba_says_how_many_threads():
    most = _jit.numba.config.NUMBA_NUM_THREADS
    before = _jit.numba.get_num_threads()
    try:
        for count in range(1, most + 1):
            _jit.numba.set_num_threads(count)
            assert len(_jit.spread(lambda first, last: None, 100)) == count
    finally:
        _jit.numba.set_num_threads(before)
    assert _jit.numba.get_num_threads() == before


def test_dice_thrown_by_many_are_the_dice_of_one(threads):
    dice = np.full((1000, 2), np.nan)

    def kernel(first, last, out):
        out[first:last] = rng.uniforms(3, 4, last - first, 2, first=first)

    _jit.spread(kernel, 1000, dice)
    assert (dice == rng.uniforms(3, 4, 1000, 2)).all()
