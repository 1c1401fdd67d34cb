"""Tracks: published ranges, plain Python twins, Landau, Highland, Michel, decays, bad input."""

import tomllib
from math import log, log10, pi, sqrt
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import expon, kstest, landau

from darkpairs import matter, stepping, track
from darkpairs.constants import CHARGED_PION_MASS, ELECTRON_MASS, MUON_MASS, PROTON_MASS
from darkpairs.detector import MICROBOONE
from darkpairs.rng import uniforms
from darkpairs.track import FATES, MUON, PION, PROTON

REFERENCE = tomllib.loads((Path(__file__).parent / "reference" / "track.toml").read_text())
DENSITY = MICROBOONE.density
WORLD = stepping.world(MICROBOONE)
QUIET = matter.STEPS._replace(knock=1e9)  # no electron flies by itself
FREE = FATES._replace(pion_length=np.inf, proton_length=np.inf)
MASSES = {MUON: MUON_MASS, PION: CHARGED_PION_MASS, PROTON: PROTON_MASS}


@pytest.fixture(scope="module")
def argon():
    return matter.argon()


def dice(n, seed=1):
    """n states from which dice may start."""
    return (uniforms(seed, 77, n, 1)[:, 0] * 2**53).astype(np.uint64)


def flights(argon, sort, charge, kinetic, n, *, seed=1, start=(128.0, 0.0, 300.0), steps=QUIET,
            fates=FREE):
    """Follow n particles along z; return rows, tallies and how each ended."""
    liquid, stack, ends = track.slowing(MICROBOONE), np.empty((1000, 9)), []
    for state in dice(n, seed):
        out, tally = np.empty((5000, 7)), np.zeros(3)
        mover = np.array([*start, 0.0, 0.0, 1.0, kinetic, 0.0])
        _, rows = track._track(state, sort, charge, mover, stack, out, 0, tally, WORLD, argon,
                               steps, liquid, fates, 0.0)
        ends.append((out[:rows], tally, mover))
    return ends


def single_steps(argon, sort, kinetic, length, n, *, steps=QUIET, seed=1):
    """Take one step n times; return losses and directions."""
    liquid, stack = track.slowing(MICROBOONE), np.empty((1000, 9))
    rate, _ = track._slowing(liquid.table, sort, kinetic)
    loss, ways = np.empty(n), np.empty((n, 3))
    for k, state in enumerate(dice(n, seed)):
        mover = np.array([128.0, 0.0, 300.0, 0.0, 0.0, 1.0, kinetic, 0.0])
        track._step(state, sort, mover, length, rate, stack, np.empty((3000, 7)), 0, np.zeros(3),
                    WORLD, argon, steps, liquid, 0.0)
        loss[k], ways[k] = kinetic - mover[6], mover[3:6]
    return loss, ways


def collision(kinetic, mass):
    """β², the largest energy of one collision and ξ per cm, from β and γ alone."""
    gamma = 1 + kinetic / mass
    beta = sqrt(1 - gamma**-2)
    most = 2 * 0.510999 * (beta * gamma) ** 2 / (1 + 2 * gamma * 0.510999 / mass
                                                 + (0.510999 / mass) ** 2)
    return beta**2, most, 0.5 * 0.307075 * 18 / 39.948 / beta**2 * DENSITY


def slow_bethe(kinetic, mass):
    """Bethe's formula with the density effect [MeV/cm], one line of the review after the other."""
    beta2, most, xi = collision(kinetic, mass)
    gamma = 1 + kinetic / mass
    x = log10(sqrt(beta2) * gamma)
    delta = 0.0 if x < 0.2 else 2 * log(10) * x - 5.2146 + 0.1956 * max(3 - x, 0) ** 3
    inner = 2 * 0.510999 * beta2 * gamma**2 * most / 188e-6**2
    return 2 * xi * (0.5 * log(inner) - beta2 - delta / 2)


@pytest.mark.parametrize(("kinetic", "published"), REFERENCE["proton"]["ranges"])
def test_protons_go_as_far_as_nist_says(kinetic, published):
    assert track.csda_range(2212, kinetic) * DENSITY == pytest.approx(published, rel=2e-3)


@pytest.mark.parametrize(("kinetic", "published"), REFERENCE["muon"]["ranges"])
def test_muons_go_as_far_as_pdg_says(kinetic, published):
    # slow muons of that table stop 0.18 mm earlier
    assert track.csda_range(13, kinetic) * DENSITY == pytest.approx(published, rel=1.4e-3,
                                                                    abs=0.025)


def test_the_least_loss_is_where_pdg_has_it():
    kinetic = np.linspace(100, 600, 501)
    loss = track.stopping_power(-13, kinetic) / DENSITY
    at, least = REFERENCE["muon"]["least_loss"]
    assert loss.min() == pytest.approx(least, rel=1e-3)
    assert track.stopping_power(13, at) / DENSITY == pytest.approx(least, rel=1e-3)


