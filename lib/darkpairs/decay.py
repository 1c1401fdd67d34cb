"""Decays of the heavy neutrino: widths, branching fractions, lifetimes, and the decay of one.

In: a model. Out: widths per channel; for kernels, the momenta of a pair. Chapter: model, decay.

ν_h → ν_h' Z′ if the Z′ is light enough to be made (on shell), or ν_h → ν_h' f f̄ through a virtual
Z′ (off shell). Both are one integral over the mass √s of the pair: the width of ν_h → ν_h' Z*(s),
times the propagator, times the width of Z*(s) → f f̄. On shell the propagator is a delta function.

A decay is thrown in three steps: the mass of the pair, a random direction for it, and the direction
of the electron in the frame of the pair, which follows 1 − κ cos²θ. Then the spin of ν_h: with W
the squared matrix element for no spin and 1 + g what the spin makes of it, turning *all* momenta
around turns g into −g. So turning them around with the chance (1 − g)/2 gives the right law, and no
throw is lost. Many are thrown side by side, see `slots`.

Laws: the width is the integral of the exact squared matrix element over the Dalitz plot; a closed
channel has no width; fractions add up to one; the width goes with the squares of the couplings.
"""

from math import log, pi
from typing import NamedTuple

import numpy as np

from darkpairs import cells, invisible, zprime
from darkpairs._jit import apart, njit
from darkpairs.cells import _pick
from darkpairs.constants import ELECTRON_MASS, HBARC
from darkpairs.kinematics import _azimuth, _dot, _frame, _sum, _times
from darkpairs.model import is_three_plus_two, v_decay
from darkpairs.rng import _next, stream
from darkpairs.slots import (
    BLOCK,
    HEIGHT,
    KEPT,
    P_LIGHT,
    P_MINUS,
    P_PLUS,
    SPIN,
    SQUARE,
    _open,
    _put_four,
    _take,
    _three,
)
from darkpairs.zprime import CHANNELS, LIGHTEST, channel_width

_X, _W = np.polynomial.legendre.leggauss(200)


def widths(model):
    """Return the partial widths of ν_h, a dict from channel to MeV.

    Parameters
    ----------
    model : DarkModel
        The model point. With ``dark="full"`` the dict also holds the channels of
        `invisible.widths` and, in 3+2, those in which ν_h skips ν_h' and decays straight into a
        known neutrino, ``"nu e+e-"`` and so on, through the same coupling V_μ5 that made it.

    Raises
    ------
    ValueError
        If no visible channel is open.
    """
    room = model.m_heavy - model.m_light
    if room <= 2 * ELECTRON_MASS:
        raise ValueError(f"ν_h at {model.m_heavy} MeV cannot decay into {model.m_light} MeV and a "
                         f"pair; wanted a difference above {2 * ELECTRON_MASS:.3f} MeV")
    total = zprime.total(model)
    parts = _visible(model, total)
    if not model.dark:
        return parts
    if is_three_plus_two(model):
        _, light, known = invisible.contents(model)
        straight = _visible(model._replace(m_light=0.0), total)
        parts |= {f"nu {name}": part * (known / light) ** 2 for name, part in straight.items()}
    return parts | invisible.widths(model, zprime.width(model))


def width(model):
    """Return the width [MeV] of ν_h → ν_h' e⁺e⁻."""
    return widths(model)["e+e-"]


def branching(model):
    """Return the branching fractions, a dict from channel to a number; they add up to 1."""
    parts = widths(model)
    total = sum(parts.values())
    if total == 0:
        raise ValueError("ν_h is stable: its couplings or ε are 0, so it has no fractions")
    return {channel: part / total for channel, part in parts.items()}


def ctau(model):
    """Return the decay length at rest cτ [cm]: the model's own, or ħc over the sum of widths."""
    if model.ctau == model.ctau:  # not nan
        return model.ctau
    total = sum(widths(model).values())
    if total == 0:
        raise ValueError("ν_h is stable: its couplings or ε are 0; give ctau= to set a length")
    return HBARC / total


def emission_width(model, s):
    """Return the width of ν_h → ν_h' Z*(s) [MeV] for squared masses `s`, ndarray.

    The square of `model.v_decay` times `invisible.emission`, where the formula stands.
    """
    s = np.asarray(s, dtype=np.float64)
    return v_decay(model) ** 2 * invisible.emission(model.m_heavy, model.m_light, s, model.majorana)


