"""The generator: four-momentum, bits, bounds, spins, places, and bad input.

Its distributions are in test_distributions.
"""

import numba
import numpy as np
import pytest
from scipy.stats import binomtest, kstest

import wholeamplitude
from darknews import BENCH
from darkpairs import (
    batches,
    cells,
    decay,
    detector,
    kinematics,
    model,
    nucleus,
    rates,
    rng,
    signal,
    slots,
    upscatter,
)
from darkpairs.constants import ELECTRON_MASS, PROTON_MASS, SPEED_OF_LIGHT

LIGHT, NOTE = model.BENCHMARKS["light-140"], model.BENCHMARKS["note"]
MASSES = {2212: PROTON_MASS, 1000180400: nucleus.nucleus("Ar40").mass,
          1000060120: nucleus.nucleus("C12").mass}
ARRAYS = list(batches.Truth.SHAPES)


def same(one, two):
    return all(np.array_equal(getattr(one, name), getattr(two, name)) for name in ARRAYS)


def per_event(truth, array):
    return array.reshape(len(truth), -1, *array.shape[1:])


@pytest.mark.parametrize("name", model.BENCHMARKS)
@pytest.mark.parametrize("experiment", detector.EXPERIMENTS)
def test_four_momentum_and_masses_are_kept(name, experiment):
    point = model.BENCHMARKS[name]
    truth = signal.generate(point, 20000, seed=1, experiment=experiment, regime="both")
    p4, pdg = per_event(truth, truth.p4), per_event(truth, truth.pdg)
    target = np.array([MASSES[code] for code in pdg[:, 0].tolist()])
    came = np.stack([truth.e_nu + target, 0 * target, 0 * target, truth.e_nu], axis=1)
    went = p4[:, 0] + p4[:, -3:].sum(axis=1)
    assert np.abs(went - came).max() < 1e-10 * came[:, 0].min()
    assert np.abs(p4[:, 1] - p4[:, -3:].sum(axis=1)).max() < 1e-10 * truth.e_nu.max()
    wanted = [target, point.m_heavy, point.m_light, ELECTRON_MASS, ELECTRON_MASS]
    if decay.is_real(point):
        wanted.insert(2, point.m_zprime)
        assert np.abs(p4[:, 2] - p4[:, 4] - p4[:, 5]).max() < 1e-10 * truth.e_nu.max()
    for k, mass in enumerate(wanted):
        energy2 = p4[:, k, 0] ** 2
        off = np.abs(energy2 - (p4[:, k, 1:] ** 2).sum(axis=1) - mass**2)
        assert (off <= 1e-14 * energy2).all()


def test_record_of_a_real_and_of_a_virtual_zprime():
    real, virtual = (signal.generate(point, 2, seed=1) for point in (LIGHT, NOTE))
    assert real.pdg.tolist() == [1000180400, 5914, 5921, 14, 11, -11] * 2
    assert real.parent.tolist() == [-1, -1, 1, 1, 2, 2] * 2
    assert virtual.pdg.tolist() == [1000180400, 5915, 5914, 11, -11] * 2
    assert virtual.parent.tolist() == [-1, -1, 1, 1, 1] * 2
    assert np.array_equal(virtual.event, [0, 1])
    assert not virtual.kind.any()


def test_flights_are_straight_and_in_time():
    slow = model.replace(LIGHT, ctau=100.0, epsilon=1e-6)
    truth = signal.generate(slow, 5000, seed=4)
    start, time, p4 = (per_event(truth, a) for a in (truth.start, truth.time, truth.p4))
    assert np.array_equal(start[:, 0], truth.vertex)
    for mover, child in ((1, 2), (2, 4)):
        way, took = start[:, child] - start[:, mover], time[:, child] - time[:, mover]
        speed = p4[:, mover, 1:] / p4[:, mover, :1] * SPEED_OF_LIGHT
        assert np.abs(way - speed * took[:, None]).max() < 1e-9 * 1000
    assert np.array_equal(start[:, 4], start[:, 5])
    assert detector.inside(detector.MICROBOONE, truth.start).all()


