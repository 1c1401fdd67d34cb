"""Invisible decays of the heavy neutrino into three lighter ones, and of the Z′ into two.

In: a model with ``dark="full"``. Out: widths per channel. Chapter: model.

The Z′ couples to the dark flavour, and each neutrino i has a dark content d_i:
L = Z′_μ Σ_ij V_ij ν̄_i γ^μ P_L ν_j with V_ij = g_D d_i d_j. So ν_h → ν_a Z′* → ν_a ν_b ν̄_c needs no
small ε and can outdo e⁺e⁻ by far. The daughters are ν₄ (3+2 only) and the known neutrinos; of these
only one massless combination ν couples. If a real Z′ can be made and can decay into the pair, the
width is that of ν_h → ν_a Z′ times a branching fraction; otherwise the exact squared amplitude is
summed over the Dalitz plot.

Laws: far below m_Z′ the massless width is that of N → 3ν in Fermi's theory; a closed channel has no
width; widths off shell go with g_D⁴; Majorana doubles Dirac for massless daughters; chains share
out what the real Z′ leaves to visible channels.
"""

from collections import Counter
from functools import cache, lru_cache
from math import factorial, inf, pi, prod, sqrt

import numpy as np

from darkpairs.model import is_three_plus_two

KNOWN, LIGHT = 0, 1  # the two kinds of daughters: the massless ν and ν₄
PAIRS = {"nu4nu4": (LIGHT, LIGHT), "nu4nu": (LIGHT, KNOWN), "nunu": (KNOWN, KNOWN)}
# Dirac: (a, b, c) of ν_a ν_b ν̄_c; Majorana neutrinos are their own antiparticles: the first only.
TRIPLETS = {
    "3nu4": [(LIGHT, LIGHT, LIGHT)],
    "nu4nu4nu": [(LIGHT, LIGHT, KNOWN), (LIGHT, KNOWN, LIGHT)],
    "nu4nunu": [(LIGHT, KNOWN, KNOWN), (KNOWN, KNOWN, LIGHT)],
    "3nu": [(KNOWN, KNOWN, KNOWN)],
}
# The ways to a channel through a real Z′: the first daughter, and the pair into which Z′ decays.
CHAINS = {
    "3nu4": [(LIGHT, "nu4nu4")],
    "nu4nu4nu": [(LIGHT, "nu4nu"), (KNOWN, "nu4nu4")],
    "nu4nunu": [(LIGHT, "nunu"), (KNOWN, "nu4nu")],
    "3nu": [(KNOWN, "nunu")],
}
_METRIC = np.array([1.0, -1.0, -1.0, -1.0])
# σ^μ and σ̄^μ, (4, 2, 2); the motion is in the plane x–z
_SIGMA = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
_BAR = _METRIC[:, None, None] * _SIGMA
_FLIP = np.array([[0.0, 1.0], [-1.0, 0.0]])  # iσ²


def contents(model):
    """Return the dark contents (d_heavy, d_light, d_known) of ν_h, ν₄ and the massless ν.

    3+2: U_D5 and U_D4; 3+1: U_D4 and 0, as ν₄ is ν_h itself. A known flavour α has
    −Σ_k U_αk U_Dk, k over the heavy states (arXiv:2308.02543, Eq. 6); d_known is the root of the
    sum of their squares.
    """
    small = [model.ud_light * u for u in (model.ue_light, model.umu_light, model.utau_light)]
    if not is_three_plus_two(model):
        return model.ud_light, 0.0, sqrt(sum(d**2 for d in small))
    small[1] += model.ud_heavy * model.umu_heavy
    return model.ud_heavy, model.ud_light, sqrt(sum(d**2 for d in small))


def zprime_widths(model):
    """Return the widths of a real Z′ into the neutrinos that ν_h decays into.

    Pairs with ν_h itself, open for m_Z′ > m_h, are left out: ν_h cannot make such a Z′.

    Parameters
    ----------
    model : DarkModel
        The model point, with ``dark="full"``.

    Returns
    -------
    dict
        From ``"nu4nu4"``, ``"nu4nu"`` and ``"nunu"`` to MeV; 0 where closed, and in 3+1 for the
        first two.
    """
    _refuse_inelastic(model)
    return {name: _pair_width(model, *pair) for name, pair in PAIRS.items()}


def widths(model, visible):
    """Return the invisible widths of ν_h.

    To 10⁻³ or better, except where m_Z′ is within half a percent of the edge between virtual and
    real: there the virtual Z′ has no width of its own to keep the sum from growing.

    Parameters
    ----------
    model : DarkModel
        The model point, with ``dark="full"``.
    visible : float
        Visible width of the real Z′ [MeV], ≥ 0; without effect where no real Z′ can be made.

    Returns
    -------
    dict
        From ``"3nu4"``, ``"nu4nu4nu"``, ``"nu4nunu"`` and ``"3nu"`` to MeV; for Dirac neutrinos
        summed over which of the three is the antineutrino. In 3+1 only the last is open.

    Raises
    ------
    ValueError
        For ``dark="inelastic"``, whose invisible modes are off, and for a negative `visible`.
    """
    _refuse_inelastic(model)
    if not 0 <= visible < inf:
        raise ValueError(f"the visible width of the Z′ must be ≥ 0 MeV; got {visible}")
    pairs = zprime_widths(model)
    total = visible + sum(pairs.values())
    return {channel: _width(model, channel, pairs, total) for channel in TRIPLETS}