@pytest.mark.parametrize("pdg", [13, 211, 2212])
def test_fast_particles_follow_bethe(pdg):
    mass = MASSES[track.SORTS[pdg]]
    for speed in (0.4, 0.7, 1.0, 3.0, 10.0, 100.0):  # βγ
        kinetic = mass * (sqrt(1 + speed**2) - 1)
        shells = 8e-3 if speed < 0.5 else 1.5e-3  # NIST's shell corrections
        assert track.stopping_power(pdg, kinetic) == pytest.approx(
            slow_bethe(kinetic, mass), rel=shells)


def test_loss_of_equal_speeds_differs_by_the_largest_collision():
    for speed in (0.1, 0.3, 1.0):  # βγ
        losses, most = [], []
        for mass in (MUON_MASS, PROTON_MASS):
            kinetic = mass * (sqrt(1 + speed**2) - 1)
            losses.append(float(track._loss(np.float64(kinetic), mass)) * DENSITY)
            most.append(collision(kinetic, mass)[1])
        xi = collision(kinetic, mass)[2]
        assert losses[0] - losses[1] == pytest.approx(xi * log(most[0] / most[1]), rel=1e-3)
        assert losses[0] < losses[1]


def test_range_is_the_integral_of_the_loss_and_goes_with_the_density():
    low, high = 20.0, 150.0
    grid = np.geomspace(low, high, 5001)
    way = np.trapezoid(1 / track.stopping_power(211, grid), grid)
    assert track.csda_range(211, high) - track.csda_range(211, low) == pytest.approx(way, rel=2e-4)
    double = MICROBOONE._replace(density=2 * DENSITY)
    assert track.csda_range(211, high, detector=double) == pytest.approx(
        track.csda_range(211, high) / 2, rel=1e-12)


def slow_straggling(kinetic):
    """Bohr's spread of proton ranges: each cm adds the variance ξ T_max (1 − β²/2) of energy."""
    square, parts = 0.0, 4000
    for k in range(parts):
        energy = 2 + (kinetic - 2) * (k + 0.5) / parts
        beta2, most, xi = collision(energy, PROTON_MASS)
        square += xi * most * (1 - beta2 / 2) / slow_bethe(energy, PROTON_MASS) ** 3
    return sqrt(square * (kinetic - 2) / parts)


@pytest.mark.parametrize("kinetic", [50.0, 100.0, 200.0, 400.0])
def test_simulated_protons_stop_after_their_range(argon, kinetic):
    ends = flights(argon, PROTON, 1.0, kinetic, 300)
    ways = np.array([rows[:, 4].sum() for rows, _, _ in ends])
    assert ways.mean() == pytest.approx(track.csda_range(2212, kinetic), rel=3e-3)
    assert ways.std() == pytest.approx(slow_straggling(kinetic), rel=0.13)
    if kinetic == 100:
        straight = np.mean([mover[2] - 300 for _, _, mover in ends]) / ways.mean()
        assert straight == pytest.approx(REFERENCE["proton"]["straight"][0][1], abs=2e-3)


@pytest.mark.parametrize("kinetic", [20.0, 100.0, 200.0])
def test_simulated_pions_stop_after_their_range(argon, kinetic):
    ends = flights(argon, PION, -1.0, kinetic, 200)
    ways = np.array([rows[:, 4].sum() for rows, _, _ in ends])
    assert ways.mean() == pytest.approx(track.csda_range(211, kinetic), rel=8e-3)
    assert all(rows[:, 3].sum() == pytest.approx(kinetic, rel=1e-12) for rows, _, _ in ends)


def test_losses_in_a_wire_pitch_follow_landau(argon):
    beta2, _, xi = collision(266.0, MUON_MASS)
    thick, square = 0.3 * xi, beta2 / (1 - beta2)
    # most probable loss: PDG 2024, Eq. 34.12. Landau's mode is at λ = −0.22278
    # (Kölbig and Schorr 1984); scipy counts in units of πξ/2
    probable = thick * (log(2 * 0.510999 * square / 188e-6) + log(thick / 188e-6) + 0.200 - beta2
                        - float(track.density_effect(sqrt(square))))
    loss, _ = single_steps(argon, MUON, 266.0, 0.3, 8000)
    law = landau(loc=probable + (0.22278 + log(pi / 2)) * thick, scale=thick * pi / 2)
    assert kstest(loss, law.cdf).statistic < 0.025
    counts, edges = np.histogram(loss, bins=np.linspace(0.36, 0.66, 31))
    peak = np.polyfit(edges[7:17] + 0.005, counts[7:17], 2)
    assert -peak[1] / (2 * peak[0]) == pytest.approx(probable, rel=0.03)