def test_a_zprime_that_may_not_fly_decays_on_the_spot():
    slow = model.replace(LIGHT, epsilon=1e-6)
    truth = signal.generate(slow, 100, seed=4, zprime_flight=False)
    start, time = per_event(truth, truth.start), per_event(truth, truth.time)
    assert np.array_equal(start[:, 2], start[:, 4])
    assert np.array_equal(time[:, 2], time[:, 4])
    here, gone = (signal.expected_events(slow, pot=1, zprime_flight=z) for z in (False, True))
    assert gone < 0.5 * here
    assert np.isclose(here, signal.expected_events(slow, pot=1, inside=False), rtol=1e-3, atol=0)


def test_lives_follow_their_law():
    slow = model.replace(LIGHT, ctau=3.0, epsilon=1e-6)
    truth = signal.generate(slow, 40000, seed=4, inside=False)
    time, p4 = per_event(truth, truth.time), per_event(truth, truth.p4)
    for mover, child, length in ((1, 2, 3.0), (2, 4, rates.lengths(slow)[1])):
        own = (time[:, child] - time[:, mover]) * SPEED_OF_LIGHT
        mass = (LIGHT.m_heavy, LIGHT.m_zprime)[mover - 1]
        assert kstest(own / p4[:, mover, 0] * mass / length, "expon").pvalue > 0.01


@pytest.mark.parametrize("name", ["light-140", "star-3-30"])
@pytest.mark.parametrize("experiment", detector.EXPERIMENTS)
def test_interactions_fill_the_detector_evenly(name, experiment):
    truth = signal.generate(model.BENCHMARKS[name], 20000, seed=2, experiment=experiment,
                            inside=False)
    paper = detector.paper(experiment)
    assert detector.inside(paper, truth.vertex).all()
    if experiment == "microboone":
        low, high = detector.walls(paper)
        even = (truth.vertex - low) / (high - low)
    else:
        radius = np.sqrt((truth.vertex**2).sum(axis=1))
        even = np.stack([(radius / paper.radius) ** 3, truth.vertex[:, 2] / radius / 2 + 0.5], 1)
    assert min(kstest(each, "uniform").pvalue for each in even.T) > 0.01


def test_events_depend_on_seed_and_number_alone():
    options = dict(seed=7, regime="both", experiment="miniboone")
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        whole = signal.generate(NOTE, 1000, **options)
    finally:
        numba.set_num_threads(before)
    parts = [signal.generate(NOTE, n, first=first, **options)
             for first, n in ((0, 1), (1, 299), (300, 700))]
    joined = batches.concatenate(parts)
    assert same(whole, signal.generate(NOTE, 1000, **options))
    for name in set(ARRAYS) - {"weight"}:
        assert np.array_equal(getattr(whole, name), getattr(joined, name)), name
    other = signal.generate(NOTE, 1000, **{**options, "seed": 8})
    assert not np.isclose(other.e_nu, whole.e_nu).any()


@pytest.mark.parametrize("inside", [True, False])
def test_weights_add_up_to_the_rate(inside):
    options = dict(regime="both", experiment="miniboone", inside=inside)
    truth = signal.generate(NOTE, 1000, seed=1, **options)
    assert np.isclose(truth.weight.sum() * 1e20, signal.expected_events(NOTE, pot=1e20, **options))


@pytest.mark.parametrize("name", model.BENCHMARKS)
def test_no_value_leaves_its_bounds(name):
    """10⁷ values of the law of each benchmark, thrown as the generator throws them."""
    options = dict(exchange="zprime", form_factor="fourier-bessel", pauli=False, inside=True)
    point = model.BENCHMARKS[name]
    for experiment, n in (("microboone", 10_000_000), ("miniboone", 1_000_000)):
        flight, ways, place = signal.sampler(point, experiment=experiment, regime="both",
                                             **options)
        assert outside(n, flight, ways.table, ways.shapes, place) == 0
    masses = decay.mass_cells(point)
    s = masses[:, 2:3] + masses[:, 3:4] * np.linspace(0, 1, 2001)
    law = decay._mass_law.py_func(s, point.m_heavy, point.m_light, point.m_zprime, point.majorana)
    if not decay.is_real(point):
        assert (law <= masses[:, 4:5]).all()
        assert (law >= (masses[:, 4] * masses[:, 5])[:, None]).all()