def _refuse_inelastic(model):
    if not model.dark:
        raise ValueError('invisible widths are for dark="full"; got dark="inelastic", in which '
                         "they are off")


def _daughters(model):
    """Masses and dark contents of the daughters, in the order (KNOWN, LIGHT)."""
    _, light, known = contents(model)
    return (0.0, model.m_light), (known, light)


def _width(model, channel, pairs, total):
    """Width into one channel [MeV]: chains through a real Z′ if there is one, or the Dalitz sum."""
    chains = [_emission_width(model, a) * pairs[pair] / total
              for a, pair in CHAINS[channel] if pairs[pair] > 0]
    if any(chains):
        return float(sum(chains))
    triplets = TRIPLETS[channel][:1] if model.majorana else TRIPLETS[channel]
    return float(sum(_three_body_width(model, triplet) for triplet in triplets))


def emission(heavy, light, s, majorana):
    """Return the width of ν_h → ν_l Z*(s) [MeV] for V = 1; masses [MeV], s ndarray [MeV²].

    Dirac: m_h³ λ½ {(1 − r²)² + (1 + r²) b − 2b²}/(32π s), r = m_l/m_h, b = s/m_h²
    (arXiv:2207.04137; Eq. 3 of arXiv:1807.09877 has the same shape at r = 0 but is four times
    larger). Majorana, real couplings: twice that, with 6 r b in the braces. 0 where closed.
    """
    r, b = light / heavy, s / heavy**2
    braces = (1 - r**2) ** 2 + (1 + r**2) * b - 2 * b**2
    if majorana:
        braces = 2 * (braces + 6 * r * b)
    return heavy / (32 * pi * b) * _triangle(1, r, np.sqrt(b)) * braces


def _emission_width(model, a):
    """Width of ν_h → ν_a Z′ [MeV], 0 if closed."""
    masses, content = _daughters(model)
    if model.m_heavy - masses[a] <= model.m_zprime:
        return 0.0
    coupling = model.g_d * contents(model)[0] * content[a]
    return coupling**2 * emission(model.m_heavy, masses[a], model.m_zprime**2, model.majorana)


def _pair_width(model, b, c):
    """Width of Z′ → ν_b ν̄_c plus, for b ≠ c, ν_c ν̄_b [MeV]; 0 if closed.

    Dirac: V² m_Z′ λ½ {1 − (x + y)/2 − (x − y)²/2}/24π, x = m_b²/m_Z′², y = m_c²/m_Z′²; that of
    W → ℓν with V = g/√2. Majorana, real couplings: −3√(xy) in the braces, which makes β³ of two
    equal neutrinos, as for any axial current.
    """
    masses, content = _daughters(model)
    if masses[b] + masses[c] >= model.m_zprime:
        return 0.0
    small = [masses[i] / model.m_zprime for i in (b, c)]
    x, y = small[0] ** 2, small[1] ** 2
    braces = 1 - (x + y) / 2 - (x - y) ** 2 / 2
    if model.majorana:
        braces -= 3 * sqrt(x * y)
    both = 1 if b == c else 2
    coupling = model.g_d * content[b] * content[c]
    return both * coupling**2 * model.m_zprime / (24 * pi) * _triangle(1, *small) * braces


def _triangle(m, a, b):
    """Källén's λ½ of m², a² and b² from the masses, with the thresholds in factors."""
    return np.sqrt(np.maximum((m - a - b) * (m + a + b) * (m - a + b) * (m + a - b), 0.0))


@lru_cache(maxsize=256)  # the slow part; rates ask for it more than once
def _three_body_width(model, triplet):
    """Width of ν_h → ν_a ν_b ν̄_c [MeV]: half the spin sum over the Dalitz plot; PDG, Kinematics."""
    masses, content = _daughters(model)
    masses = [masses[i] for i in triplet]
    coupling = model.g_d**2 * contents(model)[0] * prod(content[i] for i in triplet)
    if coupling == 0 or sum(masses) >= model.m_heavy:
        return 0.0
    momenta, area = _dalitz(model.m_heavy, masses)
    square = _spin_sum(model, momenta, masses)
    identical = triplet if model.majorana else triplet[:2]
    orders = prod(factorial(n) for n in Counter(identical).values())
    flux = (2 * pi) ** 3 * 32 * model.m_heavy**3
    return coupling**2 / orders * (area * square).sum() / 2 / flux


@cache
def _nodes():
    """Gauss–Legendre nodes for the pair's mass, as parts of its range, and for its angle."""
    x, w = np.polynomial.legendre.leggauss(24)
    angle = (x + 1) * pi / 4
    cosine, v = np.polynomial.legendre.leggauss(16)
    # like sin² at both ends, where phase space starts as a square root and a pole may be near
    return (np.sin(angle)[:, None] ** 2, (w * np.sin(2 * angle) * pi / 4)[:, None], cosine[None],
            v[None])


