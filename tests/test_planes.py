"""Planes: what their models share, predictions that scale, and crossings on known surfaces."""

import numpy as np
import pytest

from darkpairs import miniboone, model, planes, signal, tables

MASSES = np.array([100.0, 250.0, 600.0])
SQUARES = np.geomspace(1e-10, 1e-4, 13)
PLANE = planes.broad(3.0, 100.0, masses=MASSES, squares=SQUARES)


def test_the_models_of_a_slice_share_all_but_the_mass():
    for delta, m_zprime in planes.SLICES:
        plane = planes.broad(delta, m_zprime, masses=MASSES)
        assert plane.coupling == "|V_μ5|²"
        assert plane.name == f"Δ = {delta:g}, m_Z′ = {m_zprime:g} MeV"
        first = plane.models[0]
        for point, mass in zip(plane.models, MASSES, strict=True):
            assert point.m_heavy == mass
            assert np.isclose((mass - point.m_light) / point.m_light, delta, rtol=1e-12)
            assert np.isclose(model.v_production(point) ** 2, planes.UNIT, rtol=1e-12, atol=0)
            shared = point._replace(m_heavy=first.m_heavy, m_light=first.m_light)
            assert np.array_equal(shared, first, equal_nan=True)


def test_the_fourteen_slices_are_the_published_ones():
    assert len(set(planes.SLICES)) == len(planes.SLICES) == 14
    bands = tables.read("miniboone_published_bands.csv")
    assert sorted(set(bands["m_zprime"])) == sorted(m for delta, m in planes.SLICES if delta == 3)
    assert (planes.MASSES[0], planes.MASSES[-1], len(planes.MASSES)) == (10, 1000, 40)
    near = abs(planes.MASSES[:, None] / np.unique(bands["m5"]) - 1).min(axis=0)
    assert (near < 1e-3).all()  # the published grid
    assert np.allclose(planes.SQUARES[30:] / planes.SQUARES[:-30], 10)


def test_the_models_of_the_focused_search():
    plane = planes.focused(masses=MASSES, squares=SQUARES, majorana=True)
    assert (plane.name, plane.coupling) == ("m_Z′ = 30 MeV", "|U_μ4|²")
    for point, mass in zip(plane.models, MASSES, strict=True):
        assert (point.m_heavy, point.m_light, point.m_zprime) == (mass, 0.0, 30.0)
        assert np.isclose(point.umu_light**2, planes.UNIT, rtol=1e-12, atol=0)
        assert point.majorana == 1.0
    assert planes.focused().masses[0] > 30.0
    assert planes.broad(0.5, 30.0, masses=MASSES, majorana=True).models[0].majorana == 1.0


def test_predictions_are_made_once_for_each_mass():
    seen, asked = [], []

    def rule(point):
        asked.append(point)
        return [point.m_heavy, 1.0]

    def progress(points):
        for point in points:
            seen.append(point)
            yield point

    predicted = planes.predict(PLANE, rule, progress=progress)
    assert predicted.tolist() == [[100.0, 1.0], [250.0, 1.0], [600.0, 1.0]]
    assert seen == asked == list(PLANE.models)


def test_scale_is_that_of_the_slow_twin():
    predicted = np.random.default_rng(1).random((3, 4))
    fast = planes.scale(PLANE, predicted)
    assert fast.shape == (3, 13, 4)
    for a in range(3):
        for b in range(13):
            for n in range(4):
                wanted = predicted[a, n] * SQUARES[b] / 1e-8
                assert np.isclose(fast[a, b, n], wanted, rtol=1e-14)


@pytest.mark.parametrize("squared", [1e-12, 3e-7, 1e-5])
def test_events_grow_with_the_squared_coupling(squared):
    point = PLANE.models[1]
    weak = model.broad(m5=250.0, delta=3.0, m_zprime=100.0, vmu5=squared**0.5)
    one, two = (signal.expected_events(each, pot=1, regime="both") for each in (point, weak))
    assert np.isclose(two / one, squared / planes.UNIT, rtol=1e-9)
    options = dict(events=2000, seed=4)  # the dice do not hang on the coupling either
    one, two = (miniboone.predict(each, **options) for each in (point, weak))
    assert np.allclose(two, one * squared / planes.UNIT, rtol=1e-9)


def test_crossing_on_a_surface_that_is_known():
    # Straight in the logarithm: exact, also between the points
    slopes = np.array([0.3, 1.0, 2.5])
    at = np.array([3.3e-9, 1e-7, 4.4e-5])
    values = slopes[:, None] * (np.log(SQUARES) - np.log(at)[:, None]) + 5.99
    assert np.allclose(planes.crossing(PLANE, values, 5.99), at, rtol=1e-12)
    fine = planes.broad(3.0, 100.0, masses=MASSES)
    parabola = (fine.squares / np.array([1e-9, 1e-6, 1e-3])[:, None]) ** 2
    found = planes.crossing(fine, parabola, 5.99)
    assert np.allclose(found, [5.99**0.5 * x for x in (1e-9, 1e-6, 1e-3)], rtol=3e-3, atol=0)


def test_crossing_takes_the_lowest_rise_and_no_fall():
    rows = np.zeros((3, 13))
    rows[0] = [9, 9, 2, 2, 8, 8, 1, 1, 9, 9, 9, 9, 9]  # falls, rises between 3 and 4, falls, …
    rows[1] = np.linspace(9, 1, 13)  # falls
    rows[2] = np.linspace(0, 5.99, 13)  # touches
    found = planes.crossing(PLANE, rows, 5.99)
    assert SQUARES[3] < found[0] < SQUARES[4]
    assert np.isnan(found[1:]).all()
    rows[2, 6] = np.nan  # no number, no crossing
    assert np.isnan(planes.crossing(PLANE, rows, 3.0)[2])


def test_crossings_of_higher_levels_lie_higher():
    values = (np.log(SQUARES / 1e-9) ** 2)[None] * np.array([[1.0], [0.5], [2.0]])
    found = [planes.crossing(PLANE, values, level) for level in (2.30, 6.18, 11.83)]
    assert (found[0] < found[1]).all()
    assert (found[1] < found[2]).all()


@pytest.mark.parametrize(("call", "message"), [
    (lambda: planes.scale(PLANE, np.ones(3)), r"prediction of shape \(3,\); wanted \(3, n\)"),
    (lambda: planes.scale(PLANE, np.ones((4, 2))), r"prediction of shape \(4, 2\); wanted \(3, n"),
    (lambda: planes.crossing(PLANE, np.ones((13, 3)), 1.0),
     r"values of shape \(13, 3\); wanted one for each of 3 masses and 13 couplings"),
    (lambda: planes.broad(3.0, 30.0, masses=[]), r"masses = \[\]; wanted numbers > 0 that rise"),
    (lambda: planes.broad(3.0, 30.0, masses=100.0), "masses = 100.0; wanted numbers > 0"),
    (lambda: planes.broad(3.0, 30.0, masses=[0.0, 5.0]), "masses = .* wanted numbers > 0 that"),
    (lambda: planes.broad(3.0, 30.0, squares=[2.0, 1.0]), r"squares = \[2.0, 1.0\]; wanted"),
    (lambda: planes.focused(masses=[50.0, 50.0]), r"masses = \[50.0, 50.0\]; wanted"),
    (lambda: planes.focused(squares=[np.nan]), r"squares = \[nan\]; wanted"),
])
def test_bad_input_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call()
