"""Nucleons in argon: how they move, and what becomes of hadrons on their way out.

In: a paper (`Nucleus`), dice, hadrons where they were made. Out: hadrons outside. Chapter:
background.

Protons and neutrons fill two spheres in momentum (Smith and Moniz, Nucl. Phys. B 43 (1972) 605). No
process may put a nucleon where the sphere is full already (Pauli). On the way out a pion may be
absorbed by two nucleons, change its charge, or scatter; a nucleon may hit another one. Each of
these happens at most once, with a probability that is given in the paper and not by a cascade
through the nucleus. Last, each nucleon pays what it takes to leave.

Laws: momenta fill the sphere evenly; energy and momentum are kept in every collision; nobody leaves
from within the sphere, or without the energy to pay; charge is kept; shares are those of the paper.
"""

from typing import Annotated as Given
from typing import NamedTuple

from darkpairs._jit import apart, njit
from darkpairs.constants import (
    CHARGED_PION_MASS,
    NEUTRAL_PION_MASS,
    NEUTRON_MASS,
    PROTON_MASS,
)
from darkpairs.kinematics import _boost, _direction
from darkpairs.rng import _next

PROTON, NEUTRON, PION, PI_ZERO, PHOTON = 2212, 2112, 211, 111, 22
ROWS = 16  # of the record of one event; most that can be is 12


class Nucleus(NamedTuple):
    """Argon-40 as a Fermi gas, and what happens to hadrons that leave it.

    Each field has its unit, its source and its error.
    """

    protons: Given[float, "", "argon", 0.0] = 18.0
    neutrons: Given[float, "", "of 40Ar, 99.6 % of all argon", 0.0] = 22.0
    fermi_proton: Given[float, "MeV", "40Ar in GENIE's table, from memory", 10.0] = 242.0
    fermi_neutron: Given[float, "MeV", "same", 10.0] = 259.0
    binding: Given[float, "MeV", "to take one nucleon out, 40Ar in GENIE, from memory", 10.0] = 29.5
    absorbed: Given[float, "", "our choice: share of pions at the peak", 0.1] = 0.35
    exchanged: Given[float, "", "our choice: same, that change their charge", 0.05] = 0.15
    scattered: Given[float, "", "our choice: same, that keep it", 0.15] = 0.30
    peak: Given[float, "MeV", "kinetic, where Δ(1232) forms on a nucleon at rest", 0.0] = 190.0
    half: Given[float, "MeV", "our choice: away from it where shares are half", 30.0] = 130.0
    struck: Given[float, "", "about what (e,e′p) loses in argon, from memory", 0.1] = 0.45


ARGON = Nucleus()


@njit
def _mass(pdg):
    """Mass of a hadron or photon [MeV]."""
    if pdg == PROTON:
        return PROTON_MASS
    if pdg == NEUTRON:
        return NEUTRON_MASS
    if pdg == PI_ZERO:
        return NEUTRAL_PION_MASS
    return 0.0 if pdg == PHOTON else CHARGED_PION_MASS


@njit
def _bound(state, limit):
    """Momentum of a nucleon, even in a sphere: three vectors of one length are too long to add."""
    state, u = _next(state)
    state, d = _direction(state)
    p = limit * u ** (1 / 3)
    return state, (p * d[0], p * d[1], p * d[2])


@apart
def _pair(state, total, first, second):
    """Let a four-momentum fall into two masses, evenly in its own frame; the last says if it can.

    Momentum from the product of both thresholds: λ½(s, m₁², m₂²)/2√s.
    """
    e, x, y, z = total
    s = e * e - x * x - y * y - z * z
    above = (s - (first + second) ** 2) * (s - (first - second) ** 2)
    if s <= 0 or above < 0 or s < (first + second) ** 2:
        return state, total, total, False
    root = s**0.5
    p = above**0.5 / (2 * root)
    state, d = _direction(state)
    own = (p * p + first * first) ** 0.5
    ax, ay, az = _boost(own, (p * d[0], p * d[1], p * d[2]), e, (x, y, z), root)
    one = ((ax * ax + ay * ay + az * az + first * first) ** 0.5, ax, ay, az)
    bx, by, bz = x - ax, y - ay, z - az
    return state, one, ((bx * bx + by * by + bz * bz + second * second) ** 0.5, bx, by, bz), True


@njit
def _limit(pdg, paper):
    """Radius of the sphere that is full [MeV]."""
    return paper.fermi_proton if pdg == PROTON else paper.fermi_neutron


@njit
def _free(pdg, p4, paper):
    """Tell whether a nucleon of this momentum has a place."""
    return p4[1] ** 2 + p4[2] ** 2 + p4[3] ** 2 > _limit(pdg, paper) ** 2


@njit
def _someone(state, paper):
    """Meet a nucleon: a proton as often as there are protons."""
    state, u = _next(state)
    proton = u * (paper.protons + paper.neutrons) < paper.protons
    return state, PROTON if proton else NEUTRON


@njit
def _put(rows, k, pdg, parent, p4):
    """Write a particle into row k; return how many there are then."""
    rows[k, 0], rows[k, 1] = pdg, parent
    rows[k, 2], rows[k, 3], rows[k, 4], rows[k, 5] = p4
    return k + 1


