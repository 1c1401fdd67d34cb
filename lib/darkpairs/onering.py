"""One ring or two: what MiniBooNE makes of a pair.

In: `Truth` of MiniBooNE. Out: measured energies and angles, and the chance to be taken for a single
electron. Chapter: miniboone.

A Cherenkov tank sees each electron as a ring of light. A pair looks like one electron when its
rings overlap, or when one of them is too faint. Two descriptions of that are at hand, see `Sight`.

Laws: without errors of measurement nothing moves; rings that lie on each other are one ring, and to
the circle only if the energies are uneven; the energy that MiniBooNE reconstructs for a
quasi-elastic event is the neutrino's own.
"""

from functools import cache
from math import pi
from typing import NamedTuple

import numpy as np

from darkpairs import tables
from darkpairs._jit import njit, spread
from darkpairs.batches import only
from darkpairs.constants import ELECTRON_MASS, NEUTRON_MASS, PROTON_MASS
from darkpairs.kinematics import _azimuth, opening_angle
from darkpairs.rng import _normal, _start, stream

ELECTRON = 11
GEV = 1000.0  # MeV
NOTHING = 1e-6  # MeV: nobody measures less, and the direction stays


class Sight(NamedTuple):
    """How sharp MiniBooNE sees, and when it takes a pair for one ring; all float64."""

    circle: float = 1.0  #: 1 asks for the circle of arXiv 2210.08021, 0 for opening and faintness
    opening: float = 13 * pi / 180  #: rings nearer than this [rad] overlap, arXiv 1812.08768
    faint: float = 30.0  #: electrons below this energy [MeV] are not seen, arXiv 1812.08768
    stochastic: float = 0.12  #: error of the energy at 1 GeV, as the root of E, see `measure`
    noise: float = 10.0  #: error of the energy that does not depend on it [MeV]
    tilt: float = 2.7 * pi / 180  #: error of the direction at 1 GeV [rad]
    growth: float = pi / 180  #: by how much it grows when the energy falls by a factor e [rad]
    binding: float = 0.0  #: energy to free a neutron [MeV]; the 2020 release takes none
    lowest: float = 140.0  #: visible energies below this [MeV] are cut away, arXiv 2006.16883
    highest: float = 3000.0  #: and those above this


SIGHT = Sight()


class Rings(NamedTuple):
    """What was measured of each event, arrays (n,)."""

    visible: np.ndarray  #: energy of all electrons [MeV]
    cosine: np.ndarray  #: cosine of the angle between their sum and the beam
    e_nu: np.ndarray  #: energy of a neutrino that would have made one such electron [MeV]
    passes: np.ndarray  #: bool, whether it looks like one ring within the cuts
    chance: np.ndarray  #: chance to be selected, 0 where it does not pass


def look(truth, sight=SIGHT, *, seed, second=None):
    """Return what MiniBooNE measures of pairs, `Rings`.

    Parameters
    ----------
    truth : Truth
        Pairs in the whole tank, one e⁻ and one e⁺ per event.
    sight : Sight
        Resolution and criterion.
    seed : int
        From 0 to 2⁶³ − 1. Event i depends on (seed, its number) alone.
    second : ndarray (n, 2, 4), optional
        Four-momenta [MeV] of a second pair per event. The four electrons are then joined, nearest
        first, until two are left, and the criterion asks those.
    """
    pair = [truth.p4[only(truth, code)] for code in (ELECTRON, -ELECTRON)]
    leptons = np.stack(pair, axis=1) if second is None else np.concatenate(
        [np.stack(pair, axis=1), second], axis=1)
    seen = measure(leptons, sight, seed=seed, event=truth.event)
    visible, total = seen[..., 0].sum(axis=1), seen[..., 1:].sum(axis=1)
    size = np.sqrt((total**2).sum(axis=-1))
    cosine = total[:, 2] / np.where(size > 0, size, 1.0)
    passes = one_ring(*_two(seen), sight) & (visible > sight.lowest) & (visible < sight.highest)
    return Rings(visible, cosine, quasi_elastic(visible, cosine, sight), passes,
                 np.where(passes, efficiency(leptons[..., 0].sum(axis=1)), 0.0))


def measure(leptons, sight=SIGHT, *, seed, event):
    """Return the measured four-momenta of electrons, ndarray (n, k, 4) like those given.

    Energies scatter with 0.12 √(E · 1 GeV) + 10 MeV (J. Phys. Conf. Ser. 120 (2008) 052003),
    directions with 2.7° + 1° ln(1 GeV/E) (R. B. Patterson's thesis), both as used in
    arXiv:2308.02543.

    Parameters
    ----------
    leptons : array-like (n, k, 4)
        True four-momenta [MeV].
    sight : Sight
        Resolution.
    seed : int
        Dice, see `look`.
    event : array-like (n,) of int
        Number of each event.
    """
    leptons = np.ascontiguousarray(leptons, dtype=np.float64)
    numbers = np.asarray(event, dtype=np.uint64)
    if leptons.ndim != 3 or leptons.shape[2] != 4 or numbers.shape != leptons.shape[:1]:
        raise ValueError(f"leptons of shape {leptons.shape} and {numbers.shape} events; wanted "
                         "(n, k, 4) and (n,)")
    if not 0 <= seed < 2**63 or seed % 1:
        raise ValueError(f"seed {seed}; wanted a whole number from 0 to 2⁶³ − 1")
    seen = np.empty_like(leptons)
    spread(_measure, len(leptons), leptons, numbers, np.uint64(seed), np.uint64(stream("ring")),
           sight.stochastic, sight.noise, sight.tilt, sight.growth, seen)
    return seen