def angular_coefficient(model, s):
    """Return κ of the pair's angle: the electron follows 1 − κ cos²θ in the rest frame of the pair.

    θ is measured from the flight of the pair in the rest frame of ν_h, for an unpolarised ν_h. From
    the exact squared matrix element, on and off shell alike; an isotropic Z′ would have κ = 0.

    Parameters
    ----------
    model : DarkModel
        The model point.
    s : array-like
        Squared mass of the pair [MeV²], from 4m_e² to (m_h − m_h')².
    """
    s = np.asarray(s, dtype=np.float64)
    low, high = 4 * ELECTRON_MASS**2, (model.m_heavy - model.m_light) ** 2
    if not ((s >= low) & (s <= high)).all():
        raise ValueError(f"squared masses of the pair must be in [{low:.4g}, {high:.6g}] MeV²; "
                         f"got {s.tolist()}")
    return _kappa.py_func(s, model.m_heavy, model.m_light, model.majorana)


def _visible(model, total):
    """Widths of ν_h → ν_h' and a visible pair, by a real Z′ (of that total width) or a virtual."""
    if is_real(model):
        return _on_shell(model, total)
    return {channel: _off_shell(model, channel) for channel in CHANNELS}


def _on_shell(model, total):
    """Widths of ν_h → ν_h' Z′, shared out over the channels of the Z′."""
    shell = np.array([model.m_zprime**2])
    parts = {channel: channel_width(model, channel, shell)[0] for channel in CHANNELS}
    emitted = emission_width(model, shell)[0]
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
    spectrum = (np.sqrt(s) * channel_width(model, channel, s) * emission_width(model, s)
                / (pi * (s - model.m_zprime**2) ** 2))
    return float((_W * jacobian * spectrum).sum())


def throw(model, n, *, seed, spin=(0.0, 0.0, 0.0), zprime_decay="correlated", heavy_decay="spin",
          first=0):
    """Throw decays of ν_h at rest.

    Parameters
    ----------
    model : DarkModel
        The model point.
    n : int
        How many, > 0.
    seed, first : int
        Decay i depends on (seed, i) alone; the first has the number `first`.
    spin : sequence of 3 floats
        Polarisation of ν_h, of length ≤ 1: the mean direction of its spin.
    zprime_decay, heavy_decay : str
        As in `signal.generate`.

    Returns
    -------
    ndarray (n, 3, 4)
        Four-momenta [MeV] of electron, positron and ν_h'.
    """
    if not (n > 0 and first >= 0 and 0 <= seed < 2**63):
        raise ValueError(f"n = {n}, first = {first}, seed = {seed}; wanted n > 0, first ≥ 0 and a "
                         "seed from 0 to 2⁶³ − 1")
    spin = tuple(map(float, spin))
    if len(spin) != 3 or not sum(x * x for x in spin) <= 1 + 1e-12:
        raise ValueError(f"spin {spin}; wanted three numbers, a vector of length ≤ 1")
    widths(model)  # refuses a closed decay
    way = chain(model, zprime_decay=zprime_decay, heavy_decay=heavy_decay)
    run = np.uint64(seed), np.uint64(stream("decay")), np.uint64(first)
    return _many(run, n, way, mass_cells(model), spin)


class Chain(NamedTuple):
    """What a kernel needs to throw ν_h → ν_h' e⁺e⁻."""

    heavy: float  #: m_h [MeV]
    light: float  #: m_h' [MeV]
    zprime: float  #: m_Z′ [MeV]
    majorana: float  #: 1 or 0
    real: float  #: 1 if the Z′ is on shell, 0 if it is virtual
    correlated: float  #: 0 if a real Z′ forgets where it came from
    spin: float  #: 0 if ν_h forgets its spin, or is Majorana
    slope: float  #: of the flight of a real Z′, see `_slope`


def is_real(model):
    """Tell whether ν_h is heavy enough to make the Z′ itself."""
    return model.m_heavy - model.m_light > model.m_zprime > 2 * ELECTRON_MASS


