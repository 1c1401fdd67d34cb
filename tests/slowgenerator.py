"""The generator's distributions by weighted points in plain numpy: its slow twin.

Neutrino energy, Q², mass and direction of the pair are spread evenly (Sobol, scrambled); each point
carries the weight of the law, with the spin of ν_h from explicit four-vectors. No cells, no
rejection, no kernel of the generator.
"""

import numpy as np
from scipy.stats import qmc

from darkpairs import detector, flux, kinematics, nucleus, upscatter
from darkpairs.constants import ELECTRON_MASS

SCRAMBLES, POINTS = 32, 2**17


def lorentz(a, b):
    return a[..., 0] * b[..., 0] - (a[..., 1:] * b[..., 1:]).sum(-1)


def spin_along(k1, k2, k3, k4, mass):
    """Polarisation of ν_h in its rest frame on a heavy spinless-like target, ndarray (n, 3)."""
    total = k2 + k4
    g = 2 * lorentz(k1, total)[:, None] * total - lorentz(total, total)[:, None] * k1
    energy = lorentz(g, k3) / mass
    along = (g[:, 1:] * k3[:, 1:]).sum(-1) / (k3[:, 0] + mass) - g[:, 0]
    return (g[:, 1:] + k3[:, 1:] * (along / mass)[:, None]) / energy[:, None]


def one_scramble(model, experiment, seed, spin):
    """Weighted points: dict of variables, and weights; coherent, wherever ν_h decays."""
    u = qmc.Sobol(5, seed=seed).random(POINTS).T
    name = next(iter(detector.targets(detector.paper(experiment))))
    target, mass = nucleus.nucleus(name).mass, model.m_heavy
    beam = flux.bnb(experiment)
    grid = np.linspace(kinematics.threshold(mass, target), beam.edges[-1], 3001)
    middle = (grid[:-1] + grid[1:]) / 2
    guess = flux.density(beam, middle) * upscatter.cross_section(model, name, middle)
    share = guess / guess.sum() + 1e-7
    energy = np.interp(u[0], np.cumsum([0, *share]) / share.sum(), grid)
    weight = flux.density(beam, energy) / share[np.searchsorted(grid, energy).clip(1, 3000) - 1]
    first, last = kinematics.q2_limits(energy, mass, target)
    scale = min(model.m_zprime**2, 1e4)
    slope = 1 / (first + scale) - 1 / (last + scale)
    value = 1 / (1 / (first + scale) - u[1] * slope)
    q2 = np.clip(value - scale, first, last)
    weight = weight * slope * value**2 * upscatter.dsigma_dq2(model, name, energy, q2)
    recoil = q2 / (2 * target)
    along = energy - recoil - (q2 + mass**2) / (2 * energy)
    across = np.sqrt(np.maximum((energy - recoil) ** 2 - mass**2 - along**2, 0))
    zero = np.zeros_like(energy)
    k1 = np.stack([energy, zero, zero, energy], 1)
    k3 = np.stack([energy - recoil, across, zero, along], 1)
    k2 = np.stack([zero + target, zero, zero, zero], 1)
    polarisation = spin_along(k1, k2, k3, k1 + k2 - k3, mass)
    s, part = pair_mass(model, u[2])
    cosine, phi = 2 * u[3] - 1, 2 * np.pi * u[4]
    sine = np.sqrt(1 - cosine**2)
    d = np.stack([sine * np.cos(phi), sine * np.sin(phi), cosine], 1)
    a, b = (model.m_light / mass) ** 2, s / mass**2
    kallen = np.sqrt(np.maximum((1 - a - b) ** 2 - 4 * a * b, 0))
    slope = kallen * (1 - a - 2 * b) / ((1 - a) ** 2 + (1 + a) * b - 2 * b**2)
    favour = 1 + spin * (not model.majorana) * slope * (d * polarisation).sum(1)
    rest = np.stack([mass * (1 + b - a) / 2, *(0.5 * mass * kallen * d.T)], 1)
    dot = (rest[:, 1:] * k3[:, 1:]).sum(1)
    pair = np.empty_like(rest)
    pair[:, 0] = (rest[:, 0] * k3[:, 0] + dot) / mass
    stretch = dot / (k3[:, 0] + mass) + rest[:, 0]
    pair[:, 1:] = rest[:, 1:] + k3[:, 1:] * (stretch / mass)[:, None]
    return variables(energy, q2, pair), weight * part * favour


def pair_mass(model, u):
    """Squared mass of the pair and its share of the weight, from the exact spectrum."""
    if model.m_heavy - model.m_light > model.m_zprime:
        return np.full_like(u, model.m_zprime**2), np.ones_like(u)
    low, high = 2 * ELECTRON_MASS, model.m_heavy - model.m_light
    root = low + (high - low) * np.sin(u * np.pi / 2) ** 2
    s, r = root**2, (ELECTRON_MASS / root) ** 2
    a, b, ratio = (model.m_light / model.m_heavy) ** 2, s / model.m_heavy**2, model.m_light
    braces = (1 - a) ** 2 + (1 + a) * b - 2 * b**2
    braces = braces + model.majorana * 6 * ratio / model.m_heavy * b
    kallen = np.sqrt(np.maximum((1 - a - b) ** 2 - 4 * a * b, 0))
    law = kallen * braces * np.sqrt(1 - 4 * r) * (1 + 2 * r) / (s - model.m_zprime**2) ** 2
    return s, law * root * np.sin(u * np.pi)


def variables(energy, q2, pair):
    """What is compared: neutrino energy, ln Q², energy and cosine of the pair."""
    cosine = pair[:, 3] / np.sqrt((pair[:, 1:] ** 2).sum(1))
    return {"e_nu": energy, "q2": np.log(q2), "e_ee": pair[:, 0], "cos_ee": cosine}


def expected(model, experiment, edges, spin=1.0):
    """Mean shares of the bins over scrambles, and the errors of the means; dicts of ndarray."""
    shares = {name: [] for name in edges}
    for seed in range(SCRAMBLES):
        values, weight = one_scramble(model, experiment, seed, spin)
        for name, cuts in edges.items():
            shares[name].append(np.histogram(values[name], cuts, weights=weight)[0] / weight.sum())
    mean = {name: np.mean(each, axis=0) for name, each in shares.items()}
    error = {name: np.std(each, axis=0, ddof=1) / SCRAMBLES**0.5 for name, each in shares.items()}
    return mean, error