@numba.njit(error_model="numpy")
def outside(n, flight, table, shapes, place):
    """How many of n values lie above the ceiling or below the floor of their cell."""
    count, dice = 0, rng._start(np.uint64(1), np.uint64(2), np.uint64(3))
    for _ in range(n):
        dice, u = rng._next(dice)
        cell = cells._pick(u, place)
        dice, u = rng._next(dice)
        energy = place[cell, 3] + u * place[cell, 4]
        dice, u = rng._next(dice)
        value, _ = signal._law(flight, table, shapes, int(place[cell, 2]), energy,
                               place[cell, 5] + u * place[cell, 6])
        count += value > place[cell, 7] or value < place[cell, 7] * place[cell, 8]
    return count


@pytest.mark.parametrize("name", ["light-140", "note", "star-0.5-800"])
@pytest.mark.parametrize("regime", ["coherent", "proton"])
def test_spin_of_the_chain_is_that_of_the_whole_amplitude(name, regime):
    """Event by event: the trace over the whole chain is (making)(decay)(1 + g)/8."""
    point = model.BENCHMARKS[name]
    truth = signal.generate(point, 100, seed=2, regime=regime, inside=False)
    ratios = []
    for i in range(100):
        p4 = truth.p4[slice(*truth.offsets[i:i + 2])]
        k1, k3, k4 = np.array([1, 0, 0, 1]) * truth.e_nu[i], p4[1], p4[0]
        target = MASSES[int(truth.pdg[truth.offsets[i]])]
        q2 = 2 * target * (k4[0] - target)
        form = (1.0, 0.0) if regime == "coherent" else nucleus._proton(q2)
        hadrons = wholeamplitude.hadrons(np.array([target, 0, 0, 0]), k4, *form, target)
        leptons = wholeamplitude.leptons(*p4[-2:], ELECTRON_MASS)
        parts = k1, k3, p4[-3], hadrons, leptons
        whole, apart = wholeamplitude.whole(*parts), wholeamplitude.apart(*parts)
        ratios.append(8 * whole / apart / (1 + favour(point, k1, k3, p4, target, q2, form)))
    assert np.allclose(ratios, 1, rtol=0, atol=1e-8)


def favour(point, k1, k3, p4, target, q2, form):
    """g of one event, from the kernels that the generator uses."""
    span = (q2, *kinematics._q2_limits(k1[0], point.m_heavy, target))
    heavy = upscatter._heavy_momentum(target, point.m_heavy, k1[0], span)
    sx, sz = upscatter._polarisation(target, point.m_heavy, k1[0], q2, *form, *heavy)
    plane = k3[1:3] / np.hypot(*k3[1:3])
    a, b = (np.array(kinematics._boost(p[0], tuple(p[1:]), k3[0], tuple(-k3[1:]), point.m_heavy))
            for p in p4[-2:])
    ea, eb = (np.sqrt(ELECTRON_MASS**2 + v @ v) for v in (a, b))
    k = np.sqrt((a + b) @ (a + b))
    return decay._analysing(decay.chain(point), ea + eb, k, tuple((a + b) / k), (ea, *a), (eb, *b),
                            (sx * plane[0], sx * plane[1], sz))


OPTIONS = dict(experiment="miniboone", regime="both", exchange="zprime",
               form_factor="fourier-bessel", pauli=False)


def throws(flight, ways, n):
    """A scratch array with n throws of energy and place in x, by each process."""
    w, dice, _ = slots._open(n, 0, (np.uint64(1), np.uint64(2), np.uint64(3)))
    for j, (u, v) in enumerate(rng.uniforms(5, 6, n, 2)):
        p = j % len(ways.table)
        w[slots.PROCESS + j], w[slots.TARGET + j] = p, ways.table[p, 0]
        w[slots.SINGLE + j] = ways.shapes[p, 0] == upscatter.NUCLEON
        w[slots.ENERGY + j] = kinematics.threshold(flight.heavy, ways.table[p, 0]) + 1000 * u
        w[slots.X + j] = v
    return w, dice


def values(flight, ways, w, n):
    """The law and (Q², its smallest, its largest value) of n throws."""
    return zip(*(signal._law(flight, ways.table, ways.shapes, int(w[slots.PROCESS + j]),
                             w[slots.ENERGY + j], w[slots.X + j]) for j in range(n)), strict=True)


