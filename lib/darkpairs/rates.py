"""Expected pairs: flux times cross section times nuclei times the chance to decay inside.

In: a model, an experiment. Out: events, and their spectrum, by quadrature. Chapter: signal.

The spectrum needs no events: in the rest frame of ν_h the pair flies off at a cosine c with the
density (1 + a P c)/2, P being the spin along the flight; its energy is linear in c; so the content
of a bin is a difference of two squares.

Laws: without walls and lifetimes the rate is flux × σ × nuclei; the spectrum adds up to the rate;
a short-lived ν_h decays inside; with a long life the rate falls as one over it.
"""

from math import pi
from typing import NamedTuple

import numpy as np

from darkpairs import decay, detector, upscatter, zprime
from darkpairs import flux as _flux
from darkpairs._jit import apart, njit
from darkpairs.constants import ELECTRON_MASS, HBARC
from darkpairs.decay import _mass_law, _slope
from darkpairs.detector import _survival
from darkpairs.kinematics import _q2_limits, threshold
from darkpairs.nucleus import _proton
from darkpairs.upscatter import NUCLEON, _dsigma_summed, _heavy_momentum, _polarisation

FLAVOURS = ("numu", "numubar")  # whose coupling to ν_h the models have; σ is the same for both
RECOIL = {"Ar40": 1000180400, "C12": 1000060120, "H1": 2212, "O16": 1000080160,
          "Si28": 1000140280}  # PDG codes
PROTON = 2212
_RULES = {n: np.polynomial.legendre.leggauss(n) for n in (2, 4, 6, 10, 12, 20, 32, 96)}
# Nodes per bin of the flux, in Q², in a quarter turn
FINE, TOTAL, COARSE = (4, 32, 6), (2, 20, 6), (2, 10, 2)
MASSES = {True: 96, False: 12}  # nodes in the squared mass of a virtual pair, fine or not
BEND = 4e4  # MeV²: a² for the quadrature, unless a lighter Z′ bends dσ/dQ² before


class Processes(NamedTuple):
    """All ways to make a ν_h in one experiment, as tables for kernels; one row each."""

    table: np.ndarray  #: (p, 8) target [MeV], a² [MeV²], k_F, Z′ coupling, mass, Z, mass, nuclei
    shapes: np.ndarray  #: (p, k) form factors, see `nucleus.shape_of`
    recoil: np.ndarray  #: (p,) PDG code of what recoils


def expected_events(model, *, experiment="microboone", pot, regime="coherent", exchange="zprime",
                    flavours=("numu",), inside=True, form_factor="fourier-bessel", pauli=False,
                    zprime_flight=True, targets=None):
    """Return how many e⁺e⁻ pairs to expect, before any efficiency.

    Parameters
    ----------
    model : DarkModel
        The model point.
    experiment : str
        ``"microboone"`` (active volume) or ``"miniboone"`` (whole tank).
    pot : float
        Protons on target, > 0.
    regime, exchange, form_factor, pauli
        As in `upscatter.cross_section`.
    flavours : sequence of str
        ``"numu"``, ``"numubar"`` or both.
    inside : bool
        Count only events in which ν_h and Z′ decay inside the volume in which the neutrino
        interacted. Both are taken to fly in one direction: that of ν_h, or that of the Z′ if the
        Z′ flies farther than 3 cm.
    zprime_flight : bool
        Let a real Z′ fly before it decays; some generators let it decay on the spot.
    targets : dict of str to float, optional
        How many of which nuclei fill the volume; those of the experiment, if not given.
    """
    if not 0 < pot < np.inf:
        raise ValueError(f"protons on target must be > 0; got {pot}")
    nodes = _all_nodes(model, experiment, regime, exchange, form_factor, pauli, flavours, inside,
                       zprime_flight, TOTAL, targets)
    return float(nodes[:, 1].sum()) * pot * decay.branching(model)["e+e-"]


