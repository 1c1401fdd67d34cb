"""Answers: to disk and back, damage, shapes; the file that ships."""

import json
from dataclasses import replace

import numpy as np
import pytest

from darkpairs import answers, cocktail, density, weights
from fewanswers import EXPECTED, FEW, few, places

FIELDS = ("momenta", "start", "zprime", "recoil", "scale", "bins")


def same(one, other):
    for name in FIELDS:
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name
    for a, b in zip(one.predictions, other.predictions, strict=True):
        assert (a.name, a.variable, a.pot, a.kinds, a.sources) == (
            b.name, b.variable, b.pot, b.kinds, b.sources)
        for name in ("edges", "background", "covariances"):
            assert getattr(a, name).tobytes() == getattr(b, name).tobytes(), name
    assert one.about == other.about


def test_what_was_written_is_read_back_bit_for_bit_and_twice_the_same(tmp_path):
    paths = [tmp_path / f"{k}.npz" for k in range(2)]
    for path in paths:
        answers.write(few(), path)
    same(answers.read(paths[0]), few())
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["0.npz", "1.npz"]


def test_whatever_is_changed_is_noticed(tmp_path):
    path = tmp_path / "a.npz"
    answers.write(few(), path)
    whole = path.read_bytes()
    for place in np.linspace(0.05, 0.95, 12) * len(whole):  # headers of zip hold slack
        place = int(place)
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1:])
        with pytest.raises(ValueError, match=r"a\.npz is damaged"):
            answers.read(path)
    for part in (b"", whole[:100], whole[:-10], b"no zip at all"):
        path.write_bytes(part)
        with pytest.raises(ValueError, match="damaged or no file of answers"):
            answers.read(path)
    with pytest.raises(ValueError, match="no answers in"):
        answers.read(tmp_path / "none.npz")


def rewritten(path, change):
    """Change arrays and words of a file in a way that zip does not notice."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    about = json.loads(arrays.pop("about").tobytes())
    change(arrays, about)
    text = np.frombuffer(json.dumps(about).encode(), np.uint8)
    np.savez(path, about=text, **arrays)


@pytest.mark.parametrize(("change", "words"), [
    (lambda arrays, about: arrays["bins"].__setitem__((0, 3), 1 - arrays["bins"][0, 3]), "seal"),
    (lambda arrays, about: about["predictions"][0].update(pot=1e21), "seal"),
    (lambda arrays, about: about["about"].update(heavy="all"), "seal"),
    (lambda arrays, about: arrays.pop("scale"), "seal"),
    (lambda arrays, about: about.update(format=2), "format 2; wanted 1"),
    (lambda arrays, about: about.pop("seal"), "'seal'"),
], ids=range(6))
def test_the_seal_covers_all(tmp_path, change, words):
    path = tmp_path / "a.npz"
    answers.write(few(), path)
    rewritten(path, change)
    with pytest.raises(ValueError, match=f"a.npz is damaged.*{words}"):
        answers.read(path)


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.npz"
    answers.write(few(), path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="Out of range"):  # JSON has no infinity
        answers.write(replace(few(), about={"x": np.inf}), path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_pairs_are_those_of_the_events():
    truth = cocktail.generate(300, seed=9, parts=FEW)
    made = weights.density(truth, source=FEW)
    found = answers.collect(truth, made, places(truth), EXPECTED)
    seen, wanted = found.pairs(), density.pairs(truth)
    np.testing.assert_allclose(seen, wanted, rtol=1e-6, atol=1e-4)
    point = FEW[1].model
    np.testing.assert_allclose(found.scale * density.of(point, seen),
                               weights.signal(truth, point, source=FEW, made=made, enough=0),
                               rtol=2e-3)
    mass2 = seen[:, 0] ** 2 - (seen[:, 1:4] ** 2).sum(axis=1)
    np.testing.assert_allclose(mass2, answers.ELECTRON_MASS**2, rtol=1e-3)


def test_errors_add_up_and_make_a_template():
    one = EXPECTED[0]
    assert np.array_equal(one.covariance, one.covariances[0] + one.covariances[1])
    template = one.template([1.0, 2.0, 3.0])
    assert np.array_equal(template.covariance, one.covariance)
    assert np.array_equal(template.total, [42.0, 10.0, 3.0])
    assert not one.template().signal.any()


@pytest.mark.parametrize(("changes", "words"), [
    (dict(bins=np.full((2, 16000), 3)), "bins from 3 to 3; wanted −1 or"),
    (dict(bins=np.full((2, 16000), -2)), "bins from -2"),
    (dict(bins=np.zeros((1, 16000))), r"bins of shape \(1, 16000\)"),
    (dict(scale=np.zeros(16000)), "scales > 0"),
    (dict(start=np.full((16000, 3), np.nan)), "start of shape .* finite"),
    (dict(predictions=(), bins=np.zeros((0, 16000))), "16000 pairs for 0 searches"),
])
def test_answers_that_make_no_sense_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        replace(few(), **changes)


@pytest.mark.parametrize(("changes", "words"), [
    (dict(covariances=np.zeros((2, 2, 2))), r"wanted \(2, 3, 3\)"),
    (dict(kinds=("pi0",)), "a name for each row"),
    (dict(pot=0.0), "a number > 0"),
    (dict(background=[[40.0, 8.0, 0.0], [2.0, 2.0, 0.0]]), "have no background"),
])
def test_predictions_that_make_no_sense_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        replace(EXPECTED[0], **changes)


def test_collecting_wants_the_density_of_each():
    truth = cocktail.generate(5, seed=9, parts=FEW)
    for made in (np.ones(4), np.zeros(5)):
        with pytest.raises(ValueError, match="for 5 events; wanted one number > 0"):
            answers.collect(truth, made, places(truth), EXPECTED)


def test_what_ships_is_whole_and_small():
    found = answers.load()
    assert found.searches == ("broad", "focused")
    assert len(found) >= 20000
    assert answers.FILE.stat().st_size < 1.2e6
    for row, prediction in zip(found.bins, found.predictions, strict=True):
        assert set(np.unique(row)) == set(range(-1, len(prediction)))
        assert {"pi0", "pi0-coherent", "dirt", "nue", "numu"} <= set(prediction.kinds)
