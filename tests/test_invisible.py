"""Invisible widths against traces of Dirac matrices, Fermi's theory, the Z and exact symmetries."""

from itertools import product
from math import factorial, pi, sqrt

import numpy as np
import pytest

from darkpairs import decay, invisible, model
from darkpairs.constants import FERMI_CONSTANT, Z_MASS

METRIC = np.diag([1.0, -1, -1, -1])
PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
GAMMA = np.array([np.kron(np.diag([1, -1]), np.eye(2)),  # Dirac's basis; the library's is chiral
                  *(np.kron([[0, 1], [-1, 0]], sigma) for sigma in PAULI)])
GAMMA5 = 1j * GAMMA[0] @ GAMMA[1] @ GAMMA[2] @ GAMMA[3]
VERTEX = [GAMMA @ (np.eye(4) - GAMMA5) / 2, GAMMA @ GAMMA5]  # Dirac, Majorana
LIGHT, MIXED = (50.0, 1.0), (0.0, 0.3)  # mass [MeV] and content of ν₄ and ν in units of U_D


def point(**changes):
    """A 3+2 model with large mixings, so that all channels are seen."""
    numbers = dict(m5=200.0, m4=50.0, m_zprime=1250.0, g_d=1.5, epsilon=8e-4, umu4=0.12, umu5=0.2,
                   ud4=0.6, ud5=0.7, dark="full")
    return model.three_plus_two(**numbers | changes)


def slash(p, mass):
    return np.einsum("...m,mn,nij->...ij", p, METRIC, GAMMA) + mass * np.eye(4)


def propagator(q, mass):
    """Unitary gauge, both indices low."""
    low, s = q @ METRIC, np.einsum("...m,mn,...n->...", q, METRIC, q)[..., None, None]
    return (low[..., :, None] * low[..., None, :] / mass**2 - METRIC) / (s - mass**2)


def traces(heavy, zprime, masses, momenta, vertex, majorana):
    """Spin sum of the squared amplitude by Dirac algebra alone, (n,).

    With ū_b Γ v_c = −ū_c Γ v_b of Majorana neutrinos every product of two different diagrams is
    one closed chain, each with a minus sign.
    """
    p = np.array([heavy, 0, 0, 0])
    boson = [propagator(p - k, zprime) for k in momenta]
    plus = [slash(k, mass) for k, mass in zip(momenta, masses, strict=True)]
    minus = [slash(k, -mass) for k, mass in zip(momenta, masses, strict=True)]
    mother, total = slash(p, heavy), 0.0
    for x in range(3 if majorana else 2):
        y, z = [i for i in (0, 1, 2) if i != x]
        one = np.einsum("nij,mjk,kl,vli->nmv", plus[x], vertex, mother, vertex)
        two = np.einsum("nij,mjk,nkl,vli->nmv", plus[y], vertex, minus[z], vertex)
        total += np.einsum("nmv,nmr,nvs,nrs->n", one, boson[x], boson[x].conj(), two,
                           optimize=True).real
    for x, y, z in [(0, 1, 2), (0, 2, 1), (1, 2, 0)][:3 if majorana else 1]:
        first = np.einsum("nmr,rij->nmij", boson[x], vertex)
        second = np.einsum("nvs,sij->nvij", boson[y].conj(), vertex)
        for m, v in product(range(4), repeat=2):
            chain = (plus[x] @ vertex[m] @ mother @ vertex[v] @ plus[y] @ first[:, m]
                     @ minus[z] @ second[:, v])
            total -= 2 * np.trace(chain, axis1=1, axis2=2).real
    return total


