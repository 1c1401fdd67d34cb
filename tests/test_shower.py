"""Cascades: each single event by itself, then whole showers against published numbers."""

from math import isclose, pi, sqrt

import numpy as np
import pytest
from scipy import optimize, stats

from darkpairs import detector, matter, rng, shower, stepping
from darkpairs._jit import apart
from darkpairs.constants import ELECTRON_MASS as M

SEA = detector.MICROBOONE._replace(drift=4000.0, height=4000.0, length=4000.0)  # nothing leaves
MIDDLE = (2000.0, 0.0, 2000.0)
X0 = matter.RADIATION_LENGTH / SEA.density  # cm
OLD = (1.0, 2.0, 3.0, 0.0, 0.0, 1.0, 0.5)  # at a place, going along z
WORTH = {shower.PHOTON: 0.0, shower.ELECTRON: 0.0, shower.POSITRON: 2 * M}  # beyond kinetic energy


@apart
def run(seed, n, first, out, tallies, rows, world, argon, papers, deep):
    """Make n cascades of the same first row; `rows` takes where each one ends."""
    stack, k = np.empty((deep, 9)), 0
    for i in range(n):
        stack[0] = first
        state = rng._start(np.uint64(seed), np.uint64(3), np.uint64(i))
        state, k = shower._cascade(state, stack, 1, out, k, tallies[i], world, argon, papers,
                                   float(i))
        rows[i] = k
        if k < 0:
            break
    return k


def cascades(kind, kinetic, n, *, seed=1, box=SEA, start=MIDDLE, way=(0.0, 0.0, 1.0), room=None,
             steps=matter.STEPS, deep=shower.DEEP, argon=None):
    """Return rows of deposits, the sums (n, 3), and where the rows of each cascade end."""
    room = int(n * (60 + 6 * kinetic)) if room is None else room
    out, tallies, rows = np.zeros((room, 7)), np.zeros((n, 3)), np.zeros(n, np.int64)
    first = np.array([kind, *start, *way, kinetic, 0.0])
    argon = matter.argon(detector=box, steps=steps) if argon is None else argon
    k = run(seed, n, first, out, tallies, rows, stepping.world(box), argon, steps, deep)
    return out[:max(0, min(k, room))], tallies, rows


@apart
def photon_events(n, energy, which, stack):
    """Turn or scatter n photons: rows of the stack, two each."""
    state = rng._start(np.uint64(5), np.uint64(3), np.uint64(0))
    for i in range(n):
        if which == 0:
            state, _ = shower._compton(state, stack, 2 * i, OLD, energy)
        else:
            state, _ = shower._pair(state, stack, 2 * i, OLD, energy)


@apart
def charged_events(n, kind, energy, which, least, stack):
    """Let n electrons or positrons radiate, knock or annihilate."""
    state = rng._start(np.uint64(6), np.uint64(3), np.uint64(0))
    for i in range(n):
        if which == 0:
            state, _ = shower._radiate(state, stack, 2 * i, OLD, kind, energy, least)
        elif which == 1:
            state, _ = shower._knock(state, stack, 2 * i, OLD, kind, energy, least)
        elif which == 2:
            state, _ = shower._annihilate(state, stack, 2 * i, OLD, energy)
        else:
            state, _ = shower._rest(state, stack, 2 * i, OLD)


def events(which, energy, *, kind=shower.ELECTRON, n=20_000, least=0.05):
    """Return what two particles come out of an event of a kind, ndarray (n, 2, 9)."""
    stack = np.full((2 * n, 9), np.nan)
    if which in ("compton", "pair"):
        photon_events(n, energy, ("compton", "pair").index(which), stack)
    else:
        charged_events(n, kind, energy, ("radiate", "knock", "annihilate", "rest").index(which),
                       least, stack)
    return stack.reshape(n, 2, 9)


def momenta(rows):
    """Return total energies (without electrons at rest) and momenta of rows of the stack."""
    mass = np.where(rows[..., 0] == shower.PHOTON, 0.0, M)
    size = np.sqrt(rows[..., 7] * (rows[..., 7] + 2 * mass))
    return rows[..., 7] + mass, size[..., None] * rows[..., 4:7]


