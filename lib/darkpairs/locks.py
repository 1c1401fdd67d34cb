"""A folder in which one process writes at a time.

In: a folder. Out: that it is ours, for as long as a block lasts. Chapter: samples.

The lock is one of the operating system, on a file. It ends with the process that holds it, however
that ends: nobody has to find out whether an old lock still means something. The file says who holds
it, for those who find it taken.

Laws: of two who ask at once one gets it; a process that was killed holds nothing.
"""

import os
import platform
import time
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    import msvcrt

NAME = "producer.lock"
_PLACE = 1 << 30  # the byte that Windows locks; it lies behind the text, which stays readable
_PAUSE = 0.2  # s between two looks; our choice


class Busy(RuntimeError):
    """Somebody else writes here."""


@contextmanager
def held(folder, *, wait=False, told=None):
    """Hold a folder.

    Parameters
    ----------
    folder : str or Path
        Which one; it exists.
    wait : bool
        Wait until nobody else holds it, instead of refusing.
    told : callable, optional
        Called once with words if there is someone to wait for.

    Raises
    ------
    Busy
        If somebody holds it; says who.
    """
    path = Path(folder) / NAME
    with path.open("a+", encoding="utf-8") as file:
        while not _taken(file):
            file.seek(0)
            words = f"{file.read().strip() or 'another process'} produces in {folder}"
            if not wait:
                raise Busy(f"{words}; wait for it, or choose another folder")
            if told:
                told(f"waiting: {words}")
                told = None
            time.sleep(_PAUSE)
        try:
            _write(file, f"process {os.getpid()} on {platform.node()}\n")
            yield
        finally:
            _write(file, "")
            _give_back(file)


def _write(file, text):
    """Put a text in place of what a file holds."""
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()


def _taken(file):
    """Try to lock a file, and tell whether that worked."""
    try:
        if os.name == "nt":
            file.seek(_PLACE)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # Windows says the second
        return False
    return True


def _give_back(file):
    """Unlock a file."""
    if os.name == "nt":
        file.seek(_PLACE)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_UN)
