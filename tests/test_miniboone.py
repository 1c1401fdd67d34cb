"""MiniBooNE's release: published totals, the constraint against a slow twin, and its limits."""

from dataclasses import replace

import numpy as np
import pytest

from darkpairs import miniboone, tables

RELEASE = miniboone.release()


def test_published_totals():
    before = miniboone.excess(RELEASE, constraint="none")
    public = miniboone.published()
    assert before.data == public["data"] == 2870
    assert abs(before.background - public["background"]) < 0.1  # 2322.6
    assert abs(before.error - public["background_error"]) < 3  # 258.3 is quoted
    assert public["excess"] == round(public["data"] - public["constrained"], 1)
    kinds = tables.read("miniboone_background_kinds.csv").matrix()
    assert abs(kinds[0].sum() - public["background"]) < 0.05


def test_constraint_of_the_release():
    after = miniboone.excess(RELEASE)
    assert abs(after.error / miniboone.published()["excess_error"] - 1) < 0.05  # 119.6 is quoted
    assert abs(after.background / miniboone.published()["constrained"] - 1) < 0.025  # 2309.4
    assert abs(after.statistic**2 - after.background) < 1e-9
    assert abs(after.error**2 - after.systematic**2 - after.statistic**2) < 1e-6
    assert after.events == after.data - after.background
    assert abs(after.significance - after.events / after.error) < 1e-12


def test_constraint_agrees_with_the_slow_twin():
    n, m = 11, 8
    parts = [*RELEASE.background, *RELEASE.numu_prediction]
    joint = [[RELEASE.fractional[n + i][n + j] * parts[i] * parts[j] for j in range(n + m)]
             for i in range(n + m)]
    precision = np.linalg.inv(joint)
    block = np.linalg.inv(precision[:n, :n])
    shift = block @ precision[:n, n:] @ (RELEASE.numu_data - RELEASE.numu_prediction)
    mean, covariance = miniboone.background(RELEASE)
    assert np.allclose(mean, RELEASE.background - shift, rtol=1e-7)
    assert np.allclose(covariance, block, rtol=1e-6)


def test_covariance_folds_the_signal_into_the_bins_of_its_background():
    bare = miniboone.covariance(RELEASE)
    assert bare.shape == (19, 19)
    signal = np.arange(11.0)
    full = miniboone.covariance(RELEASE, signal=signal)
    i, j = 3, 7
    f, b = RELEASE.fractional, RELEASE.background
    by_hand = (f[i, j] * signal[i] * signal[j] + f[11 + i, 11 + j] * b[i] * b[j]
               + f[i, 11 + j] * signal[i] * b[j] + f[11 + i, j] * b[i] * signal[j])
    assert np.isclose(full[i, j], by_hand, rtol=1e-12)
    mixed = RELEASE.numu_prediction[2] * (f[i, 24] * signal[i] + f[11 + i, 24] * b[i])
    assert np.isclose(full[i, 13], mixed, rtol=1e-12)
    assert np.allclose(full, full.T)
    assert np.array_equal(bare, miniboone.covariance(RELEASE, signal=np.zeros(11)))


def test_constraint_shrinks_every_error_and_is_positive_definite():
    before = miniboone.background(RELEASE, constraint="none").covariance
    after = miniboone.background(RELEASE).covariance
    assert (np.diag(after) < np.diag(before)).all()
    assert np.linalg.eigvalsh(after)[0] > 0


def test_the_covariance_holds_the_scatter_of_the_counts():
    # No bin, the others known, varies less than Poisson: so nothing is to be added.
    for part, counts in ((slice(11, 22), RELEASE.background),
                         (slice(22, 30), RELEASE.numu_prediction)):
        absolute = RELEASE.fractional[part, part] * np.outer(counts, counts)
        alone = 1 / np.diag(np.linalg.inv(absolute))
        assert (alone > counts).all()


def test_a_prediction_that_was_right_moves_nothing():
    right = replace(RELEASE, numu_data=RELEASE.numu_prediction)
    assert np.allclose(miniboone.background(right).mean, RELEASE.background, rtol=1e-12)


def test_constraint_against_the_dice():
    # Worlds drawn from the joint covariance: after the constraint the totals pull like a Gaussian.
    from scipy import stats
    joint = miniboone.covariance(RELEASE)
    mean = np.concatenate([RELEASE.background, RELEASE.numu_prediction])
    draws = np.random.default_rng(2020).multivariate_normal(mean, joint, size=2000)
    pulls = []
    for draw in draws:
        after = miniboone.background(replace(RELEASE, numu_data=draw[11:]))
        pulls.append((draw[:9].sum() - after.mean[:9].sum())
                     / np.sqrt(after.covariance[:9, :9].sum()))
    assert stats.kstest(pulls, "norm").pvalue > 0.01


@pytest.mark.parametrize(("call", "message"), [
    (lambda: miniboone.background(RELEASE, constraint="nue"), "unknown constraint 'nue'"),
    (lambda: miniboone.excess(RELEASE, low=250.0), r"range 250.0–1250.0 MeV; wanted two of"),
    (lambda: miniboone.excess(RELEASE, low=1250.0, high=200.0), "rising"),
    (lambda: miniboone.covariance(RELEASE, signal=[-1.0] * 11), "wanted 11 numbers ≥ 0"),
    (lambda: miniboone.covariance(RELEASE, signal=[1.0]), "wanted 11 numbers ≥ 0"),
])
def test_bad_input_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call()