def one_ring(a, b, sight=SIGHT):
    """Tell which pairs of electrons look like one, ndarray (n,) of bool.

    With ``circle = 1``: √((1 − cos θ)²/4 + (1 − E_max/E)²) < r(E) with the radii of Kelly and Kopp,
    arXiv:2210.08021, Table II; made for the photons of neutral pions, which never fly on one line,
    it keeps out e⁺e⁻ of even energies whatever their angle. With ``circle = 0``: both are seen and
    nearer than ``opening``, or only one is seen (arXiv:1812.08768).

    Parameters
    ----------
    a, b : array-like (n, 4)
        Measured four-momenta [MeV].
    sight : Sight
        Which criterion, and its numbers.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    angle = opening_angle(a, b)
    low, high = np.minimum(a[:, 0], b[:, 0]), np.maximum(a[:, 0], b[:, 0])
    if sight.circle:
        middle, radius = _circle_table()
        share = low / np.where(high > 0, low + high, 1.0)
        return np.hypot(np.sin(angle / 2) ** 2, share) < np.interp(low + high, middle, radius)
    seen = low > sight.faint
    return np.where(seen, angle < sight.opening, high > sight.faint)


def quasi_elastic(visible, cosine, sight=SIGHT):
    """Return E_ν^QE [MeV]: the neutrino that makes one electron of this energy at this angle.

    (m E − (m² + m_e² − m_p²)/2)/(m − E + p cos θ) for ν n → e⁻ p on a neutron at rest, m being its
    mass less the binding energy (arXiv:0706.0926); infinite where no neutrino could.
    """
    visible, cosine = np.asarray(visible, dtype=np.float64), np.asarray(cosine, dtype=np.float64)
    mass = NEUTRON_MASS - sight.binding
    momentum = np.sqrt(np.maximum(visible**2 - ELECTRON_MASS**2, 0.0))
    above = mass * visible - (mass**2 + ELECTRON_MASS**2 - PROTON_MASS**2) / 2
    below = mass - visible + momentum * cosine
    return np.where(below > 0, above / np.where(below > 0, below, 1.0), np.inf)


def efficiency(energy):
    """Return the chance that a single electron [MeV] made anywhere in the tank is selected.

    Data release with arXiv:1207.4809; a straight line between its points, ndarray like `energy`.
    """
    return np.interp(energy, *_efficiency_table())


@cache
def _efficiency_table():
    table = tables.read("miniboone_efficiency.csv")
    return table["energy"], table["efficiency"]


@cache
def _circle_table():
    table = tables.read("one_ring_circle.csv")
    return table["energy"], table["radius"]


def _two(leptons):
    """Join electrons, nearest first, until two are left; two arrays (n, 4)."""
    rows = np.arange(len(leptons))
    while leptons.shape[1] > 2:
        k = leptons.shape[1]
        pairs = [(i, j) for i in range(k) for j in range(i + 1, k)]
        angles = np.stack([opening_angle(leptons[:, i], leptons[:, j]) for i, j in pairs], axis=1)
        i, j = np.array(pairs)[angles.argmin(axis=1)].T
        joined = leptons.copy()
        joined[rows, i] += leptons[rows, j]
        keep = np.arange(k)[None] != j[:, None]
        leptons = joined[keep].reshape(len(rows), k - 1, 4)
    return leptons[:, 0], leptons[:, 1]


@njit
def _measure(first, last, leptons, numbers, seed, stream, stochastic, noise, tilt, growth, seen):
    """Fill the measured four-momenta of some events."""
    for n in range(first, last):
        state = _start(seed, stream, numbers[n])
        for k in range(leptons.shape[1]):
            e, x, y, z = (leptons[n, k, 0], leptons[n, k, 1], leptons[n, k, 2], leptons[n, k, 3])
            state, shift = _normal(state)
            kinetic = e - ELECTRON_MASS + shift * (stochastic * np.sqrt(e * GEV) + noise)
            kinetic = max(kinetic, NOTHING)
            state, turn = _normal(state)
            turn *= tilt + growth * np.log(GEV / e)
            state, cosine, sine = _azimuth(state)
            p, across = np.sqrt(x * x + y * y + z * z), np.sqrt(x * x + y * y)
            cx, cy = (x / across, y / across) if across > 0 else (1.0, 0.0)
            up, out = z / p, across / p  # two directions across the flight: (up cx, up cy, −out)
            a, b = np.sin(turn) * cosine, np.sin(turn) * sine  # and (−cy, cx, 0)
            size = np.sqrt(kinetic * (kinetic + 2 * ELECTRON_MASS))
            seen[n, k, 0] = kinetic + ELECTRON_MASS
            seen[n, k, 1] = size * (np.cos(turn) * x / p + a * up * cx - b * cy)
            seen[n, k, 2] = size * (np.cos(turn) * y / p + a * up * cy + b * cx)
            seen[n, k, 3] = size * (np.cos(turn) * up - a * out)