def test_what_lies_below_the_law_is_kept():
    flight, ways, _ = signal.sampler(NOTE, inside=True, **OPTIONS)
    w, _ = throws(flight, ways, 60)
    law = np.array(next(values(flight, ways, w, 60)))
    for factor, kept in ((0.999, 1.0), (1.001, 0.0)):
        w[slots.HEIGHT:slots.HEIGHT + 60] = factor * law
        w[slots.KEPT:slots.KEPT + 60] = np.arange(60) < 10  # these are below the floor: not asked
        signal._ask(60, w, np.empty(60, np.int64), flight, ways)
        assert (w[slots.KEPT:slots.KEPT + 10] == 1).all()
        assert (w[slots.KEPT + 10:slots.KEPT + 60] == kept).all()


def test_a_long_life_weighs_by_its_chance_to_end_inside():
    point = model.replace(NOTE, ctau=300.0)
    (near, ways, _), (far, _, _) = (signal.sampler(point, inside=inside, **OPTIONS)
                                    for inside in (True, False))
    w, _ = throws(near, ways, 60)
    (forced, q2), (free, _) = (values(flight, ways, w, 60) for flight in (near, far))
    target = w[slots.TARGET:slots.TARGET + 60]
    energy = w[slots.ENERGY:slots.ENERGY + 60] - np.array(q2)[:, 0] / (2 * target)
    length = 300.0 * np.sqrt(energy**2 - point.m_heavy**2) / point.m_heavy
    chance = 1 - np.exp(-2 * detector.MINIBOONE.radius / length)
    assert np.allclose(np.array(forced) / np.array(free), chance, rtol=1e-9)
    assert chance.min() < 0.9


def test_the_spin_turns_with_the_plane_of_scattering():
    flight, ways, _ = signal.sampler(NOTE, inside=True, **OPTIONS)
    w, dice = throws(flight, ways, 60)
    for j, q2 in enumerate(list(values(flight, ways, w, 60))[1]):
        slots._put_three(w, slots.Q2, j, *q2)
    signal._scatter(60, dice, w, flight)
    momentum = w[slots.P_HEAVY:slots.P_HEAVY + 4 * slots.BLOCK].reshape(4, -1)[1:, :60]
    spin = w[slots.SPIN:slots.SPIN + 3 * slots.BLOCK].reshape(3, -1)[:, :60]
    across = np.hypot(*spin[:2]) * np.hypot(*momentum[:2])
    assert np.allclose(np.abs(spin[0] * momentum[0] + spin[1] * momentum[1]), across, rtol=1e-12)
    assert np.ptp(np.arctan2(momentum[1], momentum[0])) > 3  # all round the beam
    assert np.hypot(*spin[:2]).max() > 0.1
    assert ((spin**2).sum(axis=0) <= 1 + 1e-12).all()


@pytest.mark.parametrize(("changes", "experiment"), [
    (dict(ctau=200.0), "microboone"), (dict(ctau=200.0), "miniboone"),
    (dict(ctau=5.0), "microboone"), (dict(epsilon=2e-6), "microboone")])
def test_share_inside_is_that_of_the_quadrature(changes, experiment):
    point = model.replace(LIGHT, **changes)
    n = 200000
    truth = signal.generate(point, n, seed=3, experiment=experiment, inside=False, regime="both")
    paper = detector.paper(experiment)
    stays = detector.inside(paper, truth.start[batches.only(truth, signal.ZPRIME)])
    stays &= detector.inside(paper, truth.start[batches.only(truth, 11)])
    all_, kept = (signal.expected_events(point, pot=1, experiment=experiment, inside=inside,
                                         regime="both") for inside in (False, True))
    assert 0.02 < kept / all_ < 0.98
    # the quadrature lets both fly in one direction: off by less than 2e-3
    share = stays.mean()
    assert abs(share * all_ / kept - 1) < 2e-3 + 4 * np.sqrt((1 - share) / share / n)


def test_prompt_and_long_lived_ones_come_from_the_same_law():
    """Forced flights of long-lived ν_h against free ones that are thrown away when outside."""
    point = model.replace(NOTE, ctau=300.0)
    free = signal.generate(point, 400000, seed=5, inside=False)
    stays = detector.inside(detector.MICROBOONE, free.start[batches.only(free, 11)])
    forced = signal.generate(point, 100000, seed=6)
    for value in ("e_nu", "depth"):
        one, two = ((t.e_nu if value == "e_nu" else t.start[batches.only(t, 11)][:, 2])
                    for t in (batches.select(free, stays), forced))
        assert kstest(one, two).pvalue > 0.01


