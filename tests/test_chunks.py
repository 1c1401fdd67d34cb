import re

import numpy as np
import pytest

from darkpairs import background, chain, chunks, cocktail, cosmic, detector, model, plans, signal
from darkpairs.batches import Truth
from darkpairs.record import Reco

PI0 = plans.Entry("pi0", "pi0", 7, 5, tilt=0.4)


def folder(directory, entry):
    """A folder of a sample, made."""
    home = chunks.folder(directory, entry)
    home.mkdir(parents=True)
    return home


def same(one, other):
    """Both batches hold the same bits, in arrays of the same types."""
    for name in type(one).SHAPES:
        a, b = getattr(one, name), getattr(other, name)
        assert a.dtype == b.dtype, name
        np.testing.assert_array_equal(a, b, err_msg=name)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Both chunks of a sample."""
    home = folder(tmp_path_factory.mktemp("made"), PI0)
    for first, n in ((0, 4), (4, 3)):
        chunks.make(str(home), PI0, first, n)
    return home


@pytest.fixture
def home(made, tmp_path):
    """A copy of them, to be spoilt."""
    copy = folder(tmp_path, PI0)
    for path in made.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    return copy


def test_what_was_made_is_read_back_to_the_bit(made):
    """The slow way: all events at once, never on disk."""
    whole = background.generate("pi0", 7, seed=5, tilt=0.4)
    seen = chain.reconstruct(whole, seed=5)
    parts = [chunks.read(made, *each) for each in ((0, 4), (4, 3))]
    for name in Truth.SHAPES:
        if name != "offsets":
            np.testing.assert_array_equal(
                np.concatenate([getattr(part[0], name) for part in parts]), getattr(whole, name))
    for name in Reco.SHAPES:
        np.testing.assert_array_equal(
            np.concatenate([getattr(part[1], name) for part in parts]), getattr(seen, name))
        assert getattr(parts[0][1], name).dtype == getattr(seen, name).dtype


def test_another_making_leaves_the_same_bytes(made, tmp_path):
    home = folder(tmp_path, PI0)
    chunks.make(str(home), PI0, 4, 3, 77)  # this one first
    chunks.make(str(home), PI0, 0, 4)
    assert sorted(path.name for path in home.iterdir()) == sorted(
        path.name for path in made.iterdir())
    for path in made.iterdir():
        assert (home / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.parametrize("kind", background.KINDS)
def test_weights_of_all_chunks_add_up_to_the_rate(kind):
    entry = plans.Entry(kind, kind, 23, 5, tilt=0.3 if kind == "pi0" else 0.0, chunk=7)
    parts = [chunks.truth(entry, *each) for each in entry.ranges()]
    whole = background.generate(kind, 23, seed=5, tilt=entry.tilt)
    np.testing.assert_array_equal(np.concatenate([part.weight for part in parts]), whole.weight)
    np.testing.assert_array_equal(np.concatenate([part.p4 for part in parts]), whole.p4)
    if not entry.tilt:  # with a tilt they add up to the rate within chance: test_background
        assert whole.weight.sum() == pytest.approx(background.expected_events(kind, pot=1.0),
                                                   rel=1e-12, abs=0)


def test_weights_of_signal_chunks_add_up():
    point = model.BENCHMARKS["note"]
    for entry, whole in (
            (plans.Entry("signal", "signal", 23, 5, chunk=7), cocktail.generate(23, seed=5)),
            (plans.Entry("note", "signal", 23, 5, chunk=7, model=point),
             signal.generate(point, 23, seed=5))):
        parts = [chunks.truth(entry, *each) for each in entry.ranges()]
        assert sum(part.weight.sum() for part in parts) == pytest.approx(whole.weight.sum(),
                                                                         rel=1e-12, abs=0)
        np.testing.assert_array_equal(np.concatenate([part.p4 for part in parts]), whole.p4)


def test_an_overlay_lies_over_the_same_events():
    entry = plans.Entry("signal/cosmic", "signal", 4, 5, overlay=True)
    plain = chunks.truth(entry._replace(overlay=False), 2, 2)
    same(chunks.truth(entry, 2, 2), cosmic.overlay(plain, seed=5))


def test_a_variation_is_another_chamber_for_one_who_does_not_know(tmp_path):
    other = detector.MICROBOONE._replace(gain=15.4)  # + 10 %
    entry = plans.Entry("pi0/gain+", "pi0", 4, 5, chamber=other)
    home = folder(tmp_path, entry)
    chunks.make(str(home), entry, 0, 4)
    happened, seen = chunks.read(home, 0, 4)
    same(seen, chain.reconstruct(happened, detector=other, believed=detector.MICROBOONE, seed=5))
    plain = chain.reconstruct(happened, seed=5)
    some = plain.charge > 1e5
    assert some.sum() >= 4
    ratio = seen.charge[some] / plain.charge[some]
    # + 10 % of gain are + 10 % of charge, but for pulses near the threshold and for noise
    np.testing.assert_allclose(ratio, 1.1, rtol=0.02)


def test_events_of_other_chunks_do_not_matter(tmp_path):
    home = folder(tmp_path, PI0)
    chunks.make(str(home), PI0, 5, 1)
    happened, seen = chunks.read(home, 5, 1)
    assert happened.event.tolist() == [5]
    assert seen.event.tolist() == [5, 5]


def test_room_on_disk(tmp_path):
    """At most 400 bytes per event and algorithm, as planned; truth is some 300 per event."""
    rows, bits = 2 * plans.CHUNK, np.random.default_rng(1)
    events = chunks.truth(PI0._replace(events=plans.CHUNK), 0, plans.CHUNK)
    reco = {name: bits.integers(0, 2 if name in ("algorithm", "topology") else 30, rows)
            if Reco.TYPES.get(name) else bits.random(rows) for name in Reco.SHAPES}
    chunks.write(tmp_path, 0, events, Reco(**reco))  # as bad as it gets: no number twice, no NaN
    sizes = {part: path.stat().st_size for part, path in chunks.files(tmp_path, 0).items()}
    assert sizes["reco"] < 400 * rows
    assert sizes["truth"] < 400 * len(events)


@pytest.mark.parametrize("part", ["truth", "reco", "seal"])
@pytest.mark.parametrize("harm", ["cut", "bit", "empty"])
def test_damage_is_noticed_and_named(home, part, harm):
    path = chunks.files(home, 4)[part]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes({"cut": data[:-9], "bit": data, "empty": b""}[harm])
    assert chunks.fault(home, PI0, 0, 4) == ""
    words = chunks.fault(home, PI0, 4, 3)
    assert "damaged" in words
    assert path.name in words or part == "seal"
    with pytest.raises(ValueError, match=re.escape(words)):
        chunks.read(home, 4, 3)


def test_a_file_that_is_gone_is_named(home):
    chunks.files(home, 0)["reco"].unlink()
    assert chunks.fault(home, PI0, 0, 4) == "0000000000.reco.parquet is gone"
    chunks.files(home, 4)["seal"].unlink()
    assert chunks.fault(home, PI0, 4, 3) == "missing"  # not sealed: nobody finished it


def test_a_chunk_of_another_length_is_not_taken(home):
    assert "seals 4 events; wanted 5" in chunks.fault(home, PI0, 0, 5)


def test_the_seal_comes_last(home, monkeypatch):
    first, n = 4, 3
    happened, seen = chunks.read(home, first, n)
    for path in chunks.files(home, first).values():
        path.unlink()

    def fail(*arguments):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(chunks, "write_reco", fail)
    with pytest.raises(OSError, match="No space"):
        chunks.write(home, first, happened, seen)
    assert chunks.fault(home, PI0, first, n) == "missing"


def test_foreign_tables_are_refused(home, tmp_path):
    seen = chunks.read(home, 0, 4)[1]
    with pytest.raises(ValueError, match=r"wanted .*darkpairs\.reco"):
        chunks.read_reco(chunks.files(home, 0)["truth"])
    chunks.write_reco(seen, tmp_path / "reco.parquet")
    same(chunks.read_reco(tmp_path / "reco.parquet"), seen)


def test_files_hold_no_date_and_no_name(made):
    parquet = pytest.importorskip("pyarrow.parquet")
    about = parquet.read_metadata(chunks.files(made, 0)["reco"])
    assert {key.decode() for key in about.metadata} == {"ARROW:schema", "format", "version"}


def test_a_worker_keeps_to_one_thread(tmp_path, monkeypatch):
    numba, reconstruct, found = chunks._jit.numba, chain.reconstruct, []

    def spy(*batch, **options):
        found.append(numba.get_num_threads())
        return reconstruct(*batch, **options)
    monkeypatch.setattr(chain, "reconstruct", spy)
    monkeypatch.setattr(numba, "get_num_threads", lambda: 2 if not found else 1)
    monkeypatch.setattr(numba, "set_num_threads", found.append)
    chunks.make(str(folder(tmp_path, PI0)), PI0, 0, 1)
    assert found == [1, 1, 2]  # set, seen inside, given back


def test_a_worker_with_other_code_is_refused(tmp_path):
    other = tmp_path / "pi0" / ("0" * 16)
    other.mkdir(parents=True)
    with pytest.raises(RuntimeError, match="wanted one code and one environment for all"):
        chunks.make(str(other), PI0, 0, 4)
    assert not list(other.iterdir())
