"""One throw: means against quadrature, a throw in another frame, four-momenta, distributions."""

from math import sqrt

import numpy as np
import pytest
from scipy.stats import kstest

from darkpairs import coherent, delta, quasielastic
from darkpairs._jit import njit
from darkpairs.coherent import TARGET
from darkpairs.constants import ELECTRON_MASS, MUON_MASS, NEUTRON_MASS
from darkpairs.delta import NUCLEON
from darkpairs.fermi import ARGON, NEUTRON, PHOTON, PI_ZERO, PROTON, ROWS, Nucleus
from darkpairs.kinematics import _massive_limits, boost, mass
from darkpairs.rng import _start, stream, uniforms
from darkpairs.strike import (
    BEND,
    COHERENT,
    DELTA_CHARGED,
    DELTA_PHOTON,
    DELTA_PION,
    NUCLEUS,
    PAPERS,
    QUASI,
    _strike,
    targets,
)

STILL = PAPERS._replace(nucleus=Nucleus(fermi_proton=1e-6, fermi_neutron=1e-6))
NORM = delta.norm()


@njit
def throws(n, word, channel, target, flavour, energy, papers, norm):
    weights, rows = np.zeros(n), np.zeros((n, ROWS, 6))
    for i in range(n):
        state = _start(np.uint64(1), word, np.uint64(i))
        _, weights[i], _ = _strike(state, channel, target, flavour, energy, papers, norm, 0.0,
                                   rows[i])
    return weights, rows


def thrown(n, channel, target, flavour, energy, papers=PAPERS):
    return throws(n, np.uint64(stream("test", "strike")), channel, target, flavour, energy, papers,
                  NORM)


def close(weights, wanted):
    """Tell whether a mean is within three of its errors."""
    return abs(weights.mean() - wanted) < 3 * weights.std() / sqrt(len(weights)) + 1e-4 * wanted


@pytest.mark.parametrize(("flavour", "lepton"), [(14, MUON_MASS), (-14, MUON_MASS),
                                                 (12, ELECTRON_MASS)])
def test_on_nucleons_at_rest_means_are_cross_sections(flavour, lepton):
    anti, energy = flavour < 0, 1100.0
    target = PROTON if anti else NEUTRON
    count = 18 if anti else 22
    weights, _ = thrown(20000, QUASI, target, flavour, energy, STILL)
    assert close(weights, count * quasielastic.cross_section(energy, lepton=lepton, anti=anti))
    for target, count, factor in ((PROTON, 18, 1 if anti else 3), (NEUTRON, 22, 3 if anti else 1)):
        single = delta.cross_section(energy, current="cc", lepton=lepton, anti=anti)
        weights, _ = thrown(20000, DELTA_CHARGED, target, flavour, energy, STILL)
        assert close(weights, count * factor * single)
        weights, _ = thrown(20000, DELTA_PHOTON, target, flavour, energy, STILL)
        assert close(weights, count * 0.006 * delta.cross_section(energy, anti=anti))


def test_the_coherent_mean_is_the_cross_section():
    weights, rows = thrown(40000, COHERENT, NUCLEUS, 14, 900.0)
    assert close(weights, coherent.cross_section(900.0))
    good = weights > 0
    total = rows[good, :3, 2:].sum(axis=1)
    assert np.abs(total - [900.0 + TARGET, 0, 0, 900.0]).max() < 1e-8
    assert rows[good][0, :3, 0].tolist() == [14, NUCLEUS, PI_ZERO]
    assert np.abs(mass(rows[good, 1, 2:]) - TARGET).max() < 1e-3


def test_motion_and_pauli_as_thrown_in_the_frame_without_momentum():
    energy, n = 600.0, 12000
    u = uniforms(9, stream("test", "slow strike"), n, 5)
    p = ARGON.fermi_neutron * u[:, 0] ** (1 / 3)
    c, turn = 2 * u[:, 1] - 1, 2 * np.pi * u[:, 2]
    s = np.sqrt(1 - c * c)
    en = np.sqrt(p * p + NUCLEON**2)
    nucleon = np.stack([en, p * s * np.cos(turn), p * s * np.sin(turn), p * c], axis=1)
    both = nucleon + np.array([energy, 0, 0, energy])
    own = energy * (en - nucleon[:, 3]) / NUCLEON
    root = mass(both)
    out = np.sqrt((root**2 - (NUCLEON + MUON_MASS) ** 2) * (root**2 - (NUCLEON - MUON_MASS) ** 2)
                  ) / (2 * root)
    c, turn = 2 * u[:, 3] - 1, 2 * np.pi * u[:, 4]
    s = np.sqrt(1 - c * c)
    way = np.stack([s * np.cos(turn), s * np.sin(turn), c], axis=1)
    final = boost(np.concatenate([np.sqrt(out**2 + NUCLEON**2)[:, None], out[:, None] * way], 1),
                  both)
    moved = final - nucleon
    q2 = (moved[:, 1:] ** 2).sum(axis=1) - moved[:, 0] ** 2
    slow = np.zeros(n)
    for i in range(n):
        low, high = _massive_limits(own[i], NUCLEON, MUON_MASS, NUCLEON)
        slow[i] = quasielastic._law(PAPERS.quasielastic, own[i], q2[i], MUON_MASS, False) * (
            high - low) * own[i] * NUCLEON / (energy * en[i]) * 22
    slow[(final[:, 1:] ** 2).sum(axis=1) < ARGON.fermi_proton**2] = 0
    weights, _ = thrown(20000, QUASI, NEUTRON, 14, energy)
    error = sqrt(slow.var() / n + weights.var() / 20000)
    assert abs(weights.mean() - slow.mean()) < 3 * error
    assert error < 0.012 * slow.mean()
    blocked = (weights == 0).mean()
    assert 0.01 < blocked < 0.5