def _dalitz(heavy, masses):
    """Momenta of the three daughters at rest of ν_h, and the piece of the Dalitz plot of each node.

    The pair (b, c) decays at `cosine` in its own frame; then a boost along z.
    """
    a, b, c = masses
    part, w, cosine, v = _nodes()
    low, high = b + c, heavy - a
    root = low + (high - low) * part
    p_pair = _triangle(heavy, root, a) / (2 * heavy)  # of a and of the pair
    p_in = _triangle(root, b, c) / (2 * root)  # of b and c in the frame of the pair
    gamma, boost = np.sqrt(1 + (p_pair / root) ** 2), p_pair / root
    across, along = p_in * np.sqrt(1 - cosine**2), p_in * cosine
    e_b, e_c = np.sqrt(p_in**2 + b**2), np.sqrt(p_in**2 + c**2)
    momenta = (_vector(np.sqrt(p_pair**2 + a**2), 0 * cosine, -p_pair),
               _vector(gamma * e_b + boost * along, across, gamma * along + boost * e_b),
               _vector(gamma * e_c - boost * along, -across, -gamma * along + boost * e_c))
    # dm²_bc dm²_ac: m²_ac runs over 4 m_h p_pair p_in/√s while the cosine runs over 2
    area = 2 * root * (high - low) * w * 2 * heavy * p_pair * p_in / root * v
    return momenta, area.ravel()


def _vector(energy, px, pz):
    """Stack to four-vectors (n, 4) with py = 0."""
    energy, px, pz = np.broadcast_arrays(energy, px, pz)
    return np.stack([energy, px, 0 * px, pz], axis=-1).reshape(-1, 4)


def _spin_sum(model, momenta, masses):
    """Squared amplitude without couplings, summed over all spins, ndarray (n,)."""
    heavy = np.array([[model.m_heavy, 0.0, 0.0, 0.0]])
    u_h = _spinors(heavy, model.m_heavy)
    u = [_spinors(p, mass) for p, mass in zip(momenta, masses, strict=True)]
    v = [_charge_conjugate(spinor) for spinor in u]

    def pairing(x, y, z, axes):  # [ū_x Γ u_h] [ū_y Γ v_z] with the propagator between them
        left, right = _current(model, u[x], u_h), _current(model, u[y], v[z])
        q = heavy - momenta[x]
        return np.einsum(axes, _propagate(left, q, model.m_zprime), right)

    # Exchanging two fermions turns the sign; axes: point, Lorentz index, spins of a, b, c and h
    amplitude = pairing(0, 1, 2, "nmah,nmbc->nabch") - pairing(1, 0, 2, "nmbh,nmac->nabch")
    if model.majorana:
        amplitude = amplitude + pairing(2, 0, 1, "nmch,nmab->nabch")
    return (np.abs(amplitude) ** 2).sum(axis=(1, 2, 3, 4))


def _spinors(p, mass):
    """Both spinors u(p) in the chiral basis: √(p·σ) above √(p·σ̄), (n, 2 parts, 2, 2 spins)."""
    # Peskin and Schroeder, Eq. 3.50; √M = (M + √det M)/√(tr M + 2√det M) of a 2×2 matrix
    upper = np.einsum("nm,mij->nij", p, _BAR)
    lower = np.einsum("nm,mij->nij", p, _SIGMA)
    scale = np.sqrt(2 * (p[:, 0] + mass))[:, None, None, None]
    return (np.stack([upper, lower], axis=1) + mass * np.eye(2)) / scale


def _charge_conjugate(u):
    """The spinors v = −iγ² u* of the antiparticle (Peskin and Schroeder, Eq. 3.144)."""
    return np.stack([-_FLIP @ u[:, 1].conj(), _FLIP @ u[:, 0].conj()], axis=1)


def _current(model, out, into):
    """Current of a vertex, (n, 4, spins out, spins in), as a four-vector with lower index.

    Dirac: γ^μ P_L. Majorana, real couplings: V_ij and V_ji add up to γ^μ (P_L − P_R) = −γ^μ γ⁵.
    """
    # γ⁰γ^μ is σ̄^μ for the upper part and σ^μ for the lower; a low index exchanges the two
    vertex = np.stack([_SIGMA, -model.majorana * _BAR], axis=1)  # (4, 2 parts, 2, 2)
    pieces = np.einsum("npis,npjt->npijst", out.conj(), into)
    return (vertex.reshape(4, 8) @ pieces.reshape(-1, 8, 4)).reshape(-1, 4, 2, 2)


def _propagate(current, q, mass):
    """Z′ propagator in unitary gauge, [−g + q q/m²]/(q² − m²), on a current with lower index."""
    s = (q**2 * _METRIC).sum(axis=1)
    along = np.einsum("nm,nmij->nij", q, current)[:, None] / mass**2
    upper = _METRIC[:, None, None] * current
    return (q[:, :, None, None] * along - upper) / (s - mass**2)[:, None, None, None]
