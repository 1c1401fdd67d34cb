"""Argon: NIST's numbers, and losses that flow or come singly but sum to the stopping power."""

from math import isclose, log, pi, sqrt

import numpy as np
import pytest
from scipy import integrate, optimize

from darkpairs import matter
from darkpairs.constants import ELECTRON_MASS as M
from darkpairs.detector import MICROBOONE

GRID = matter.energies()


@pytest.fixture(scope="module")
def argon():
    return matter.argon()


def row(argon, energy):
    return argon[np.abs(GRID - energy).argmin()]


@pytest.mark.parametrize(("energy", "published"), [(0.1, 0.2043), (1.0, 0.05762)])
def test_attenuation_is_that_of_nist(energy, published):
    """Hubbell and Seltzer, NIST Standard Reference Database 126: argon, [cm²/g]."""
    coherent = {0.1: 0.02064, 1.0: 0.000231}[energy]  # XCOM; left out here
    rate = sum(matter.photon_rates(energy)) / MICROBOONE.density
    assert isclose(rate + coherent, published, rel_tol=2e-3)


@pytest.mark.parametrize(("energy", "published"), [
    (100.0, 25.6), (200.0, 22.5), (500.0, 20.1), (1000.0, 19.2)])
def test_free_path_to_a_pair(energy, published):
    """From the parametrisation of the Bethe-Heitler cross section that Geant4 uses [cm]."""
    assert isclose(1 / matter.photon_rates(energy)[2], published, rel_tol=0.03)


def test_free_path_is_that_of_all_meetings():
    compton, photo, pair = matter.photon_rates([0.02, 1.0, 300.0])
    assert np.allclose(matter.photon_free_path([0.02, 1.0, 300.0]) * (compton + photo + pair), 1)
    assert photo[0] > compton[0]
    assert pair[1] < 1e-3 * compton[1]  # below the threshold
    thin = MICROBOONE._replace(density=0.5 * MICROBOONE.density)
    assert isclose(matter.photon_free_path(7.0, detector=thin), 2 * matter.photon_free_path(7.0))


def test_fast_photons_and_electrons_know_one_radiation_length():
    """X₀ = 19.55 g/cm²: PDG 2024. A pair comes every 9/7 X₀, and E/X₀ is radiated."""
    length = matter.RADIATION_LENGTH / MICROBOONE.density
    assert isclose(matter.stopping_power(1e4)[1] * length, 1e4, rel_tol=0.01)
    assert isclose(1 / matter.photon_rates(1e4)[2], 9 / 7 * length, rel_tol=0.025)


def test_critical_energy():
    """32.84 MeV for electrons in liquid argon: PDG 2024, by Rossi's definition."""
    length = matter.RADIATION_LENGTH / MICROBOONE.density
    found = optimize.brentq(lambda e: matter.stopping_power(e)[0] * length - e, 10, 100)
    assert isclose(found, matter.CRITICAL_ENERGY, rel_tol=0.01)
    # Molière's radius follows from both: X₀ E_s/E_c with E_s = 21.2 MeV, PDG 2024, Eq. 34.38
    assert isclose(21.2052 * matter.RADIATION_LENGTH / matter.CRITICAL_ENERGY,
                   matter.MOLIERE_RADIUS, rel_tol=2e-3)


@pytest.mark.parametrize("energy", [0.1, 0.5, 10.0, 900.0])
def test_range_is_the_integral_of_the_slow_twin(energy):
    start = float(matter.electron_range(0.01))
    t = np.geomspace(0.01, energy, 20_001)
    slow = start + integrate.trapezoid(1 / np.add(*matter.stopping_power(t)), t)
    assert isclose(matter.electron_range(energy), slow, rel_tol=2e-3)


@pytest.mark.parametrize("verb", [matter.photon_rates, matter.stopping_power,
                                  matter.electron_range, matter.photon_free_path])
