"""What is uncertain: the errors of the flux and of the cross sections, as papers.

In: `Truth`, papers. Out: how far each source of error moves each event. Chapter: samples.

The error of a flux belongs to the hadron from which the neutrino came. In energy it has a part that
is common, and a part that turns as cos and sin of ω ln E: two pulls that leave its size the same
everywhere and let energies that are far apart forget each other. The error of a cross section is a
number for each kind of event; errors of one name move together. A *shape* turns a spectrum about a
momentum: pull z multiplies rates by ((p + t)/2t)^(σz), which changes nothing at p = t.

Laws: sizes are those of the papers at every energy; two energies share cos(ω ln E/E') of what is
not common; shares of pions and kaons add up to one; a shape leaves its turning point alone and goes
opposite ways on both sides; a kind without a paper is refused.
"""

from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs.batches import KINDS


class Section(NamedTuple):
    """The error of a cross section, for the events of a kind."""

    name: str  #: errors of one name move together, whatever the kind
    size: Given[float, "", "relative, 1σ"]
    holds: float = 0.0  #: only events with a particle of this PDG code; 0 for all
    turn: Given[float, "MeV", "a shape, about this momentum of that particle; 0: a rate"] = 0.0


LEPTON = "lepton"  # for `Kind.flavour`: that of the first particle, the lepton of the interaction
LEPTONS = {11: "nue", 12: "nue", 13: "numu", 14: "numu",
           -11: "nuebar", -12: "nuebar", -13: "numubar", -14: "numubar"}  # PDG codes


class Kind(NamedTuple):
    """What is uncertain about the events of a kind."""

    flavour: str  #: as in `flux.FLAVOURS`, or ``LEPTON``; empty if no neutrino of the beam did it
    sections: tuple = ()  #: of `Section`


# Nobody has measured the spectrum of π⁰ on argon well: one standard deviation changes rates at 100
# and at 300 MeV by 11 % against each other. Size and turning point are our choice
SHAPE = Section("shape of π⁰ momenta", 0.25, holds=111.0, turn=300.0)
# Sizes before any sideband is asked. Who is not here is refused: nothing is certain by being
# forgotten
PAPERS = {
    "gun": Kind(""),
    "signal": Kind("numu", (
        # what radii of the charge of argon differ by, and Fourier–Bessel from Helm; our choice
        Section("charge of the nucleus", 0.02, holds=1000180400.0),
        # free protons or bound ones, see `upscatter`: the Pauli factor alone takes a quarter
        Section("signal on protons", 0.25, holds=2212.0),
    )),
    # π⁰ without a muon: 20 to 30 % (arXiv:2110.00409); measured to 16 % (arXiv:2205.07943)
    "pi0": Kind(LEPTON, (Section("resonances, neutral current", 0.25), SHAPE)),
    "pi0-coherent": Kind(LEPTON, (Section("coherent pions", 0.5), SHAPE)),  # our choice
    "delta-gamma": Kind(LEPTON, (Section("resonances, neutral current", 0.25),
                                 Section("photons of the Δ", 0.08))),  # 0.55 to 0.65 %, PDG 2024
    # Our choice
    "numu-pi0": Kind(LEPTON, (Section("resonances, charged current", 0.2), SHAPE)),
    "numu": Kind(LEPTON, (Section("charged current", 0.15),)),  # our choice
    "nue": Kind(LEPTON, (Section("charged current", 0.15),)),  # the same law as for ν_μ
    "dirt": Kind("numu", (Section("dirt", 0.5), SHAPE)),  # 25 to 100 %, arXiv:2110.00409
    "cosmic": Kind("", (Section("cosmic muons", 0.1),)),  # measured between spills; our choice
}


class Beam(NamedTuple):
    """The errors of the flux, relative, 1σ; sizes to be checked against the papers named."""

    pot: Given[float, "", "protons on target, arXiv:0806.1449"] = 0.02
    pion_plus: Given[float, "", "π⁺ made; HARP by splines, MICROBOONE-NOTE-1031"] = 0.06
    pion_minus: Given[float, "", "π⁻ made; our choice, a little above π⁺"] = 0.08
    kaon_plus: Given[float, "", "K⁺ made; after SciBooNE, arXiv:1105.2871"] = 0.12
    kaon_zero: Given[float, "", "K⁰ and K⁻ made; our choice, arXiv:0806.1449"] = 0.25
    line: Given[float, "", "horn and hadrons on the way, MICROBOONE-NOTE-1031"] = 0.04
    common: Given[float, "", "share of the variance that all energies have in common; ours"] = 0.5
    bend: Given[float, "", "ω: energies a factor e^(π/2ω) apart forget the rest; ours"] = 1.0
    numu_from: Given[float, "MeV", "half of ν_μ and ν̄_μ are from K above; 0806.1449"] = 2400.0
    nue_from: Given[float, "MeV", "half of ν_e and ν̄_e are from K above; same"] = 1300.0
    sharp: Given[float, "", "how fast: E to this power; our choice"] = 4.0


BEAM = Beam()
# From which hadron neutrinos come at low energy and at high; ν_e by way of a muon, or of a kaon
HADRONS = {"numu": ("pion_plus", "kaon_plus"), "numubar": ("pion_minus", "kaon_zero"),
           "nue": ("pion_plus", "kaon_plus"), "nuebar": ("pion_minus", "kaon_zero")}
FLUX = ("pot", "pion_plus", "pion_minus", "kaon_plus", "kaon_zero", "line")  # names of its sources


