"""The gun: masses, angles and places are those asked for; bad input."""

from math import cos, pi, sqrt

import numpy as np
import pytest

from darkpairs import gun
from darkpairs.batches import KINDS
from darkpairs.constants import ELECTRON_MASS, MUON_MASS, NEUTRAL_PION_MASS, PROTON_MASS
from darkpairs.kinematics import mass, opening_angle


@pytest.mark.parametrize("pdg", [11, -11, 22, 13, -13, 211, -211, 2212])
def test_particles_have_their_mass_and_kinetic_energy(pdg):
    truth = gun.shoot(pdg, 7.0, direction=(1, 2, -2), n=2)
    wanted = gun.MASSES[abs(pdg)]
    assert mass(truth.p4) == pytest.approx([wanted] * 2, abs=2e-5)
    assert truth.p4[:, 0] - wanted == pytest.approx([7.0] * 2, rel=1e-12)
    ways = truth.p4[:, 1:] / np.linalg.norm(truth.p4[:, 1:], axis=1, keepdims=True)
    assert ways == pytest.approx(np.tile([1 / 3, 2 / 3, -2 / 3], (2, 1)), rel=1e-12)


def test_masses_are_those_of_pdg():
    # PDG 2024, Summary tables
    assert gun.MASSES[13] == pytest.approx(105.6583755)
    assert gun.MASSES[211] == pytest.approx(139.57039)
    assert gun.MASSES[2212] == pytest.approx(938.27208816, rel=1e-8)


def test_rows_are_those_of_a_slow_loop():
    truth = gun.shoot([13, 2212], [50.0, 30.0], direction=[(0, 0, 2), (0, 3, 0)],
                      start=(1.0, 2.0, 3.0), n=3, first=5)
    rows = []
    for _ in range(3):
        for code, kinetic, m, way in [(13, 50.0, MUON_MASS, 3), (2212, 30.0, PROTON_MASS, 2)]:
            p4 = [kinetic + m, 0.0, 0.0, 0.0]
            p4[way] = (kinetic * (kinetic + 2 * m)) ** 0.5
            rows.append((code, p4))
    assert list(truth.event) == [5, 6, 7]
    assert list(truth.offsets) == [0, 2, 4, 6]
    assert list(truth.pdg) == [code for code, _ in rows]
    assert truth.p4 == pytest.approx(np.array([p4 for _, p4 in rows]), rel=1e-12)
    assert (truth.start == [1.0, 2.0, 3.0]).all()
    assert (truth.vertex == [1.0, 2.0, 3.0]).all()
    assert (truth.kind == KINDS.index("gun")).all()
    assert (truth.weight == 1).all()
    assert (truth.parent == -1).all()


@pytest.mark.parametrize("direction", [(0, 0, 1), (1, 0, 0), (-3, 1, 2), (0, -2, 0.1)])
@pytest.mark.parametrize("opening", [0.0, 0.05, 0.6, 2.0])
def test_pairs_open_and_fly_as_asked(direction, opening):
    truth = gun.pair((90.0, 30.0), opening, direction=direction, azimuth=0.7)
    assert list(truth.pdg) == [11, -11]
    assert truth.p4[:, 0] == pytest.approx([90.0, 30.0], rel=1e-12)
    assert mass(truth.p4) == pytest.approx([ELECTRON_MASS] * 2, abs=1e-5)
    assert opening_angle(*truth.p4) == pytest.approx(opening, abs=1e-9)
    total = truth.p4[:, 1:].sum(axis=0)
    axis = np.array(direction) / np.linalg.norm(direction)
    assert total / np.linalg.norm(total) == pytest.approx(axis, abs=1e-12)


def test_the_mass_of_a_pair_is_that_of_two_light_particles():
    truth = gun.pair((100.0, 60.0), 0.5)
    square = 2 * 100.0 * 60.0 * (1 - cos(0.5))  # m² = 2 E₁ E₂ (1 − cos θ) for m_e = 0
    assert mass(truth.p4.sum(axis=0)) == pytest.approx(square**0.5, rel=1e-3)


def test_azimuth_turns_the_plane_of_a_pair():
    flat, turned = (gun.pair((50.0, 50.0), 0.4, azimuth=a).p4 for a in (0.0, pi / 2))
    assert flat[:, 2] == pytest.approx([0, 0], abs=1e-12)  # at 0 the plane holds x
    assert abs(flat[0, 1]) > 5
    assert turned[:, 1] == pytest.approx([0, 0], abs=1e-12)
    assert abs(turned[0, 2]) == pytest.approx(abs(flat[0, 1]), rel=1e-12)


