"""Decays of the heavy neutrino: widths, branching fractions and lifetimes.

In: a model. Out: widths per channel. Chapter: model.

ν_h → ν_h' Z′ if the Z′ is light enough to be made (on shell), or ν_h → ν_h' f f̄ through a virtual
Z′ (off shell). Both are one integral over the mass √s of the pair: the width of ν_h → ν_h' Z*(s),
times the propagator, times the width of Z*(s) → f f̄. On shell the propagator is a delta function.

Laws: the width is the integral of the exact squared matrix element over the Dalitz plot; a closed
channel has no width; fractions add up to one; the width goes with the squares of the couplings.
"""

from math import log, nan, pi, sqrt

import numpy as np

from darkpairs.constants import (
    CHARGED_PION_MASS,
    ELECTRON_MASS,
    HBARC,
    MUON_MASS,
)
from darkpairs.model import v_decay

# Each channel with the mass of one of its two particles; of hadrons the lightest are pions.
LIGHTEST = {"e+e-": ELECTRON_MASS, "mu+mu-": MUON_MASS, "hadrons": CHARGED_PION_MASS}
CHANNELS = tuple(LIGHTEST)
RHO_MASS, RHO_WIDTH = 775.26, 147.4  # MeV, PDG 2024, ρ(770)⁰ seen in e⁺e⁻
_X, _W = np.polynomial.legendre.leggauss(200)


def widths(model):
    """Return the partial widths of ν_h, a dict from channel to MeV.

    Parameters
    ----------
    model : DarkModel
        The model point, with ``dark="inelastic"``; its invisible modes are off.

    Raises
    ------
    ValueError
        If no visible channel is open, or for ``dark="full"``, whose invisible channels are not
        computed here.
    """
    if model.dark:
        raise ValueError('widths are computed for dark="inelastic" only; got dark="full"')
    room = model.m_heavy - model.m_light
    if room <= 2 * ELECTRON_MASS:
        raise ValueError(f"ν_h at {model.m_heavy} MeV cannot decay into {model.m_light} MeV and a "
                         f"pair; wanted a difference above {2 * ELECTRON_MASS:.3f} MeV")
    if room > model.m_zprime > 2 * ELECTRON_MASS:
        return _on_shell(model)
    return {channel: _off_shell(model, channel) for channel in CHANNELS}


def width(model):
    """Return the width [MeV] of ν_h → ν_h' e⁺e⁻."""
    return widths(model)["e+e-"]


def branching(model):
    """Return the branching fractions, a dict from channel to a number; they add up to 1."""
    parts = widths(model)
    return {channel: part / sum(parts.values()) for channel, part in parts.items()}


def ctau(model):
    """Return the decay length at rest cτ [cm]: the model's own, or ħc over the sum of widths."""
    if model.ctau == model.ctau:  # not nan
        return model.ctau
    total = sum(widths(model).values())
    if total == 0:
        raise ValueError("ν_h is stable: its couplings or ε are 0; give ctau= to set a length")
    return HBARC / total


def zprime_width(model, s=nan):
    """Return the width [MeV] of a Z′ of squared mass `s`, all visible channels; default on shell.

    e⁺e⁻ and μ⁺μ⁻: (eε)² √s β (1 + 2m²/s)/12π; hadrons: the ratio R times that of massless muons.
    """
    s = model.m_zprime**2 if s != s else s
    return sum(_boson_width(model, channel, np.array([s]))[0] for channel in CHANNELS)