def slow_width(heavy, zprime, masses, majorana, nodes=(100, 16)):
    """½ Σ|M|²/(64π³ m_h) over the energies of a and b (PDG, Kinematics), couplings 1."""
    a, b, c = masses
    (x, w), (y, v) = map(np.polynomial.legendre.leggauss, nodes)
    most = (heavy**2 + a**2 - (b + c) ** 2) / (2 * heavy)
    e_a = (a + (most - a) * (x + 1) / 2)[:, None]
    s, p_a = heavy**2 + a**2 - 2 * heavy * e_a, np.sqrt(e_a**2 - a**2)
    middle = (heavy - e_a) * (s + b**2 - c**2) / (2 * s)
    half = p_a * np.sqrt((s - (b + c) ** 2) * (s - (b - c) ** 2)) / (2 * s)
    area = (most - a) / 2 * w[:, None] * half * v
    e_a, e_b = (e.ravel() for e in np.broadcast_arrays(e_a, middle + half * y))
    p_a, p_b = np.sqrt(e_a**2 - a**2), np.sqrt(e_b**2 - b**2)
    cosine = ((heavy - e_a - e_b) ** 2 - c**2 - p_a**2 - p_b**2) / (2 * p_a * p_b)
    sine, zero = np.sqrt(1 - cosine**2), np.zeros_like(e_a)
    k_a = np.stack([e_a, zero, zero, p_a], axis=1)
    k_b = np.stack([e_b, zero, p_b * sine, p_b * cosine], axis=1)
    k_c = np.array([heavy, 0, 0, 0]) - k_a - k_b
    square = traces(heavy, zprime, masses, (k_a, k_b, k_c), VERTEX[majorana], majorana)
    return (area.ravel() * square).sum() / 2 / (64 * pi**3 * heavy)


# For each channel the masses of a, b, c̄ in units of m₄, and 1/symmetry
DIRAC = {"3nu4": [((1, 1, 1), 2)], "nu4nu4nu": [((1, 1, 0), 2), ((1, 0, 1), 1)],
         "nu4nunu": [((0, 1, 0), 1), ((0, 0, 1), 2)], "3nu": [((0, 0, 0), 2)]}
MAJORANA = {"3nu4": [((1, 1, 1), 6)], "nu4nu4nu": [((1, 0, 1), 2)],
            "nu4nunu": [((0, 1, 0), 2)], "3nu": [((0, 0, 0), 6)]}


@pytest.mark.parametrize("majorana", [0, 1])
@pytest.mark.parametrize(("m_zprime", "m_light", "channels"), [
    (1250.0, 50.0, list(DIRAC)),  # far above
    (215.0, 50.0, list(DIRAC)),  # near the pole
    (30.0, 60.0, ["3nu4", "nu4nu4nu"]),  # below: a real Z′ is made, but is too light for ν₄
])
def test_widths_are_those_of_the_traces(m_zprime, m_light, channels, majorana):
    paper = point(m4=m_light, m_zprime=m_zprime, majorana=majorana)
    fast = invisible.widths(paper, 0.0)
    known = 0.6 * 0.12 + 0.7 * 0.2
    for channel in channels:
        slow = 0.0
        for order, same in (MAJORANA if majorana else DIRAC)[channel]:
            coupling = 1.5**2 * 0.7 * np.prod([0.6 if i else known for i in order])
            masses = [i * m_light for i in order]
            slow += coupling**2 / same * slow_width(200.0, m_zprime, masses, majorana)
        assert np.isclose(fast[channel], slow, rtol=2e-5, atol=0), channel


