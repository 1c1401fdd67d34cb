"""Upscattering: a neutrino turns into a heavy one on a nucleus or on a proton.

In: a model, a nucleus, energies. Out: dσ/dQ² and σ, by helicity. Chapter: upscatter.

The neutrino comes in with negative helicity. The heavy one may keep it (conserving) or, being
massive, flip it. Helicity is counted in the centre of mass. For each the squared amplitude is half
that of a *massless* neutrino with the four-vector K = k₃ ± m S, S the spin vector of positive
helicity (+ conserving, − flipping). K is light-like; so the main term of each part is a product of
positive factors, and nothing large cancels.

The squared amplitude is linear in K, G·K. With any spin S of ν_h it is G·(k₃ − m S): so in its rest
frame ν_h is polarised along the space part of G.

Laws: both parts together give the spin-summed formula; flipping vanishes with the mass; the rate
goes with the square of ε, of the couplings and, for coherent scattering, of the charge number; the
polarisation along the flight in the centre of mass is the difference of the two parts.
"""

from math import pi, sqrt

import numpy as np

from darkpairs import nucleus as _nucleus
from darkpairs._jit import njit
from darkpairs.constants import (
    FERMI_CONSTANT,
    HBARC,
    PROTON_MASS,
    WEAK_MIXING,
    Z_MASS,
)
from darkpairs.kinematics import _boost, _q2_limits
from darkpairs.model import is_three_plus_two, v_production
from darkpairs.nucleus import _charge, _proton

REGIMES = ("coherent", "proton", "both")
EXCHANGES = ("zprime", "full")
HELICITIES = {"conserving": (1.0, 0.0), "flipping": (0.0, 1.0), "both": (1.0, 1.0)}
# MeV, Moniz et al., PRL 26, 445 (⁴⁰Ca for argon, Mg for silicon), oxygen from Smith and Moniz,
# Nucl. Phys. B 43, 605; hydrogen's proton is free
FERMI_MOMENTUM = {"Ar40": 251.0, "C12": 221.0, "H1": 0.0, "O16": 225.0, "Si28": 235.0}
NUCLEON = 2.0  # in place of the kind of a nuclear shape: a proton with its dipole
NODES = 48  # per panel of the integral over ln(Q² + a²); doubling changes σ by < 1e-7
_X, _W = np.polynomial.legendre.leggauss(NODES)
# g/cos θ_W, from G_F/√2 = g²/8m_W² and m_W = m_Z cos θ_W on shell (PDG 2024)
G_OVER_COS = sqrt(8 * FERMI_CONSTANT / sqrt(2)) * Z_MASS


@njit
def _contractions(target, mass, energy, q2, f1, f2):
    """Leptonic times hadronic tensor for both helicities [MeV⁴].

    Their sum is (F₁²A + F₁F₂B + F₂²C)/8 in the letters of the papers.

    The hadron is a Dirac particle with form factors f1, f2 (Rosenbluth). In the centre of mass the
    neutrino has momentum k, the heavy one p; plus and minus are (1 ± cosθ)/2, each from Q² and its
    own limit, without rounding.
    """
    low, high = _q2_limits(energy, mass, target)
    w = np.sqrt(target * target + 2 * target * energy)
    k = target * energy / w
    p = (high - low) / (4 * k)
    e3 = np.sqrt(mass * mass + p * p)
    minus = max(q2 - low, 0.0) / (4 * k * p)
    plus = max(high - q2, 0.0) / (4 * k * p)
    r = np.sqrt(target * target + k * k) + np.sqrt(target * target + p * p)
    electric = f1 * f1 + q2 / (4 * target * target) * f2 * f2
    magnetic = (f1 + f2) ** 2
    long, short = e3 + p, mass * mass / (e3 + p)  # energies of the light-like K: e3 ± p
    m2 = mass * mass
    gap = 2 * k * long * minus  # k₁·K, conserving
    conserving = (electric * 2 * k * long * (r + k + p) ** 2 * plus
                  + magnetic * (gap * (m2 + 2 * q2) - m2 * (m2 + q2)))
    flipping = (electric * 2 * k * short * (r + k - p) ** 2 * minus
                + magnetic * (2 * q2 * (m2 + q2) - gap * (m2 + 2 * q2)))
    return 0.5 * conserving, 0.5 * flipping


