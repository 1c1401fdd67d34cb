"""Field and electronics: what one electron does to the wires around it."""

from math import isclose

import numpy as np

from darkpairs import detector, response

CHAMBER = detector.MICROBOONE


def test_one_electron_is_one_charge_on_its_wire_and_none_elsewhere():
    one = response.table(CHAMBER)
    wanted = np.zeros(one.adc.shape[:2])
    wanted[2, 3] = 1.0
    assert np.allclose(one.induced.sum(axis=2), wanted, atol=1e-12)
    assert np.allclose(one.adc.sum(axis=2) / response.area(CHAMBER), wanted, atol=1e-5)


def test_electrons_per_count_are_the_published_ones():
    assert isclose(response.electrons_per_count(CHAMBER), 182, abs_tol=1)  # arXiv 1705.07341
