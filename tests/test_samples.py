import errno
import os
import threading

import numpy as np
import pytest

from darkpairs import background, chunks, exchange, locks, plans, samples
from smallplan import PLAN, content

PI0, SIGNAL = PLAN


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A production that nobody disturbed."""
    directory = tmp_path_factory.mktemp("made")
    samples.produce(directory, PLAN, progress=False, workers=1)
    return directory


@pytest.fixture
def copy(made, tmp_path):
    """A copy of it, to be spoilt."""
    for name, data in content(made).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    return tmp_path


@pytest.fixture
def small(monkeypatch):
    """The plan of the book, as small as ours."""
    monkeypatch.setattr(plans, "plan", lambda profile: PLAN)


def load(directory, name="pi0"):
    return samples.load(name, "quick", directory=directory, progress=False, workers=1)


def test_a_sample_is_all_its_chunks(made, small):
    sample = load(made)
    whole = background.generate("pi0", 9, seed=2, tilt=0.5)
    assert (sample.name, len(sample), sample.entry) == ("pi0", 9, PI0)
    np.testing.assert_array_equal(sample.truth.event, np.arange(9))
    np.testing.assert_array_equal(sample.truth.p4, whole.p4)
    np.testing.assert_array_equal(sample.truth.weight, whole.weight)
    np.testing.assert_array_equal(sample.truth.offsets, whole.offsets)
    np.testing.assert_array_equal(sample.reco.event, np.repeat(np.arange(9), 2))
    np.testing.assert_array_equal(sample.truth.weight[sample.reco.event], sample.reco.weight)
    assert sample.truth.weight.sum() == pytest.approx(
        background.expected_events("pi0", pot=1.0), rel=0.5)  # within the chance of 9 events


def test_rows_of_one_algorithm_are_the_events(made, small):
    sample = load(made)
    for place, algorithm in enumerate(("projective", "tomographic")):
        mine = sample.of(algorithm)
        np.testing.assert_array_equal(mine.event, sample.truth.event)
        np.testing.assert_array_equal(mine.charge, sample.reco.charge[place::2])
    with pytest.raises(ValueError, match="unknown algorithm 'both'"):
        sample.of("both")


def test_the_other_side_of_a_variation(tmp_path, made, small, monkeypatch):
    entry = PI0._replace(name="pi0/gain+", events=4, chamber=plans.variations()["gain+"])
    monkeypatch.setattr(plans, "plan", lambda profile: (*PLAN, entry))
    mother, varied = load(made), load(tmp_path, "pi0/gain+")
    pair = mother.like(varied)
    np.testing.assert_array_equal(pair.truth.p4, varied.truth.p4)
    np.testing.assert_array_equal(pair.truth.weight, varied.truth.weight)
    np.testing.assert_array_equal(pair.reco.event, varied.reco.event)
    np.testing.assert_array_equal(pair.reco.weight, varied.reco.weight)
    np.testing.assert_array_equal(pair.reco.charge, mother.reco.charge[:8])
    assert (pair.reco.charge != varied.reco.charge).any()
    with pytest.raises(ValueError, match="'signal' has other events than 'pi0'"):
        mother.like(load(made, "signal"))


def test_what_is_there_is_not_made_again(made, small, monkeypatch):
    before = content(made)
    monkeypatch.setattr(chunks, "make", None)
    samples.produce(made, PLAN, progress=False)
    load(made)
    assert content(made) == before


def test_load_makes_what_it_needs_and_no_more(tmp_path, made, small):
    load(tmp_path / "new", "signal")
    assert content(tmp_path / "new") == {
        name: data for name, data in content(made).items() if not name.startswith("pi0")}


def test_a_sample_of_ones_own_needs_no_name(tmp_path, made, small):
    sample = samples.load(PI0._replace(name="mine"), directory=tmp_path, progress=False, workers=1)
    np.testing.assert_array_equal(sample.reco.charge, load(made).reco.charge)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["mine"]
    with pytest.raises(ValueError, match="with events = 0"):
        samples.load(PI0._replace(events=0), directory=tmp_path)


def test_damage_is_named_and_made_again(copy, made, small):
    path = chunks.files(chunks.folder(copy, PI0), 4)["reco"]
    path.write_bytes(path.read_bytes()[:-1])
    [(name, first, words)] = samples.verify(copy, PLAN)
    assert (name, first) == ("pi0", 4)
    assert path.name in words
    with pytest.warns(samples.Damaged, match=f"'pi0', events from 4: {path.name} is damaged"):
        load(copy)
    assert content(copy) == content(made)
    assert samples.verify(copy, PLAN) == []


def test_status_counts(copy, made):
    whole, other = samples.status(made, PLAN)
    assert whole[:3] == ("pi0", 9, 9)
    assert other[:3] == ("signal", 4, 4)
    assert whole.bytes == sum(len(data) for name, data in content(made).items()
                              if name.startswith("pi0"))
    assert whole.speed > 0
    assert np.isnan(other.speed)  # two files tell nothing
    chunks.files(chunks.folder(copy, PI0), 8)["seal"].unlink()
    (chunks.folder(copy, PI0).parent / "old").mkdir()
    (chunks.folder(copy, PI0).parent / "old" / "chunk").write_bytes(b"12345")
    part = samples.status(copy, PLAN)[0]
    assert (part.made, part.others) == (8, 5)
    assert samples.status(copy / "nowhere", PLAN)[0][1:4] == (0, 9, 0)


def test_another_plan_is_kept_apart(copy, made):
    other = PI0._replace(seed=3, events=2)
    samples.produce(copy, [other], progress=False, workers=1)
    now = content(copy)
    assert {name: now[name] for name in content(made)} == content(made)
    assert chunks.folder(copy, other).parent == chunks.folder(copy, PI0).parent
    assert samples.verify(copy, PLAN) == samples.verify(copy, [other]) == []


def test_two_producers_are_refused_and_a_reader_waits(copy, small):
    for name in (path for path in chunks.folder(copy, SIGNAL).iterdir()):
        name.unlink()
    with locks.held(copy):
        with pytest.raises(locks.Busy, match=f"process {os.getpid()} .* produces in"):
            samples.produce(copy, PLAN, progress=False, workers=1)
        load(copy)  # all there: no need to write
        found = []
        thread = threading.Thread(target=lambda: found.append(load(copy, "signal")))
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
    thread.join()
    assert len(found[0]) == 4


def fail_after(number, code, monkeypatch):
    """Let the disk refuse from some file on."""
    write, left = exchange.write_parquet, [None] * number

    def failing(*arguments):
        if not left:
            raise OSError(code, os.strerror(code))
        left.pop()
        write(*arguments)
    monkeypatch.setattr(exchange, "write_parquet", failing)


def test_a_full_disk_loses_nothing(tmp_path, made, monkeypatch):
    with monkeypatch.context() as patched:
        fail_after(3, errno.ENOSPC, patched)
        with pytest.raises(OSError, match=r"No space left on device: .* stays, 6 events"
                           ) as caught:
            samples.produce(tmp_path, PLAN, progress=False, workers=1)
    assert caught.value.errno == errno.ENOSPC
    before = content(tmp_path)
    assert {name: content(made)[name] for name in before} == before
    assert len(before) == 9 + 1  # three chunks, and the lock
    samples.produce(tmp_path, PLAN, progress=False, workers=1)
    assert content(tmp_path) == content(made)


def test_a_folder_that_cannot_be_written_is_refused_in_words(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="wanted a folder that can be written"):
        samples.produce(tmp_path / "file", PLAN, progress=False)

    def refuse(*arguments, **options):
        raise PermissionError(errno.EACCES, "Permission denied")
    monkeypatch.setattr(samples.Path, "mkdir", refuse)
    with pytest.raises(PermissionError, match=r"Permission denied: samples in .*; wanted"):
        samples.produce(tmp_path / "new", PLAN, progress=False)


def test_other_errors_keep_their_words(tmp_path, monkeypatch):
    fail_after(0, errno.EIO, monkeypatch)
    with pytest.raises(OSError, match=r"^\[Errno 5\]"):
        samples.produce(tmp_path, PLAN, progress=False, workers=1)


def test_what_dead_workers_left_is_removed(copy, made):
    part = chunks.folder(copy, PI0) / ".123.part.0000000000.reco.parquet"
    part.write_bytes(b"half")
    samples.produce(copy, PLAN, progress=False, workers=1)
    assert content(copy) == content(made)


def test_workers_that_see_another_disk_are_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(chunks, "make", lambda *arguments: None)
    with pytest.raises(RuntimeError, match="wanted workers that see this disk"):
        samples.produce(tmp_path, PLAN, progress=False, workers=1)


def test_a_bar_tells_rate_and_time_left(copy, capsys):
    chunks.files(chunks.folder(copy, PI0), 8)["seal"].unlink()
    samples.produce(copy, PLAN, workers=1)
    last = capsys.readouterr().err.rsplit("\r", 1)[1]
    assert "13/13" in last
    assert "events/s" in last
    assert "<00:00" in last
    samples.produce(copy, PLAN, workers=1, progress=False)
    assert capsys.readouterr().err == ""


def test_where_samples_lie(monkeypatch, tmp_path):
    monkeypatch.delenv(samples.SETTING, raising=False)
    root = samples.Path(samples.__file__).resolve().parents[2]
    assert samples.home() == root / "_build" / "samples"
    monkeypatch.setenv(samples.SETTING, str(tmp_path))
    assert samples.home() == tmp_path
    monkeypatch.delenv(samples.SETTING)
    monkeypatch.setattr(samples, "__file__", str(tmp_path / "lib" / "darkpairs" / "samples.py"))
    assert samples.home() == samples.Path.home() / ".cache" / "darkpairs" / "samples"


def test_the_command_line(copy, made, small, capsys):
    where = ["--profile", "quick", "--directory", str(copy), "--workers", "1"]
    chunks.files(chunks.folder(copy, PI0), 8)["seal"].unlink()
    assert samples.main(["verify", *where]) == 1
    assert "pi0, events from 8: missing\nverify: 1 of 7 chunks" in capsys.readouterr().out
    assert samples.main(["status", "pi0", *where]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:3] == ["pi0", "8", "9"]
    assert samples.main(["produce", *where, "pi0"]) == 0
    assert samples.main(["verify", *where]) == 0
    assert content(copy) == content(made)


@pytest.mark.parametrize(("words", "said"), [
    (["status", "pion"], "unknown sample 'pion'"), (["make"], "invalid choice"),
    (["status", "--profile", "medium"], "unknown profile 'medium'")])
def test_a_wrong_command_is_refused(words, said, capsys):
    with pytest.raises(SystemExit):
        samples.main(words)
    assert said in capsys.readouterr().err