@pytest.mark.parametrize("energy", [0.0099, 1.1e4, np.nan, [1.0, 2e4]])
def test_energies_beyond_the_tables_are_refused(verb, energy):
    with pytest.raises(ValueError, match=r"energies from .* wanted 0.01 to 10000"):
        verb(energy)


@pytest.mark.parametrize("wrong", [dict(electron=0.001), dict(photon=0.0), dict(step=-0.3),
                                   dict(share=1.5), dict(knock=0.0), dict(single=np.nan)])
def test_steps_that_lead_nowhere_are_refused(wrong):
    with pytest.raises(ValueError, match=r"wanted all > 0, share ≤ 1, electron and photon ≥ 0.01"):
        matter.argon(steps=matter.STEPS._replace(**wrong))


def moller(kinetic, given):
    """dσ/dT in units of ξ: the slow twin, in the symmetric form of PDG-like textbooks."""
    total = kinetic + M
    left = kinetic - given
    return kinetic**2 / total**2 / kinetic**2 + 1 / given**2 + 1 / left**2 - (
        M * (2 * total - M) / total**2) / (given * left)


def radiated(kinetic, k):
    """k dσ/dk in any units: the slow twin."""
    total = kinetic + M
    delta = 136 * M * k / 18 ** (1 / 3) / total / (total - k)
    if delta <= 1:
        a, b = 20.867 - 3.242 * delta + 0.625 * delta**2, 20.209 - 1.93 * delta - 0.086 * delta**2
    else:
        a = b = 21.12 - 4.184 * log(delta + 0.952)
    a, b = max(0, a / 4 - log(18) / 3), max(0, b / 4 - log(18) / 3)
    return (1 + (1 - k / total) ** 2) * a - 2 / 3 * (1 - k / total) * b


@pytest.mark.parametrize("at", [200, 300, 400, 500])
@pytest.mark.parametrize("steps", [matter.STEPS, matter.Steps(knock=0.2, radiate=0.01)], ids="ab")
def test_what_flows_and_what_comes_singly_is_all(at, steps):
    table, t = matter.argon(steps=steps), GRID[at]
    collision, radiative = matter.stopping_power(t)
    xi = table[at, matter.STRAGGLES]
    knocks = xi * integrate.quad(lambda x: moller(t, x), steps.knock, t / 2, limit=500)[0] if (
        t > 2 * steps.knock) else 0.0
    given = xi * integrate.quad(lambda x: x * moller(t, x), steps.knock, t / 2, limit=500)[0] if (
        t > 2 * steps.knock) else 0.0
    whole = integrate.quad(lambda k: radiated(t, k), 0, t, limit=500)[0]
    hard = radiative / whole * integrate.quad(lambda k: radiated(t, k), steps.radiate, t)[0]
    number = radiative / whole * integrate.quad(
        lambda y: radiated(t, np.exp(y)), log(steps.radiate), log(t), limit=500)[0]
    assert isclose(table[at, matter.FLOW_ELECTRON] + given + hard, collision + radiative,
                   rel_tol=2e-4)
    assert isclose(table[at, matter.RADIATES], number, rel_tol=1e-3)
    assert isclose(table[at, matter.OFTEN_ELECTRON], number + knocks, rel_tol=1e-3)


def test_radiation_screened_in_full():
    """4/3 − 4/3 y + y²: PDG 2024, Eq. 34.29; the other terms are a few percent."""
    y = np.linspace(0.02, 0.9, 30)
    shape = np.array([matter._radiation(1e4, 1e4 * part) for part in y])
    simple = 4 / 3 - 4 / 3 * y + y * y
    assert np.allclose(shape / shape[0], simple / simple[0], rtol=0.03)
    assert matter._radiation(10.0, 10.0 - 0.9 * M) == matter._radiation(10.0, 10.0) == 0.0