def spectrum(model, edges, *, experiment="microboone", pot, regime="coherent", exchange="zprime",
             flavours=("numu",), inside=True, form_factor="fourier-bessel", pauli=False,
             zprime_flight=True, fine=False):
    """Return the expected pairs per bin of their true energy E₊ + E₋.

    Parameters
    ----------
    edges : array-like (n+1,)
        Rising edges of the bins [MeV].
    model, experiment, pot, regime, exchange, flavours, inside, form_factor, pauli, zprime_flight
        As in `expected_events`.
    fine : bool
        Take ten to thirty times as long for 10⁻³ instead of some 10⁻³ per bin.

    Returns
    -------
    ndarray (n,)
        Events; those outside the edges are not counted.
    """
    edges = np.asarray(edges, dtype=np.float64)
    if edges.ndim != 1 or len(edges) < 2 or not (np.diff(edges) > 0).all():
        raise ValueError(f"edges of bins must rise, at least two; got {edges.tolist()}")
    if not 0 < pot < np.inf:
        raise ValueError(f"protons on target must be > 0; got {pot}")
    nodes = _all_nodes(model, experiment, regime, exchange, form_factor, pauli, flavours, inside,
                       zprime_flight, FINE if fine else COARSE)
    grid = _gather(nodes, model.m_heavy, 2.5 if fine else 12.5)
    below = _below(edges, grid, model.m_heavy, model.m_light,
                   *_pair_masses(model, MASSES[fine]), 1.0 - model.majorana)
    return np.diff(below) * pot * decay.branching(model)["e+e-"]


def beam(experiment, flavours):
    """Return the edges [MeV] and heights [1/cm²/POT/MeV] of the flux of some flavours."""
    if isinstance(flavours, str) or not flavours or not set(flavours) <= set(FLAVOURS):
        raise ValueError(f"flavours {flavours!r}; wanted one or both of {', '.join(FLAVOURS)}")
    flux = _flux.bnb(experiment)
    return flux.edges, sum(getattr(flux, flavour) for flavour in flavours)


def processes(model, experiment, regime, exchange="zprime", form_factor="fourier-bessel",
              pauli=False, bend=(BEND, BEND), targets=None):
    """Return the `Processes` that the beam can open; refuse a ν_h that is too heavy for all."""
    rows, shapes, recoil = [], [], []
    top = _flux.bnb(experiment).edges[-1]
    filling = detector.targets(detector.paper(experiment))
    for name, nuclei in (filling if targets is None else targets).items():
        for target, shape, fermi, photon, weak in upscatter._processes(
                model, name, regime, exchange, form_factor, pauli):
            if threshold(model.m_heavy, target) >= top:
                continue
            nucleon = int(shape[0, 0] == NUCLEON)
            scale = min(model.m_zprime**2, bend[nucleon])
            rows.append([target, scale, fermi, *photon, *weak, nuclei])
            shapes.append(shape[0])
            recoil.append(PROTON if nucleon else RECOIL[name])
    if not rows:
        raise ValueError(f"m_heavy = {model.m_heavy} MeV is too heavy for this beam, which ends at "
                         f"{top:g} MeV")
    padded = np.zeros((len(shapes), max(map(len, shapes))))
    for row, shape in zip(padded, shapes, strict=True):
        row[:len(shape)] = shape
    return Processes(np.array(rows), padded, np.array(recoil))


def lengths(model, zprime_flight=True):
    """Return the decay lengths at rest of ν_h and of a real Z′ that may fly (else 0), cm."""
    if not (decay.is_real(model) and zprime_flight):
        return decay.ctau(model), 0.0
    total = zprime.total(model)
    if total == 0:
        raise ValueError("ν_h is stable: its couplings or ε are 0; give ctau= to set a length"
                         if model.ctau != model.ctau else "the Z′ is stable: wanted ε above 0")
    return decay.ctau(model), HBARC / total


