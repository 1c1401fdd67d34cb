"""What both reconstructions measure, on the whole way from truth: pairs, energies, pions, twins.

Samples are small, at fixed seeds; each limit is the wanted one with two standard errors of room.
"""

import os
from math import pi, sqrt

import numpy as np
import pytest

import twins
from darkpairs import batches, calorimetry, chain, gun, transport
from darkpairs.detector import MICROBOONE
from darkpairs.record import Reco
from darkpairs.seen import ALGORITHMS

SOME = 80  # events of a sort: an area under a curve has an error of 0.046
# Pairs that come two ways: areas with an error of 0.013; 3000 give 0.007, weekly
MANY = int(os.environ.get("DARKPAIRS_TWINS", 1000))


def spread_out(n):
    """Starts and directions: forward, within 35° of the beam, in the first two thirds."""
    u = np.outer(np.arange(1, n + 1), [0.754877666, 0.569840291, 0.430159709, 0.3247179572]) % 1
    angle, phi = 0.6 * np.sqrt(u[:, 0]), 2 * pi * u[:, 1]
    way = np.column_stack([np.sin(angle) * np.cos(phi), np.sin(angle) * np.sin(phi), np.cos(angle)])
    start = np.column_stack([50 + 150 * u[:, 2], 120 * u[:, 3] - 60, 30 + 600 * u[:, 0]])
    return way, start


def contained(truth, detector, seed, share):
    """Tell which events leave all but a share of what they leave inside."""
    left = transport.deposits(truth, detector, seed=seed)
    seen = np.add.reduceat(left.energy, left.offsets[:-1])
    return left.escaped < share * (seen + left.escaped)


@pytest.fixture(scope="module")
def prongs():
    """Both records of pairs and of photons, for three ranges of the opening angle in degrees."""
    return {(low, high): [chain.reconstruct(truth, seed=3) for truth in twins.alike(
        np.radians(low), np.radians(high), SOME, seed=4)] for low, high in (
            (2, 5), (12, 18), (26, 40))}


# The areas wanted of the two-prong score; projective, tomographic
@pytest.mark.parametrize(("bins", "wanted"), [((12, 18), (0.75, 0.82)), ((26, 40), (0.93, 0.93))])
def test_pairs_that_open_are_told_from_photons(prongs, bins, wanted):
    for name, goal in zip(ALGORITHMS, wanted, strict=True):
        pairs, photons = (reco.prong_score[reco.of(name)] for reco in prongs[bins])
        error = sqrt((1 / len(pairs) + 1 / len(photons)) / 12)
        assert twins.area(pairs, photons) > goal - 2 * error, name


def test_narrow_pairs_are_not(prongs):
    for name in ALGORITHMS:
        pairs, photons = (reco.prong_score[reco.of(name)] for reco in prongs[2, 5])
        error = sqrt((1 / len(pairs) + 1 / len(photons)) / 12)
        assert twins.area(pairs, photons) < 0.55 + 2 * error, name


@pytest.fixture(scope="module", params=[0.0, 1.0], ids=["all wires", "dead wires"])
def electrons(request):
    """Contained electrons of 200 to 800 MeV: kinetic energies and the record."""
    paper = MICROBOONE._replace(dead=request.param)
    truth = batches.concatenate([
        gun.shoot(11, e, direction=way, start=start, first=i) for i, (e, way, start) in enumerate(
            zip(twins.energies(SOME, 200, 800), *spread_out(SOME), strict=True))])
    truth = batches.select(truth, contained(truth, paper, 7, 0.02))
    reco = chain.reconstruct(truth, detector=paper, seed=7)
    return request.param, twins.energies(SOME, 200, 800)[truth.event], reco