@njit
def _summed(target, mass, energy, q2, f1, f2):
    """Both helicities of `_contractions` together [MeV⁴], without square roots.

    With R·(k₁ − k₃) = 0 and 2 k₁·k₃ = m² + Q²; R is the sum of both momenta of the target.
    """
    m2, total = mass * mass, mass * mass + q2
    electric = f1 * f1 + q2 / (4 * target * target) * f2 * f2
    magnetic = (f1 + f2) ** 2
    k1_r = 2 * target * energy - 0.5 * total
    return (electric * (2 * k1_r * k1_r - 0.5 * (4 * target * target + q2) * total)
            + 0.5 * magnetic * total * (2 * q2 - m2))


@njit
def _heavy_momentum(target, mass, energy, span):
    """Energy of ν_h and its momentum across and along the beam [MeV]; the target was at rest.

    `span` is Q² and its limits.
    """
    q2, low, high = span
    recoil = 0.5 * q2 / target
    along = energy - recoil - 0.5 * (q2 + mass * mass) / energy
    s = target * target + 2 * target * energy
    across = np.sqrt(max((q2 - low) * (high - q2) * s, 0.0)) / (2 * target * energy)
    return energy - recoil, across, along


@njit
def _polarisation(target, mass, energy, q2, f1, f2, e3, across, along):
    """Spin vector of ν_h in its rest frame, in the plane of scattering: (across, along) the beam.

    G = electric [2 (k₁·R) R − R² k₁] + magnetic [(m² + 2Q²) k₁ − (m² + Q²) k₃], where R is the sum
    of both momenta of the target; for a spinless target it is light-like, and the spin full.
    """
    electric = f1 * f1 + q2 / (4 * target * target) * f2 * f2
    magnetic = (f1 + f2) ** 2
    m2, recoil = mass * mass, 0.5 * q2 / target
    r0, rx, rz = 2 * target + recoil, -across, energy - along
    along_r = electric * 2 * energy * (r0 - rz)  # times R
    along_k1 = magnetic * (m2 + 2 * q2) - electric * (4 * target * target + q2)
    along_k3 = -magnetic * (m2 + q2)
    g0 = along_r * r0 + along_k1 * energy + along_k3 * e3
    gx = along_r * rx + along_k3 * across
    gz = along_r * rz + along_k1 * energy + along_k3 * along
    x, _, z = _boost(g0, (gx, 0.0, gz), e3, (-across, 0.0, -along), mass)
    rest = (g0 * e3 - gx * across - gz * along) / mass
    return x / rest, z / rest


@njit
def _coupling2(q2, zprime, boson_z):
    """Square of the exchange: couplings over propagators; each pair is (coupling, mass)."""
    exchange = zprime[0] / (q2 + zprime[1] ** 2) + boson_z[0] / (q2 + boson_z[1] ** 2)
    return exchange * exchange


@njit
def _pauli(q2, fermi):
    """Pauli factor of a Fermi gas for a bound proton; 1 where the Fermi momentum is given as 0.

    3x/4 − x³/16 with x = |q|/k_F, and 1 from x = 2 on: the share of a Fermi sphere of nucleons
    that a kick |q| takes out of the sphere (Bell and Llewellyn Smith, Nucl. Phys. B 28, 317).
    """
    if fermi == 0.0:
        return 1.0
    ratio = min(np.sqrt(q2 * (1 + q2 / (4 * PROTON_MASS**2))) / fermi, 2.0)
    return 0.75 * ratio - ratio**3 / 16


@njit
def _factors(q2, shapes, p):
    """Dirac and Pauli form factors of a nucleus, or of one proton (shape ``NUCLEON``)."""
    return _proton(q2) if shapes[p, 0] == NUCLEON else (_charge(np.sqrt(q2), shapes, p), 0.0)