def against(values, law, low, high, *, points=4001):
    """Return the p-value of values against a density on [low, high], its sums in logarithms."""
    x = np.geomspace(low, high, points)
    y = np.array([law(at) for at in x]) * x
    below = np.concatenate([[0], np.cumsum((y[1:] + y[:-1]) * np.diff(np.log(x)))])
    return stats.kstest(np.interp(np.log(values), np.log(x), below / below[-1]), "uniform").pvalue


@pytest.mark.parametrize(("which", "energy", "kind"), [
    ("compton", 0.05, 0), ("compton", 1.0, 0), ("compton", 30.0, 0),
    ("knock", 3.0, -1), ("knock", 300.0, -1), ("knock", 1.5, 1), ("knock", 300.0, 1),
    ("annihilate", 0.6, 1), ("annihilate", 50.0, 1), ("rest", 0.0, 1)])
def test_what_meets_an_electron_conserves_four_momentum(which, energy, kind):
    made = events(which, energy, kind=float(kind), n=2000, least=1.0)
    totals, vectors = momenta(made)
    mass = 0.0 if kind == 0 else M
    assert np.allclose(totals.sum(axis=1), energy + mass + M, rtol=1e-12)
    wanted = [0, 0, sqrt(energy * (energy + 2 * mass))]
    assert np.allclose(vectors.sum(axis=1), wanted, atol=1e-6 * (energy + M))
    assert np.allclose(np.linalg.norm(made[..., 4:7], axis=-1), 1)
    assert (made[..., [1, 2, 3, 8]] == [1.0, 2.0, 3.0, 0.5]).all()


@pytest.mark.parametrize("energy", [1.03, 1.5, 3.0, 100.0, 5000.0])
def test_pairs_share_all_energy(energy):
    made = events("pair", energy, n=2000)
    assert (made[:, :, 0] == [shower.ELECTRON, shower.POSITRON]).all()
    assert np.allclose(made[:, :, 7].sum(axis=1), energy - 2 * M)
    assert (made[:, :, 7] >= 0).all()
    radiated = events("radiate", energy, n=2000)
    assert np.allclose(radiated[:, :, 7].sum(axis=1), energy)


@pytest.mark.parametrize("energy", [0.03, 0.511, 3.0, 100.0])
def test_compton_photons_follow_klein_and_nishina(energy):
    kappa = energy / M

    def law(left):  # the usual form, with cos θ from Compton's formula
        cosine = 1 - (1 / left - 1) / kappa
        return left + 1 / left - 1 + cosine**2

    for left in (1 / (1 + 1.9 * kappa), 0.99, 1.0):
        verb = [shower.klein_nishina(energy, x) for x in (left, 1.0)]
        assert isclose(verb[0] / verb[1], law(left) / law(1.0), rel_tol=1e-9)
    made = events("compton", energy)
    assert against(made[:, 0, 7] / energy, law, 1 / (1 + 2 * kappa), 1.0) > 0.01
    assert stats.kstest(np.arctan2(made[:, 0, 5], made[:, 0, 4]) / (2 * pi) + 0.5,
                        "uniform").pvalue > 0.01


@pytest.mark.parametrize("energy", [0.5, 5.0])
def test_compton_scattering_is_as_frequent_as_nist_says(energy):
    """Electrons are bound in XCOM, and may radiate: seen below 0.1 and above 100 MeV."""
    left = np.geomspace(1 / (1 + 2 * energy / M), 1.0, 20_001)
    total = np.trapezoid(shower.klein_nishina(energy, left), left)
    electrons = matter.MICROBOONE.density / 39.948 * 6.02214e23 * 18
    assert isclose(total * electrons, matter.photon_rates(energy)[0], rel_tol=0.005)
    with pytest.raises(ValueError, match=r"photons of 0 MeV; wanted energies > 0"):
        shower.klein_nishina([1.0, 0.0], 0.5)


