"""The Z′ alone against DarkNews, limits and the ρ."""

import numpy as np

from darknews import BENCH, CHARGE
from darkpairs import decay, model, zprime


def test_zprime_width_of_darknews():
    point = model.replace(BENCH["L1_m140"], charge=CHARGE)
    assert np.isclose(zprime.width(point), 2.07729e-9, rtol=1e-4, atol=0)


def test_leptons_alike_far_above_threshold_and_hadrons_peak_at_the_rho():
    point = model.replace(BENCH["H1_fig3"], m_heavy=5000.0, m_light=10.0, m_zprime=775.0)
    parts = decay.widths(point)
    assert np.isclose(parts["mu+mu-"], parts["e+e-"], rtol=0.01)
    beyond = decay.widths(model.replace(point, m_zprime=950.0))
    assert parts["hadrons"] / parts["e+e-"] > 4 * beyond["hadrons"] / beyond["e+e-"]


def test_pion_form_factor():
    near = zprime.pion_form_factor2(np.array([(2 * 139.57039) ** 2 * (1 + 1e-9)]))[0]
    # At threshold, from the pion's charge radius of 0.66 fm and the ρ: about 1.35
    assert 1.25 < near < 1.45
    s = np.linspace(300.0, 950.0, 2000) ** 2
    assert abs(np.sqrt(s[zprime.pion_form_factor2(s).argmax()]) - 765) < 15