def _all_nodes(model, experiment, regime, exchange, form_factor, pauli, flavours, inside,
               zprime_flight, nodes, targets=None):
    """Return nodes of all processes: E_h [MeV], expected events per POT, those times the spin."""
    ways = processes(model, experiment, regime, exchange, form_factor, pauli, targets=targets)
    edges, heights = beam(experiment, flavours)
    volume = detector.body(detector.paper(experiment))
    ctau, ctau_z = lengths(model, zprime_flight) if inside else (0.0, 0.0)
    rules = [part for n in nodes for part in _RULES[n]]
    return np.concatenate([
        _nodes(ways.table, ways.shapes, p, model.m_heavy, model.m_light, model.m_zprime, edges,
               heights, volume, ctau, ctau_z, 1.0 - model.majorana, *rules)
        for p in range(len(ways.table))])


def _pair_masses(model, nodes):
    """Return nodes in the squared mass of the pair, and weights that add up to 1."""
    if decay.is_real(model):
        return np.array([model.m_zprime**2]), np.ones(1)
    x, w = _RULES[nodes]
    angle = (x + 1) * pi / 4
    low, high = 2 * ELECTRON_MASS, model.m_heavy - model.m_light
    root = low + (high - low) * np.sin(angle) ** 2
    law = _mass_law.py_func(root**2, model.m_heavy, model.m_light, model.m_zprime, model.majorana)
    weights = w * np.sin(2 * angle) * root * law
    return root**2, weights / weights.sum()


def _gather(nodes, mass, step):
    """Share nodes out to even steps of momentum, each to its two neighbours, keeping the mean."""
    place = np.sqrt(np.maximum(nodes[:, 0] ** 2 - mass**2, 0.0)) / step
    left = place.astype(np.int64)
    part = place - left
    grid = np.zeros((left.max() + 2, 3))
    grid[:, 0] = np.sqrt(mass**2 + (step * np.arange(len(grid))) ** 2)
    for column in (1, 2):
        for near, share in ((left, 1 - part), (left + 1, part)):
            grid[:, column] += np.bincount(near, share * nodes[:, column], len(grid))
    return grid[grid[:, 1] > 0]


@njit
def _q2_at(target, scale, mass, energy, x):
    """dQ²/dx and (Q², its limits) at x, from x = 0 to 1; 1/(Q² + a²) falls evenly with x.

    The scale is a². Below threshold all are 0.
    """
    low, high = _q2_limits(energy, mass, target)
    near, far = 1 / (low + scale), 1 / (high + scale)
    v = 1 / (near + x * (far - near))
    return (near - far) * v * v, (min(max(v - scale, low), high), low, high)


@njit
def _in_x(table, shapes, p, mass, energy, x):
    """dσ/dx times nuclei [1/MeV²] of process p, and (Q², its limits); 0 below threshold."""
    slope, q2 = _q2_at(table[p, 0], table[p, 1], mass, energy, x)
    if slope == 0.0:
        return 0.0, q2
    density = _dsigma_summed(table[p, 0], mass, energy, q2[0], shapes, p, table[p, 2],
                             (table[p, 3], table[p, 4]), (table[p, 5], table[p, 6]))
    return density * slope * table[p, 7], q2


@apart
def _mean_chance(body, ctau, ctau_z, heavy, light, zprime, e, across, along, spin, xt, wt):
    """Chance that ν_h and a real Z′ decay inside, mean over the directions of the Z′."""
    p = np.sqrt(across * across + along * along)
    length = ctau * p / heavy
    if ctau_z == 0.0:
        return _chance(body, length, 0.0, across, along, p, xt, wt)
    pair = (heavy**2 + zprime**2 - light**2) / (2 * heavy)
    if ctau_z * e < 3 * zprime:  # it flies less than 3 cm: one mean flight will do
        fly = ctau_z * np.sqrt(max((e * pair / (heavy * zprime)) ** 2 - 1, 0.0))
        return _chance(body, length, fly, across, along, p, xt, wt)
    k, total, turns = np.sqrt(pair**2 - zprime**2), 0.0, 4
    for n in range(len(xt)):
        ahead = (e * k * xt[n] + p * pair) / heavy  # momentum of the Z′ along ν_h, and beside it
        beside = k * np.sqrt(1 - xt[n] ** 2)
        size = np.sqrt(ahead * ahead + beside * beside)
        for m in range(turns):
            cosine = np.cos(pi * (m + 0.5) / turns)  # of the turn around ν_h
            z = (along * ahead - across * beside * cosine) / p
            side = np.sqrt(max(size * size - z * z, 0.0))
            total += 0.5 * wt[n] * (1 + spin * xt[n]) / turns * _chance(
                body, length, ctau_z * size / zprime, side, z, size, xt, wt)
    return total