# Wanted: a resolution of 12 % and a bias of 3 %. Of 550 electrons it was 5.3 and 5.6 %, with dead
# wires 7.7 and 8.1 %, mostly from showers in two pieces; half of that between 16 and 84 %
@pytest.mark.parametrize("name", ALGORITHMS)
def test_energies_of_electrons(electrons, name):
    dead, energy, reco = electrons
    ratio = reco.energy_leading[reco.of(name)] / energy
    error = 0.10 / sqrt(len(ratio))
    assert ratio.std() < 0.10 * (1 + sqrt(2 / len(ratio)))
    low, high = np.percentile(ratio, [16, 84])
    assert (high - low) / 2 < (0.05 if dead else 0.03) * (1 + 2 / sqrt(len(ratio)))
    assert abs(np.median(ratio) - 1) < 0.02 + error
    whole = (reco.energy_showers + reco.energy_tracks)[reco.of(name)] / energy  # all pieces
    assert whole.std() < 0.05 * (1 + sqrt(2 / len(ratio)))
    assert abs(np.median(whole) - 1) < 0.02 + 0.05 / sqrt(len(ratio))
    half = energy < np.median(energy)  # linear: soft and hard ones agree
    assert abs(np.median(ratio[half]) - np.median(ratio[~half])) < 0.03 + 2 * error


@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_scale_is_that_of_electrons(electrons, name):
    dead, energy, reco = electrons
    if dead:
        pytest.skip("the scale is set without dead wires")
    found = reco.energy_leading[reco.of(name)]
    good = np.abs(found / energy - 1) < 0.15  # showers in one piece
    slope, offset = np.polyfit(found[good], energy[good], 1)
    assert good.mean() > 0.85
    assert slope == pytest.approx(1, abs=0.03)
    assert offset == pytest.approx(0, abs=10)
    assert calorimetry.SCALES[name].slope > 1


@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_start_of_an_electron_is_minimum_ionising(electrons, name):
    # About 2.1 MeV/cm (PDG 2024, Fig. 34.2); in each of our pieces less, as the most likely loss is
    dedx = electrons[2].dedx_leading[electrons[2].of(name)]
    assert np.nanmedian(dedx) == pytest.approx(2.0, abs=0.15)


@pytest.fixture(scope="module", params=[0.0, 1.0], ids=["all wires", "dead wires"])
def pions(request):
    """Contained π⁰ of 100 to 500 MeV."""
    paper = MICROBOONE._replace(dead=request.param)
    truth = batches.concatenate([
        gun.pion(e, direction=way, start=start, first=i, seed=2)
        for i, (e, way, start) in enumerate(zip(twins.energies(SOME, 100, 500), *spread_out(SOME),
                                                strict=True))])
    truth = batches.select(truth, contained(truth, paper, 8, 0.05))
    return chain.reconstruct(truth, detector=paper, seed=8)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_two_photons_tell_their_pion(pions, name):
    # PDG 2024: 134.98 MeV. Two showers, both above 30 MeV. Of 560 pions the width was 14 %, 16 %
    # with dead wires; that of their opening angle alone is all but 3 to 5 % of it
    chosen = pions.of(name) & (pions.showers == 2) & (pions.energy_second > 30)
    mass = pions.pion_mass[chosen]
    low, middle, high = np.percentile(mass, [16, 50, 84])
    error = 0.17 / sqrt(len(mass))
    assert len(mass) > 0.4 * SOME
    assert middle == pytest.approx(134.98, rel=0.03 + error)
    assert (high - low) / 2 / middle < 0.17 + 2 * error


@pytest.fixture(scope="module")
def same():
    """Photons that turn into pairs, and these very pairs as e⁻ and e⁺; both records.

    From the same start on, both have dice of their own. The true deposits of 10 × 1600 such pairs
    gave an area of 0.500 ± 0.003 in the gain of a second prong, and from 0.48 to 0.51 one by one.
    """
    photons, pairs = twins.conversions(MANY, seed=27)
    return chain.reconstruct(photons, seed=27), chain.reconstruct(pairs, seed=127)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_identical_pairs_come_out_alike_whatever_they_come_from(same, name):
    photons, pairs = same
    n = photons.of(name).sum()
    limit = 0.02 + 2 / sqrt(6 * n)
    for column in Reco.FEATURES:
        one, other = getattr(photons, column), getattr(pairs, column)
        area = twins.area(one[photons.of(name)], other[pairs.of(name)])
        assert abs(area - 0.5) < limit, column
