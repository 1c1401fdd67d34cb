"""Field and electronics: what one electron does to the wires around it."""

from math import atan2, cos, exp, hypot, isclose, log, pi, sin, sqrt

import numpy as np
import pytest

from darkpairs import detector, response

CHAMBER = detector.MICROBOONE
PEAK = 1 / response.electrons_per_count(CHAMBER)


@pytest.fixture(scope="module")
def one():
    return response.table(CHAMBER)


def test_one_electron_is_one_charge_on_its_wire_and_none_elsewhere(one):
    wanted = np.zeros((3, 7))
    wanted[2, 3] = 1.0
    assert one.adc.shape == one.induced.shape == (3, 7, one.adc.shape[2])
    assert np.allclose(one.induced.sum(axis=2), wanted, rtol=0, atol=1e-12)
    # a pulse is cut after five shaping times
    assert np.allclose(one.adc.sum(axis=2) / response.area(CHAMBER), wanted, rtol=0, atol=1e-5)


def single(monkeypatch, start, reach=response.REACH):
    """Return the response to electrons that all start at one place across the pitch."""
    monkeypatch.setattr(response, "_starts", lambda *_: (np.array([start]), np.array([1.0])))
    return response._table.__wrapped__(response._matters(CHAMBER), reach)


@pytest.mark.parametrize("start", [-0.149, -0.11, -0.02, 1e-6, 0.055, 0.14])
def test_the_sums_hold_for_any_path(monkeypatch, start):
    found = single(monkeypatch, start).induced
    wanted = np.zeros((3, 7))
    wanted[2, 3] = 1.0
    assert np.allclose(found.sum(axis=2), wanted, rtol=0, atol=1e-12)
    mirror = single(monkeypatch, -start).induced
    assert np.allclose(mirror[:, ::-1], found, rtol=0, atol=1e-9)


def test_the_response_is_even_across_the_wires(one):
    assert np.allclose(one.adc[:, ::-1], one.adc, rtol=0, atol=1e-9 * PEAK)
    assert np.allclose(one.induced[:, ::-1], one.induced, rtol=0, atol=1e-9)


def slow_charges(plane, wide):
    """Solve for the charges on all wires with wire 0 of a plane at 1; everything in loops."""
    wires = [(-0.3 * p, 0.3 * k) for p in range(3) for k in range(-wide, wide + 1)]
    system = [[slow_line(xi + (0.0075 if (xi, yi) == (xj, yj) else 0.0), yi, xj, yj)
               for xj, yj in wires] for xi, yi in wires]
    ones = [1.0 if wire == (-0.3 * plane, 0.0) else 0.0 for wire in wires]
    return wires, np.linalg.solve(system, ones)


def slow_line(x, y, at_x, at_y):
    """Potential of a line of charge with its image behind the cathode."""
    return log(hypot(x - (2 * 256.35 - at_x), y - at_y) / hypot(x - at_x, y - at_y))


def slow_pull(x, y, lines):
    """∇φ of the drift field, from 2001 lines in each plane and the rest of each as two sheets."""
    gx, gy = lines[3], 0.0
    for plane in range(3):
        dx = x + 0.3 * plane
        dy = y - 0.3 * np.arange(-1000, 1001)
        gx -= lines[plane] * (dx / (dx * dx + dy * dy)).sum()
        gy -= lines[plane] * (dy / (dx * dx + dy * dy)).sum()
        edge = 0.3 * 1000.5
        gx -= lines[plane] / 0.3 * (pi - atan2(edge - y, abs(dx)) - atan2(edge + y, abs(dx))) * (
            1 if dx > 0 else -1)
    return gx, gy


def test_slow_twin_by_currents(monkeypatch):
    """Ramo's currents v·∇w, with small steps along one path, sum up to the charges per tick."""
    start, lines = 0.06, response._biases(CHAMBER, response.REACH)
    fast = single(monkeypatch, start)
    step = 0.004  # µs
    slow = np.zeros((2, fast.induced.shape[2]))  # U wire 0, and V wire 1
    found = [slow_charges(0, 15), slow_charges(1, 15)]
    x, y, t = 1.5, start, -1.5 / 0.1098
    begin = t
    while hypot(x + 0.6, y) > 0.0075:
        gx, gy = slow_pull(x, y, lines)
        strength = hypot(gx, gy)
        speed = 0.1098 * float(response._speed(strength) / response._speed(0.273))
        vx, vy = speed * gx / strength, speed * gy / strength
        tick = int(np.floor(t / 0.5 + 0.5)) - fast.start
        for k, (wires, charges) in enumerate(found):
            w = np.array(wires) + np.array([0.0, 0.3 * k])  # around wire k
            mx, my = x + vx * step / 2, y + vy * step / 2
            near, far = [mx - w[:, 0], my - w[:, 1]], [mx - 512.7 + w[:, 0], my - w[:, 1]]
            slope = [(charges * (f / (far[0]**2 + far[1]**2) - n / (near[0]**2 + near[1]**2))).sum()
                     for n, f in zip(near, far, strict=True)]
            slow[k, tick] += (vx * slope[0] + vy * slope[1]) * step
        x, y, t = x + vx * step, y + vy * step, t + step
    inside = np.arange(slow.shape[1]) + fast.start > begin / 0.5 + 1
    for k, wire in ((0, 3), (1, 4)):
        assert np.allclose(slow[k, inside], fast.induced[k, wire, inside], rtol=0, atol=2e-3)
        assert abs(slow[k]).max() > 0.015