@pytest.mark.parametrize("knock", [0.3, 1.0, 1e9])
def test_the_mean_loss_is_the_stopping_power_wherever_electrons_fly(argon, knock):
    steps = matter.STEPS._replace(knock=knock)
    loss, _ = single_steps(argon, MUON, 60.0, 0.3, 8000, steps=steps)
    mean = 0.3 * track.stopping_power(13, 60.0 - 0.15 * track.stopping_power(13, 60.0))
    assert loss.mean() == pytest.approx(mean, abs=4 * loss.std() / sqrt(len(loss)))


def test_fast_electrons_follow_their_law(argon):
    kinetic, low, n = 300.0, 0.5, 20000
    beta2, most, xi = collision(kinetic, MUON_MASS)
    steps, thick, taken = matter.STEPS._replace(knock=low, single=low), 0.3 * xi, np.empty(n)
    for k, state in enumerate(dice(n)):
        mover = np.array([128.0, 0.0, 300.0, 0.0, 0.0, 1.0, kinetic, 0.0])
        taken[k] = track._collide(state, mover, MUON_MASS, 1.0, thick, np.empty((1000, 9)),
                                  np.empty((3000, 7)), 0, np.zeros(3), WORLD, argon, steps,
                                  0.0)[3]

    def above(energy):  # of ξ/T² (1 − β² T/T_max), integrated by hand
        return thick * (1 / energy - 1 / most - beta2 / most * np.log(most / energy))

    flown = taken[taken > 0]  # nearly always one; two of them once in forty
    chance = 1 - np.exp(-above(low))
    assert len(flown) == pytest.approx(n * chance, abs=4 * sqrt(n * chance))
    assert kstest(flown, lambda x: 1 - above(np.minimum(x, most)) / above(low)).statistic < 0.05
    mean = thick * (log(most / low) - beta2 * (1 - low / most))
    assert taken.mean() == pytest.approx(mean, abs=4 * taken.std() / sqrt(n))


@pytest.mark.parametrize(("sort", "kinetic", "length"), [(MUON, 100.0, 0.3), (PROTON, 200.0, 0.1)])
def test_angles_follow_highland(argon, sort, kinetic, length):
    _, ways = single_steps(argon, sort, kinetic, length, 4000)
    mass = MASSES[sort]
    middle = kinetic - length / 2 * track.stopping_power({0: 13, 2: 2212}[sort], kinetic)
    total = middle + mass
    width = 13.6 / ((total**2 - mass**2) / total) * sqrt(length * DENSITY / 19.55)
    assert sqrt((ways[:, :2] ** 2).mean()) == pytest.approx(width, rel=0.04)
    assert np.linalg.norm(ways, axis=1) == pytest.approx(np.ones(4000), rel=1e-12)


def test_electrons_from_decay_follow_michel():
    state, kinetic = np.uint64(5), np.empty(5000)
    for k in range(len(kinetic)):
        state, kinetic[k] = track._michel(np.uint64(state))
    grid = np.linspace(0, 53, 5301)
    below = np.concatenate([[0], np.cumsum(track.michel((grid[1:] + grid[:-1]) / 2) * 0.01)])
    assert below[-1] == pytest.approx(1, abs=1e-4)  # its last cell is cut
    assert kstest(kinetic, lambda x: np.interp(x, grid, below)).pvalue > 1e-3
    assert kinetic.max() < 52.828 - 0.51  # PDG 2024: an electron has 52.83 MeV at most
    mean = quad(lambda x: (x + ELECTRON_MASS) * track.michel(x), 0, 52.31939)[0]
    assert mean == pytest.approx(0.35 * MUON_MASS, rel=1e-3)  # 7/20 m_μ for m_e = 0


def test_muons_at_rest_live_and_end_as_published(argon):
    n = 1500
    plus, minus = (flights(argon, MUON, charge, 1.0, n) for charge in (1.0, -1.0))
    times = np.array([mover[7] for _, _, mover in plus])
    assert kstest(times, expon(scale=2.19698).cdf).pvalue > 1e-3
    assert all(tally[2] < MUON_MASS - ELECTRON_MASS for _, tally, _ in plus)
    captured = np.array([tally[2] == MUON_MASS - ELECTRON_MASS for _, tally, _ in minus])
    share = 1 - 0.537 / 2.19698  # Suzuki et al. 1987: 76 %
    assert captured.mean() == pytest.approx(share, abs=4 * sqrt(share * (1 - share) / n))
    decays = np.array([mover[7] for _, _, mover in minus])[~captured]
    assert kstest(decays, expon(scale=0.537).cdf).pvalue > 1e-3


