"""The Z′ on its own: how a real or virtual one decays into what can be seen.

In: a model, a squared mass. Out: widths per channel. Chapter: model.

A kinetically mixed Z′ couples to electric charge: it decays like a heavy photon, into e⁺e⁻, μ⁺μ⁻
and hadrons, of which the pions of the ρ are the first.

Laws: far above threshold the leptons are alike; a closed channel has no width; hadrons peak at the
ρ; the width goes with the square of ε.
"""

from math import log, nan, pi, sqrt

import numpy as np

from darkpairs import invisible
from darkpairs.constants import CHARGED_PION_MASS, ELECTRON_MASS, MUON_MASS

# Each channel with the mass of one of its two particles; of hadrons the lightest are pions.
LIGHTEST = {"e+e-": ELECTRON_MASS, "mu+mu-": MUON_MASS, "hadrons": CHARGED_PION_MASS}
CHANNELS = tuple(LIGHTEST)
RHO_MASS, RHO_WIDTH = 775.26, 147.4  # MeV, PDG 2024, ρ(770)⁰ seen in e⁺e⁻


def width(model, s=nan):
    """Return the width [MeV] of a Z′ of squared mass `s`, all visible channels; default on shell.

    e⁺e⁻ and μ⁺μ⁻: (eε)² √s β (1 + 2m²/s)/12π; hadrons: the ratio R times that of massless muons.
    """
    s = model.m_zprime**2 if s != s else s
    return sum(channel_width(model, channel, np.array([s]))[0] for channel in CHANNELS)


def total(model):
    """Return the width [MeV] of the Z′ into all it can decay into, neutrinos too if ``"full"``."""
    hidden = sum(invisible.zprime_widths(model).values()) if model.dark else 0.0
    return width(model) + hidden


def channel_width(model, channel, s):
    """Return the width [MeV] of Z*(s) into one of ``CHANNELS``; s ndarray, zero below threshold."""
    point = (model.charge * model.epsilon) ** 2 * np.sqrt(s) / (12 * pi)  # one massless lepton
    mass = LIGHTEST[channel]
    open_ = s > 4 * mass**2
    r = np.where(open_, mass**2 / s, 0.25)
    beta = np.sqrt(1 - 4 * r)
    if channel == "hadrons":  # R = β³|F|²/4 of π⁺π⁻; ω (782 MeV) and φ (1019) are left out
        inside = np.where(open_, s, RHO_MASS**2)
        return point * np.where(open_, beta**3 / 4 * pion_form_factor2(inside), 0.0)
    return point * beta * (1 + 2 * r)


def pion_form_factor2(s):
    """Return the square of the pion form factor at squared energies `s` [MeV²] above 4m_π².

    A ρ alone, Gounaris and Sakurai (PRL 21, 244, 1968), Eqs. 10 to 16; ω and higher ρ are left out.
    """
    s = np.asarray(s, dtype=np.float64)
    mass2, pion = RHO_MASS**2, CHARGED_PION_MASS
    k, k_rho = np.sqrt(s / 4 - pion**2), sqrt(mass2 / 4 - pion**2)
    h = 2 / pi * k / np.sqrt(s) * np.log((np.sqrt(s) + 2 * k) / (2 * pion))
    h_rho = 2 / pi * k_rho / RHO_MASS * log((RHO_MASS + 2 * k_rho) / (2 * pion))
    slope = h_rho * (1 / (8 * k_rho**2) - 1 / (2 * mass2)) + 1 / (2 * pi * mass2)
    shift = RHO_WIDTH * mass2 / k_rho**3 * (k**2 * (h - h_rho) + k_rho**2 * slope * (mass2 - s))
    running = RHO_WIDTH * (k / k_rho) ** 3 * RHO_MASS / np.sqrt(s)
    d = (3 / pi * pion**2 / k_rho**2 * log((RHO_MASS + 2 * k_rho) / (2 * pion))
         + RHO_MASS / (2 * pi * k_rho) - pion**2 * RHO_MASS / (pi * k_rho**3))
    top = mass2 * (1 + d * RHO_WIDTH / RHO_MASS)
    return top**2 / ((mass2 - s + shift) ** 2 + (RHO_MASS * running) ** 2)
