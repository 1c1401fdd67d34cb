"""Two-body kinematics in forms that do not cancel, boosts and random directions.

In: energies, masses and momenta [MeV]. Out: thresholds, limits of Q², momenta seen from another
frame. Chapter: upscatter, decay.

Laws: Q²_min Q²_max = M² m⁴/s; at threshold both limits meet; a massless product starts at Q² = 0;
a boost keeps the invariant mass, and back again is no boost; directions are uniform; the square of
the mass of two light particles is 2E₁E₂(1 − cosθ).
"""

from math import factorial, pi

import numpy as np

from darkpairs._jit import njit
from darkpairs.rng import _next

# sin(πt/2) = Σ SINE[k] t^(2k + 1); for |t| ≤ 1/2 the next term is below 10⁻¹⁶
SINE = tuple((-1.0) ** k * (pi / 2) ** (2 * k + 1) / factorial(2 * k + 1) for k in range(8))


def threshold(mass, target):
    """Return the neutrino energy [MeV] above which `mass` can be made on `target`, m + m²/2M.

    From s = M² + 2ME ≥ (M + m)².
    """
    return mass + mass**2 / (2 * target)


@njit
def _q2_limits(energy, mass, target):
    """Smallest and largest Q² of ν + M → m + M; both 0 below threshold."""
    s = target * target + 2 * target * energy
    # s − (M + m)² = 2M(E − E_th), without the large M²
    above = 2 * target * (energy - mass) - mass * mass
    root = np.sqrt(max(above, 0.0) * (2 * target * (energy + mass) - mass * mass))  # λ½(s, M², m²)
    gap = 2 * target * energy  # s − M²
    largest = (gap * (gap + root) - mass * mass * (s + target * target)) / (2 * s)
    if above <= 0:
        return 0.0, 0.0
    return target * target * mass**4 / (s * largest), largest


@njit
def _massive_limits(energy, target, lepton, mass):
    """Smallest and largest Q² of ν + M → lepton + m, M at rest; both 0 below threshold.

    With energies and momenta where the sum of all momenta is zero: Q² = 2k(E ∓ p) − m_ℓ².
    """
    s = target * target + 2 * target * energy
    root = np.sqrt(s)
    if root <= lepton + mass:
        return 0.0, 0.0
    k = target * energy / root
    e = (s + lepton * lepton - mass * mass) / (2 * root)
    p = np.sqrt(max(e * e - lepton * lepton, 0.0))
    near = lepton * lepton / (e + p)  # E − p, which would cancel
    return 2 * k * near - lepton * lepton, 2 * k * (e + p) - lepton * lepton


def q2_limits(energy, mass, target):
    """Return the limits of Q² for ν + M → m + M.

    Parameters
    ----------
    energy : array-like
        Neutrino energies [MeV].
    mass, target : float
        Mass of the product and of the target [MeV].

    Returns
    -------
    tuple of ndarray
        Smallest and largest Q² [MeV²], of the shape of `energy`; zeros below threshold.
    """
    energy = np.asarray(energy, dtype=np.float64)
    pairs = np.array([_q2_limits(e, mass, target) for e in energy.ravel()]).reshape(-1, 2)
    return pairs[:, 0].reshape(energy.shape), pairs[:, 1].reshape(energy.shape)


def mass(p4):
    """Return the invariant mass [MeV] of four-momenta (E, px, py, pz), ndarray (..., 4) → (...)."""
    p4 = np.asarray(p4, dtype=np.float64)
    momentum = np.sqrt((p4[..., 1:] ** 2).sum(axis=-1))
    return np.sqrt(np.maximum((p4[..., 0] - momentum) * (p4[..., 0] + momentum), 0))


def opening_angle(a, b):
    """Return the angle [rad] between the momenta of four-momenta, two ndarray (..., 4) → (...).

    From the cross product, which does not lose the digits of a small angle.
    """
    a, b = (np.asarray(p4, dtype=np.float64)[..., 1:] for p4 in (a, b))
    across = np.sqrt((np.cross(a, b) ** 2).sum(axis=-1))
    return np.arctan2(across, (a * b).sum(axis=-1))


def boost(p4, mover):
    """Return four-momenta, given in the rest frame of a mover, where the mover moves.

    Parameters
    ----------
    p4, mover : ndarray (..., 4)
        Four-momenta (E, px, py, pz) [MeV] that broadcast against each other.

    Returns
    -------
    ndarray (..., 4)
    """
    p4, mover = np.asarray(p4, dtype=np.float64), np.asarray(mover, dtype=np.float64)
    heavy = mass(mover)
    if not (heavy > 0).all():
        raise ValueError(f"a mover of mass {heavy.min():g} MeV has no rest frame; wanted > 0")
    dot = (p4[..., 1:] * mover[..., 1:]).sum(axis=-1)
    along = (dot / (mover[..., 0] + heavy) + p4[..., 0]) / heavy
    energy = (p4[..., 0] * mover[..., 0] + dot) / heavy
    return np.concatenate([energy[..., None], p4[..., 1:] + along[..., None] * mover[..., 1:]], -1)


@njit
def _boost(e, p, energy, mover, mass):
    """Momentum of (e, p), given in the rest frame of a mover of that mass, where the mover moves.

    The axes of both frames are parallel. With the momentum −mover it leads into the rest frame.
    """
    dot = p[0] * mover[0] + p[1] * mover[1] + p[2] * mover[2]
    along = (dot / (energy + mass) + e) / mass
    return p[0] + along * mover[0], p[1] + along * mover[1], p[2] + along * mover[2]


@njit
def _circle(u):
    """Cosine and sine of 2πu for 0 ≤ u < 1, without a branch.

    The sine of a quarter of the angle from the middle is a short series; the angle is then doubled
    twice.
    """
    t = u - 0.5
    x = t * t
    s = t * (SINE[0] + x * (SINE[1] + x * (SINE[2] + x * (SINE[3] + x * (
        SINE[4] + x * (SINE[5] + x * (SINE[6] + x * SINE[7])))))))
    c = np.sqrt(1 - s * s)
    s, c = 2 * s * c, 1 - 2 * s * s
    return s * s - c * c, -2 * s * c


@njit
def _frame(state):
    """A random unit vector, and two more across it: three axes, evenly turned.

    Its height is even from −1 to 1 (Archimedes, On the Sphere and Cylinder I, 42).
    """
    state, u = _next(state)
    state, v = _next(state)
    z = 2 * u - 1
    r = np.sqrt(1 - z * z)
    c, s = _circle(v)
    return state, (r * c, r * s, z), (z * c, z * s, -r), (-s, c, 0.0)


@njit
def _direction(state):
    """A random unit vector."""
    state, d, _, _ = _frame(state)
    return state, d


@njit
def _azimuth(state):
    """Cosine and sine of a random angle."""
    state, u = _next(state)
    cosine, sine = _circle(u)
    return state, cosine, sine


@njit
def _dot(a, b):
    """Product of two vectors of three."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit
def _sum(a, b):
    """Sum of two vectors of three."""
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


@njit
def _times(x, a):
    """A number times a vector of three."""
    return x * a[0], x * a[1], x * a[2]