def test_positive_pions_become_muons_of_four_mev(argon):
    ends = flights(argon, PION, 1.0, 2.0, 400)
    kick = [rows[rows[:, 5] < mover[7], 3].sum() - 2.0 for rows, _, mover in ends]
    assert kick == pytest.approx([4.120] * 400, abs=1e-3)  # PDG 2024: p = 29.79 MeV
    clocks = [rows[rows[:, 5] > 1e-5, 5].min() for rows, _, _ in ends]
    assert kstest(clocks, expon(scale=0.026033).cdf).pvalue > 1e-3
    assert np.mean([mover[7] for _, _, mover in ends]) == pytest.approx(2.223, rel=0.2)


def test_negative_pions_leave_their_kinetic_energy_alone(argon):
    for rows, tally, mover in flights(argon, PION, -1.0, 2.0, 20):
        assert rows[:, 3].sum() == pytest.approx(2.0, rel=1e-12)
        assert tally[2] == CHARGED_PION_MASS - ELECTRON_MASS
        assert mover[7] < 1e-3


@pytest.mark.parametrize(("sort", "length"), [(PROTON, 119.7), (PION, 149.0)])
def test_hadrons_meet_nuclei(argon, sort, length):
    ends = flights(argon, sort, -1.0, 150.0, 3000, fates=FATES)
    left = np.array([mover[6] for _, _, mover in ends])
    reach = track.csda_range({PION: 211, PROTON: 2212}[sort], 150.0) * DENSITY
    share = 1 - np.exp(-reach / length)
    assert (left > 0).mean() == pytest.approx(share, abs=4 * sqrt(share / 3000))
    for (_, tally, _), kinetic in zip(ends, left, strict=True):
        if kinetic > 0:
            rest = 0.0 if sort == PROTON else CHARGED_PION_MASS - ELECTRON_MASS
            assert tally[2] == pytest.approx(kinetic + rest, rel=1e-12)


@pytest.mark.parametrize("charge", [1.0, -1.0])
@pytest.mark.parametrize("sort", [MUON, PION, PROTON])
def test_energy_is_visible_escaped_or_unseen(argon, sort, charge):
    for kinetic, z in [(0.001, 300.0), (5.0, 300.0), (300.0, 300.0), (400.0, 1036.0),
                       (400.0, 1086.7), (30.0, -49.99)]:
        ends = flights(argon, sort, charge, kinetic, 5, start=(128.0, 0.0, z),
                       steps=matter.STEPS, fates=FATES)
        rest = 0.0 if sort == PROTON else MASSES[sort] + charge * ELECTRON_MASS
        for rows, tally, _ in ends:
            assert tally.sum() == pytest.approx(kinetic + rest, rel=1e-11)
            assert rows[:, 3].sum() == pytest.approx(tally[0], rel=1e-12, abs=1e-12)
            assert min(tally.min(), rows[:, 3].min(initial=0)) >= 0


def test_a_last_crumb_of_energy_takes_no_time(argon):
    for kinetic in (1e-3, 1e-9, 1e-17):
        (rows, _, mover), = flights(argon, PROTON, 1.0, kinetic, 1)
        assert rows[:, 3].sum() == kinetic
        assert mover[7] < 1e-6


def test_clocks_go_with_the_speed(argon):
    rows, _, _ = flights(argon, PROTON, 1.0, 400.0, 1)[0]
    half = rows[: len(rows) // 2]
    middle = half[:, 4].sum() - half[-1, 4] / 2
    speeds = [1 / sqrt(1 - (1 + left / PROTON_MASS) ** -2)
              for left in 400.0 - np.cumsum(half[:, 3]) + half[:, 3] / 2]
    slow = (half[:, 4] * speeds).sum() - half[-1, 4] / 2 * speeds[-1]
    assert half[-1, 5] == pytest.approx(slow / 29979.2458, rel=2e-3)
    assert half[-1, 5] > middle / 29979.2458


@pytest.mark.parametrize(("pdg", "kinetic", "words"), [
    (11, 5.0, "no track of PDG 11; wanted one of 13, 211, 2212"),
    (13, -1.0, "from -1 to -1 MeV; wanted 0.001 to 100000"),
    (13, [5.0, np.nan], "wanted 0.001"),
    (2212, 1e6, "wanted 0.001 to 100000"),
])
def test_bad_input_is_refused(pdg, kinetic, words):
    with pytest.raises(ValueError, match=words):
        track.stopping_power(pdg, kinetic)
    with pytest.raises(ValueError, match=words):
        track.csda_range(pdg, kinetic)


def test_michel_is_zero_outside_its_limits():
    assert (track.michel([-0.1, 52.4, 100.0]) == 0).all()
    assert track.michel(20.0) > 0


def test_at_rest_there_is_no_density_effect():
    with pytest.raises(ValueError, match="βγ from -1 on; wanted numbers > 0"):
        track.density_effect(np.array([-1.0, 2.0]))