def test_weighting_potential_is_one_on_its_wire_and_zero_on_all_others():
    for plane in range(3):
        for other in range(3):
            for wire in range(-3, 4):
                round_it = [(0.0075 * cos(a) - 0.3 * other, 0.0075 * sin(a) + 0.3 * wire)
                            for a in np.linspace(0, 2 * pi, 12, endpoint=False)]
                found = response.weighting(CHAMBER, plane, *np.array(round_it).T)
                own = float(other == plane and wire == 0)
                assert np.allclose(found.mean(), own, atol=2e-4)
                assert np.allclose(found, own, atol=0.01)  # wires are thin, not points


def test_weighting_potentials_of_all_wires_make_a_box_without_field():
    x, y = np.array([-0.15, -0.4, -0.6, 0.1]), np.array([0.02, 0.11, -0.15, 0.07])
    reach = response.REACH._replace(array=30.0)
    total = sum(response.weighting(CHAMBER, plane, x, y - 0.3 * wire, reach)
                for plane in range(3) for wire in range(-25, 26))
    assert np.allclose(total[:3], 1, atol=0.008)  # but for the wires beyond
    assert 0.9 < total[3] < 1  # above U, some lines of the field go to the cathode


def test_weighting_potential_against_the_slow_twin():
    wires, charges = slow_charges(1, 15)
    for x, y in ((0.4, 0.1), (-0.17, -0.05), (-0.5, 0.31), (3.0, 0.0)):
        slow = sum(q * slow_line(x, y, *wire) for q, wire in zip(charges, wires, strict=True))
        assert isclose(float(response.weighting(CHAMBER, 1, x, y)), slow, rel_tol=1e-5)


def test_enough_wires_paths_and_height(one):
    most = one.adc.max()
    wider = response.table(CHAMBER, response.REACH._replace(array=30.0))
    assert abs(wider.adc - one.adc).max() < 1e-3 * most
    denser = response.table(CHAMBER, response.REACH._replace(impacts=96.0))
    ticks = min(one.adc.shape[2], denser.adc.shape[2])
    assert abs(denser.adc[..., :ticks] - one.adc[..., :ticks]).max() < 5e-3 * most
    higher = response.table(CHAMBER, response.REACH._replace(height=12.0))
    late = one.start - higher.start
    assert abs(higher.adc[..., late:] - one.adc).max() < 4e-3 * most
    assert abs(higher.adc[..., :late]).max() < 2e-3 * most


def test_farther_wires_see_less(one):
    shares = abs(one.adc).max(axis=2) / abs(one.adc[:, 3:4]).max(axis=2)
    assert (np.diff(shares[:, 3:], axis=1) < 0).all()
    assert shares[0, 6] < 0.1  # U has nothing before it that screens
    assert (shares[1:, 6] < 0.02).all()


def test_biases_and_fields_are_those_of_the_chamber():
    lines = response._biases(CHAMBER, response.REACH)
    assert np.allclose(slow_pull(8.0, 0.1, lines), [-0.273, 0], atol=1e-4)
    assert np.allclose(slow_pull(-3.0, 0.1, lines), [0.230 / 5, 0], atol=1e-4)
    # from the side of a wire to that of the next: ∫ ∇φ dx
    steps = -0.3 * (np.arange(4000) + 0.5) / 4000
    for plane, rise in ((0, 0.110), (1, 0.230)):
        pulls = [slow_pull(x - 0.3 * plane, 0.0075, lines)[0] for x in steps]
        assert isclose(np.mean(pulls) * -0.3, rise, abs_tol=5e-4)


def test_all_electrons_end_on_y():
    _, x, y, ends = response.paths(CHAMBER, response.REACH._replace(impacts=100.0))
    assert (ends == 2).all()
    assert np.allclose(np.hypot(x[-1] + 0.6, y[-1]), 0.004, atol=0.004)
    assert (abs(y) < 0.15).all()  # each in its own pitch


