"""Nuclei as the Z′ sees them: charge, mass and form factor.

In: the name of a nucleus and Q². Out: a form factor. Chapter: upscatter.

A kinetically mixed Z′ couples to electric charge, so coherent scattering needs the charge form
factor. Fourier–Bessel coefficients come from electron scattering, without a model in between.

Laws: F(0) = 1; the slope at zero is −⟨r²⟩/6 of the charge radius; Helm's model agrees to a percent
where the rate is.
"""

from functools import cache
from math import pi
from typing import NamedTuple

import numpy as np

from darkpairs import tables
from darkpairs._jit import njit
from darkpairs.constants import ATOMIC_MASS_UNIT, ELECTRON_MASS, HBARC, PROTON_MASS

MEV_FM = HBARC * 1e13  # ħc in MeV fm
FORM_FACTORS = ("fourier-bessel", "helm", "engel")


class Nucleus(NamedTuple):
    """Charge number, mass number and mass [MeV] of a bare nucleus."""

    charge: float
    nucleons: float
    mass: float


# Atomic masses of AME 2020 (Wang et al., Chinese Phys. C 45, 030003), less the electrons
NUCLEI = {
    "Ar40": Nucleus(18.0, 40.0, 39.9623831220 * ATOMIC_MASS_UNIT - 18 * ELECTRON_MASS),
    "C12": Nucleus(6.0, 12.0, 12.0 * ATOMIC_MASS_UNIT - 6 * ELECTRON_MASS),
    "H1": Nucleus(1.0, 1.0, PROTON_MASS),
    "O16": Nucleus(8.0, 16.0, 15.99491461926 * ATOMIC_MASS_UNIT - 8 * ELECTRON_MASS),
    "Si28": Nucleus(14.0, 28.0, 27.97692653442 * ATOMIC_MASS_UNIT - 14 * ELECTRON_MASS),
}
# fm, cut-off radii of the Fourier–Bessel expansions
CUTOFF = {"Ar40": 9.0, "C12": 8.0, "O16": 8.0, "Si28": 8.0}

DIPOLE_MASS = 843.0  # MeV, √0.71 GeV as usual
PROTON_MOMENT = 2.7928473446  # magnetic moment in nuclear magnetons, CODATA 2022


def nucleus(name):
    """Return a nucleus by its name: ``"Ar40"``, ``"C12"``, ``"H1"``, ``"O16"`` or ``"Si28"``."""
    if name not in NUCLEI:
        raise ValueError(f"unknown nucleus {name!r}; wanted one of {', '.join(NUCLEI)}")
    return NUCLEI[name]


def form_factor(nucleus, q2, *, form_factor="fourier-bessel"):
    """Return the charge form factor F(Q²), normalised to 1 at zero.

    Parameters
    ----------
    nucleus : str
        As in `nucleus`; of ``"H1"`` it is Sachs' electric form factor, the dipole.
    q2 : array-like
        Q² ≥ 0 [MeV²].
    form_factor : str
        ``"fourier-bessel"``: de Vries et al. 1987. ``"helm"``: Helm 1956 with the parameters of
        Lewin and Smith (Astropart. Phys. 6, 87). ``"engel"``: Engel 1991 with s = 1 fm and
        R = 1.2 A^⅓ fm, as GENIE has it.

    Returns
    -------
    ndarray
        Of the shape of `q2`. It may be negative behind a zero.
    """
    q2 = np.asarray(q2, dtype=np.float64)
    if not (q2 >= 0).all():
        raise ValueError(f"Q² must be ≥ 0 MeV²; got {q2.min()}")
    if nucleus == "H1":
        return (1 + q2 / DIPOLE_MASS**2) ** -2.0
    shape = shape_of(nucleus, form_factor)
    return _evaluate(np.sqrt(q2.ravel()), shape[None]).reshape(q2.shape)


@cache
def shape_of(name, form_factor):
    """Return what a kernel needs to know about a form factor, ndarray (k,).

    First the kind (0 Fourier–Bessel, 1 sphere folded with a Gaussian), then its parameters in fm:
    cut-off radius and weights of the terms, or radius and surface width.
    """
    if form_factor not in FORM_FACTORS:
        raise ValueError(f"unknown form factor {form_factor!r}; wanted one of "
                         f"{', '.join(FORM_FACTORS)}")
    nucleons = nucleus(name).nucleons
    if form_factor == "fourier-bessel":
        return np.append([0.0, CUTOFF[name]], _weights(tables.read("charge_densities.csv")[name]))
    if form_factor == "helm":  # Lewin and Smith (1996), Eq. 4.11
        c, a, s = 1.23 * nucleons ** (1 / 3) - 0.6, 0.52, 0.9
        return np.array([1.0, np.sqrt(c**2 + 7 / 3 * pi**2 * a**2 - 5 * s**2), s])
    radius, s = 1.2 * nucleons ** (1 / 3), 1.0  # Engel, Phys. Lett. B 264, 114 (1991)
    if radius**2 <= 5 * s**2:
        raise ValueError(f"Engel's form factor needs R² > 5 s²; {name} has R = {radius:.2f} fm")
    return np.array([1.0, np.sqrt(radius**2 - 5 * s**2), s])


def _weights(a):
    """Return (−1)ⁿ a_n over the sum that makes F(0) = 1, from Fourier–Bessel coefficients."""
    n = np.arange(1, len(a) + 1)
    signed = np.asarray(a) * (-1.0) ** n
    return signed / (signed / (n * pi) ** 2).sum()


@njit
def _sinc(x):
    return 1.0 - x * x / 6 if abs(x) < 1e-4 else np.sin(x) / x


@njit
def _charge(q, shapes, p):
    """Form factor at one momentum transfer q [MeV], of the nucleus in row p of a table of shapes.

    (A row by its number: to cut the row out of the table would cost more than the form factor.)
    """
    x = q * shapes[p, 1] / MEV_FM
    if shapes[p, 0] == 1.0:  # 3 j₁(x)/x exp(−q²s²/2)
        ball = 1.0 - x * x / 10 if x < 1e-2 else 3 * (np.sin(x) / x - np.cos(x)) / (x * x)
        return ball * np.exp(-0.5 * (q * shapes[p, 2] / MEV_FM) ** 2)
    # Σ c_n j₀(x)/((nπ)² − x²); near x = nπ sine and denominator vanish together
    near = int(x / pi + 0.5)
    sign, rest, total = 1.0 - 2.0 * (near % 2), x - near * pi, 0.0
    for n in range(1, shapes.shape[1] - 1):
        if n != near:
            total += shapes[p, n + 1] / ((n * pi) ** 2 - x * x)
    if near == 0:
        return _sinc(x) * total
    nearest = shapes[p, near + 1] / (near * pi + x) if near < shapes.shape[1] - 1 else 0.0
    return sign * (np.sin(rest) * total - _sinc(rest) * nearest) / x


@njit
def _evaluate(q, shapes):
    values = np.empty(len(q))
    for i in range(len(q)):
        values[i] = _charge(q[i], shapes, 0)
    return values


@njit
def _proton(q2):
    """Dirac and Pauli form factors of the proton, dipole (Perdrisat et al., hep-ph/0612014)."""
    dipole = 1 / (1 + q2 / DIPOLE_MASS**2) ** 2
    tau = q2 / (4 * PROTON_MASS**2)
    return (dipole * (1 + tau * PROTON_MOMENT) / (1 + tau),
            dipole * (PROTON_MOMENT - 1) / (1 + tau))