def chain(model, *, zprime_decay="correlated", heavy_decay="spin"):
    """Return the `Chain` of a model.

    Parameters
    ----------
    model : DarkModel
        The model point, with m_h − m_h' > 2m_e.
    zprime_decay : str
        ``"correlated"``: the pair of a *real* Z′ remembers how the Z′ was made; ``"isotropic"``: it
        does not. A virtual Z′ always remembers.
    heavy_decay : str
        ``"spin"``: a Dirac ν_h decays with its polarisation; ``"isotropic"``: without. Majorana
        ones with real couplings decay evenly anyway.
    """
    for name, word, memory in (("zprime_decay", zprime_decay, "correlated"),
                               ("heavy_decay", heavy_decay, "spin")):
        if word not in (memory, "isotropic"):
            raise ValueError(f"unknown {name} {word!r}; wanted {memory!r} or 'isotropic'")
    correlated, spin = zprime_decay == "correlated", heavy_decay == "spin"
    real, heavy, light = is_real(model), model.m_heavy, model.m_light
    slope = _slope(model.m_zprime**2, heavy, light) if real else 0.0
    return Chain(heavy, light, model.m_zprime, model.majorana, float(real),
                 float(correlated or not real), float(spin and not model.majorana), slope)


def mass_cells(model, n=128):
    """Return cells in the squared mass of a virtual pair, ndarray (n, 6), for `_weigh`.

    Chance, other cell, low edge, width [MeV²], ceiling and floor of the law; see `cells`.
    """
    low, high = 2 * ELECTRON_MASS, model.m_heavy - model.m_light
    # fine at both ends, where the law starts and ends like a square root
    edges = (low + (high - low) * np.sin(np.linspace(0, pi / 2, n + 1)) ** 2) ** 2
    points = edges[:-1, None] + np.diff(edges)[:, None] * np.linspace(0, 1, 5)
    law = _mass_law.py_func(points, model.m_heavy, model.m_light, model.m_zprime, model.majorana)
    ceiling, floor = cells.bounds(law)
    width = np.diff(edges)
    return cells.table(ceiling * width, edges[:-1], width, ceiling, floor)


@njit
def _mass_law(s, heavy, light, zprime, majorana):
    """Spectrum of the pair's squared mass, up to a constant: the integrand of the width."""
    ratio, b, r = light / heavy, s / heavy**2, ELECTRON_MASS**2 / s
    kallen = ((heavy + light) ** 2 - s) * ((heavy - light) ** 2 - s)
    braces = (1 - ratio**2) ** 2 + (1 + ratio**2) * b - 2 * b**2 + majorana * 6 * ratio * b
    leptons = np.sqrt(np.maximum(1 - 4 * r, 0.0)) * (1 + 2 * r)
    return np.sqrt(np.maximum(kallen, 0.0)) * braces * leptons / (s - zprime**2) ** 2


@njit
def _kappa(s, heavy, light, majorana):
    """κ at one squared mass; with the mass of the electron."""
    r = ELECTRON_MASS**2 / s
    kallen = ((heavy + light) ** 2 - s) * ((heavy - light) ** 2 - s)
    energies = (heavy**2 - light**2) ** 2 - s**2 + majorana * 4 * s * heavy * light
    return (1 - 4 * r) * kallen / (energies * (1 + 2 * r) - 2 * r * kallen)


@njit
def _slope(s, heavy, light):
    """Slope a of the flight of the pair, 1 + a P·d, for a Dirac ν_h of polarisation P."""
    a, b = (light / heavy) ** 2, s / heavy**2
    root = np.sqrt(((1 + light / heavy) ** 2 - b) * ((1 - light / heavy) ** 2 - b))
    return root * (1 - a - 2 * b) / ((1 - a) ** 2 + (1 + a) * b - 2 * b**2)