def test_mean_energy_of_compton_electrons():
    """0.440 of a photon of 1 MeV: σ_tr/σ of Klein and Nishina, Evans, The Atomic Nucleus, 1955."""
    given = events("compton", 1.0, n=100_000)[:, 1, 7]
    assert isclose(given.mean(), 0.440, rel_tol=0.005)


@pytest.mark.parametrize("energy", [5.0, 50.0, 1000.0])
def test_pairs_follow_bethe_and_heitler(energy):
    def law(part):
        delta = 136 * 18 ** (-1 / 3) * M / energy / part / (1 - part)
        a = 20.867 - 3.242 * delta + 0.625 * delta**2
        b = 20.209 - 1.93 * delta - 0.086 * delta**2
        if delta > 1:
            a = b = 21.12 - 4.184 * np.log(delta + 0.952)
        a, b = (max(0, x - 4 / 3 * np.log(18)) for x in (a, b))
        return (part**2 + (1 - part) ** 2) * a + 2 / 3 * part * (1 - part) * b

    x = np.linspace(1e-3, 1 - 1e-3, 7) * (1 - 2 * M / energy) + M / energy
    verb, slow = shower.pair_sharing(energy, x), np.array([law(at) for at in x])
    assert np.allclose(verb / verb.max(), slow / slow.max())
    parts = (events("pair", energy)[:, 0, 7] + M) / energy
    assert against(parts, law, M / energy, 1 - M / energy) > 0.01


def test_pairs_of_high_energy_are_screened_in_full():
    """1 − 4/3 x(1 − x): PDG 2024, Eq. 34.32."""
    x = np.linspace(0, 1, 1001)
    assert np.allclose(shower.pair_sharing(1e4, x)[10:-10],
                       9 / 7 * (1 - 4 / 3 * x * (1 - x))[10:-10], rtol=0.05)
    for energy in (1.5, 20.0, 1e4):
        assert isclose(np.trapezoid(shower.pair_sharing(energy, x), x), 1, rel_tol=5e-3)
    with pytest.raises(ValueError, match=r"photon of 1 MeV makes no pair; wanted more than 1.022"):
        shower.pair_sharing(1.0, 0.5)


@pytest.mark.parametrize("energy", [1.0, 20.0, 1000.0])
def test_radiated_photons_have_their_shape_and_their_mean(energy):
    made = events("radiate", energy)
    k = made[:, 1, 7]
    assert against(k, lambda at: matter._radiation(energy + M, at) / at, 0.05, energy) > 0.01
    # mean energy times frequency, and what flows, are NIST's radiative loss
    argon = matter.argon()
    at = np.abs(matter.energies() - energy).argmin()
    soft = matter.argon(steps=matter.Steps(knock=1e9))[at, matter.FLOW_ELECTRON] - (
        matter.stopping_power(matter.energies()[at])[0])
    lost = k.mean() * argon[at, matter.RADIATES] + soft
    error = k.std() / sqrt(len(k)) * argon[at, matter.RADIATES]
    assert abs(lost - matter.stopping_power(energy)[1]) < 4 * error + 0.01 * lost


@pytest.mark.parametrize("kind", [shower.ELECTRON, shower.POSITRON])
@pytest.mark.parametrize("energy", [3.0, 100.0])
def test_knocked_electrons_have_their_shape(kind, energy):
    law = matter._bhabha if kind == shower.POSITRON else matter._moller
    most = energy if kind == shower.POSITRON else energy / 2
    given = events("knock", energy, kind=kind, least=0.5)[:, 1, 7]
    shape = against(given, lambda t: law(1 + energy / M, t / energy) / t**2, 0.5, most)
    assert shape > 0.01


def test_photons_of_annihilation_have_their_shape():
    gamma = 1 + 5.0 / M
    root = sqrt((gamma - 1) / (gamma + 1)) / 2
    part = events("annihilate", 5.0)[:, 0, 7] / (5.0 + 2 * M)
    assert against(part, lambda x: matter._heitler(gamma, x) / x, 0.5 - root, 0.5 + root) > 0.01
    rest = events("rest", 0.0)
    assert (rest[:, :, 7] == M).all()
    assert stats.kstest(rest[:, 0, 6] / 2 + 0.5, "uniform").pvalue > 0.01