def test_coherent_and_proton_come_as_often_as_their_rates():
    for experiment in detector.EXPERIMENTS:
        truth = signal.generate(NOTE, 100000, seed=9, experiment=experiment, regime="both")
        protons = int((per_event(truth, truth.pdg)[:, 0] == 2212).sum())
        proton, both = (signal.expected_events(NOTE, pot=1, experiment=experiment, regime=regime)
                        for regime in ("proton", "both"))
        assert binomtest(protons, 100000, proton / both).pvalue > 0.01


def test_isotropic_settings_do_what_they_say():
    options = dict(seed=11, inside=False)
    energy = {}
    for heavy in ("spin", "isotropic"):
        truth = signal.generate(LIGHT, 200000, heavy_decay=heavy, **options)
        pair = truth.p4[batches.only(truth, 11)] + truth.p4[batches.only(truth, -11)]
        energy[heavy] = pair[:, 0].mean()
    assert energy["isotropic"] > 1.25 * energy["spin"]
    softer = {}
    for zprime in ("correlated", "isotropic"):
        truth = signal.generate(LIGHT, 200000, zprime_decay=zprime, **options)
        one, two = (truth.p4[batches.only(truth, code)] for code in (11, -11))
        pair = one + two
        speed = np.sqrt((pair[:, 1:] ** 2).sum(axis=1)) / pair[:, 0]
        softer[zprime] = (np.minimum(one, two)[:, 0] / pair[:, 0]).mean()
    assert np.isclose(softer["isotropic"], 0.5 - speed.mean() / 4, atol=0.002)  # even in energy
    assert softer["correlated"] > softer["isotropic"] + 0.005


@pytest.mark.parametrize(("options", "message"), [
    (dict(n=0), "n = 0, first = 0; wanted whole numbers, n > 0 and first ≥ 0"),
    (dict(n=1.5), "n = 1.5"), (dict(seed=0.5), "seed 0.5; wanted a whole number"),
    (dict(n=-5), "n = -5"), (dict(first=-1), "first = -1"),
    (dict(seed=-1), "seed -1; wanted a whole number from 0 to"),
    (dict(experiment="dune"), "unknown experiment 'dune'"), (dict(regime="dis"), "unknown regime"),
    (dict(zprime_decay="odd"), "unknown zprime_decay 'odd'; wanted 'correlated' or 'isotropic'"),
    (dict(heavy_decay="odd"), "unknown heavy_decay 'odd'; wanted 'spin' or 'isotropic'"),
    (dict(form_factor="flat"), "unknown form factor 'flat'"),
    (dict(model=model.replace(LIGHT, epsilon=0.0)), "ν_h is stable"),
    (dict(model=model.replace(LIGHT, epsilon=0.0, ctau=1.0)), "Z′ is stable|ν_h is stable"),
    (dict(model=model.replace(LIGHT, m_light=139.5)), "cannot decay into 139.5 MeV and a pair"),
    (dict(model=model.replace(LIGHT, umu_light=0.0)), "makes no pairs; wanted couplings"),
    (dict(model=model.replace(LIGHT, m_heavy=9000.0)), "is too heavy for this beam"),
])
def test_bad_input_is_refused_in_words(options, message):
    with pytest.raises(ValueError, match=message):
        signal.generate(**{"model": LIGHT, "n": 10, "seed": 1, **options})


def test_what_the_beam_cannot_open_is_left_out():
    heavy = model.broad(m5=2900.0, delta=3, m_zprime=500.0, vmu5=1e-2)  # protons: from 7.4 GeV
    nuclei, both = (signal.generate(heavy, 100, seed=1, regime=regime)
                    for regime in ("coherent", "both"))
    assert same(nuclei, both)


def test_who_never_stays_inside_is_said_in_words(monkeypatch):
    far = model.replace(LIGHT, epsilon=1e-13, ctau=1.0)
    with pytest.raises(ValueError, match="no event decayed inside in 1000000 throws; ask for"):
        signal.generate(far, 1, seed=1)
    assert len(signal.generate(far, 10, seed=1, inside=False)) == 10


def test_darknews_points_generate():
    for point in BENCH.values():
        assert len(signal.generate(point, 10, seed=1)) == 10