def test_both_planes_pass_the_published_criterion_of_transparency():
    """Bunemann, Cranshaw and Harvey, Can. J. Res. 27 A (1949) 191: E₂/E₁ > (1 + ρ)/(1 − ρ)."""
    lines = response._biases(CHAMBER, response.REACH)
    rho = 2 * pi * 0.0075 / 0.3
    before = 0.273
    for plane in (0, 1):
        after = before - 2 * pi / 0.3 * lines[plane]
        assert after / before > (1 + rho) / (1 - rho)
        before = after


def test_biases_that_catch_electrons_on_the_way_are_refused():
    dull = CHAMBER._replace(bias_u=0.0)
    assert (response.paths(dull)[3] == 0).any()
    with pytest.raises(ValueError, match=r"biases 0.0, 0.0, 0.23 kV at 0.273 kV/cm: \d+ of 32 "
                                         r"paths do not end on Y; wanted all"):
        response.table(dull)


@pytest.mark.parametrize("change", [dict(wires=-1.0), dict(array=2.0), dict(impacts=1.0),
                                    dict(height=1.0), dict(wall=0.0)], ids=str)
def test_a_reach_that_makes_no_sense_is_refused(change):
    with pytest.raises(ValueError, match="wanted wires ≥ 0, array ≥ wires and 2, impacts ≥ 2"):
        response.table(CHAMBER, response.REACH._replace(**change))


def test_speed_is_that_of_the_paper_far_above_and_the_published_one_elsewhere():
    time, x, _, _ = response.paths(CHAMBER)
    above = time < -0.9 / CHAMBER.velocity
    assert np.allclose(x[above], -CHAMBER.velocity * time[above, None])
    assert time[0] <= -6.0 / CHAMBER.velocity < time[8]
    # ICARUS, NIM A 516 (2004) 68: 1.55 mm/µs at 0.5 kV/cm and 89 K; mobility is in cm²/(V s)
    assert isclose(response._speed(0.5) * 1e-3, 0.155, abs_tol=0.002)
    assert isclose(response._speed(1e-9), 551.6e-9, rel_tol=1e-4)  # a weak field: mobility alone
    assert (np.diff(response._speed(np.geomspace(1e-3, 30, 300))) > 0).all()


def test_induction_is_bipolar_and_collection_unipolar(one):
    for plane in (0, 1):
        own = one.adc[plane, 3]
        assert own.argmax() < own.argmin()
        assert 0.15 < own.max() / PEAK < 0.3
        assert 0.15 < -own.min() / PEAK < 0.3
        assert isclose(own[own > 0].sum(), -own[own < 0].sum(), rel_tol=1e-9)
    own = one.adc[2, 3]
    assert own.min() > -1e-4 * own.max()
    assert 0.6 < own.max() / PEAK < 0.8


def test_planes_speak_one_after_the_other(one):
    """U, V, Y: as published (JINST 13 P07006), by the time from plane to plane."""
    ticks = one.start + np.arange(one.adc.shape[2])
    cross = []
    for plane in (0, 1):
        own = one.adc[plane, 3]
        first = int(own.argmax()) + int((own[own.argmax():] < 0).argmax())
        cross.append(ticks[first - 1] + own[first - 1] / (own[first - 1] - own[first]))
    peak = ticks[one.adc[2, 3].argmax()]
    assert 3 < cross[0] < cross[1] < peak < 16
    between = response.paths(CHAMBER)
    passes = [np.median(between[0][(between[1] < -0.3 * p).argmax(axis=0)]) for p in (0, 1)]
    assert isclose((cross[1] - cross[0]) / 2, passes[1] - passes[0], rel_tol=0.15)


def test_collection_pulse_is_a_little_wider_than_the_shaping_alone(one):
    time = np.linspace(0, 12, 24_001)
    shape = response.pulse(CHAMBER, time)
    alone = (shape > shape.max() / 2).mean() * 12
    ticks = np.linspace(0, one.adc.shape[2] - 1, 100_001)
    own = np.interp(ticks, np.arange(one.adc.shape[2]), one.adc[2, 3])
    width = (own > own.max() / 2).mean() * (one.adc.shape[2] - 1) * 0.5
    assert 2.2 < alone < 2.5
    assert alone < width < 1.6 * alone