def sizes(truth, *, beam=BEAM, papers=PAPERS):
    """Return the relative error of each event, 1σ, by source: dict of str to ndarray (events,)."""
    names, moved = modes(truth, beam=beam, papers=papers)
    found = {}
    for name, size in zip(names, moved, strict=True):
        source = name.split("\0")[0]
        found[source] = np.hypot(found.get(source, 0.0), size)
    return found


def _checked(beam, papers):
    """Refuse errors that are not numbers ≥ 0, and flavours that no beam has."""
    sections = [section for kind in papers.values() for section in kind.sections]
    sizes = [*beam, *(section.size for section in sections)]
    if not all(0 <= size < np.inf for size in sizes) or not beam.common <= 1:
        raise ValueError(f"{beam} and sections of sizes {sizes[len(beam):]}; wanted numbers ≥ 0, "
                         "and a common share ≤ 1")
    for section in sections:
        if not 0 <= section.turn < np.inf or (section.turn and not section.holds):
            raise ValueError(f"{section}; wanted a turning point ≥ 0, and with one a particle")
    strange = {kind.flavour for kind in papers.values()} - {"", LEPTON, *HADRONS}
    if strange:
        raise ValueError(f"flavours {sorted(strange)}; wanted {', '.join(HADRONS)}, "
                         f"{LEPTON} or none")


def modes(truth, *, beam=BEAM, papers=PAPERS):
    """Return the names of all pulls, and how far each moves the logarithm of each event's rate.

    Parameters
    ----------
    truth : Truth
        Events of any kinds in `papers`.
    beam : Beam
        Errors of the flux.
    papers : dict of str to Kind
        What else is uncertain about each kind.

    Returns
    -------
    tuple of a list of m str and an ndarray (m, n)
    """
    _checked(beam, papers)
    moved = {}
    for k in np.unique(truth.kind):
        if KINDS[k] not in papers:
            raise ValueError(f"no paper says what is uncertain about {KINDS[k]!r}; there are "
                             f"{', '.join(papers)}")
        paper, rows = papers[KINDS[k]], np.flatnonzero(truth.kind == k)
        for flavour, mine in _flavours(truth, rows, paper.flavour).items():
            for name, size in _flux_modes(truth.e_nu[mine], flavour, beam).items():
                moved.setdefault(name, np.zeros(len(truth)))[mine] += size
        for section in paper.sections:
            held = rows[_holds(truth, section.holds)[rows]] if section.holds else rows
            moved.setdefault(section.name, np.zeros(len(truth)))[held] += section.size * (
                _slope(truth, section)[held] if section.turn else 1.0)
    return list(moved), np.array(list(moved.values())).reshape(len(moved), len(truth))


def _flavours(truth, rows, flavour):
    """Return which of some events came of which flavour, a dict of ndarray of int."""
    if flavour != LEPTON:
        return {flavour: rows} if flavour else {}
    first = truth.pdg[truth.offsets[rows]]
    strange = sorted(set(first.tolist()) - set(LEPTONS))
    if strange:
        raise ValueError(f"events that begin with particles of PDG codes {strange}; wanted the "
                         "lepton of the interaction first")
    codes = [(code, rows[first == code]) for code in LEPTONS]
    return {name: np.concatenate([found for code, found in codes if LEPTONS[code] == name])
            for name in HADRONS}


def _holds(truth, pdg):
    """Tell which events hold a particle of a sort, ndarray (n,) of bool."""
    rows = np.flatnonzero(truth.pdg == pdg)
    found = np.zeros(len(truth), dtype=bool)
    found[np.searchsorted(truth.offsets, rows, side="right") - 1] = True
    return found


def momenta(truth, pdg):
    """Return the momentum of the first particle of a sort in each event [MeV], NaN without one."""
    rows = np.flatnonzero(truth.pdg == pdg)[::-1]
    found = np.full(len(truth), np.nan)
    owner = np.searchsorted(truth.offsets, rows, side="right") - 1
    found[owner] = np.sqrt((truth.p4[rows, 1:] ** 2).sum(axis=1))  # the first one comes last
    return found


def _slope(truth, section):
    """Return how far a shape of size 1 moves the logarithm of each event's rate."""
    return np.log((momenta(truth, section.holds) + section.turn) / (2 * section.turn))


def kaons(energy, flavour, beam=BEAM):
    """Return the share of neutrinos that come from kaons, by energy [MeV]; the rest from pions.

    One over 1 + (E₀/E)^p: a smooth stand-in for the figures of arXiv:0806.1449.
    """
    half = beam.nue_from if flavour.startswith("nue") else beam.numu_from
    power = np.asarray(energy, dtype=np.float64) ** beam.sharp
    return power / (power + half**beam.sharp)


def _flux_modes(energy, flavour, beam):
    """Return how much each pull moves ln φ at some energies, a dict of ndarray."""
    share = kaons(energy, flavour, beam)
    low, high = HADRONS[flavour]
    sizes = {"pot": np.full(len(energy), beam.pot), low: getattr(beam, low) * (1 - share),
             high: getattr(beam, high) * share, "line": np.full(len(energy), beam.line)}
    turn = beam.bend * np.log(np.maximum(energy, 1.0))
    shapes = np.sqrt(beam.common), *(np.sqrt(1 - beam.common) * f(turn) for f in (np.cos, np.sin))
    moved = {"pot": sizes.pop("pot")}  # a count: the same at all energies
    for name, size in sizes.items():
        for pull, shape in zip(("", "cos", "sin"), shapes, strict=True):
            moved[f"{name}\0{pull}"] = size * shape
    return moved