@pytest.mark.parametrize("gamma", [1.5, 3.0, 100.0])
def test_collisions_of_equals_are_symmetric(gamma):
    for part in (0.01, 0.2, 0.4):
        first, other = (matter._moller(gamma, x) / x**2 for x in (part, 1 - part))
        assert isclose(first, other, rel_tol=1e-12)
    t = (gamma - 1) * M
    assert isclose(matter._moller(gamma, 0.3) / 0.09, t * t * moller(t, 0.3 * t) + (
        (gamma - 1) / gamma) ** 2 - t * t / (t + M) ** 2, rel_tol=1e-12)


def test_soft_collisions_do_not_ask_for_the_charge():
    for gamma in (2.0, 50.0):
        assert isclose(matter._moller(gamma, 1e-7), 1, rel_tol=1e-5)
        assert isclose(matter._bhabha(gamma, 1e-7), 1, rel_tol=1e-5)
    # a positron and an electron at rest: 1/4 of what is left of 1/ε² at γ → ∞, ε = 1/2: (1−ε+ε²)²
    for part in (0.1, 0.5, 1.0):
        assert isclose(matter._bhabha(1e7, part), (1 - part + part**2) ** 2, rel_tol=1e-6)


def test_a_collision_of_a_slow_positron():
    """Bhabha's spectrum at γ = 2, from the terms of its amplitude: scattering and annihilation."""
    gamma, kinetic = 2.0, M
    for part in (0.1, 0.5, 0.9):
        s, t = 2 * M * M * (gamma + 1), -2 * M * part * kinetic
        u = 4 * M * M - s - t
        scatter = (s**2 + u**2) / 2 + 4 * M**2 * (t - M**2)
        annihilate = (u**2 + t**2) / 2 + 4 * M**2 * (s - M**2)
        mixed = (u - 2 * M * M) * (u - 6 * M * M)
        square = scatter / t**2 + annihilate / s**2 + mixed / (s * t)
        beta2 = 1 - 1 / gamma**2
        wanted = 2 * square * part**2 * beta2
        soft = 2 * ((s**2 + (4 * M * M - s) ** 2) / 2 - 4 * M**4) * (part / t) ** 2 * beta2
        assert isclose(matter._bhabha(gamma, part), wanted / soft, rel_tol=1e-6)


@pytest.mark.parametrize("energy", [0.1, 1.0, 10.0, 100.0])
def test_annihilation_in_flight_is_heitlers_cross_section(argon, energy):
    """Its closed form: Heitler 1954, § 27, Eq. 8, per electron of the argon."""
    at = np.abs(GRID - energy).argmin()
    gamma = 1 + GRID[at] / M
    root = sqrt(gamma**2 - 1)
    area = 0.2494667e-24 / (gamma + 1) * ((gamma**2 + 4 * gamma + 1) / root**2 * log(gamma + root)
                                          - (gamma + 3) / root)  # π r_e² [cm²]
    electrons = MICROBOONE.density / 39.948 * 6.02214e23 * 18
    assert isclose(argon[at, matter.ANNIHILATES], area * electrons, rel_tol=2e-4)


def test_what_positrons_lose_beyond_electrons():
    """Limits of F⁺ − F⁻ in PDG 2024, Eqs. 34.22 and 34.24: 3 log 2 − 1 at rest."""
    excess = matter.positron_excess()
    assert isclose(excess[-1], 2 * log(2) - 23 / 12 - 1 / 8, rel_tol=1e-3)
    assert isclose(excess[0], 3 * log(2) - 1, rel_tol=0.07)  # 10 keV, β = 0.2
    assert excess[150] > 0 > excess[160]  # positrons lose more below about 0.35 MeV, then less


def test_columns_that_are_one_line_each(argon):
    t, density = GRID[400], MICROBOONE.density
    momentum, beta = sqrt(t * (t + 2 * M)), sqrt(t * (t + 2 * M)) / (t + M)
    x0 = matter.RADIATION_LENGTH / density
    assert isclose(argon[400, matter.BENDS], (13.6 / (momentum * beta)) ** 2 / x0)
    assert isclose(argon[400, matter.SLOW], 1 / (beta * 2.99792458e4))
    assert isclose(argon[400, matter.STRAGGLES], 0.153537 * 18 / 39.948 * density / beta**2,
                   rel_tol=1e-5)
    assert isclose(argon[400, matter.RANGE], matter.electron_range(t))
    assert np.allclose(argon[400, [matter.COMPTON, matter.PAIR]],
                       np.array(matter.photon_rates(t))[[0, 2]])
    assert isclose(1 / argon[400, matter.MEETS], matter.photon_free_path(t))