@njit
def _strength(target, energy, q2, fermi, zprime, boson_z):
    """What turns the contracted tensors into dσ/dQ² [1/MeV⁸]."""
    coupling2 = _coupling2(q2, zprime, boson_z)
    return coupling2 * _pauli(q2, fermi) / (32 * pi * (target * energy) ** 2)


@njit
def _dsigma(target, mass, energy, q2, shapes, p, fermi, zprime, boson_z):
    """dσ/dQ² for both helicities [1/MeV⁴] on one nucleus or on one proton."""
    f1, f2 = _factors(q2, shapes, p)
    conserving, flipping = _contractions(target, mass, energy, q2, f1, f2)
    factor = _strength(target, energy, q2, fermi, zprime, boson_z)
    return factor * conserving, factor * flipping


@njit
def _dsigma_summed(target, mass, energy, q2, shapes, p, fermi, zprime, boson_z):
    """Sum over helicities of `_dsigma`; for loops in which every nanosecond counts."""
    f1, f2 = _factors(q2, shapes, p)
    return (_strength(target, energy, q2, fermi, zprime, boson_z)
            * _summed(target, mass, energy, q2, f1, f2))


@njit
def _dsigma_many(target, mass, energy, q2, shapes, fermi, zprime, boson_z):
    """dσ/dQ² for arrays of energies and Q², ndarray (n, 2); zero outside the limits."""
    result = np.zeros((len(energy), 2))
    for i in range(len(energy)):
        low, high = _q2_limits(energy[i], mass, target)
        if high > 0 and low <= q2[i] <= high:
            result[i] = _dsigma(target, mass, energy[i], q2[i], shapes, 0, fermi, zprime, boson_z)
    return result


@njit
def _total(target, mass, energy, shapes, fermi, zprime, boson_z, x, w):
    """σ for both helicities [1/MeV²]: Gauss–Legendre in ln(Q² + a²), panel by panel."""
    low, high = _q2_limits(energy, mass, target)
    if high <= low:
        return 0.0, 0.0
    conserving = flipping = 0.0
    scale = min(zprime[1] ** 2, 1e4)  # a² : where the propagator or the nucleus bends
    edge = low
    for panel in range(4):
        a, b = np.log(edge + scale), np.log(high + scale)
        if panel < 3:  # three short panels where the rate is, one for the tail
            b = min(b, np.log(low + scale * 10.0 ** (panel + 1) + scale))
        for i in range(len(x)):
            u = 0.5 * (a + b) + 0.5 * (b - a) * x[i]
            q2 = min(max(np.exp(u) - scale, low), high)
            c, f = _dsigma(target, mass, energy, q2, shapes, 0, fermi, zprime, boson_z)
            conserving += 0.5 * (b - a) * w[i] * c * (q2 + scale)
            flipping += 0.5 * (b - a) * w[i] * f * (q2 + scale)
        edge = min(np.exp(b) - scale, high)
    return conserving, flipping


@njit
def _total_many(target, mass, energy, shapes, fermi, zprime, boson_z, x, w):
    """σ for an array of energies, ndarray (n, 2)."""
    result = np.zeros((len(energy), 2))
    for i in range(len(energy)):
        result[i] = _total(target, mass, energy[i], shapes, fermi, zprime, boson_z, x, w)
    return result


def dsigma_dq2(model, nucleus, energy, q2, *, regime="coherent", exchange="zprime",
               form_factor="fourier-bessel", helicity="both", pauli=False):
    """Return dσ/dQ² per nucleus.

    Parameters
    ----------
    model : DarkModel
        The model point.
    nucleus : str
        ``"Ar40"``, ``"C12"`` or ``"H1"``.
    energy, q2 : array-like
        Neutrino energy [MeV] and Q² [MeV²]; they are broadcast together.
    regime : str
        ``"coherent"`` (none for H1), ``"proton"`` (Z free protons) or ``"both"``.
    exchange : str
        ``"zprime"``: the Z′ alone; ``"full"``: with the vector part of the Standard Model's Z,
        on whole nuclei.
    form_factor : str
        For coherent scattering, see `nucleus.form_factor`.
    helicity : str
        ``"conserving"``, ``"flipping"`` or ``"both"``.
    pauli : bool
        Reduce scattering on bound protons at low Q² by the Pauli factor of a Fermi gas.

    Returns
    -------
    ndarray
        [cm²/MeV²]; zero outside the limits of Q².
    """
    energy, q2 = np.broadcast_arrays(_energies(energy), _q2(q2))
    weights = _helicity(helicity)
    result = np.zeros(energy.size)
    for target, *rest in _processes(model, nucleus, regime, exchange, form_factor, pauli):
        parts = _dsigma_many(target, model.m_heavy, energy.ravel(), q2.ravel(), *rest)
        result += parts @ weights
    return result.reshape(energy.shape) * HBARC**2


