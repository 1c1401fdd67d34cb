"""Dice against law: what the generator throws, in all that can be measured, against quadrature.

All p-values are taken together: the smallest by Holm's correction, and their distribution, which
must be even if every law is right. The seeds were fixed before the first run.
"""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi2, kstest

import slowgenerator
from darknews import BENCH
from darkpairs import batches, model, signal

MILLION = 1_000_000
SLOW = {"light-140": 10 * MILLION, "note": 10 * MILLION, "star-0.5-800": MILLION,
        "star-3-30": MILLION, "star-0.5-200": MILLION, "light-420": MILLION}


def chunks(point, n, **options):
    """Batches of half a million events each."""
    for first in range(0, n, MILLION // 2):
        yield signal.generate(point, min(MILLION // 2, n - first), first=first, **options)


def q2(truth):
    """Q² of each event, from the recoil."""
    recoil = truth.p4[truth.offsets[:-1]]
    momentum2 = (recoil[:, 1:] ** 2).sum(axis=1)
    target = np.sqrt(recoil[:, 0] ** 2 - momentum2)
    return 2 * target * momentum2 / (recoil[:, 0] + target)


def pair(truth):
    return truth.p4[batches.only(truth, 11)] + truth.p4[batches.only(truth, -11)]


def holm(values):
    """Smallest p-value after Holm's correction: that of Bonferroni."""
    return min(values) * len(values)


def agree(counts, shares, errors, n):
    """p-value of a χ² of counts with expected shares, each with its own error."""
    wanted = n * shares
    variance = wanted + (n * errors) ** 2
    return chi2.sf(((counts - wanted) ** 2 / variance).sum(), len(counts) - 1)


def quantiles(point, experiment, bins=25):
    """Edges of about equally full bins of each variable."""
    values, weight = slowgenerator.one_scramble(point, experiment, 99, 1.0)
    edges = {}
    for name, value in values.items():
        order = np.argsort(value)
        share = np.cumsum(weight[order]) / weight.sum()
        inner = np.interp(np.linspace(0.005, 0.995, bins), share, value[order])
        edges[name] = np.concatenate([[-np.inf], inner, [np.inf]])
    return edges


def against_twin(name, changes, spin, options):
    """p-values of E_ν, Q², E_ee and cosθ_ee for one model."""
    point, n = model.replace(model.BENCHMARKS[name], **changes), SLOW[name]
    edges = quantiles(point, "microboone")
    counts = dict.fromkeys(edges, 0)
    for truth in chunks(point, n, seed=2024, inside=False, **options):
        thrown = slowgenerator.variables(truth.e_nu, q2(truth), pair(truth))
        for variable, cuts in edges.items():
            counts[variable] = counts[variable] + np.histogram(thrown[variable], cuts)[0]
    mean, error = slowgenerator.expected(point, "microboone", edges, spin)
    return [agree(counts[variable], mean[variable], error[variable], n) for variable in edges]


def test_four_variables_against_the_slow_twin():
    values = []
    for name in SLOW:
        values += against_twin(name, {}, 1.0, {})
    values += against_twin("star-3-30", dict(majorana=1), 1.0, {})
    values += against_twin("star-0.5-200", {}, 0.0, dict(heavy_decay="isotropic"))
    assert len(values) == 32
    assert holm(values) > 0.01
    assert kstest(values, "uniform").pvalue > 0.01


@pytest.mark.parametrize("regime", ["coherent", "both"])
def test_energy_of_pairs_inside_against_the_spectrum(regime):
    values = []
    for name, point in model.BENCHMARKS.items():
        if name.startswith("ours"):  # between the stars; they take long
            continue
        for experiment in ("microboone", "miniboone"):
            options = dict(experiment=experiment, regime=regime)
            truth = signal.generate(point, 200000, seed=77, **options)
            energy = pair(truth)[:, 0]
            edges = np.concatenate([[0], np.quantile(energy, np.linspace(0.01, 0.99, 20)), [1e5]])
            law = signal.spectrum(point, edges, pot=1, fine=True, **options)
            counts = np.histogram(energy, edges)[0]
            value = agree(counts, law / law.sum(), 1e-3 * law / law.sum(), len(truth))
            assert value > 1e-6, name
            values.append(value)
    assert holm(values) > 0.01
    assert kstest(values, "uniform").pvalue > 0.01


def reference(bench, experiment, regime, variable):
    """A histogram of DarkNews 0.4.8: edges, sums of weights and their errors."""
    folder = os.environ.get("DARKPAIRS_REFERENCE")
    path = Path(folder or ".") / "darknews_hists_mc.csv"
    if not folder or not path.is_file():
        pytest.skip(f"no {path.name}: set DARKPAIRS_REFERENCE to the folder that holds it")
    key = [bench, experiment, regime, variable]
    with path.open() as file:
        rows = [row[4:] for row in csv.reader(file) if row[:4] == key]
    return np.array(rows, dtype=float).T


def measured(truth, variable):
    electron, positron = (truth.p4[batches.only(truth, code)] for code in (11, -11))
    both = electron + positron
    size = [np.sqrt((p[:, 1:] ** 2).sum(axis=1)) for p in (electron, positron, both)]
    if variable == "Eee_GeV":
        return both[:, 0] / 1000
    if variable == "Enu_GeV":
        return truth.e_nu / 1000
    if variable == "asym":
        return np.abs(electron[:, 0] - positron[:, 0]) / both[:, 0]
    if variable == "costheta":
        return both[:, 3] / size[2]
    cosine = (electron[:, 1:] * positron[:, 1:]).sum(axis=1) / size[0] / size[1]
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


NAMES = {"microboone_tpc": "microboone", "miniboone_fhc": "miniboone", "coherent": "coherent",
         "p-el": "proton"}


@pytest.mark.parametrize("bench", BENCH)
def test_histograms_of_darknews(bench):
    """With an isotropic Z′, as DarkNews has it; shapes, as its errors on the total are larger."""
    values, chi = [], []
    for experiment in ("microboone_tpc", "miniboone_fhc"):
        for regime in ("coherent", "p-el"):
            truth = signal.generate(BENCH[bench], MILLION, seed=5, inside=False,
                                    experiment=NAMES[experiment], regime=NAMES[regime],
                                    zprime_decay="isotropic")
            for variable in ("Eee_GeV", "opening_deg", "asym", "costheta"):
                low, high, sums, errors = reference(bench, experiment, regime, variable)
                value = np.sort(measured(truth, variable))
                counts = np.searchsorted(value, high) - np.searchsorted(value, low)
                full = (sums > 20 * errors) & (counts > 100)  # at least 400 effective events
                ours, theirs = counts[full] / counts[full].sum(), sums[full] / sums[full].sum()
                error = errors[full] / sums[full].sum()
                sigma2 = error**2 + ours / counts[full].sum()
                chi.append(((ours - theirs) ** 2 / sigma2).sum() / (full.sum() - 1))
                values.append(chi2.sf(chi[-1] * (full.sum() - 1), full.sum() - 1))
    assert holm(values) > 0.01