def test_pulse_peaks_at_the_shaping_time_with_the_gain():
    time = np.linspace(-2, 20, 22_001)
    shape = response.pulse(CHAMBER, time)
    assert isclose(time[shape.argmax()], 2.2)
    assert isclose(1 / shape.max(), 182, abs_tol=1)  # arXiv 1705.07341, Eq. 6.1
    assert isclose(1 / shape.max(), 2000 / 4096 / (14 * 1.2 * 1.602176634e-4), rel_tol=1e-12)
    assert (shape[time <= 0] == 0).all()
    assert isclose(shape.sum() * 1e-3 / 0.5, response.area(CHAMBER), rel_tol=1e-6)
    assert isclose(1 / response.area(CHAMBER), 36.17, abs_tol=0.01)  # electrons per count and tick


def test_pulse_against_a_chain_of_filters():
    """A step of charge through one CR and five RC, with small steps of time."""
    tau, step, stages = 2.2 / 5, 1e-4, np.zeros(6)
    stages[0], found = 1.0, []
    for _ in range(60_000):
        found.append(stages[5])
        inflow = np.concatenate([[0.0], stages[:5]])
        stages = stages + step / tau * (inflow - stages)
    found = np.array(found) * 120 / 5**5 * exp(5)  # 1 at the peak
    shape = response.pulse(CHAMBER, step * np.arange(60_000)) / PEAK
    assert np.allclose(found, shape, atol=1e-3)


def test_twice_the_gain_is_twice_the_signal(one):
    for change in (dict(gain=28.0), dict(amplify=2.4), dict(bits=13.0), dict(swing=1000.0)):
        louder = response.table(CHAMBER._replace(**change))
        assert np.allclose(louder.adc, 2 * one.adc, rtol=1e-12, atol=1e-18)
        assert np.array_equal(louder.induced, one.induced)


def test_samples_are_means_over_a_tick(one):
    """The mean of a response in ticks half as long, over a whole one, is that in whole ticks."""
    half = response.table(CHAMBER._replace(tick=0.25))
    k = 2 * (one.start + np.arange(10, one.adc.shape[2] - 10)) - half.start
    mean = (half.adc[..., k - 1] / 2 + half.adc[..., k] + half.adc[..., k + 1] / 2) / 2
    assert np.allclose(mean, one.adc[..., 10:-10], rtol=0, atol=0.015 * one.adc.max())


def test_only_what_matters_makes_a_new_response():
    one = response.table(CHAMBER)
    assert response.table(CHAMBER._replace(lifetime=100.0, noise_flat=3.0)) is one
    with pytest.raises(ValueError, match="read-only"):
        one.adc[0, 0, 0] = 1.0


def test_spectrum_has_time_zero_at_its_first_sample(one):
    spectrum = response.spectrum(CHAMBER, 300)
    assert spectrum.shape == (3, 7, 151)
    ticks = one.start + np.arange(one.adc.shape[2])
    for k in (0, 7, 60):
        slow = (one.adc * np.exp(-2j * pi * k * ticks / 300)).sum(axis=2)
        assert np.allclose(spectrum[..., k], slow, rtol=0, atol=1e-12)
    assert isclose(spectrum[2, 3, 0].real, response.area(CHAMBER), rel_tol=1e-5)
    with pytest.raises(ValueError, match=f"n = 100; wanted at least the {len(ticks)} ticks"):
        response.spectrum(CHAMBER, 100)


def test_spectrum_is_field_times_electronics(one):
    """But for the means over ticks, which matter little below 300 kHz."""
    induced = np.zeros((3, 7, 1024))
    induced[..., :one.adc.shape[2]] = one.induced
    field = np.fft.rfft(np.roll(induced, one.start, axis=2))
    product = field * response.electronics(CHAMBER, 1024)
    assert np.allclose(product[..., :300], response.spectrum(CHAMBER, 1024)[..., :300], rtol=0,
                       atol=0.01 * response.area(CHAMBER))
    law = [(1 + 2j * pi * f * 2.2 / 5) ** -6 for f in np.fft.rfftfreq(1024, 0.5)]
    shape = response.electronics(CHAMBER, 1024) / response.area(CHAMBER)
    assert np.allclose(shape, law, atol=3e-3)
    assert isclose(abs(shape[185]), sqrt(1 + (2 * pi * 185 / 512 * 0.44) ** 2) ** -6, rel_tol=0.02)


def test_fewer_frequencies_are_some_of_the_many():
    table = response.table(CHAMBER)
    n = 96
    short = response.sampled(CHAMBER, n)
    circle = np.zeros((*table.adc.shape[:2], n))
    for i in range(table.adc.shape[2]):  # what is longer comes round
        circle[..., (table.start + i) % n] += table.adc[..., i]
    assert np.allclose(short, np.fft.rfft(circle), atol=1e-9)
    assert np.array_equal(response.sampled(CHAMBER, 512), response.spectrum(CHAMBER, 512))