def test_narrow_angles():
    """Mean θE/m of the Geant 3 manual's u e^(−au) + 27 u e^(−3au): 2 (1/4 + 3/12)/a = 1.6."""
    made = events("pair", 2000.0, n=100_000)
    energy, _ = momenta(made)
    size = np.arccos(np.minimum(made[..., 6], 1)) * energy / M
    assert isclose(size.mean(), 1.6, rel_tol=0.02)
    across = made[:, :, 4:6]
    first, second = across[:, 0], across[:, 1]
    assert np.allclose(first[:, 0] * second[:, 1], first[:, 1] * second[:, 0], atol=1e-9)
    assert ((first * second).sum(axis=1) <= 0).all()  # one plane, on either side


@apart
def flights(n, energy, world, argon, papers, ends):
    """Fly n photons to their first meeting: how far, and what they became."""
    stack, out, tally = np.zeros((3, 9)), np.zeros((1, 7)), np.zeros(3)
    state = rng._start(np.uint64(7), np.uint64(3), np.uint64(0))
    for i in range(n):
        stack[0] = (0.0, 2000.0, 0.0, 2000.0, 0.0, 0.6, 0.8, energy, 0.0)
        state, top, _ = shower._photon(state, stack, 0, out, 0, tally, world, argon, papers, 0.0)
        ends[i, 0], ends[i, 1] = (stack[0, 3] - 2000.0) / 0.8, top * (stack[0, 0] == -1.0)


@pytest.mark.parametrize("energy", [0.1, 1.0, 100.0, 200.0, 500.0, 1000.0])
def test_photons_fly_as_far_as_nist_says(energy):
    ends = np.zeros((20_000, 2))
    flights(len(ends), energy, stepping.world(SEA), matter.argon(detector=SEA), matter.STEPS, ends)
    path = matter.photon_free_path(energy)
    assert stats.kstest(ends[:, 0] / path, "expon").pvalue > 0.01
    shares = np.array(matter.photon_rates(energy)) * path  # Compton, photoelectric, pair
    counts = np.bincount(ends[:, 1].astype(int), minlength=3)
    for share, count in zip(shares, counts, strict=True):
        assert abs(count / len(ends) - share) < 4 * np.sqrt(share / len(ends)) + 1e-4
    assert energy < 90 or isclose(ends[:, 0].mean() / shares[2], {
        100.0: 25.6, 200.0: 22.5, 500.0: 20.1, 1000.0: 19.2}[energy], rel_tol=0.03)  # Geant4's


@pytest.mark.parametrize("kind", list(WORTH))
@pytest.mark.parametrize("energy", [0.01, 0.4, 5.0, 300.0])
@pytest.mark.parametrize("start", [MIDDLE, (3990.0, 0.0, 2000.0), (4045.0, 1990.0, 4040.0)])
def test_energy_in_is_energy_out(kind, energy, start):
    out, tallies, rows = cascades(kind, energy, 20, start=start, way=(0.6, 0.0, 0.8))
    assert np.allclose(tallies.sum(axis=1), energy + WORTH[kind], rtol=1e-12)
    assert isclose(out[:, 3].sum(), tallies[:, 0].sum(), rel_tol=1e-9, abs_tol=1e-12)
    assert len(out) == rows[-1]
    assert (tallies[:, 2] == 0).all()
    assert (out[:, 3:6] >= 0).all()  # energies, lengths, times


