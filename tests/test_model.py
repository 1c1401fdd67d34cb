"""Model points: couplings against the formulas of the papers, and the refusals."""

from math import isclose, nan, pi, sqrt

import pytest

from darkpairs import model

THREE_TWO = dict(m5=210, m4=107, m_zprime=800, g_d=2, epsilon=8e-4, ud4=sqrt(0.5), ud5=sqrt(0.5))


def test_fields_are_floats_and_nan_where_there_is_none():
    point = model.three_plus_one(m4=420, m_zprime=30, alpha_d=1, epsilon=0, umu4=0)
    assert all(type(value) is float for value in point)
    assert point.umu_heavy != point.umu_heavy
    assert not model.is_three_plus_two(point)


def test_three_plus_one_couplings():
    point = model.three_plus_one(m4=420, m_zprime=30, alpha_d=0.25, epsilon=1e-4, umu4=3e-4,
                                 ue4=1e-5, utau4=2e-5)
    assert isclose(point.g_d, sqrt(4 * pi * 0.25))
    assert isclose(model.v_production(point), point.g_d * 3e-4)
    assert isclose(model.v_decay(point), point.g_d * sqrt(9e-8 + 1e-10 + 4e-10))


def test_three_plus_two_couplings_of_the_literature():
    point = model.three_plus_two(**THREE_TWO, umu4=3e-4, umu5=3e-4)
    assert isclose(model.v_production(point) ** 2, 4 * 9e-8)  # |V|² = 4 |U|², arXiv:2308.02543
    assert isclose(model.v_decay(point), 1.0)
    single = model.three_plus_two(**THREE_TWO, umu4=0, umu5=1e-4)
    assert isclose(model.v_production(single), 1e-4)  # DarkNews: |V_μ5| = g_D U_D5² U_μ5


def test_vmu5_and_the_mixings_give_the_same_model():
    one = model.three_plus_two(**THREE_TWO, umu4=3e-4, umu5=3e-4)
    other = model.three_plus_two(**THREE_TWO, vmu5=model.v_production(one))
    assert isclose(other.umu_heavy, 3e-4)
    assert isclose(other.umu_light, 3e-4)
    assert isclose(model.v_production(other), model.v_production(one))


def test_benchmarks_are_the_points_of_the_papers():
    points = model.BENCHMARKS
    assert len(points) == 4 + 11 + 14
    note = points["note"]
    assert (note.m_heavy, round(note.m_light, 9), note.m_zprime) == (210.0, 107.0, 800.0)
    assert isclose(model.v_production(note) ** 2, 4.7e-5)
    star = points["star-3-1250"]
    assert isclose(star.m_heavy / star.m_light, 4.0)
    assert isclose(model.v_production(star) ** 2, 2.16e-2)
    assert isclose(model.v_production(points["example"]) ** 2, 4 * 2e-10)  # g_D = 2
    assert isclose(points["light-420"].epsilon ** 2 / 137.036, 2e-10, rel_tol=1e-6)


def test_splitting_and_epsilon():
    assert isclose(model.light_mass(200.0, 3.0), 50.0)
    assert isclose((210 - 107) / 107, 0.963, abs_tol=1e-3)
    assert isclose(model.light_mass(210.0, (210 - 107) / 107), 107.0)
    assert isclose(model.epsilon_from(2e-10), 1.655e-4, rel_tol=1e-3)  # arXiv:1807.09877


def test_replace_changes_one_field_and_coerces():
    point = model.three_plus_two(**THREE_TWO, vmu5=1e-3)
    other = model.replace(point, m_zprime=30, dark="full")
    assert other.m_zprime == 30.0
    assert type(other.m_zprime) is float
    assert other.dark == 1.0
    assert other._replace(m_zprime=point.m_zprime, dark=point.dark) == point


@pytest.mark.parametrize(("call", "message"), [
    (lambda: model.three_plus_two(**THREE_TWO), "give either umu4 and umu5, or vmu5"),
    (lambda: model.three_plus_two(**THREE_TWO, umu4=1e-3), "give either umu4 and umu5, or vmu5"),
    (lambda: model.three_plus_two(**THREE_TWO, umu4=0, umu5=0, vmu5=1e-3), "give either"),
    (lambda: model.three_plus_two(**{**THREE_TWO, "m4": 300}, vmu5=1e-3), "wanted m5 > m4"),
    (lambda: model.three_plus_two(**{**THREE_TWO, "m4": 0}, vmu5=1e-3), "m4 must be a number > 0"),
    (lambda: model.three_plus_two(**{**THREE_TWO, "m5": nan}, vmu5=1e-3), "wanted m5 > m4"),
    (lambda: model.three_plus_two(**{**THREE_TWO, "epsilon": -1}, vmu5=1e-3), "epsilon must be in"),
    (lambda: model.three_plus_two(**THREE_TWO, vmu5=5.0), r"umu_light must be in \[-1, 1\]"),
    (lambda: model.three_plus_two(**THREE_TWO, vmu5=1e-3, ctau=-1), "ctau must be ≥ 0"),
    (lambda: model.three_plus_two(**THREE_TWO, vmu5=1e-3, dark="light"), "unknown dark 'light'"),
    (lambda: model.three_plus_one(m4=-1, m_zprime=30, alpha_d=1, epsilon=0, umu4=0),
     "m_heavy must be a number > 0; got -1"),
    (lambda: model.three_plus_one(m4=1, m_zprime=30, alpha_d=0, epsilon=0, umu4=0),
     "alpha_d must be a number > 0"),
    (lambda: model.replace(model.three_plus_two(**THREE_TWO, vmu5=1e-3), mass=1), "no field mass"),
])
def test_bad_input_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call()
