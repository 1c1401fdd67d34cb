"""The only door to numba: one decorator, one set of options, one honest cache.

In: a plain Python function. Out: the same function, compiled on its first call.

Numba's on-disk cache looks at the file of the function it stores, and at nothing else. An edit in
another file that the function calls would go unseen, and a serial and a threaded version of one
function would overwrite each other. So the cache folder is named after the digest of *all* source
files of this package, and each set of options has a folder of its own below it.

Laws: an edit anywhere in the package is seen; two sets of options never share a file.
"""

import hashlib
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from pathlib import Path

import numba

PACKAGE = Path(__file__).parent
_KEEP = 4  # folders of this many older states of the sources stay, so switching branches is cheap


def source_digest(package=PACKAGE):
    """Return 16 hex digits that change when any source file of the package changes."""
    digest = hashlib.sha256()
    for path in sorted(package.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@cache
def cache_folder():
    """Return the folder of this state of the sources, after clearing away old ones."""
    beside = PACKAGE / "__pycache__"
    home = beside if os.access(PACKAGE, os.W_OK) else Path.home() / ".cache" / "darkpairs"
    folder = home / f"numba-{source_digest()}"
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)
    by_age = sorted(home.glob("numba-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in by_age[1 + _KEEP:]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def _compile(function, **options):
    name = "-".join(sorted(key for key, on in options.items() if on)) or "serial"
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(cache_folder() / name)
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
