"""Nucleons in argon: spheres, collisions, the way out; shares and prices of the paper."""

from math import sqrt

import numpy as np
import pytest
from scipy.stats import binomtest, kstest

from darkpairs import fermi
from darkpairs.constants import CHARGED_PION_MASS, NEUTRAL_PION_MASS, PROTON_MASS
from darkpairs.fermi import ARGON, NEUTRON, PHOTON, PI_ZERO, PION, PROTON, ROWS, Nucleus
from darkpairs.kinematics import boost, mass
from darkpairs.rng import stream, uniforms

CHARGE = {PROTON: 1, NEUTRON: 0, PION: 1, -PION: -1, PI_ZERO: 0, PHOTON: 0}
QUIET = Nucleus(binding=0.0, struck=0.0, absorbed=0.0, exchanged=0.0, scattered=0.0)


def dice(n, word):
    return (uniforms(5, stream("test", word), n, 1)[:, 0] * 2**63).astype(np.uint64)


def rows_of(*particles):
    """A record with (code, momentum along z) in its first rows."""
    rows = np.zeros((ROWS, 6))
    for k, (pdg, p) in enumerate(particles):
        rows[k] = pdg, -1, sqrt(p * p + fermi._mass(pdg) ** 2), 0, 0, p
    return rows


def leave(paper, n, word, *particles):
    """What comes out of n events with the same particles: a list of arrays (k, 6)."""
    result = []
    for state in dice(n, word):
        rows = rows_of(*particles)
        _, count = fermi._leave(state, rows, len(particles), paper)
        result.append(rows[:count].copy())
    return result


def test_momenta_fill_a_sphere_evenly():
    p = np.array([fermi._bound(state, 250.0)[1] for state in dice(4000, "sphere")])
    size = np.sqrt((p**2).sum(axis=1))
    assert kstest((size / 250) ** 3, "uniform").pvalue > 0.01
    assert kstest(p[:, 2] / size / 2 + 0.5, "uniform").pvalue > 0.01


def test_a_fall_into_two_is_the_slow_one():
    total = (1500.0, 300.0, -200.0, 700.0)
    for state in dice(50, "pair"):
        _, one, two, can = fermi._pair(state, total, PROTON_MASS, CHARGED_PION_MASS)
        assert can
        assert np.add(one, two) == pytest.approx(total, rel=1e-12)
        assert mass([one, two]) == pytest.approx([PROTON_MASS, CHARGED_PION_MASS], rel=1e-9)
        back = boost(np.array(one), np.array([total[0], *(-x for x in total[1:])]))
        root = mass(np.array(total))
        wanted = (root**2 + PROTON_MASS**2 - CHARGED_PION_MASS**2) / (2 * root)
        assert back[0] == pytest.approx(wanted, rel=1e-10)


def test_a_fall_goes_all_ways_alike_and_not_below_its_threshold():
    rest = (1232.0, 0.0, 0.0, 0.0)
    ways = np.array([fermi._pair(state, rest, PROTON_MASS, NEUTRAL_PION_MASS)[1]
                     for state in dice(3000, "ways")])
    size = np.sqrt((ways[:, 1:] ** 2).sum(axis=1))
    assert np.ptp(size) < 1e-9
    assert kstest(ways[:, 3] / size / 2 + 0.5, "uniform").pvalue > 0.01
    assert not fermi._pair(np.uint64(1), (1072.0, 0.0, 0.0, 0.0), PROTON_MASS,
                           NEUTRAL_PION_MASS)[3]


