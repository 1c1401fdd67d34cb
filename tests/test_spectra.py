"""Efficiencies, purity and spectra: loops, sums, coverage, bad input."""

import numpy as np
import pytest

from darkpairs import counting, spectra
from darkpairs.batches import KINDS, Template
from darkpairs.rng import uniforms

EDGES = [0.0, 0.2, 0.5, 1.0]


def sample(n=500):
    """Values, kinds (signal, pi0, dirt), weights and who is chosen."""
    u = uniforms(1, 2, n, 4)
    kind = np.array([0, KINDS.index("pi0"), KINDS.index("dirt")])[(3 * u[:, 1]).astype(int)]
    return u[:, 0], kind, 0.1 + u[:, 2], u[:, 3] < 0.3


def test_spectrum_counts_as_a_loop_does():
    values, kind, weight, chosen = sample()
    found = spectra.spectrum(values, EDGES, kind, weight, where=chosen)
    assert found.kinds == ("signal", "pi0", "dirt")
    for k, name in enumerate(found.kinds):
        for j in range(3):
            mine = [i for i in range(len(values)) if chosen[i] and kind[i] == KINDS.index(name)
                    and EDGES[j] <= values[i] < EDGES[j + 1]]
            assert found.events[k, j] == pytest.approx(sum(weight[i] for i in mine))
            assert found.variance[k, j] == pytest.approx(sum(weight[i] ** 2 for i in mine))


def test_a_spectrum_is_the_sum_of_its_kinds():
    values, kind, weight, _ = sample()
    found = spectra.spectrum(values, EDGES, kind, weight)
    assert found.background() == ("pi0", "dirt")
    events, error = found.of(*found.kinds)
    assert events == pytest.approx(np.histogram(values, EDGES, weights=weight)[0])
    assert events.sum() == pytest.approx(weight.sum())
    assert error == pytest.approx(np.sqrt(found.variance.sum(axis=0)))
    for j in range(3):
        mine = (kind > 0) & (EDGES[j] <= values) & (values < EDGES[j + 1])
        assert found.effective()[j] == pytest.approx(counting.effective(weight[mine]))
    assert found.of("nue")[0].tolist() == [0, 0, 0]
    lost = np.where(values < 0.5, np.nan, values)
    assert spectra.spectrum(lost, EDGES, kind, weight).events[:, :2].sum() == 0


def test_a_spectrum_becomes_a_template():
    values, kind, weight, chosen = sample()
    found = spectra.spectrum(values, EDGES, kind, weight, where=chosen)
    made = found.template(covariance=np.eye(3))
    assert isinstance(made, Template)
    assert np.array_equal(made.signal, found.events[0])
    assert np.array_equal(made.background, found.events[1:])
    with pytest.raises(ValueError, match=r"bins \[2\] have no background"):
        spectra.spectrum(values, EDGES, kind, weight,
                         where=chosen & ((values < 0.5) | (kind == 0))).template()


def test_efficiency_counts_as_a_loop_does():
    values, _, weight, chosen = sample()
    found = spectra.efficiency(chosen, values, EDGES, weight)
    for j in range(3):
        mine = [i for i in range(len(values)) if EDGES[j] <= values[i] < EDGES[j + 1]]
        whole = sum(weight[i] for i in mine)
        part = sum(weight[i] for i in mine if chosen[i])
        count = whole**2 / sum(weight[i] ** 2 for i in mine)
        assert found.value[j] == pytest.approx(part / whole)
        assert found.effective[j] == pytest.approx(count)
        low, high = counting.interval(part / whole * count, count)
        assert found.low[j] == pytest.approx(low)
        assert found.high[j] == pytest.approx(high)
        assert found.low[j] < found.value[j] < found.high[j]
    plain = spectra.efficiency(chosen, values, EDGES)
    assert plain.effective == pytest.approx(np.histogram(values, EDGES)[0])


def test_parts_add_up():
    values, kind, weight, chosen = sample()
    found = spectra.efficiency(chosen, values, EDGES, weight)
    whole = np.histogram(values, EDGES, weights=weight)[0]
    assert (found.value * whole).sum() / whole.sum() == pytest.approx(
        spectra.share(chosen, weight)[0])
    parts = sum(spectra.efficiency(chosen & (kind == k), values, EDGES, weight).value
                for k in np.unique(kind))
    assert parts == pytest.approx(found.value)


@pytest.mark.parametrize("flat", [True, False])
def test_intervals_hold_the_truth(flat):
    # 2000 pretended samples of 40 events with a true share of 0.3
    u = uniforms(5, 6, 2000, 80)
    inside = 0
    for row in u:
        weight = np.ones(40) if flat else 0.2 + row[40:]
        _, low, high = spectra.share(row[:40] < 0.3, weight)
        inside += low <= 0.3 <= high
    assert inside / 2000 > counting.ONE_SIGMA - 3 * 0.01  # three standard errors


def test_empty_bins_say_so():
    found = spectra.efficiency(np.array([True]), [0.1], EDGES)
    assert found.value[0] == 1
    assert np.isnan(found.value[1:]).all()
    assert found.low[1:].tolist() == [0, 0]
    assert found.high[1:].tolist() == [1, 1]


def test_who_is_selected():
    _, kind, weight, chosen = sample()
    who = spectra.composition(chosen, kind, weight)
    assert list(who) == ["signal", "pi0", "dirt"]
    for name, (events, error, rows) in who.items():
        mine = weight[chosen & (kind == KINDS.index(name))]
        assert (events, error, rows) == pytest.approx(
            (mine.sum(), np.sqrt((mine**2).sum()), len(mine)))
    rest = weight[chosen & (kind > 0)]
    assert spectra.background(chosen, kind, weight) == pytest.approx(
        (rest.sum(), np.sqrt((rest**2).sum()), counting.effective(rest)))
    assert spectra.purity(chosen, kind, weight) == pytest.approx(
        who["signal"][0] / weight[chosen].sum())
    dirt = spectra.background(chosen, kind, weight, signal="dirt")[0]
    assert dirt == pytest.approx(who["signal"][0] + who["pi0"][0])
    assert spectra.purity(chosen, kind, weight, signal="dirt") == pytest.approx(
        who["dirt"][0] / (who["dirt"][0] + dirt))
    assert np.isnan(spectra.purity(np.zeros(500, bool), kind, weight))


@pytest.mark.parametrize(("call", "words"), [
    (lambda v, k, w, c: spectra.spectrum(v, [0, 0, 1], k, w), "edges must rise"),
    (lambda v, k, w, c: spectra.spectrum(v, EDGES, k, -w), "one finite number ≥ 0 for each"),
    (lambda v, k, w, c: spectra.spectrum(v, EDGES, k[1:], w), "kinds of shape"),
    (lambda v, k, w, c: spectra.spectrum(v, EDGES, k + 90, w), "wanted one of 0 … 9"),
    (lambda v, k, w, c: spectra.spectrum(v, EDGES, k, w, where=c[1:]), "one bool for each"),
    (lambda v, k, w, c: spectra.spectrum(v, EDGES, k, w).of("k0"), r"kinds \['k0'\]; wanted"),
    (lambda v, k, w, c: spectra.efficiency(c * 1.0, v, EDGES), "and type float64"),
    (lambda v, k, w, c: spectra.efficiency(c, v, EDGES, w[1:]), "weights of shape")])
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call(*sample())
