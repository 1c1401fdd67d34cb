"""The README's code runs word for word and prints what the README says."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from darkpairs import batches, chain, gun

README = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")


def readme_code():
    """Return the README's Python block and the output that it promises."""
    code, output = re.search(r"```python\n(.*?)```\s+```text\n(.*?)```", README, re.S).groups()
    return code, output


def test_the_readme_runs_word_for_word(tmp_path):
    code, output = readme_code()
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    done = subprocess.run([sys.executable, "-X", "utf8", "-c", code], cwd=tmp_path,
                          capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert done.stdout == output


def test_every_file_that_the_readme_links_exists():
    root = Path(__file__).resolve().parent.parent
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (root / target).is_file(), target


@pytest.fixture(scope="module")
def some():
    """Pairs of two sorts, a photon and a muon, and nothing at all."""
    return batches.concatenate([
        gun.pair((122.1, 188.1), 0.29, n=5), gun.shoot(22, 310.0, n=2, first=5),
        gun.shoot(13, 250.0, n=2, first=7), gun.shoot(11, 50.0, start=(-90, 0, 90), first=9)])


def columns(batch, rows=None):
    """All columns of a batch of charge, of one event if asked."""
    if rows is None:
        return {name: getattr(batch, name) for name in batch.SHAPES}
    samples = slice(batch.start[rows.start], batch.start[rows.stop])
    return {"wire": batch.wire[rows], "tick": batch.tick[rows],
            "electrons": batch.electrons[samples]}


def test_one_event_by_itself_is_the_event_in_its_sample(some):
    many = chain.charge(some, seed=3)
    for i in (0, 4, 6, 8, 9):
        one = chain.display(some, i, seed=3)
        assert list(one) == ["truth", "deposits", "arrivals", "waveforms", "charge"]
        assert all(len(batch) == 1 and batch.event[0] == i for batch in one.values())
        alone = columns(one["charge"], slice(0, len(one["charge"].plane)))
        for name, column in columns(many, many.rows(i)).items():
            assert np.array_equal(column, alone[name]), (i, name)


def test_neither_threads_nor_order_nor_chunks_matter(some, monkeypatch):
    whole = columns(chain.charge(some, seed=3))
    monkeypatch.setattr(chain, "spread", lambda part, n: [part(0, n)])
    monkeypatch.setattr(chain, "_CHUNK", 3)
    again = columns(chain.charge(some, seed=3))
    assert all(np.array_equal(whole[name], again[name]) for name in whole)
    back = chain.charge(batches.select(some, np.arange(10)[::-1]), seed=3)
    for i in range(10):
        mine = columns(back, back.rows(9 - i))["electrons"]
        forth = chain.display(some, i, seed=3)["charge"].electrons
        assert np.array_equal(mine, forth)


def test_what_never_enters_is_an_empty_event(some):
    stages = chain.display(some, 9, seed=3)
    assert len(stages["deposits"].energy) == len(stages["charge"].plane) == 0
    assert stages["deposits"].escaped[0] > 0


@pytest.mark.parametrize("i", [-1, 10])
def test_an_event_that_is_not_there_is_refused(some, i):
    with pytest.raises(ValueError, match=rf"event {i} of a batch of 10; wanted 0 to 9"):
        chain.display(some, i, seed=3)


def test_no_events_are_a_result(some):
    found = chain.charge(batches.select(some, slice(0, 0)), seed=1)
    assert len(found) == len(found.plane) == 0
    assert found.offsets.tolist() == [0]