@njit
def _many(run, n, chain, masses, spin):
    """Throw n decays of ν_h at rest, all with one spin vector, ndarray (n, 3, 4)."""
    result, done = np.empty((n, 3, 4)), 0
    slots = min(BLOCK, n)
    w, dice, number = _open(slots, 0, run)
    for c in range(3):
        w[SPIN + c * BLOCK:SPIN + (c + 1) * BLOCK] = spin[c]
    while done < n:
        w[KEPT:KEPT + slots] = 1.0
        _weigh(slots, dice, w, chain, masses)
        _decay(slots, dice, w, chain)
        for j in range(slots):
            i = number[j]
            if w[KEPT + j] == 1.0 and i < n:
                for c in range(12):  # the rows of e⁻, e⁺ and ν_h' follow each other
                    result[i, c // 4, c % 4] = w[P_MINUS + c * BLOCK + j]
                _take(j, slots + done, dice, number, run)
                done += 1
    return result


@apart
def _weigh(n, dice, w, chain, masses):
    """A pass: the squared mass of the pair; that of a virtual one is thrown from `mass_cells`."""
    if chain.real == 1.0:
        w[SQUARE:SQUARE + n] = chain.zprime * chain.zprime
        return
    for j in range(min(n, BLOCK)):
        state, u = _next(dice[j])
        cell = _pick(u, masses)
        state, u = _next(state)
        w[SQUARE + j] = masses[cell, 2] + u * masses[cell, 3]
        dice[j], u = _next(state)
        w[HEIGHT + j] = u * masses[cell, 4]
    for j in range(min(n, BLOCK)):
        law = _mass_law(w[SQUARE + j], chain.heavy, chain.light, chain.zprime, chain.majorana)
        w[KEPT + j] = w[KEPT + j] if w[HEIGHT + j] < law else 0.0


@apart
def _decay(n, dice, w, chain):
    """A pass: throw each decay with `_throw`, in the rest frame of ν_h."""
    for j in range(min(n, BLOCK)):
        dice[j], a, b, c = _throw(dice[j], w[SQUARE + j], _three(w, SPIN, j), chain)
        _put_four(w, P_MINUS, j, *a)
        _put_four(w, P_PLUS, j, *b)
        _put_four(w, P_LIGHT, j, *c)


@njit
def _pair(s, heavy, light):
    """Mass of a pair, energy and momentum in the frame of ν_h, those of e⁻ in its own [MeV]."""
    mass = np.sqrt(s)
    k = np.sqrt(max(((heavy + light) ** 2 - s) * ((heavy - light) ** 2 - s), 0.0)) / (2 * heavy)
    p = np.sqrt(max(0.25 * s - ELECTRON_MASS**2, 0.0))
    return mass, (heavy * heavy + s - light * light) / (2 * heavy), k, p


@njit
def _cosine(state, kappa):
    """Throw a cosine c as 1 − κc²: an even one, or the middle of three, which comes as 1 − c²."""
    state, u = _next(state)
    state, x = _next(state)
    state, y = _next(state)
    state, z = _next(state)
    middle = max(min(x, y), min(max(x, y), z))
    return state, 2 * (z if u * (1 - kappa / 3) < 1 - kappa else middle) - 1


@njit
def _analysing(chain, energy, k, d, a, b, spin):
    """How much a spin vector favours a decay: g of 1 + g, from −1 to 1.

    W(K) = (k'·p₋)(K·p₊) + (k'·p₊)(K·p₋) + m_e² k'·K with K = k_h − m S, in the rest frame of ν_h.
    The pair has energy and momentum k along d; a and b are electron and positron (E, p).
    """
    if chain.correlated == 0.0:
        return chain.slope * _dot(spin, d)
    m2, e = ELECTRON_MASS**2, chain.heavy - energy
    ka = e * a[0] + k * _dot(d, a[1:])  # ν_h' flies against the pair
    kb = e * b[0] + k * _dot(d, b[1:])
    along = ka * _dot(spin, b[1:]) + kb * _dot(spin, a[1:]) - m2 * k * _dot(spin, d)
    return along / (ka * b[0] + kb * a[0] + m2 * e)


@njit
def _throw(state, s, spin, chain):
    """Throw one decay of a ν_h with a spin vector, in its rest frame, to a pair of squared mass s.

    Returns the state of the dice and the four-momenta [MeV] of electron, positron and ν_h'.
    """
    mass, energy, k, p = _pair(s, chain.heavy, chain.light)
    kappa = chain.correlated * _kappa(s, chain.heavy, chain.light, chain.majorana)
    state, d, right, up = _frame(state)  # d, the flight of the pair; two directions across it
    state, c = _cosine(state, kappa)
    state, x, y = _azimuth(state)
    r = np.sqrt(1 - c * c)  # n, the flight of the electron in the frame of the pair
    n = _sum(_times(c, d), _sum(_times(r * x, right), _times(r * y, up)))
    # the electron in the frame of ν_h: boosted along d, which stretches its part along d
    even, odd = 0.5 * k, p * (energy / mass - 1) * c
    half, swing = 0.5 * energy, p * k / mass * c
    a = (half + swing, *_sum(_times(even + odd, d), _times(p, n)))
    b = (half - swing, *_sum(_times(even - odd, d), _times(-p, n)))
    state, u = _next(state)
    g = chain.spin * _analysing(chain, energy, k, d, a, b, spin)
    turn = -1.0 if 2 * u > 1 + g else 1.0
    c4 = (chain.heavy - energy, *_times(-turn * k, d))
    return state, (a[0], *_times(turn, a[1:])), (b[0], *_times(turn, b[1:])), c4