@pytest.mark.parametrize(("pdg", "kinetic", "words"), [
    (111, 5.0, r"cannot shoot PDG \[111\]; wanted 11, 22, 13, 211, 2212"),
    ([11, 2112], [5.0, 5.0], r"cannot shoot PDG \[2112\]"),
    (11, 0.0, r"kinetic energies \[0.0\] MeV; wanted finite numbers > 0"),
    (11, np.inf, "wanted finite numbers > 0"),
    (11, -3.0, "wanted finite numbers > 0"),
    ([11, 22], [1.0, np.nan], "wanted finite numbers > 0"),
])
def test_bad_input_is_refused(pdg, kinetic, words):
    with pytest.raises(ValueError, match=words):
        gun.shoot(pdg, kinetic)


@pytest.mark.parametrize("direction", [(0, 0, 0), (np.nan, 0, 1)])
def test_no_direction_is_refused(direction):
    for shot in (lambda: gun.shoot(11, 5.0, direction=direction),
                 lambda: gun.pair((9.0, 9.0), 0.1, direction=direction)):
        with pytest.raises(ValueError, match="wanted one with a finite length > 0"):
            shot()


@pytest.mark.parametrize("energies", [(0.5, 10.0), (10.0, np.nan)])
def test_pairs_without_energy_are_refused(energies):
    with pytest.raises(ValueError, match="wanted both above the electron's mass"):
        gun.pair(energies, 0.1)


@pytest.mark.parametrize("wrong", [dict(n=-1), dict(n=2.5), dict(first=0.5)])
def test_events_are_counted_in_whole_numbers(wrong):
    with pytest.raises(ValueError, match="wanted whole numbers, n ≥ 0"):
        gun.shoot(11, 5.0, **wrong)


def test_two_photons_have_the_mass_and_momentum_of_their_pion():
    truth = gun.pion(200.0, direction=(1, 2, -2), start=(1.0, 2.0, 3.0), n=50, first=7, seed=3)
    assert list(truth.event) == list(range(7, 57))
    assert list(truth.pdg[:6]) == [111, 22, 22] * 2
    assert list(truth.parent[:6]) == [-1, 0, 0] * 2
    p4 = truth.p4.reshape(50, 3, 4)
    assert mass(p4[:, 0]) == pytest.approx(np.full(50, NEUTRAL_PION_MASS), rel=1e-9)
    assert p4[:, 0, 0] == pytest.approx(np.full(50, 200 + NEUTRAL_PION_MASS), rel=1e-12)
    assert p4[:, 1] + p4[:, 2] == pytest.approx(p4[:, 0], rel=1e-9, abs=1e-9)
    assert np.abs(mass(p4[:, 1:])).max() < 1e-4  # √ of what rounding leaves of E² − p²
    way = p4[:, 0, 1:] / np.linalg.norm(p4[:, 0, 1:], axis=1, keepdims=True)
    assert way == pytest.approx(np.tile([1 / 3, 2 / 3, -2 / 3], (50, 1)), rel=1e-12)


def test_photons_of_a_pion_fly_evenly_in_its_frame():
    # E = γ(m/2)(1 + β cos θ*) with an even cos θ*: energies are even from end to end (PDG 2024,
    # Sec. 49.4.3), and no pair opens less than 2 arcsin(m/E)
    n, energy = 4000, 300.0 + NEUTRAL_PION_MASS
    truth = gun.pion(300.0, n=n, seed=1)
    p4 = truth.p4.reshape(n, 3, 4)
    beta = sqrt(1 - (NEUTRAL_PION_MASS / energy) ** 2)
    cosine = np.sort((2 * p4[:, 1, 0] / energy - 1) / beta)
    assert np.abs(cosine - np.linspace(-1, 1, n)).max() < 2 * 1.63 / sqrt(n)  # Kolmogorov, 1 %
    phi = np.sort(np.arctan2(p4[:, 1, 1], p4[:, 1, 2]))
    assert np.abs(phi - np.linspace(-pi, pi, n)).max() < 2 * pi * 1.63 / sqrt(n)
    opening = opening_angle(p4[:, 1], p4[:, 2])
    assert opening.min() == pytest.approx(2 * np.arcsin(NEUTRAL_PION_MASS / energy), rel=1e-3)


def test_a_pion_has_its_own_dice():
    many, later = gun.pion(50.0, n=5, seed=2), gun.pion(50.0, n=2, first=3, seed=2)
    assert np.array_equal(many.p4[9:], later.p4)
    assert not np.array_equal(many.p4[9:], gun.pion(50.0, n=2, first=3, seed=4).p4)
    assert len(gun.pion(50.0, n=0, seed=2)) == 0


@pytest.mark.parametrize("wrong", [dict(kinetic=0.0), dict(kinetic=np.nan), dict(kinetic=np.inf)])
def test_pions_without_energy_are_refused(wrong):
    with pytest.raises(ValueError, match="wanted a finite number > 0"):
        gun.pion(seed=1, **wrong)