@pytest.mark.parametrize("majorana", [0, 1])
def test_two_body_widths_are_those_of_the_traces(majorana):
    paper = point(m4=40.0, m_zprime=120.0, majorana=majorana)
    known, heavy, zprime = 0.6 * 0.12 + 0.7 * 0.2, 200.0, 120.0
    q = np.array([zprime, 0, 0, 0])
    spins = np.outer(q, q) / zprime**2 - METRIC  # low or high: the same at rest
    vertex = VERTEX[majorana]
    fast = invisible.zprime_widths(paper)
    for name, b, c, coupling, count in [("nu4nu4", 40, 40, 0.36, 1), ("nunu", 0, 0, known**2, 1),
                                        ("nu4nu", 40, 0, 0.6 * known, 2)]:
        p = sqrt((zprime**2 - (b + c) ** 2) * (zprime**2 - (b - c) ** 2)) / (2 * zprime)
        k_b, k_c = (np.array([sqrt(p**2 + m**2), 0, 0, sign * p]) for m, sign in ((b, 1), (c, -1)))
        square = np.einsum("ij,mjk,kl,nli,mn", slash(k_b, b), vertex, slash(k_c, -c), vertex, spins)
        slow = (1.5 * coupling) ** 2 * square.real / 3 * p / (8 * pi * zprime**2)
        # Majorana: ν_b ν_c is one state, not two, and two alike count half
        assert np.isclose(fast[name], slow * count / (1 + majorana), rtol=1e-12, atol=0), name
    for a, content in ((0, known), (40, 0.6)):
        p = sqrt((heavy**2 - (a + zprime) ** 2) * (heavy**2 - (a - zprime) ** 2)) / (2 * heavy)
        k, q = np.array([sqrt(p**2 + a**2), 0, 0, p]), np.array([sqrt(p**2 + zprime**2), 0, 0, -p])
        spins = np.outer(q @ METRIC, q @ METRIC) / zprime**2 - METRIC
        square = np.einsum("ij,mjk,kl,nli,mn", slash(k, a), vertex,
                           slash(np.array([heavy, 0, 0, 0]), heavy), vertex, spins)
        slow = (1.5 * 0.7 * content) ** 2 * square.real / 2 * p / (8 * pi * heavy**2)
        fast = invisible._emission_width(paper, invisible.LIGHT if a else invisible.KNOWN)
        assert np.isclose(fast, slow, rtol=1e-12, atol=0)


@pytest.mark.parametrize("majorana", [0, 1])
def test_emission_is_that_of_the_visible_decays(majorana):
    paper = point(m_zprime=100.0, majorana=majorana)
    fast = invisible._emission_width(paper, invisible.LIGHT)
    assert np.isclose(fast, decay.emission_width(paper, 100.0**2), rtol=1e-14, atol=0)
    single = model.replace(model.BENCHMARKS["light-140"], dark="full", majorana=majorana)
    fast = invisible._emission_width(single, invisible.KNOWN)
    assert np.isclose(fast, decay.emission_width(single, 30.0**2), rtol=1e-14, atol=0)


def as_z_boson(m4, **options):
    """A 3+1 model whose Z′ is the Z and whose ν₄ has the coupling of a neutrino."""
    coupling = sqrt(sqrt(2) * FERMI_CONSTANT) * Z_MASS  # g/(2 cos θ_W) = (√2 G_F)^½ m_Z
    return model.three_plus_one(m4=m4, m_zprime=Z_MASS, alpha_d=coupling**2 / (4 * pi), umu4=1.0,
                                epsilon=0.0, dark="full", **options)


@pytest.mark.parametrize("majorana", [0, 1])
def test_z_boson_into_neutrinos(majorana):
    width = invisible.zprime_widths(as_z_boson(2e5, majorana=majorana))["nunu"]
    assert np.isclose(width, FERMI_CONSTANT * Z_MASS**3 / (12 * sqrt(2) * pi), rtol=1e-12)
    assert np.isclose(width, 499.3 / 3, rtol=0.01)  # PDG 2024, Γ(invisible) of three flavours [MeV]


@pytest.mark.parametrize("majorana", [0, 1])
def test_heavy_neutral_lepton_into_three_neutrinos(majorana):
    # (1 + δ_αβ) G² m⁵ |U|²/768π³ for ν_α ν_β ν̄_β (arXiv:1805.08567, Section 3.1); here α = β
    fermi = 2 * FERMI_CONSTANT**2 * 100.0**5 / (768 * pi**3)
    width = invisible.widths(as_z_boson(100.0, majorana=majorana), 0.0)["3nu"]
    assert np.isclose(width, fermi * (1 + majorana), rtol=1e-5, atol=0)
    # The muon's G² m⁵/192π³: half its coupling, two equal diagrams (Fierz), two equal daughters
    muon = FERMI_CONSTANT**2 * 100.0**5 / (192 * pi**3)
    assert np.isclose(fermi, muon * (1 / 2) ** 2 * 2**2 / 2, rtol=1e-12, atol=0)