def cross_section(model, nucleus, energy, *, regime="coherent", exchange="zprime",
                  form_factor="fourier-bessel", helicity="both", pauli=False):
    """Return σ per nucleus [cm²], of the shape of `energy`; arguments as in `dsigma_dq2`."""
    energy, weights = _energies(energy), _helicity(helicity)
    result = np.zeros(energy.size)
    for target, *rest in _processes(model, nucleus, regime, exchange, form_factor, pauli):
        result += _total_many(target, model.m_heavy, energy.ravel(), *rest, _X, _W) @ weights
    return result.reshape(energy.shape) * HBARC**2


def _energies(energy):
    energy = np.asarray(energy, dtype=np.float64)
    if not (energy >= 0).all():
        raise ValueError(f"neutrino energies must be numbers ≥ 0 MeV; got {energy.min()}")
    return energy


def _q2(q2):
    q2 = np.asarray(q2, dtype=np.float64)
    if not (q2 >= 0).all():
        raise ValueError(f"Q² must be numbers ≥ 0 MeV²; got {q2.min()}")
    return q2


def _helicity(word):
    """Return with what weights the two helicities count."""
    if word not in HELICITIES:
        raise ValueError(f"unknown helicity {word!r}; wanted one of {', '.join(HELICITIES)}")
    return np.array(HELICITIES[word])


def _processes(model, name, regime, exchange, form_factor, pauli):
    """Yield target mass, shape, Fermi momentum, Z′ and Z of each process that a regime asks for."""
    kind = _nucleus.nucleus(name)
    for word, allowed, what in ((regime, REGIMES, "regime"), (exchange, EXCHANGES, "exchange")):
        if word not in allowed:
            raise ValueError(f"unknown {what} {word!r}; wanted one of {', '.join(allowed)}")
    neutrons = kind.nucleons - kind.charge
    if regime in ("coherent", "both") and name != "H1":
        shape = _nucleus.shape_of(name, form_factor)
        zprime = _zprime(model, kind.charge)
        weak = _weak(model, kind.charge, neutrons) if exchange == "full" else 0.0
        yield kind.mass, shape[None], 0.0, zprime, (weak, Z_MASS)
    if regime in ("proton", "both"):
        # Z incoherent protons: the root of Z in the amplitude. The Standard Model's Z is left out
        # here; by DarkNews it would add 0.6 % at the heaviest benchmark, and less elsewhere.
        fermi = FERMI_MOMENTUM[name] if pauli else 0.0
        zprime = _zprime(model, sqrt(kind.charge))
        yield PROTON_MASS, np.array([[NUCLEON]]), fermi, zprime, (0.0, Z_MASS)


def _zprime(model, charge):
    """Return (coupling, mass) of the Z′: V_μh at the neutrino, ε e times the charge below."""
    return v_production(model) * charge * model.charge * model.epsilon, model.m_zprime


def _weak(model, protons, neutrons):
    """Return the product of the couplings of the Z, with its sign against that of the Z′.

    g/(2 cos θ_W) U_μh at the neutrino; at the nucleus g/(4 cos θ_W) times 1 − 4 sin²θ_W per proton
    and −1 per neutron (PDG 2024, "Electroweak model", vector couplings).
    """
    mixing = abs(model.umu_heavy if is_three_plus_two(model) else model.umu_light)
    return G_OVER_COS**2 / 8 * mixing * ((1 - 4 * WEAK_MIXING) * protons - neutrons)
