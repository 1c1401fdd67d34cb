"""Pools: many calls that know nothing of each other, done by whoever is there.

In: a function, the arguments of many calls, an executor. Out: word of each, as it is done.
Chapter: samples.

Only some calls are handed out at a time, so that a long list costs no memory. A pool of processes
that loses one is given up as a whole by Python; here it is set up again with the calls that are
left, as long as some were done in between.

Laws: each call is done once and told of once; a lost worker changes nothing but the time.
"""

import multiprocessing
import os
import threading
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import count, islice

AHEAD = 256  # calls that are handed out and not done; our choice, more than any pool has workers
_TURNS = count()  # numbers for calls, as Dask takes equal calls for one


def run(work, calls, done, *, executor=None, workers=None):
    """Do calls in any order.

    Parameters
    ----------
    work : callable
        Importable; takes the arguments of a call, then a number that no other call gets.
    calls : list of tuple
        Arguments.
    done : callable
        Called here with each call when it is done; results are dropped.
    executor : concurrent.futures.Executor, optional
        Who works. By default processes of this machine; they are started afresh, not copied, so
        that threads of this one do no harm. If one worker or one call is all, this process works.
    workers : int, optional
        How many processes, > 0; by default as many as this one may use cores.

    Raises
    ------
    RuntimeError
        If processes end and nothing gets done in between.
    """
    workers = cores() if workers is None else workers
    if not workers >= 1 or workers % 1:
        raise ValueError(f"workers = {workers}; wanted a whole number > 0")
    workers = min(int(workers), len(calls))
    if executor is not None:
        _feed(executor, work, calls, done)
    elif workers > 1:
        _processes(work, calls, done, workers)
    else:
        for call in calls:
            work(*call, next(_TURNS))
            done(call)


def cores():
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _feed(executor, work, calls, done):
    """Keep enough calls handed out that no worker rests."""
    todo, waiting = iter(calls), {}
    try:
        while True:
            for call in islice(todo, AHEAD - len(waiting)):
                waiting[executor.submit(work, *call, next(_TURNS))] = call
            if not waiting:
                return
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                call = waiting.pop(future)
                future.result()
                done(call)
    finally:
        wait([future for future in waiting if not future.cancel()])  # whoever writes finishes


def _processes(work, calls, done, workers):
    """Have processes of our own do it; if one dies, others go on."""
    left = {id(call): call for call in calls}

    def noted(call):
        done(call)
        del left[id(call)]

    while left:
        before = len(left)
        try:
            with ProcessPoolExecutor(min(workers, before), initializer=_follow,
                                     mp_context=multiprocessing.get_context("spawn")) as pool:
                _feed(pool, work, list(left.values()), noted)
        except BrokenProcessPool as error:
            if len(left) == before:
                raise RuntimeError(
                    f"{workers} processes ended before any of {before} calls was done; perhaps "
                    "memory is short, or a script starts them outside of "
                    'if __name__ == "__main__":') from error


def _follow():
    """End this worker when the process that started it ends, however that ends."""
    parent = multiprocessing.parent_process()

    def watch():
        parent.join()
        os._exit(1)
    threading.Thread(target=watch, daemon=True).start()