@pytest.mark.parametrize("majorana", [0, 1])
@pytest.mark.parametrize("m_zprime", [1250.0, 210.0, 150.0])
def test_two_massless_daughters_are_one(majorana, m_zprime):
    # ν₄ and ν without mass can be rotated into one neutrino that couples and one that does not
    pair = model.replace(point(m_zprime=m_zprime, majorana=majorana), m_light=0.0)
    _, light, known = invisible.contents(pair)
    one = model.replace(pair, ud_light=0.0, umu_heavy=sqrt(light**2 + known**2) / 0.7)
    both, single = invisible.widths(pair, 0.01), invisible.widths(one, 0.01)
    assert np.isclose(sum(both.values()), single["3nu"], rtol=1e-12, atol=0)
    shares = np.array([factorial(3) / factorial(n) / factorial(3 - n)
                       * light ** (2 * n) * known ** (6 - 2 * n) for n in (3, 2, 1, 0)])
    assert np.allclose(np.array(list(both.values())) / single["3nu"], shares / shares.sum())


def test_majorana_doubles_dirac_for_massless_daughters_only():
    dirac, majorana = (model.replace(point(m_zprime=240.0), majorana=m) for m in (0, 1))
    ratio = {channel: invisible.widths(majorana, 0.0)[channel] / width
             for channel, width in invisible.widths(dirac, 0.0).items()}
    assert np.isclose(ratio["3nu"], 2, rtol=1e-12)
    assert abs(ratio["nu4nunu"] - 2) > 0.01
    assert ratio["nu4nu4nu"] > 2


def test_three_equal_neutrinos_avoid_each_other_at_threshold():
    # Three alike with two spins cannot all be at rest; ν₄ ν₄ ν̄₄ can
    ratios = []
    for excess in (1e-2, 1e-4):
        dirac = point(m4=200.0 / (3 * (1 + excess)), m_zprime=800.0)
        alike, different = (invisible.widths(model.replace(dirac, majorana=m), 0.0)["3nu4"]
                            for m in (1, 0))
        ratios.append(alike / different)
    assert ratios[0] < 0.3
    assert np.isclose(ratios[1] / ratios[0], 1e-2, rtol=0.1)  # one power of the kinetic energy


@pytest.mark.parametrize("majorana", [0, 1])
def test_far_above_only_the_fermi_strength_counts(majorana):
    far, farther = (invisible.widths(point(m_zprime=m, majorana=majorana), 0.0)
                    for m in (1e5, 2e5))
    for channel, width in far.items():
        assert np.isclose(farther[channel] * 16, width, rtol=2e-5, atol=0), channel


def test_widths_go_with_the_couplings():
    paper = point()
    base = invisible.widths(paper, 0.0)
    for channel, width in invisible.widths(model.replace(paper, g_d=3.0), 0.0).items():
        assert np.isclose(width, 16 * base[channel], rtol=1e-12, atol=0)
    unmixed = invisible.widths(model.replace(paper, umu_light=0.0, umu_heavy=0.0), 0.0)
    assert unmixed == {"3nu4": base["3nu4"], "nu4nu4nu": 0.0, "nu4nunu": 0.0, "3nu": 0.0}
    assert not any(invisible.widths(model.replace(paper, ud_heavy=0.0), 0.0).values())
    dark = invisible.zprime_widths(model.replace(paper, g_d=3.0))
    assert np.isclose(dark["nu4nu4"], 4 * invisible.zprime_widths(paper)["nu4nu4"])


