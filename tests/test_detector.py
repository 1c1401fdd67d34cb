"""Volumes, masses and nuclei of the two experiments."""

from math import isclose, pi

import numpy as np
import pytest

from darkpairs import constants, detector

SIDES = (256.35, 233.0, 1036.8)


def test_masses_are_the_published_ones():
    assert isclose(detector.mass(detector.MICROBOONE), 85.7e6, rel_tol=5e-4)  # g; 85.7 t
    assert isclose(detector.mass(detector.MINIBOONE), 818e6)
    assert isclose(detector.mass(detector.MINIBOONE, fiducial=True), 449e6, rel_tol=1e-3)


def test_numbers_of_nuclei():
    argon = detector.targets(detector.MICROBOONE)
    assert list(argon) == ["Ar40"]
    assert isclose(argon["Ar40"], 1.29e30, rel_tol=2e-3)
    oil = detector.targets(detector.MINIBOONE)
    assert isclose(oil["C12"], 3.52e31, rel_tol=3e-3)  # 12/14 of 818 t, as the literature has it
    assert isclose(oil["H1"], 2 * oil["C12"])


@pytest.mark.parametrize("hydrogen", [1.0, 2.0, 2.1])
def test_nuclei_weigh_what_the_detector_weighs(hydrogen):
    tank = detector.MINIBOONE._replace(hydrogen_per_carbon=hydrogen)
    weights = {"C12": constants.CARBON_MOLAR_MASS, "H1": constants.HYDROGEN_MOLAR_MASS}
    grams = sum(count * weights[name] for name, count in detector.targets(tank).items())
    assert isclose(grams / constants.AVOGADRO, detector.mass(tank), rel_tol=1e-12)


def test_volume_against_the_dice():
    points = np.random.default_rng(3).uniform(-610.6, 610.6, size=(200_000, 3))
    cube = (2 * 610.6) ** 3
    for fiducial in (False, True):
        share = detector.inside(detector.MINIBOONE, points, fiducial=fiducial).mean()
        true = detector.volume(detector.MINIBOONE, fiducial=fiducial) / cube
        assert abs(share - true) < 4 * np.sqrt(true * (1 - true) / len(points))


def test_box_with_a_margin():
    box = detector.MICROBOONE._replace(margin=10.0)
    assert isclose(detector.volume(box), np.prod(SIDES))
    assert isclose(detector.volume(box, fiducial=True), np.prod([side - 20 for side in SIDES]))
    low, high = detector.walls(box, fiducial=True)
    assert np.allclose(high - low, [side - 20 for side in SIDES])
    edge = [[5.0, 0, 500], [15.0, 0, 500], [128, 110, 500], [128, 0, 1036.0], [128, -100, 500]]
    assert detector.inside(box, edge, fiducial=True).tolist() == [False, True, False, False, True]
    assert detector.inside(box, edge).all()
    outside = [[-1, 0, 5], [257, 0, 5], [5, 117, 5], [5, -117, 5], [5, 0, -1], [5, 0, 1037]]
    assert not detector.inside(box, outside).any()


def test_tank_is_a_sphere():
    assert isclose(detector.volume(detector.MINIBOONE), 4 / 3 * pi * 610.6**3)
    assert isclose(detector.volume(detector.MINIBOONE, fiducial=True), 4 / 3 * pi * 500**3)


def test_papers_by_name():
    assert detector.paper("microboone") is detector.MICROBOONE
    with pytest.raises(ValueError, match=r"unknown experiment 'sbnd'; wanted one of microboone, "
                                         "miniboone"):
        detector.paper("sbnd")


def test_positions_need_three_numbers():
    with pytest.raises(ValueError, match=r"positions of shape \(2,\); wanted \(..., 3\)"):
        detector.inside(detector.MICROBOONE, [1.0, 2.0])
