"""The dark sector as a paper: masses, mixings and couplings of one model point.

In: the numbers that the literature quotes. Out: a `DarkModel`, and the couplings that follow from
it. Chapter: model.

A heavy neutrino ν_h is made by upscattering and decays into a lighter one ν_h' and a pair. In the
3+1 model ν_h = ν₄ and ν_h' is one of the known, massless neutrinos; in 3+2 ν_h = ν₅ and ν_h' = ν₄.

Laws: ``|V_μ5|² = 4 |U_μ5|²`` for the couplings of arXiv:2308.02543; `vmu5=` and the mixings give
the same model; a field that is replaced changes nothing else.
"""

from math import nan, pi, sqrt
from typing import NamedTuple

from darkpairs import tables
from darkpairs.constants import ALPHA, ELECTRIC_CHARGE

DARK = {"inelastic": 0.0, "full": 1.0}


class DarkModel(NamedTuple):
    """One point in the space of models. All fields are float64; nan means "computed" or "none"."""

    m_heavy: float  #: mass of the neutrino that is produced [MeV]
    m_light: float  #: mass of the neutrino into which it decays [MeV]; 0 in 3+1
    m_zprime: float  #: mass of the dark gauge boson [MeV]
    g_d: float  #: dark gauge coupling
    epsilon: float  #: kinetic mixing with the photon
    ue_light: float  #: U_e4; in 3+1 and 3+2 alike
    umu_light: float  #: U_μ4
    utau_light: float  #: U_τ4
    umu_heavy: float  #: U_μ5; nan in 3+1
    ud_light: float  #: U_D4
    ud_heavy: float  #: U_D5; nan in 3+1
    majorana: float  #: 1 for Majorana neutrinos, 0 for Dirac
    ctau: float  #: decay length at rest of ν_h [cm]; nan means from the widths
    dark: float  #: 1 with the diagonal couplings V₄₄, V₅₅; 0 without ("inelastic")
    charge: float  #: electric charge in the vertices of the Z′; e = √(4πα) by default


def three_plus_one(*, m4, m_zprime, alpha_d, epsilon, umu4, ue4=0.0, utau4=0.0, majorana=False,
                   ctau=nan, dark="inelastic"):
    """Return a 3+1 model: ν₄ is produced and decays into a known neutrino.

    Parameters
    ----------
    m4, m_zprime : float
        Masses [MeV], > 0.
    alpha_d : float
        g_D²/4π, > 0.
    epsilon : float
        Kinetic mixing, ≥ 0; from ε²α use `epsilon_from`.
    umu4, ue4, utau4 : float
        Mixings with ν₄, in [−1, 1]; U_D4 is 1.
    majorana : bool
        Majorana instead of Dirac neutrinos.
    ctau : float
        Decay length at rest [cm], ≥ 0, if not the computed one.
    dark : str
        ``"inelastic"`` or ``"full"``.
    """
    return _checked(DarkModel(m4, 0.0, m_zprime, _coupling(alpha_d), epsilon, ue4, umu4, utau4, nan,
                              1.0, nan, majorana, ctau, _dark(dark), ELECTRIC_CHARGE))


def three_plus_two(*, m5, m4, m_zprime, g_d, epsilon, umu4=None, umu5=None, ud4, ud5, vmu5=None,
                   majorana=False, ctau=nan, dark="inelastic"):
    """Return a 3+2 model: ν₅ is produced and decays into ν₄.

    Parameters
    ----------
    m5, m4, m_zprime : float
        Masses [MeV], > 0, with m5 > m4.
    g_d, epsilon : float
        Dark coupling and kinetic mixing.
    umu4, umu5 : float
        Mixings of ν_μ; or give `vmu5` instead of both.
    ud4, ud5 : float
        Mixings of the dark flavour.
    vmu5 : float
        The size of V_μ5, from which U_μ4 = U_μ5 follows.
    majorana, ctau, dark
        As in `three_plus_one`.
    """
    if (vmu5 is None) == (umu4 is None and umu5 is None) or (umu4 is None) != (umu5 is None):
        raise ValueError("give either umu4 and umu5, or vmu5; got "
                         f"umu4={umu4}, umu5={umu5}, vmu5={vmu5}")
    if vmu5 is not None:
        umu4 = umu5 = _positive("vmu5", vmu5) / (g_d * ud5 * (ud4 + ud5))
    if not m5 > m4:
        raise ValueError(f"m5 = {m5} MeV and m4 = {m4} MeV; wanted m5 > m4, the heavier decays")
    _positive("m4", m4)
    return _checked(DarkModel(m5, m4, m_zprime, g_d, epsilon, 0.0, umu4, 0.0, umu5, ud4, ud5,
                              majorana, ctau, _dark(dark), ELECTRIC_CHARGE))


def replace(model, **changes):
    """Return a model with some fields changed; unknown fields and wrong values are refused."""
    unknown = set(changes) - set(DarkModel._fields)
    if unknown:
        raise ValueError(f"no field {', '.join(sorted(unknown))} in a DarkModel; there are "
                         f"{', '.join(DarkModel._fields)}")
    if isinstance(changes.get("dark"), str):
        changes["dark"] = _dark(changes["dark"])
    return _checked(model._replace(**changes))


def epsilon_from(alpha_epsilon2):
    """Return ε from ε²α, the combination in which arXiv:1807.09877 quotes it."""
    return sqrt(_positive("alpha_epsilon2", alpha_epsilon2) / ALPHA)


