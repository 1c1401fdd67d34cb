import os
import subprocess
import sys
import threading
import time

import pytest

from darkpairs import locks

HOLD = ("import sys, time; from darkpairs import locks\n"
        "with locks.held(sys.argv[1]):\n"
        "    print('mine', flush=True); time.sleep(60)")


@pytest.fixture
def other(tmp_path):
    """Another process that holds the folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"mine\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_of_two_one_is_refused_with_the_name_of_the_other(tmp_path, other):
    words = f"process {other.pid} on .* produces in .*wait for it"
    with pytest.raises(locks.Busy, match=words), locks.held(tmp_path):
        pytest.fail("two hold one folder")


def test_a_process_that_was_killed_holds_nothing(tmp_path, other):
    other.kill()
    other.wait()
    assert f"process {other.pid}" in (tmp_path / locks.NAME).read_text()  # words stay
    with locks.held(tmp_path):
        assert f"process {os.getpid()}" in (tmp_path / locks.NAME).read_text()
    assert (tmp_path / locks.NAME).read_text() == ""


def test_two_threads_of_one_process_are_two(tmp_path):
    with locks.held(tmp_path), pytest.raises(locks.Busy), locks.held(tmp_path):
        pytest.fail("two hold one folder")
    with locks.held(tmp_path):  # given back, after a refusal too
        pass


def test_an_error_gives_the_folder_back(tmp_path):
    with pytest.raises(KeyError), locks.held(tmp_path):
        raise KeyError
    with locks.held(tmp_path):
        pass


def test_waiting_lasts_until_the_other_is_done(tmp_path):
    said, order = [], []

    def first():
        with locks.held(tmp_path):
            held.set()
            time.sleep(0.3)
            order.append("first")

    held = threading.Event()
    thread = threading.Thread(target=first)
    thread.start()
    held.wait()
    with locks.held(tmp_path, wait=True, told=said.append):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]
    assert len(said) == 1
    assert f"waiting: process {os.getpid()}" in said[0]