def test_a_weight_is_the_law_over_the_density():
    energy = 700.0
    weights, rows = thrown(300, QUASI, NEUTRON, 14, energy)
    slow = []
    for row in rows[weights > 0]:
        p = row[:2, 3:].sum(axis=0) - [0, 0, energy]
        en = sqrt(p @ p + NUCLEON**2)
        own = energy * (en - p[2]) / NUCLEON
        moved = row[0, 2:] - [energy, 0, 0, energy]
        q2 = moved[1:] @ moved[1:] - moved[0] ** 2
        low, high = _massive_limits(own, NUCLEON, MUON_MASS, NUCLEON)
        density = 1 / (q2 + BEND) ** 2 / (1 / (low + BEND) - 1 / (high + BEND))
        law = quasielastic.differential(own, q2, lepton=MUON_MASS)
        slow.append(22 * law / density * (own * NUCLEON) / (energy * en))
    assert np.allclose(weights[weights > 0], slow, rtol=1e-6, atol=0)


@pytest.mark.parametrize(("channel", "flavour", "lepton"), [
    (DELTA_PION, 14, 0.0), (DELTA_PION, -14, 0.0), (DELTA_CHARGED, 14, MUON_MASS),
    (DELTA_CHARGED, -12, ELECTRON_MASS), (DELTA_PHOTON, 12, 0.0), (QUASI, 14, MUON_MASS)])
def test_what_goes_in_comes_out(channel, flavour, lepton):
    energy = 1200.0
    for target in targets(channel, flavour):
        weights, rows = thrown(3000, channel, target, flavour, energy)
        rows = rows[weights > 0]
        assert len(rows) > 1000
        count = 2 if channel == QUASI else 3
        total = rows[:, :count, 2:].sum(axis=1) - [energy, 0, 0, energy]
        size = np.sqrt((total[:, 1:] ** 2).sum(axis=1))
        limit = ARGON.fermi_proton if target == PROTON else ARGON.fermi_neutron
        assert size.max() < limit * 1.01
        # A single nucleon that comes out has its own mass, not that of the mean nucleon
        slack = 1.0 if channel == QUASI else 1e-6
        assert np.abs(total[:, 0] - np.sqrt(size**2 + NUCLEON**2)).max() < slack
        assert np.abs(mass(rows[:, 0, 2:]) - lepton).max() < 1e-3
        charge = {2212: 1, 2112: 0, 211: 1, -211: -1, 111: 0, 22: 0, 13: -1, -13: 1, 11: -1,
                  -11: 1, 12: 0, 14: 0, -12: 0, -14: 0}
        sums = {sum(charge[int(code)] for code in row[:count, 0]) for row in rows}
        assert sums == {1 if target == PROTON else 0}


def test_two_in_three_delta_plus_make_a_pi_zero():
    weights, rows = thrown(20000, DELTA_PION, PROTON, 14, 1500.0, STILL)
    zero = rows[:, 2, 0] == PI_ZERO
    assert weights[zero].sum() / weights.sum() == pytest.approx(2 / 3, abs=0.012)
    _, rows = thrown(50, DELTA_PHOTON, PROTON, 14, 1500.0, STILL)
    assert set(rows[rows[:, 0, 0] != 0][:, 2, 0]) == {PHOTON}


def test_q2_of_a_quasielastic_throw_follows_its_law():
    energy = 1000.0
    weights, rows = thrown(20000, QUASI, NEUTRON, 14, energy, STILL)
    keep = uniforms(2, stream("test", "keep"), len(weights), 1)[:, 0] * weights.max() < weights
    moved = rows[keep, 0, 2:] - [energy, 0, 0, energy]
    q2 = (moved[:, 1:] ** 2).sum(axis=1) - moved[:, 0] ** 2
    low, high = _massive_limits(energy, NUCLEON, MUON_MASS, NUCLEON)
    grid = np.linspace(low, high, 4001)
    law = quasielastic.differential(energy, grid, lepton=MUON_MASS)
    law[[0, -1]] = law[[1, -2]]
    rise = np.concatenate([[0], np.cumsum((law[1:] + law[:-1]) / 2)])
    assert kstest(q2, lambda x: np.interp(x, grid, rise / rise[-1])).pvalue > 0.01


def test_pauli_takes_what_a_fermi_gas_of_argon_takes():
    # Smith and Moniz, Nucl. Phys. B 43 (1972) 605: at 1 GeV a Fermi gas with k_F ≈ 250 MeV takes
    # 5 to 15 % of quasi-elastic scattering (from memory)
    weights, _ = thrown(20000, QUASI, NEUTRON, 14, 1000.0)
    free = 22 * quasielastic.cross_section(1000.0, lepton=MUON_MASS)
    assert 0.85 < weights.mean() / free < 0.95
    assert NEUTRON_MASS > NUCLEON