@apart
def _chance(body, length, zprime, across, along, p, xt, wt):
    """Chance that ν_h and Z′ decay inside; lengths in the laboratory, mean over a quarter turn."""
    total = 0.0
    for n in range(len(xt)):
        angle = 0.25 * pi * (1 + xt[n])
        x, y, z = across * np.cos(angle) / p, across * np.sin(angle) / p, along / p
        if zprime == 0.0:
            total += 0.5 * wt[n] * _survival(body, length, x, y, z)
        else:  # the sum of two exponential flights in one direction
            gap = length - zprime if abs(length - zprime) > 1e-6 * zprime else 1e-6 * zprime
            total += 0.5 * wt[n] / gap * ((zprime + gap) * _survival(body, zprime + gap, x, y, z)
                                          - zprime * _survival(body, zprime, x, y, z))
    return total


@njit
def _nodes(table, shapes, p, heavy, light, zprime, edges, heights, body, ctau, ctau_z, memory, xe,
           we, xq, wq, xt, wt):
    """Nodes of one process, ndarray (k, 3): E_h, events per POT, events times spin on flight."""
    target, kept = table[p, 0], 0
    result = np.empty((len(heights) * len(xe) * len(xq), 3))
    start = heavy + heavy**2 / (2 * target)
    slope = _slope(zprime * zprime, heavy, light) * memory if ctau_z > 0 else 0.0
    for i in range(len(heights)):
        low, high = max(edges[i], start), edges[i + 1]
        if heights[i] <= 0 or high <= low:
            continue
        for j in range(len(xe)):
            energy = 0.5 * (low + high) + 0.5 * (high - low) * xe[j]
            for k in range(len(xq)):
                density, q2 = _in_x(table, shapes, p, heavy, energy, 0.5 * (1 + xq[k]))
                e, across, along = _heavy_momentum(target, heavy, energy, q2)
                size = np.sqrt(across * across + along * along)
                f1, f2 = _spin_factors(q2[0], shapes[p, 0] == NUCLEON)
                sx, sz = _polarisation(target, heavy, energy, q2[0], f1, f2, e, across, along)
                weight = heights[i] * density * 0.25 * (high - low) * we[j] * wq[k] * HBARC**2
                spin = (sx * across + sz * along) / size
                if ctau > 0 or ctau_z > 0:
                    weight *= _mean_chance(body, ctau, ctau_z, heavy, light, zprime, e, across,
                                           along, slope * spin, xt, wt)
                result[kept, 0], result[kept, 1], result[kept, 2] = e, weight, weight * spin
                kept += 1
    return result[:kept]


@njit
def _spin_factors(q2, single):
    """Form factors that decide on the spin: those of a single proton; a nucleus' own drops out."""
    f1, f2 = _proton(q2)
    return f1 if single else 1.0, f2 if single else 0.0


@njit
def _below(edges, grid, heavy, light, s, share, spin):
    """Events with a pair energy below each edge, ndarray (n+1,)."""
    result = np.zeros(len(edges))
    for k in range(len(s)):
        pair = (heavy**2 + s[k] - light**2) / (2 * heavy)
        momentum = np.sqrt(max(pair**2 - s[k], 0.0))
        slope = spin * _slope(s[k], heavy, light)
        for i in range(len(grid)):
            e = grid[i, 0]
            swing = np.sqrt(max(e * e - heavy * heavy, 0.0)) * momentum
            for n in range(len(edges)):
                c = min(max((edges[n] * heavy - e * pair) / max(swing, 1e-12), -1.0), 1.0)
                result[n] += share[k] * (0.5 * (1 + c) * grid[i, 1]
                                         + 0.25 * slope * (c * c - 1) * grid[i, 2])
    return result