def test_room_and_company_change_nothing():
    first, tallies, rows = cascades(shower.ELECTRON, 200.0, 6)
    again = cascades(shower.ELECTRON, 200.0, 6)
    assert (first == again[0]).all()
    assert (tallies == again[1]).all()
    few = cascades(shower.ELECTRON, 200.0, 6, room=100)
    assert (few[0] == first[:100]).all()
    assert (few[1] == tallies).all()
    assert (few[2] == rows).all()
    alone = cascades(shower.ELECTRON, 200.0, 2)
    assert (alone[0] == first[:rows[1]]).all()
    deep = cascades(shower.ELECTRON, 200.0, 6, deep=500)
    assert (deep[0] == first).all()
    assert cascades(shower.ELECTRON, 200.0, 6, deep=4)[2].min() == -1  # a full stack is told


def test_a_slow_positron_ends_as_two_photons():
    _, tallies, _ = cascades(shower.POSITRON, 0.3, 50)
    assert np.allclose(tallies[:, 0], 0.3 + 2 * M)
    edge = cascades(shower.POSITRON, 0.3, 200, box=detector.MICROBOONE, start=(1.0, 0.0, 500.0))
    assert np.allclose(edge[1].sum(axis=1), 0.3 + 2 * M)
    assert 0.2 < (edge[1][:, 1] > 0.5).mean() < 0.9  # a photon left


@pytest.fixture(scope="module")
def showers():
    """Deposits of 500 cascades of 500 MeV: electron and photon."""
    return {kind: cascades(kind, 500.0, 500)[0] for kind in (shower.ELECTRON, shower.PHOTON)}


def profile(rows):
    """Fit the mean profile by a Gamma density; return its maximum and its mean depth [X₀]."""
    depth, energy = (rows[:, 2] - MIDDLE[2]) / X0, rows[:, 3]
    counts, edges = np.histogram(depth, bins=40, range=(0, 20), weights=energy / energy.sum() / 0.5)
    (a, b), _ = optimize.curve_fit(lambda t, a, b: stats.gamma.pdf(t, a, scale=1 / b),
                                   edges[:-1] + 0.25, counts, p0=(2.5, 0.5))
    return (a - 1) / b, b, (depth * energy).sum() / energy.sum()


def test_showers_are_as_long_as_others_are(showers):
    """Of e⁻: log y − 0.81 with E_c = 29.1 MeV, Grindhammer and Peters, arXiv:hep-ex/0001020, 3.1.

    Simpler and for higher energies, PDG 2024, Eq. 34.36: log y − 0.5, 1 deeper for photons.
    """
    top, slope, _ = profile(showers[shower.ELECTRON])
    later, _, _ = profile(showers[shower.PHOTON])
    critical = 2.66 * (matter.RADIATION_LENGTH * 18 / 39.948) ** 1.1  # MeV, there
    assert abs(top - (np.log(500 / critical) - 0.812)) < 0.3
    assert abs(top - (np.log(500 / matter.CRITICAL_ENERGY) - 0.5)) < 0.6
    assert abs(later - top - 1) < 0.3
    assert 0.5 < slope < 0.62  # PDG 2024, Fig. 34.21: b of light elements


def test_showers_are_as_wide_as_others_are(showers):
    """90 % within one R_M: PDG 2024, Sec. 34.5. We have 84 %; photons of MeV fly 20 cm in argon.

    Grindhammer and Peters, hep-ex/0001020, 3: in argon 74 % (0.5 GeV, mean) to 83 % (10 GeV).
    """
    rows = showers[shower.ELECTRON]
    away = np.hypot(rows[:, 0] - MIDDLE[0], rows[:, 1]) < matter.MOLIERE_RADIUS / SEA.density
    depth, energy = (rows[:, 2] - MIDDLE[2]) / X0, rows[:, 3]
    assert isclose(matter.MOLIERE_RADIUS / SEA.density, 9.1, rel_tol=0.01)  # cm
    early = depth < 4.0
    assert 0.84 - 0.02 < energy[away].sum() / energy.sum() < 0.90
    assert 0.90 < energy[away & early].sum() / energy[early].sum() < 0.94 + 0.02


