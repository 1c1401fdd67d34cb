import numpy as np
import pytest

from darkpairs import lineup, samples, weights
from darkpairs.batches import KINDS
from darkpairs.model import BENCHMARKS
from smallplan import PLAN

PI0, SIGNAL = PLAN


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    directory = tmp_path_factory.mktemp("made")
    return {entry.kind: samples.load(entry, directory=directory, progress=False, workers=1)
            for entry in (SIGNAL._replace(events=24, chunk=24), PI0)}


@pytest.fixture(scope="module")
def both(found):
    with pytest.warns(weights.TooFew):
        return lineup.beside(found, pot=2e20)


def test_rows_are_those_of_the_samples(found, both):
    assert len(both) == sum(len(sample.reco) for sample in found.values())
    for kind, sample in found.items():
        mine = both.of(kind)
        np.testing.assert_array_equal(both.reco.event[mine], sample.reco.event)
        np.testing.assert_array_equal(both.reco.charge[mine], sample.reco.charge)
        np.testing.assert_allclose(both.learn[mine], sample.reco.weight * 2e20, rtol=1e-15)
    np.testing.assert_array_equal(both.weight[both.of("pi0")], both.learn[both.of("pi0")])


@pytest.mark.filterwarnings("ignore::darkpairs.weights.TooFew")
def test_signal_counts_for_the_model_and_each_algorithm_has_the_whole(found, both):
    wanted = weights.signal(found["signal"].truth, BENCHMARKS["note"]) * 2e20
    for algorithm in ("projective", "tomographic"):
        mine = both.of("signal") & both.reco.of(algorithm)
        np.testing.assert_allclose(both.weight[mine], wanted, rtol=1e-12)
        assert both.learn[both.of("pi0") & both.reco.of(algorithm)].sum() == pytest.approx(
            found["pi0"].truth.weight.sum() * 2e20, rel=1e-12, abs=0)
    assert not np.allclose(both.weight[mine], both.learn[mine], rtol=1e-3)


@pytest.mark.filterwarnings("ignore::darkpairs.weights.TooFew")
def test_exposure_is_a_factor(found, both):
    twice = lineup.beside(found, pot=4e20)
    for name in ("weight", "learn"):
        np.testing.assert_allclose(getattr(twice, name), 2 * getattr(both, name), rtol=1e-15)


def test_numbers_of_events_go_to_their_rows(found, both):
    energy = found["pi0"].truth.e_nu
    rows = both.spread({"pi0": energy})
    np.testing.assert_array_equal(rows[both.of("pi0")],
                                  energy[both.reco.event[both.reco.kind == KINDS.index("pi0")]])
    assert np.isnan(rows[both.of("signal")]).all()
    with pytest.raises(ValueError, match="9 events of 'pi0'"):
        both.spread({"pi0": energy[1:]})


def test_all_samples_of_a_plan_come_by_name(monkeypatch, tmp_path):
    monkeypatch.setattr(lineup.plans, "plan", lambda profile: PLAN)
    pions = lineup.gather("quick", kinds=["pi0"], directory=tmp_path, workers=1)
    assert list(pions.samples) == ["pi0"]
    assert pions.of("pi0").all()


@pytest.mark.parametrize(("options", "words"), [
    ({"kinds": ["axion"]}, "kinds"), ({"kinds": []}, "kinds"),
    ({"kinds": ["pi0", "pi0"]}, "each once")])
def test_other_kinds_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        lineup.gather("quick", **options)


@pytest.mark.parametrize("pot", [0, -1, np.nan, np.inf])
def test_an_exposure_is_a_number(found, pot):
    with pytest.raises(ValueError, match="protons on target"):
        lineup.beside(found, pot=pot)
    with pytest.raises(ValueError, match="one at least"):
        lineup.beside({})


def test_a_kind_that_is_not_there_is_refused(both):
    with pytest.raises(ValueError, match="'nue'"):
        both.of("nue")