@pytest.mark.parametrize("energy", [0.1, 1.0, 10.0])
def test_slow_electrons_bend_by_the_sum_of_single_deflections(argon, energy):
    """Rutherford, screened, times 1 − β²s² + παZβ s(1 − s), s = sin θ/2, with 18 + 1 for a Z."""
    gamma = 1 + GRID[np.abs(GRID - energy).argmin()] / M
    beta = sqrt(1 - 1 / gamma**2)
    momentum, alpha, hbarc = beta * gamma * M, 1 / 137.036, 197.327  # MeV, fm
    atom = 0.885 * 52917.7 * 18 ** (-1 / 3)
    screen = (hbarc / (2 * momentum * atom)) ** 2 * (1.13 + 3.76 * (18 * alpha / beta) ** 2)
    half = alpha * hbarc / (2 * momentum * beta)  # dσ/dΩ = Z² half²/s⁴, dΩ = 4π d(s²)

    def drop(x):  # 1 − cos θ = 2s², x = log s²
        square = np.exp(x)
        spin = 1 - beta**2 * square + pi * alpha * 18 * beta * np.sqrt(square) * (
            1 - np.sqrt(square))
        return 8 * pi * 18 * 19 * (half / (square + screen)) ** 2 * spin * square**2

    atoms = MICROBOONE.density * 6.02214e23 / 39.948 * 1e-26  # per cm and fm²
    slow = atoms * integrate.quad(drop, log(screen) - 12, 0, limit=200)[0]
    assert isclose(row(argon, energy)[matter.BENDS], slow, rel_tol=0.01)


@pytest.mark.parametrize(("energy", "published"), [(1.0, 0.387), (2.0, 0.895)])
def test_slow_electrons_go_as_deep_as_others_do(argon, energy, published):
    """Extrapolated range [g/cm²]: Tabata, Ito and Okabe, Nucl. Instrum. Meth. 103 (1972) 85."""
    n, pieces, dice = 10_000, 200, np.random.default_rng(1)
    whole = matter.electron_range(energy)
    left = whole * (1 - np.arange(pieces) / pieces)
    bends = np.interp(left, argon[:, matter.RANGE], argon[:, matter.BENDS])
    cosine, depth, deepest = np.ones(n), np.zeros(n), np.zeros(n)
    for bend in bends:
        depth += cosine * whole / pieces
        deepest = np.maximum(deepest, depth)
        turn = 1 - np.minimum(2, bend * whole / pieces * dice.exponential(size=n))
        aside = np.sqrt((1 - turn**2) * (1 - cosine**2)) * np.cos(2 * pi * dice.random(n))
        cosine = np.clip(turn * cosine + aside, -1, 1)
    ways = np.quantile(deepest, [0.3, 0.7])  # on the straight part of the transmission
    found = ways[1] + 0.3 * (ways[1] - ways[0]) / 0.4
    assert isclose(found * MICROBOONE.density, published, rel_tol=0.06)


def test_the_kernels_look_up_what_numpy_interpolates(argon):
    for energy in [0.01, 0.013, 1.0, 7.77, 499.0, 1e4]:
        place = matter._place(argon, energy)
        for column in (matter.FLOW_ELECTRON, matter.MEETS):
            wanted = np.interp(log(energy), np.log(GRID), argon[:, column])
            assert isclose(matter._at(argon, *place, column), wanted, rel_tol=1e-9)
    assert matter._place(argon, 1e-5) == (0, 0.0)
    assert matter._place(argon, 1e6) == (599, 1.0)