@pytest.mark.parametrize("pdg", [PI_ZERO, PION, -PION])
@pytest.mark.parametrize("fate", ["absorbed", "exchanged", "scattered"])
def test_energy_momentum_and_charge_are_kept(pdg, fate):
    paper = QUIET._replace(**{fate: 1.0}, half=1e9)
    moved = 0
    for out in leave(paper, 60, fate, (pdg, 300.0), (PROTON, 400.0)):
        start = rows_of((pdg, 300.0), (PROTON, 400.0))[:2]
        met = [int(code) for code in out[:, 0]]
        came = np.append(start[:, 2:].sum(axis=0), 1 + CHARGE[pdg])
        went = np.append(out[:, 2:].sum(axis=0), sum(CHARGE[code] for code in met))
        # What was met was at rest in the nucleus: one nucleon, or a pair
        more = went - came
        taken = round(more[0] / PROTON_MASS)
        assert taken in (0, 1, 2)
        assert abs(more[0] - taken * PROTON_MASS) < 3
        assert abs(more[1:4]).max() < 1e-9
        assert 0 <= more[4] <= taken
        moved += taken > 0
        if fate == "absorbed":
            assert set(met) <= {PROTON, NEUTRON}
            assert len(met) == 3
    assert moved > 15


def test_nobody_leaves_from_within_the_sphere_or_for_free():
    outs = leave(ARGON._replace(struck=1.0, binding=0.0), 400, "struck", (PROTON, 600.0))
    pairs = [out for out in outs if len(out) == 2]
    assert len(pairs) > 100
    for out in pairs:
        size = np.sqrt((out[:, 3:] ** 2).sum(axis=1))
        limit = [fermi._limit(int(code), ARGON) for code in out[:, 0]]
        assert (size > limit).all()
    slow = sqrt(2 * PROTON_MASS * 29.0)
    assert all(len(out) == 0 for out in leave(ARGON._replace(struck=0.0), 5, "slow",
                                              (PROTON, slow)))


def test_who_leaves_pays_and_keeps_its_mass():
    out = leave(QUIET._replace(binding=29.5), 1, "pay", (PROTON, 800.0))[0]
    energy = sqrt(800.0**2 + PROTON_MASS**2) - 29.5
    assert out[0, 2] == pytest.approx(energy, rel=1e-12)
    assert mass(out[:, 2:]) == pytest.approx([PROTON_MASS], rel=1e-9)
    assert out[0, 3:5] == pytest.approx([0, 0])


@pytest.mark.parametrize("kinetic", [190.0, 385.0])
def test_shares_are_those_of_the_paper(kinetic):
    p = sqrt(kinetic * (kinetic + 2 * NEUTRAL_PION_MASS))
    paper = ARGON._replace(fermi_proton=0.0, fermi_neutron=0.0, struck=0.0, binding=0.0)
    outs = leave(paper, 3000, f"shares {kinetic}", (PI_ZERO, p))
    codes = [set(out[:, 0].astype(int)) for out in outs]
    shape = 1 / (1 + ((kinetic - paper.peak) / paper.half) ** 2)
    absorbed = sum(not code & {PION, -PION, PI_ZERO} for code in codes)
    swapped = sum(bool(code & {PION, -PION}) for code in codes)
    hit = sum(PI_ZERO in code and len(out) == 2 for code, out in zip(codes, outs, strict=True))
    for found, share in ((absorbed, paper.absorbed), (swapped, paper.exchanged),
                         (hit, paper.scattered)):
        assert binomtest(found, 3000, share * shape).pvalue > 0.01


def test_the_peak_is_where_a_pion_makes_a_delta():
    # PDG 2024: Δ(1232) has 1232 MeV; on a nucleon at rest W² = (T + m_π + M)² − p²
    kinetic, m = ARGON.peak, CHARGED_PION_MASS
    w2 = (kinetic + m + PROTON_MASS) ** 2 - kinetic * (kinetic + 2 * m)
    assert sqrt(w2) == pytest.approx(1232, abs=2)


def test_a_pi_zero_becomes_two_photons_in_rows_of_their_own():
    rows = rows_of((PROTON, 400.0), (PI_ZERO, 250.0))
    _, count = fermi._decay_pions(np.uint64(3), rows, 2)
    assert count == 4
    assert rows[:4, 0].astype(int).tolist() == [PROTON, PI_ZERO, PHOTON, PHOTON]
    assert rows[2:4, 1].tolist() == [1, 1]
    assert rows[2:4, 2:].sum(axis=0) == pytest.approx(rows[1, 2:], rel=1e-12, abs=1e-9)
    assert mass(rows[2:4, 2:]) == pytest.approx([0, 0], abs=1e-4)
