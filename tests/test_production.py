"""The same bytes for any executor, any number of workers, any order, and any accident."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import pytest

from darkpairs import chunks, plans, samples
from smallplan import PLAN, content

PRODUCE = ("import sys; sys.path.insert(0, sys.argv[2])\n"
           "from darkpairs import samples; from smallplan import PLAN\n"
           "samples.produce(sys.argv[1], PLAN, workers=2)")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What a production leaves that nobody disturbed."""
    directory = tmp_path_factory.mktemp("made")
    samples.produce(directory, PLAN, progress=False, workers=1)
    return content(directory)


def wait_for(directory, number):
    """Wait until so many chunks are there."""
    for _ in range(3000):
        if len(list(directory.rglob("*.seal.json"))) >= number:
            return
        time.sleep(0.02)
    pytest.fail("no chunk within 60 s")


class Shuffled(Executor):
    """Does calls in an order of its own: the last one first, and so on."""

    def __init__(self):
        self.calls = []

    def submit(self, work, *arguments):
        future = Future()
        self.calls.append((future, work, arguments))
        if len(self.calls) == sum(len(entry.ranges()) for entry in PLAN):
            random.Random(1).shuffle(self.calls)
            for each, function, given in self.calls:
                each.set_result(function(*given))
        return future


def test_any_order(made, tmp_path):
    samples.produce(tmp_path, PLAN, executor=Shuffled(), progress=False)
    assert content(tmp_path) == made


def test_threads(made, tmp_path):
    with ThreadPoolExecutor(3) as executor:
        samples.produce(tmp_path, PLAN, executor=executor, progress=False)
        assert executor.submit(int, "1").result() == 1  # it stays open
    assert content(tmp_path) == made


def test_killed_and_resumed(made, tmp_path):
    """kill -9 half-way; what was there is not made again, and in the end nobody sees a trace."""
    here = os.path.dirname(__file__)
    producer = subprocess.Popen([sys.executable, "-c", PRODUCE, tmp_path, here],
                                stderr=subprocess.DEVNULL)
    wait_for(tmp_path, 1)
    producer.kill()
    producer.wait()
    time.sleep(0.2)  # its workers follow
    there = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.seal.json")}
    assert 1 <= len(there) < 7
    assert samples.verify(tmp_path, PLAN)
    samples.produce(tmp_path, PLAN, progress=False, workers=1)
    assert content(tmp_path) == made
    for path, age in there.items():
        assert path.stat().st_mtime_ns == age


@pytest.mark.filterwarnings("default")  # of those who start and end processes and loops
@pytest.mark.skipif(os.name == "nt", reason="kills a process by a signal")
def test_a_dask_cluster_that_loses_a_worker(made, tmp_path, monkeypatch):
    monkeypatch.setattr(plans, "plan", lambda profile: PLAN)
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None,
                                  silence_logs="CRITICAL") as cluster, \
            distributed.Client(cluster) as client:
        workers = client.run(os.getpid)
        assert len(workers) == 2

        def kill():
            wait_for(tmp_path, 1)
            os.kill(next(iter(workers.values())), signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        samples.produce(tmp_path, PLAN, executor=client.get_executor(retries=samples.RETRIES),
                        progress=False)
        killer.join()
        assert content(tmp_path) == made
        folder = chunks.folder(tmp_path, PLAN[0])  # a call like one before is done all the same
        chunks.files(folder, 0)["seal"].unlink()
        samples.main(["produce", "--directory", str(tmp_path), "--dask", cluster.scheduler_address])
    assert content(tmp_path) == made


def test_processes_of_this_machine(made, tmp_path):
    samples.produce(tmp_path, PLAN, progress=False, workers=2)
    assert content(tmp_path) == made
