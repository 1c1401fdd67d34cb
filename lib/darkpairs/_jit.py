"""The only door to numba: one decorator, one set of options, one honest cache.

In: a plain Python function. Out: the same function, compiled on its first call.

Numba's on-disk cache looks at the file of the function it stores, and at nothing else. An edit in
another file that the function calls would go unseen, and a serial and a threaded version of one
function would overwrite each other. So each room has a cache folder that is named after the digest
of its file and of *all* that it imports from this package, directly or through others; each set of
options has a folder of its own below it. An edit high up leaves the kernels below as they are.

Laws: an edit in any room that a kernel can see is seen; two sets of options never share a file.
"""

import hashlib
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from pathlib import Path

import numba

PACKAGE = Path(__file__).parent
_KEEP = 4  # this many older states of each room stay, so switching branches is cheap
_IMPORT = re.compile(r"^[ \t]*(?:from|import) darkpairs([^(\n]*(?:\([^)]*\))?)", re.MULTILINE)
_WORD = re.compile(r"\w+")


@cache
def imported(room, package=PACKAGE):
    """Return the rooms whose names follow ``from darkpairs`` or ``import darkpairs``, a frozenset.

    Words are enough here, and ten times as fast as Python's own parser: a name too many does no
    harm.
    """
    lines = _IMPORT.findall((package / f"{room}.py").read_text(encoding="utf-8"))
    names = {name for line in lines for name in _WORD.findall(line)}
    return frozenset(name for name in names if (package / f"{name}.py").is_file())


def seen_by(room, package=PACKAGE):
    """Return a room and all rooms that it imports, directly or through others, as a set."""
    found, todo = set(), {room}
    while todo:
        name = todo.pop()
        found.add(name)
        todo |= imported(name, package) - found
    return found


def source_digest(rooms, package=PACKAGE):
    """Return 16 hex digits that change when the file of any of these rooms changes."""
    digest = hashlib.sha256()
    for room in sorted(rooms):
        file = os.path.join(package, f"{room}.py")
        about = os.stat(file)
        digest.update(room.encode() + b"\0" + _digest(file, about.st_mtime_ns, about.st_size))
    return digest.hexdigest()[:16]


@cache
def _digest(file, time, size):
    """Digest a file; once, though many rooms see it, as long as its time and size stay."""
    return hashlib.sha256(Path(file).read_bytes()).digest()


@cache
def cache_folder(module):
    """Return the folder for kernels of a module, after clearing away old ones.

    A module from elsewhere may import anything: for it, all rooms count.
    """
    inside = module.startswith("darkpairs.")
    room = module.split(".")[1] if inside else "elsewhere"
    rooms = seen_by(room) if inside else {path.stem for path in PACKAGE.glob("*.py")}
    beside = PACKAGE / "__pycache__"
    home = beside if os.access(PACKAGE, os.W_OK) else Path.home() / ".cache" / "darkpairs"
    folder = home / "numba" / room / source_digest(rooms)
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)
    by_age = sorted(folder.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in by_age[1 + _KEEP:]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def _compile(function, **options):
    name = "-".join(sorted(key for key, on in options.items() if on)) or "serial"
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(cache_folder(function.__module__) / name)
    try:
        return numba.njit(cache=True, fastmath=False, error_model="numpy", **options)(function)
    finally:
        numba.config.CACHE_DIR = before


def njit(function):
    """Compile a kernel for one thread. It releases the GIL, so callers may run it in threads.

    It is compiled into its callers where they are kernels: a call with arrays costs 10 ns or more.
    """
    return _compile(function, nogil=True, forceinline=True)


def apart(function):
    """Compile a kernel by itself; its callers call it. For one that works long next to a call.

    The caller then compiles faster.
    """
    return _compile(function, nogil=True)


def within(function):
    """Compile a kernel as lines of its caller. For a long one that only one kernel calls.

    What a kernel calls is compiled again with it, on every floor up to the top; one floor less
    saves half a second. A short one that is called with many constants gains, too, since each
    constant is a type of its own.
    """
    return _compile(function, nogil=True, inline="always")


def spread(kernel, n, *arguments):
    """Run ``kernel(first, last, *arguments)`` over 0 … n − 1, shared out to numba's threads.

    How many threads follows from ``NUMBA_NUM_THREADS`` and ``numba.set_num_threads``. Returns what
    each call returned, in order.
    """
    threads = max(1, min(numba.get_num_threads(), n))
    cuts = [n * k // threads for k in range(threads + 1)]
    parts = list(pairwise(cuts))
    if threads == 1:
        return [kernel(0, n, *arguments)]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda part: kernel(*part, *arguments), parts))
