"""Two-body kinematics in forms that do not cancel.

In: energies and masses [MeV]. Out: thresholds and limits of Q². Chapter: upscatter.

Laws: Q²_min Q²_max = M² m⁴/s; at threshold both limits meet; a massless product starts at Q² = 0.
"""

import numpy as np

from darkpairs._jit import njit


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
    if above <= 0:
        return 0.0, 0.0
    root = np.sqrt(above * (2 * target * (energy + mass) - mass * mass))  # λ½(s, M², m²)
    gap = 2 * target * energy  # s − M²
    largest = (gap * (gap + root) - mass * mass * (s + target * target)) / (2 * s)
    return target * target * mass**4 / (s * largest), largest


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