def light_mass(m_heavy, delta):
    """Return m_h' from m_h and the splitting Δ = (m_h − m_h')/m_h' (arXiv:2308.02543)."""
    return m_heavy / (1 + _positive("delta", delta))


def is_three_plus_two(model):
    """Tell whether a model has two heavy neutrinos."""
    return model.ud_heavy == model.ud_heavy  # not nan


def v_production(model):
    """Return the size of V_μh, the coupling of ν_μ → ν_h Z′ (arXiv:2308.02543, Eq. 6).

    3+1: g_D U_D4² U_μ4; 3+2: g_D U_D5 (U_D4 U_μ4 + U_D5 U_μ5). Leading order in the mixings.
    """
    if not is_three_plus_two(model):
        return abs(model.g_d * model.ud_light**2 * model.umu_light)
    inner = model.ud_light * model.umu_light + model.ud_heavy * model.umu_heavy
    return abs(model.g_d * model.ud_heavy * inner)


def v_decay(model):
    """Return the coupling of ν_h → ν_h' Z′.

    3+2: g_D U_D5 U_D4. 3+1: all three known neutrinos together, g_D U_D4² times the root of the
    sum of their squared mixings.
    """
    if is_three_plus_two(model):
        return abs(model.g_d * model.ud_heavy * model.ud_light)
    mixing = sqrt(model.ue_light**2 + model.umu_light**2 + model.utau_light**2)
    return model.g_d * model.ud_light**2 * mixing


def broad(*, m5, delta, m_zprime, vmu5, **options):
    """Return a 3+2 model with the fixed couplings of the note's broad search.

    ε = 8×10⁻⁴, g_D = 2, U_D4 = U_D5 = 1/√2 and U_μ4 = U_μ5, as in arXiv:2308.02543.
    """
    return three_plus_two(m5=m5, m4=light_mass(m5, delta), m_zprime=m_zprime, g_d=2.0,
                          epsilon=8e-4, ud4=sqrt(0.5), ud5=sqrt(0.5), vmu5=vmu5, **options)


def focused(*, m4, umu4_squared, **options):
    """Return a 3+1 model with the couplings of the note's focused search, m_Z′ = 30 MeV.

    α_D = 0.25, ε²α = 2×10⁻¹⁰, U_e4 = U_τ4 = 10⁻⁵, as in arXiv:1807.09877.
    """
    return three_plus_one(m4=m4, m_zprime=30.0, alpha_d=0.25, epsilon=epsilon_from(2e-10),
                          umu4=sqrt(umu4_squared), ue4=1e-5, utau4=1e-5, **options)


def _benchmarks():
    """Return the named points of the literature, a dict of models."""
    points = {
        # The note's Fig. 3 gives the masses; |V_μ5|² is scaled to its 67 selected events
        "note": broad(m5=210.0, delta=103 / 107, m_zprime=800.0, vmu5=sqrt(4.7e-5)),
        "light-140": focused(m4=140.0, umu4_squared=9e-7),
        "light-420": focused(m4=420.0, umu4_squared=9e-7),  # arXiv:1807.09877
        # the example point of PRL 136, 121804
        "example": three_plus_one(m4=106.0, m_zprime=30.0, alpha_d=1 / pi, epsilon=8e-4,
                                  umu4=sqrt(2e-10)),
    }
    # best fits to MiniBooNE: the published ones, and our own in the note's fourteen slices
    for kind, table in (("star", "best_fit_stars.csv"), ("ours", "our_best_fits.csv")):
        for delta, m_zprime, m5, squared, *_ in tables.read(table).matrix():
            points[f"{kind}-{delta:g}-{m_zprime:g}"] = broad(m5=m5, delta=delta, m_zprime=m_zprime,
                                                             vmu5=sqrt(squared))
    return points


def _coupling(alpha_d):
    return sqrt(4 * pi * _positive("alpha_d", alpha_d))


def _positive(name, value):
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} must be a number > 0; got {value}")
    return float(value)


def _dark(word):
    if word not in DARK:
        raise ValueError(f"unknown dark {word!r}; wanted one of {', '.join(DARK)}")
    return DARK[word]


def _checked(model):
    """Coerce all fields to float and refuse what no model can have."""
    model = DarkModel(*map(float, model))
    for name in ("m_heavy", "m_zprime", "g_d", "charge"):
        _positive(name, getattr(model, name))
    if not 0 <= model.m_light < model.m_heavy:
        raise ValueError(f"m_light = {model.m_light} MeV; wanted 0 ≤ m_light < m_heavy = "
                         f"{model.m_heavy} MeV")
    if not 0 <= model.epsilon < 1:
        raise ValueError(f"epsilon must be in [0, 1); got {model.epsilon}")
    for name in ("ue_light", "umu_light", "utau_light", "umu_heavy", "ud_light", "ud_heavy"):
        value = getattr(model, name)
        optional = name.endswith("heavy") and not is_three_plus_two(model)
        if not (-1 <= value <= 1 or (optional and value != value)):
            raise ValueError(f"{name} must be in [-1, 1]; got {value}")
    if model.ctau < 0:
        raise ValueError(f"ctau must be ≥ 0 cm; got {model.ctau}")
    return model


BENCHMARKS = _benchmarks()
