"""The size, the colour and the dice of the noise."""

import numpy as np

from darkpairs import detector, noise, response

CHAMBER = detector.MICROBOONE


def test_longer_wires_are_louder_as_published():
    electrons = noise.rms(CHAMBER, [50.0, 230.0, 470.0]) * response.electrons_per_count(CHAMBER)
    assert np.allclose(electrons, [232, 287, 370], atol=2)
    assert electrons[2] < 400  # JINST 12 P08003: below 400 electrons at 4.7 m
