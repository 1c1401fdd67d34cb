import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import pytest

from darkpairs import pools

LIST = [(k,) for k in range(40)]


def nothing(k, turn):
    """A call that is done at once."""


def refuse(k, turn):
    """A call that goes wrong."""
    if k == 3:
        raise ValueError("three")


def die_once(folder, k, turn):
    """A call that ends its process, but only the first time."""
    place = os.path.join(folder, str(k))
    if k == 5 and not os.path.exists(place):
        open(place, "w").close()
        os._exit(1)


def die(folder, k, turn):
    """A call that ends its process."""
    os._exit(1)


def start(folder, k, turn):
    """A call that tells of its process, and takes time."""
    with open(os.path.join(folder, str(os.getpid())), "w"):
        time.sleep(0.01)


def rest(k, turn):
    """A call that takes time."""
    time.sleep(0.002)


class Slow(ThreadPoolExecutor):
    """Knows how many calls are handed out and not told of."""

    open = most = 0

    def submit(self, *call):
        self.open += 1
        self.most = max(self.most, self.open)
        return super().submit(*call)

    def told(self, call):
        self.open -= 1


class Counting(Executor):
    """Does each call when it is handed out, and keeps the turns."""

    def __init__(self):
        self.turns = []

    def submit(self, work, *arguments):
        self.turns.append(arguments[-1])
        future = Future()
        future.set_result(work(*arguments))
        return future


@pytest.mark.parametrize("options", [dict(workers=1), dict(executor=Counting())],
                         ids=["here", "own"])
def test_each_call_is_done_and_told_of_once(options):
    told = []
    pools.run(nothing, LIST, told.append, **options)
    assert sorted(told) == LIST


def test_equal_calls_differ_in_their_turns():
    executor = Counting()
    pools.run(nothing, LIST, nothing_more, executor=executor)
    pools.run(nothing, LIST, nothing_more, executor=executor)
    assert len(set(executor.turns)) == 2 * len(LIST)


def nothing_more(call):
    """Word of a call that nobody needs."""


def test_only_some_calls_are_handed_out_at_a_time(monkeypatch):
    monkeypatch.setattr(pools, "AHEAD", 7)
    with Slow(2) as executor:
        pools.run(rest, LIST, executor.told, executor=executor)
        assert executor.most == 7


def test_processes_share_the_work(tmp_path):
    told = []
    pools.run(start, [(str(tmp_path), k) for k in range(8)], told.append, workers=2)
    assert len(told) == 8
    assert str(os.getpid()) not in os.listdir(tmp_path)


def test_a_worker_that_dies_is_replaced(tmp_path):
    told = []
    pools.run(die_once, [(str(tmp_path), k) for k in range(8)], told.append, workers=2)
    assert sorted(call[1] for call in told) == list(range(8))


def test_workers_that_all_die_end_it_in_words(tmp_path):
    with pytest.raises(RuntimeError, match="2 processes ended before any of 3 calls was done"):
        pools.run(die, [(str(tmp_path), k) for k in range(3)], nothing_more, workers=2)


def test_an_error_of_a_call_comes_through_and_the_others_stop():
    told = []
    with ThreadPoolExecutor(1) as executor, pytest.raises(ValueError, match="three"):
        pools.run(refuse, LIST, told.append, executor=executor)
    assert (3,) not in told


@pytest.mark.parametrize("workers", [0, -1, 1.5])
def test_wrong_numbers_of_workers_are_refused(workers):
    with pytest.raises(ValueError, match="wanted a whole number > 0"):
        pools.run(nothing, LIST, nothing_more, workers=workers)


def test_no_calls_are_no_work():
    pools.run(die, [], nothing_more, workers=2)
    pools.run(die, [], nothing_more, executor=Counting())


def test_a_worker_follows_its_parent(tmp_path):
    """The processes of a producer that is killed end, too."""
    code = ("import sys, time; sys.path.insert(0, sys.argv[2]); from darkpairs import pools\n"
            "import test_pools\n"
            "calls = [(sys.argv[1], k) for k in range(4)]\n"
            "pools.run(test_pools.start_long, calls, print, workers=2)")
    producer = subprocess.Popen([sys.executable, "-c", code, tmp_path, os.path.dirname(__file__)],
                                stderr=subprocess.DEVNULL)
    wait_until(lambda: len(os.listdir(tmp_path)) == 2)
    producer.kill()
    producer.wait()
    workers = [int(name) for name in os.listdir(tmp_path)]
    try:
        wait_until(lambda: not any(map(alive, workers)))
    finally:
        for pid in filter(alive, workers):
            os.kill(pid, signal.SIGKILL)


def start_long(folder, k, turn):
    """A call that lasts for ever."""
    start(folder, k, turn)
    time.sleep(60)


def alive(pid):
    """Tell whether a process is there and no zombie."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(true):
    """Wait at most 30 s."""
    for _ in range(600):
        if true():
            return
        time.sleep(0.05)
    pytest.fail("nothing happened for 30 s")