def test_closed_channels_are_zero():
    note = model.replace(model.BENCHMARKS["note"], dark="full")  # 210 < 2 × 107 MeV
    parts = invisible.widths(note, 0.0)
    assert parts["3nu4"] == parts["nu4nu4nu"] == 0
    assert min(parts["nu4nunu"], parts["3nu"]) > 0
    single = invisible.widths(model.replace(model.BENCHMARKS["light-140"], dark="full"), 1e-9)
    assert single["3nu4"] == single["nu4nu4nu"] == single["nu4nunu"] == 0
    assert single["3nu"] > 0
    pairs = invisible.zprime_widths(point(m_zprime=80.0))
    assert pairs["nu4nu4"] == 0
    assert min(pairs["nu4nu"], pairs["nunu"]) > 0


@pytest.mark.parametrize("majorana", [0, 1])
def test_chains_share_out_the_real_zprime(majorana):
    paper = point(m_zprime=120.0, majorana=majorana)
    dark = sum(invisible.zprime_widths(paper).values())
    made = (invisible._emission_width(paper, invisible.LIGHT)
            + invisible._emission_width(paper, invisible.KNOWN))
    alone = invisible.widths(paper, 0.0)
    assert np.isclose(sum(alone.values()), made, rtol=1e-12, atol=0)
    shared = invisible.widths(paper, 3 * dark)
    for channel, width in shared.items():
        assert np.isclose(width, alone[channel] / 4, rtol=1e-12, atol=0)


def test_the_real_zprime_is_the_pole_of_the_virtual_one():
    # With m² − imΓ for m² in the propagator, the exact amplitude is the chain up to Γ/m = 3 %
    paper, gamma = point(ud4=0.0, umu4=0.0, m_zprime=120.0), 4.0
    visible = gamma - invisible.zprime_widths(paper)["nunu"]
    coupling = 1.5**2 * 0.7 * (0.7 * 0.2) ** 3
    mass = np.sqrt(120.0**2 - 120j * gamma)
    wide = coupling**2 / 2 * slow_width(200.0, mass, (0, 0, 0), 0, (120, 120))
    assert np.isclose(invisible.widths(paper, visible)["3nu"], wide, rtol=0.03, atol=0)


def test_three_light_neutrinos_outdo_pairs_a_million_times():
    full = model.broad(m5=66.15, delta=3, m_zprime=1250.0, vmu5=sqrt(0.0216), dark="full")
    pair = decay.width(model.replace(full, dark="inelastic"))
    parts = invisible.widths(full, 0.0)
    assert 1e6 < parts["3nu4"] / pair < 1e7
    note = model.BENCHMARKS["note"]
    ratio = invisible.widths(model.replace(note, dark="full"), 0.0)["nu4nunu"] / decay.width(note)
    assert ratio < 1


def test_contents_are_the_couplings_of_the_model():
    paper = point()
    heavy, light, known = invisible.contents(paper)
    assert (heavy, light) == (0.7, 0.6)
    assert np.isclose(1.5 * heavy * known, model.v_production(paper))
    assert np.isclose(1.5 * heavy * light, model.v_decay(paper))
    electron = invisible.contents(model.replace(paper, ue_light=0.5))[2]
    assert np.isclose(electron**2, known**2 + 0.3**2)
    single = model.BENCHMARKS["light-140"]
    heavy, light, known = invisible.contents(single)
    assert light == 0
    assert np.isclose(single.g_d * heavy * known, model.v_decay(single))


def test_wrong_input_is_refused_in_words():
    off = point(dark="inelastic")
    with pytest.raises(ValueError, match='for dark="full"; got dark="inelastic"'):
        invisible.widths(off, 0.0)
    with pytest.raises(ValueError, match='for dark="full"; got dark="inelastic"'):
        invisible.zprime_widths(off)
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"must be ≥ 0 MeV; got {wrong}"):
            invisible.widths(point(), wrong)
