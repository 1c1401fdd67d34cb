"""The README's code runs word for word and prints what the README says."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from darkpairs import batches, chain, cosmic, detector, gun, seen, traces

STAGES = ["truth", "deposits", "arrivals", "waveforms", "charge", "hits", "points", "objects",
          "reco"]
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
        assert list(one) == STAGES
        flat = [one[name] for name in STAGES if name not in ("points", "objects", "reco")]
        flat += [*one["points"].values(), *one["objects"].values()]
        assert all(len(batch) == 1 and batch.event[0] == i for batch in flat)
        assert one["reco"].event.tolist() == [i, i]
        alone = columns(one["charge"], slice(0, len(one["charge"].plane)))
        for name, column in columns(many, many.rows(i)).items():
            assert np.array_equal(column, alone[name]), (i, name)


def test_one_may_believe_in_another_chamber(some):
    """A chamber with 10 % more gain seems to hold 10 % more charge, for who does not know it."""
    paper = detector.MICROBOONE
    louder = paper._replace(gain=1.1 * paper.gain)
    few = batches.select(some, slice(5))
    true, wrong, known = (chain.reconstruct(few, seed=3, **options).charge for options in (
        {}, dict(detector=louder, believed=paper), dict(detector=louder)))
    assert true.min() > 1e5
    assert wrong / true == pytest.approx(np.full(10, 1.1), rel=0.02)
    assert known / true == pytest.approx(np.full(10, 1.0), rel=0.02)


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


def same(one, two, rows=slice(None)):
    """Whether some rows of a record are those of another in every bit, NaN included."""
    return all(np.array_equal(getattr(one, name)[rows], getattr(two, name),
                              equal_nan=getattr(one, name).dtype.kind == "f")
               for name in one.SHAPES)


@pytest.fixture(scope="module")
def record(some):
    return chain.reconstruct(some, seed=3)


def test_rows_are_event_by_event_in_the_order_that_was_asked_for(some, record):
    assert record.event.tolist() == np.repeat(some.event, 2).tolist()
    assert record.algorithm.tolist() == [0, 1] * 10
    back = chain.reconstruct(some, seed=3, algorithms=seen.ALGORITHMS[::-1])
    assert same(record, back, np.arange(20) ^ 1)


def test_an_algorithm_says_the_same_without_the_other(some, record):
    for name in seen.ALGORITHMS:
        alone = chain.reconstruct(some, seed=3, algorithms=[name])
        assert same(record, alone, np.flatnonzero(record.of(name)))


def test_a_record_does_not_depend_on_threads_chunks_or_order(some, record, monkeypatch):
    for i in (0, 5, 7, 9):
        assert same(record, chain.display(some, i, seed=3)["reco"], slice(2 * i, 2 * i + 2))
    back = chain.reconstruct(batches.select(some, np.arange(10)[::-1]), seed=3)
    assert same(record, back, np.arange(20).reshape(10, 2)[::-1].ravel())
    with monkeypatch.context() as other:
        other.setattr(chain, "_CHUNK", 3)
        other.setattr(chain, "spread", lambda part, n: [part(0, 4), part(4, n)])
        assert same(record, chain.reconstruct(some, seed=3))


def test_what_is_recognised_in_charge_is_what_is_reconstructed(some, record):
    found = chain.recognise(chain.charge(some, seed=3))
    assert same(record, found["reco"])
    assert list(found["points"]) == list(found["objects"]) == list(seen.ALGORITHMS)
    assert len(found["hits"]) == 10


def test_names_of_particles_change_nothing_but_the_match_with_truth(some):
    """Other owners, shares, kinds and weights: all else stays as it was, bit for bit."""
    charge = chain.charge(some, seed=3)
    columns = {name: getattr(charge, name) for name in charge.SHAPES}
    other = traces.Charge(**columns | {
        "owner": (charge.owner + 7) % 11, "fraction": charge.fraction[::-1],
        "kind": charge.kind + 1, "weight": 3 * charge.weight})
    light = np.tile([[0.0, 400.0]], (len(charge), 1))
    for hint in (light, None):
        one, two = (chain.recognise(batch, light=hint)["reco"] for batch in (charge, other))
        for name in one.FEATURES:
            assert np.array_equal(getattr(one, name), getattr(two, name),
                                  equal_nan=getattr(one, name).dtype.kind == "f"), name
    assert not np.array_equal(one.truth_particle, two.truth_particle)


def test_an_overlaid_event_by_itself_is_the_event_in_its_sample(some):
    truth = cosmic.overlay(batches.select(some, [1, 5, 9]), seed=2)
    many = chain.reconstruct(truth, seed=3, overlaid=True)
    for i in range(3):
        one = chain.display(truth, i, seed=3, overlaid=True)
        assert set(one) == {*STAGES, "light", "kept"}
        assert same(many, one["reco"], slice(2 * i, 2 * i + 2))
    turned = chain.reconstruct(truth, seed=3, overlaid=True,
                               algorithms=("tomographic", "projective"))
    assert np.array_equal(turned.hits, many.hits[[1, 0, 3, 2, 5, 4]])


def test_a_bar_shows_how_many_are_done(some, capsys):
    few = batches.select(some, slice(0, 3))
    shown = chain.reconstruct(few, seed=3, progress=True)
    assert "3/3" in capsys.readouterr().err
    assert same(shown, chain.reconstruct(few, seed=3))
    assert capsys.readouterr().err == ""


def test_a_plane_without_hits_is_a_result(some):
    """A plane that is dead as a whole tells nothing; the record has its rows all the same."""
    charge = chain.charge(some, seed=3)
    for plane in range(3):
        found = chain.recognise(without(charge, plane))
        assert not (found["hits"].plane == plane).any()
        assert len(found["reco"]) == 20


def without(charge, plane):
    """The same events without the regions of a plane."""
    keep = charge.plane != plane
    samples, owners = np.repeat(keep, charge.ticks), np.repeat(keep, np.diff(charge.owner_start))
    rows = {name: getattr(charge, name)[keep] for name in ("plane", "wire", "tick", "ticks",
                                                         "noise")}
    ends = {name: np.concatenate([[0], np.cumsum(np.diff(getattr(charge, name))[keep])])
            for name in ("start", "owner_start")}
    return traces.Charge(
        event=charge.event, kind=charge.kind, weight=charge.weight,
        offsets=np.concatenate([[0], np.cumsum(keep)])[charge.offsets], **rows, **ends,
        electrons=charge.electrons[samples], owner=charge.owner[owners],
        fraction=charge.fraction[owners])


def test_full_scale_waveforms_are_a_result():
    """Amplified a hundred times, the digitiser has no more to say; that is no reason to stop."""
    loud = detector.MICROBOONE._replace(amplify=120.0)
    found = chain.reconstruct(gun.pair((122.1, 188.1), 0.29, n=2), detector=loud, seed=3)
    assert len(found) == 4


@pytest.mark.parametrize("algorithms", [(), ("projective", "mine"), ("tomographic",) * 2,
                                        "projective"])
def test_unknown_algorithms_are_refused(some, algorithms):
    with pytest.raises(ValueError, match=r"wanted some of .*'tomographic'\), each once"):
        chain.reconstruct(some, seed=3, algorithms=algorithms)


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
    assert len(chain.reconstruct(batches.select(some, slice(0, 0)), seed=1)) == 0


def test_a_crowd_of_muons_in_one_event_is_a_result():
    """More than 10⁵ hits: nothing has a size that such an event could fill."""
    dice = np.random.default_rng(3)
    many = [gun.shoot(13, 600.0, direction=dice.normal(size=3), start=dice.uniform(
        [20, -100, 50], [230, 100, 980])) for _ in range(90)]
    columns = {name: np.concatenate([getattr(one, name) for one in many])
               for name in ("pdg", "p4", "start", "time", "parent")}
    rides = {name: getattr(many[0], name) for name in ("event", "kind", "weight", "vertex", "e_nu")}
    found = chain.display(batches.Truth(**rides, **columns, offsets=np.array([0, 90])), 0, seed=1)
    assert len(found["hits"].charge) > 100_000
    left = found["deposits"].energy.sum()
    for name in seen.ALGORITHMS:
        reco = found["reco"]
        mine = reco.of(name)
        assert reco.showers[mine] + reco.tracks[mine] > 0
        assert (reco.energy_showers + reco.energy_tracks)[mine] == pytest.approx(left, rel=0.3)
