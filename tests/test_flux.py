"""The beam: integrals by two ways, limits, and the published totals."""

from itertools import pairwise
from math import isclose

import numpy as np
import pytest

from darkpairs import flux
from darkpairs.batches import Flux


def slow_moments(beam, flavour, low, high):
    """Sum bin by bin in plain Python; a cut bin counts by its part."""
    total = weighted = 0.0
    for left, right, height in zip(beam.edges, beam.edges[1:], getattr(beam, flavour),
                                   strict=False):
        left, right = max(left, low), min(right, high)
        if right > left:
            total += height * (right - left)
            weighted += height * (right**2 - left**2) / 2
    return total, weighted / total


@pytest.mark.parametrize("experiment", ["microboone", "miniboone"])
@pytest.mark.parametrize("flavour", flux.FLAVOURS)
@pytest.mark.parametrize(("low", "high"), [(0.0, np.inf), (200.0, 3000.0), (333.0, 777.0)])
def test_integral_and_mean_agree_with_the_slow_twin(experiment, flavour, low, high):
    beam = flux.bnb(experiment)
    total, mean = slow_moments(beam, flavour, low, high)
    assert isclose(flux.integral(beam, flavour=flavour, low=low, high=high), total, rel_tol=1e-12)
    assert isclose(flux.mean_energy(beam, flavour=flavour, low=low, high=high), mean,
                   rel_tol=1e-12)


def test_published_totals():
    here, there = flux.bnb("microboone"), flux.bnb("miniboone")
    assert 7.36e-10 < flux.integral(here) < 7.38e-10  # MicroBooNE: 7.36 to 7.38
    assert isclose(flux.mean_energy(here), 823, abs_tol=5)
    assert isclose(flux.integral(there), 5.19e-10, rel_tol=3e-3)  # arXiv:0806.1449, Table VIII
    assert isclose(flux.mean_energy(there), 808, abs_tol=5)
    everything = sum(flux.integral(here, flavour=flavour) for flavour in flux.FLAVOURS)
    assert isclose(flux.integral(here) / everything, 0.9366, abs_tol=1e-4)
    assert isclose(flux.integral(here, flavour="nue") / everything, 0.00505, abs_tol=1e-5)
    assert isclose(flux.fluence(here, 6.87e20), 5.07e11, rel_tol=1e-3)


def test_parts_add_up_to_the_whole():
    beam = flux.bnb("microboone")
    cuts = [0.0, 120.0, 425.0, 1333.3, 5000.0, np.inf]
    parts = [flux.integral(beam, low=low, high=high)
             for low, high in pairwise(cuts)]
    assert isclose(sum(parts), flux.integral(beam), rel_tol=1e-12)


def test_density_is_the_height_of_the_bin():
    beam = Flux(edges=[0, 10, 30], numu=[2.0, 5.0], numubar=[0, 0], nue=[0, 0], nuebar=[0, 0])
    assert flux.density(beam, [0, 9.99, 10, 29, 30, 1e6]).tolist() == [2, 2, 5, 5, 0, 0]
    late = Flux(edges=[5, 10], numu=[2.0], numubar=[0], nue=[0], nuebar=[0])
    assert flux.density(late, [0, 4.9, 5]).tolist() == [0, 0, 2]
    assert flux.integral(beam) == 2 * 10 + 5 * 20
    assert flux.mean_energy(beam) == (20 * 5 + 100 * 20) / 120


def test_density_against_the_dice():
    beam = flux.bnb("microboone")
    energies = np.random.default_rng(5).uniform(0, 3000, 400_000)
    values = flux.density(beam, energies)
    area = values.mean() * 3000
    error = values.std() / np.sqrt(len(values)) * 3000
    assert abs(area - flux.integral(beam, high=3000.0)) < 4 * error


@pytest.mark.parametrize(("call", "message"), [
    (lambda beam: flux.bnb("sbnd"), "unknown experiment 'sbnd'"),
    (lambda beam: flux.density(beam, [100.0, -1.0]), "energies must be numbers ≥ 0 MeV; got -1"),
    (lambda beam: flux.density(beam, np.nan), "energies must be numbers ≥ 0 MeV; got nan"),
    (lambda beam: flux.density(beam, 1.0, flavour="nutau"), "unknown flavour 'nutau'"),
    (lambda beam: flux.integral(beam, low=500.0, high=200.0), "wanted 0 ≤ low < high"),
    (lambda beam: flux.integral(beam, low=-1.0), "wanted 0 ≤ low < high"),
    (lambda beam: flux.mean_energy(beam, low=1e5), "no numu between 100000.0 and inf MeV"),
    (lambda beam: flux.fluence(beam, 0.0), "protons on target must be > 0; got 0"),
])
def test_bad_input_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call(flux.bnb("microboone"))