def emission_width(model, s):
    """Return the width of ν_h → ν_h' Z*(s) [MeV] for squared masses `s`, ndarray.

    Dirac: V² m_h³ λ½ {(1 − a)² + (1 + a) b − 2b²}/(32π s), a = m_h'²/m_h², b = s/m_h²
    (arXiv:2207.04137; Eq. 3 of arXiv:1807.09877 has the same shape at a = 0 but is four times
    larger). Majorana, real couplings: twice that, with
    6 √a b in the braces.
    """
    heavy = model.m_heavy
    ratio, b = model.m_light / heavy, np.asarray(s, dtype=np.float64) / heavy**2
    a, root = ratio**2, np.sqrt(b)
    kallen = (1 - (ratio + root) ** 2) * (1 - (ratio - root) ** 2)
    braces = (1 - a) ** 2 + (1 + a) * b - 2 * b**2
    if model.majorana:
        braces = 2 * (braces + 6 * ratio * b)
    return v_decay(model) ** 2 * heavy / (32 * pi * b) * np.sqrt(np.maximum(kallen, 0)) * braces


def angular_coefficient(model, s):
    """Return κ of the pair's angle: the electron follows 1 − κ cos²θ in the rest frame of the pair.

    θ is measured from the flight of the pair in the rest frame of ν_h, for an unpolarised ν_h and a
    massless electron. From the exact squared matrix element, on and off shell alike; an isotropic
    Z′ would have κ = 0.

    Parameters
    ----------
    model : DarkModel
        The model point.
    s : array-like
        Squared mass of the pair [MeV²], between 0 and (m_h − m_h')².
    """
    s = np.asarray(s, dtype=np.float64)
    heavy, light = model.m_heavy, model.m_light
    if not ((s > 0) & (s <= (heavy - light) ** 2)).all():
        raise ValueError(f"squared masses of the pair must be in (0, {(heavy - light)**2}] MeV²; "
                         f"got {s.tolist()}")
    if model.majorana:
        return ((heavy - light) ** 2 - s) / ((heavy - light) ** 2 + s)
    kallen = ((heavy + light) ** 2 - s) * ((heavy - light) ** 2 - s)
    return kallen / (kallen + 2 * s * (heavy**2 + light**2 - s))


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


def _boson_width(model, channel, s):
    """Width of Z*(s) into one channel [MeV], ndarray; zero below threshold."""
    point = (model.charge * model.epsilon) ** 2 * np.sqrt(s) / (12 * pi)  # one massless lepton
    mass = LIGHTEST[channel]
    open_ = s > 4 * mass**2
    r = np.where(open_, mass**2 / s, 0.25)
    beta = np.sqrt(1 - 4 * r)
    if channel == "hadrons":  # R = β³|F|²/4 of π⁺π⁻; ω (782 MeV) and φ (1019) are left out
        return point * np.where(open_, beta**3 / 4 * _safe_form_factor2(s, open_), 0.0)
    return point * beta * (1 + 2 * r)


def _safe_form_factor2(s, open_):
    return pion_form_factor2(np.where(open_, s, RHO_MASS**2))


def _on_shell(model):
    """Widths of ν_h → ν_h' Z′, shared out over the channels of the Z′."""
    shell = np.array([model.m_zprime**2])
    parts = {channel: _boson_width(model, channel, shell)[0] for channel in CHANNELS}
    emitted, total = emission_width(model, shell)[0], sum(parts.values())
    if total == 0:
        return dict.fromkeys(CHANNELS, 0.0)
    return {channel: float(emitted * part / total) for channel, part in parts.items()}


def _off_shell(model, channel):
    """Integrate over the pair's squared mass, in ln s, where the spectrum is smooth."""
    low, high = 2 * LIGHTEST[channel], model.m_heavy - model.m_light
    if high <= low:
        return 0.0
    angle = (_X + 1) * pi / 4
    u = np.sin(angle) ** 2  # the spectrum starts and ends like a square root; in the angle not
    s = low**2 * (high / low) ** (2 * u)
    jacobian = s * 2 * log(high / low) * np.sin(2 * angle) * pi / 4
    spectrum = (np.sqrt(s) * _boson_width(model, channel, s) * emission_width(model, s)
                / (pi * (s - model.m_zprime**2) ** 2))
    return float((_W * jacobian * spectrum).sum())