@njit
def _four_of(rows, k):
    """Four-momentum of row k."""
    return rows[k, 2], rows[k, 3], rows[k, 4], rows[k, 5]


@apart
def _leave(state, rows, count, paper):
    """Bring the hadrons of an event out of the nucleus; return the dice and the new count.

    Rows hold (PDG code, parent, E, px, py, pz). Leptons and photons are not touched.
    """
    made = count
    for k in range(made):
        pdg = int(rows[k, 0])
        if pdg in (PROTON, NEUTRON):
            state, count = _nucleon(state, rows, k, count, paper)
        elif pdg == PI_ZERO or abs(pdg) == PION:
            state, count = _pion(state, rows, k, count, paper)
    kept = 0
    for k in range(count):
        if _pay(rows, k, paper):
            rows[kept] = rows[k]
            kept += 1
    return state, kept


@njit
def _pay(rows, k, paper):
    """Take the price of leaving from a nucleon; tell whether the particle is outside."""
    pdg = int(rows[k, 0])
    if pdg != PROTON and pdg != NEUTRON:
        return pdg != 0
    mass, (e, x, y, z) = _mass(pdg), _four_of(rows, k)
    kinetic = e - mass - paper.binding
    if kinetic <= 0:
        return False
    scale = (kinetic * (kinetic + 2 * mass) / (x * x + y * y + z * z)) ** 0.5
    _put(rows, k, pdg, -1, (kinetic + mass, scale * x, scale * y, scale * z))
    return True


@apart
def _nucleon(state, rows, k, count, paper):
    """Let a nucleon hit another one at rest, perhaps; both must find a place."""
    state, u = _next(state)
    if u >= paper.struck:
        return state, count
    pdg, p4 = int(rows[k, 0]), _four_of(rows, k)
    state, other = _someone(state, paper)
    total = (p4[0] + _mass(other), p4[1], p4[2], p4[3])
    state, one, two, can = _pair(state, total, _mass(pdg), _mass(other))
    if not can or not _free(pdg, one, paper) or not _free(other, two, paper):
        return state, count
    _put(rows, k, pdg, -1, one)
    return state, _put(rows, count, other, -1, two)


@apart
def _pion(state, rows, k, count, paper):
    """Let a pion go, be absorbed, or meet a nucleon; likeliest where Δ(1232) forms."""
    pdg, p4 = int(rows[k, 0]), _four_of(rows, k)
    off = (p4[0] - _mass(pdg) - paper.peak) / paper.half
    state, u = _next(state)
    u *= 1 + off * off
    if u < paper.absorbed:
        return _absorb(state, rows, k, count, pdg, p4)
    u -= paper.absorbed
    if u < paper.exchanged:
        return _meet(state, rows, k, count, pdg, p4, True, paper)
    if u < paper.exchanged + paper.scattered:
        return _meet(state, rows, k, count, pdg, p4, False, paper)
    return state, count


@apart
def _absorb(state, rows, k, count, pdg, p4):
    """Give all that a pion has to a proton and a neutron; π⁺ leaves two protons, π⁻ none."""
    one = NEUTRON if pdg == -PION else PROTON
    two = PROTON if pdg == PION else NEUTRON
    total = (p4[0] + PROTON_MASS + NEUTRON_MASS, p4[1], p4[2], p4[3])
    state, first, second, can = _pair(state, total, _mass(one), _mass(two))
    if not can:
        return state, count
    _put(rows, k, one, -1, first)
    return state, _put(rows, count, two, -1, second)


@apart
def _meet(state, rows, k, count, pdg, p4, swaps, paper):
    """Scatter a pion on a nucleon at rest; if they swap charge, the sum is kept."""
    state, target = _someone(state, paper)
    total = (p4[0] + _mass(target), p4[1], p4[2], p4[3])
    if swaps:
        pdg, target, can = _swapped(pdg, target)
        if not can:  # π⁺p, π⁻n: as they were
            return state, count
    state, one, two, can = _pair(state, total, _mass(pdg), _mass(target))
    if not can or not _free(target, two, paper):
        return state, count
    _put(rows, k, pdg, -1, one)
    return state, _put(rows, count, target, -1, two)


@njit
def _swapped(pdg, target):
    """Pion and nucleon after a change of charge, and whether there can be one."""
    if pdg == PI_ZERO:
        return (PION, NEUTRON, True) if target == PROTON else (-PION, PROTON, True)
    if pdg == PION and target == NEUTRON:
        return PI_ZERO, PROTON, True
    if pdg == -PION and target == PROTON:
        return PI_ZERO, NEUTRON, True
    return pdg, target, False


@njit
def _decay_pions(state, rows, count):
    """Let each π⁰ fall into two photons; their rows come after its own."""
    for k in range(count):
        if int(rows[k, 0]) == PI_ZERO:
            state, one, two, _ = _pair(state, _four_of(rows, k), 0.0, 0.0)
            count = _put(rows, count, PHOTON, k, one)
            count = _put(rows, count, PHOTON, k, two)
    return state, count