def begin(rows, n):
    """Median energy per way in the first 3 cm behind the first deposit, in pieces of a wire."""
    event = rows[:, 6].astype(int)
    first = np.full(n, np.inf)
    sure = rows[:, 3] > 0.3
    np.minimum.at(first, event[sure], rows[sure, 2] - 0.15)
    behind = rows[:, 2] - first[event]
    near = (behind >= 0) & (behind < 3) & (np.hypot(rows[:, 0] - MIDDLE[0], rows[:, 1]) < 2)
    wires = np.zeros((n, 10))
    np.add.at(wires, (event[near], (behind[near] / 0.3).astype(int).clip(0, 9)), rows[near, 3])
    return np.median(np.median(wires / 0.3, axis=1))


def test_photons_begin_as_two_particles(showers):
    """Most probable 1.73 MeV/cm for one (PDG 2024, Eq. 34.13), so medians near 1.9 and twice."""
    one, two = (begin(showers[kind], 500) for kind in (shower.ELECTRON, shower.PHOTON))
    assert 1.8 < one < 2.05
    assert 1.9 < two / one < 2.2


def test_electrons_bend_as_highland_says():
    """13.6 MeV/(pβ) after one X₀: PDG 2024, Eq. 34.16; no loss here, to see the bending alone."""
    argon = matter.argon(detector=SEA)
    argon[:, [matter.OFTEN_ELECTRON, matter.FLOW_ELECTRON, matter.STRAGGLES]] = 0.0, 1e-9, 1e-15
    box = detector.MICROBOONE._replace(length=15.0, jacket=0.0)
    rows, tallies, _ = cascades(shower.ELECTRON, 1000.0, 4000, box=box, start=(128.0, 0.0, 0.0),
                                argon=argon, room=4000 * 60)
    assert np.allclose(tallies[:, 1], 1000.0)  # all leave
    late = np.abs(rows[:, 2] - X0) < 0.15
    width = 13.6 / 1000 * X0 / sqrt(3)
    for axis, middle in ((0, 128.0), (1, 0.0)):
        aside = rows[late, axis] - middle
        assert isclose(aside.std(), width, rel_tol=0.06)
        assert stats.kstest(aside / aside.std(), "norm").pvalue > 0.01


@pytest.mark.parametrize("energy", [2.0, 20.0])
def test_ways_without_single_events_are_as_long_as_the_range(energy):
    steps = matter.Steps(knock=1e9, radiate=1e9)
    rows, _, _ = cascades(shower.ELECTRON, energy, 400, steps=steps)
    assert isclose(rows[:, 4].sum() / 400, matter.electron_range(energy), rel_tol=0.015)


def test_finer_steps_change_little(showers):
    """The choices in `Steps` are choices: a shower stays as deep and as wide."""
    steps = matter.Steps(step=0.15, share=0.15, photon=0.01, electron=0.2, knock=0.4, radiate=0.02)
    fine = cascades(shower.ELECTRON, 500.0, 200, steps=steps, seed=2, room=2_000_000)[0]
    for rows in (fine, showers[shower.ELECTRON]):
        aside = np.hypot(rows[:, 0] - MIDDLE[0], rows[:, 1])
        depth = (rows[:, 2] - MIDDLE[2]) / X0
        energy = rows[:, 3] / rows[:, 3].sum()
        assert abs((depth * energy).sum() - 3.65) < 0.2
        assert abs(energy[aside < 3].sum() - 0.56) < 0.02


def test_single_events_come_as_often_as_they_should():
    """An electron of 1 GeV makes seven whole steps of 3 mm with the chance exp(−2.1 cm/path)."""
    box = detector.MICROBOONE._replace(length=2.0, jacket=0.0)  # the seventh leads out
    wanted = np.exp(-2.1 * matter.argon()[500, matter.OFTEN_ELECTRON])
    rows, _, ends = cascades(shower.ELECTRON, 1000.0, 10_000, box=box, start=(128.0, 0.0, 0.0))
    whole = np.bincount(rows[rows[:, 4] == 0.3, 6].astype(int), minlength=10_000)
    straight = (whole == 7) & (np.diff(ends, prepend=0) == 7)
    assert stats.binomtest(int(straight.sum()), 10_000, wanted).pvalue > 0.01
