"""The two experiments as papers: their volumes, what fills them, wires and electronics.

In: a paper (`Detector` or `Tank`). Out: volumes, masses, numbers of nuclei. Chapters: beam, drift,
readout.

MicroBooNE's origin is on the wires, upstream and at mid-height, x against the drift,
y up, z along the beam. MiniBooNE's origin is the centre of its tank.

A particle that flies by a vector t from a random point of a convex body is still inside with the
probability V(t)/V, V(t) being the volume that the body shares with itself, shifted by t. So the
chance to decay inside is one integral over the length of the flight, without any sampling.

Laws: density times volume is the mass; nuclei times molar mass is the mass again; random points
fill the volume evenly; who lives short decays inside, who lives long only as 1/length.
"""

from math import isfinite, pi
from typing import Annotated as Given
from typing import NamedTuple, get_type_hints

import numpy as np

from darkpairs._jit import njit
from darkpairs.constants import (
    ARGON_MOLAR_MASS,
    AVOGADRO,
    CARBON_MOLAR_MASS,
    HYDROGEN_MOLAR_MASS,
)
from darkpairs.kinematics import _direction
from darkpairs.rng import _next


class Detector(NamedTuple):
    """A box of liquid argon with three planes of wires: MicroBooNE.

    The fiducial volume keeps away from the walls by the same margin on all sides. `table` gives
    every field with its unit and its source.
    """

    # The active volume
    drift: Given[float, "cm", "JINST 12 P02017; MicroBooNE's public analysis code"] = 256.35
    height: Given[float, "cm", "same"] = 233.0
    length: Given[float, "cm", "same; 3456 collection wires, 3 mm apart"] = 1036.8
    density: Given[float, "g/cm³", "used by MicroBooNE's cross-section analyses"] = 1.3836
    baseline: Given[float, "cm", "from the target, DarkNews; 46850 is quoted too"] = 47000.0
    margin: Given[float, "cm", "our choice: the whole active volume"] = 0.0
    jacket: Given[float, "cm", "our choice: argon around it, where nothing is seen"] = 50.0
    # The liquid
    temperature: Given[float, "K", "JINST 12 P02017"] = 89.0
    field: Given[float, "kV/cm", "MicroBooNE's operating value, 70 kV on the cathode"] = 0.273
    velocity: Given[float, "cm/µs", "Wire-Cell's MicroBooNE parameters"] = 0.1098
    lifetime: Given[float, "µs", "MICROBOONE-NOTE-1003: more than 18 ms"] = 18e3
    diffusion_long: Given[float, "cm²/µs", "measured in MicroBooNE, arXiv 2104.06551"] = 3.74e-6
    diffusion_trans: Given[float, "cm²/µs", "D_L, and the ratio of Li et al.; see drift"] = 5.85e-6
    w_ion: Given[float, "MeV", "for one electron, Phys. Rev. A 9 (1974) 1438"] = 23.6e-6
    birks: Given[float, "flag", "1: Birks' law instead of the modified box"] = 0.0
    box_alpha: Given[float, "", "ArgoNeuT, JINST 8 P08005"] = 0.93
    box_beta: Given[float, "(kV/cm)(g/cm²)/MeV", "same"] = 0.212
    birks_a: Given[float, "", "ICARUS, NIM A 523 (2004) 275"] = 0.800
    birks_k: Given[float, "(kV/cm)(g/cm²)/MeV", "same"] = 0.0486
    sparse: Given[float, "MeV/cm", "our choice, as LArSoft: below, charge is as here"] = 1.0
    # The wires
    pitch: Given[float, "cm", "JINST 12 P02017; between wires"] = 0.3
    gap: Given[float, "cm", "same; between planes"] = 0.3
    angle: Given[float, "rad", "same; of U and V to the vertical, 60°"] = pi / 3
    radius: Given[float, "cm", "same; wires of 150 µm"] = 0.0075
    bias_u: Given[float, "kV", "same"] = -0.110
    bias_v: Given[float, "kV", "same"] = 0.0
    bias_y: Given[float, "kV", "same"] = 0.230
    dead: Given[float, "flag", "1: some channels do not answer, see `wires.dead`"] = 1.0
    # The electronics
    tick: Given[float, "µs", "JINST 12 P02017; 2 MHz"] = 0.5
    ticks: Given[float, "", "same; samples kept"] = 6400.0
    trigger: Given[float, "tick", "same; sample at which the neutrino comes"] = 800.0
    shaping: Given[float, "µs", "JINST 12 P08003; time to the peak"] = 2.2
    order: Given[float, "", "our choice: of the shaper CR-(RC)ⁿ, its n"] = 5.0
    gain: Given[float, "mV/fC", "JINST 12 P08003; at the peak"] = 14.0
    amplify: Given[float, "", "Wire-Cell's MicroBooNE parameters; a second stage"] = 1.2
    bits: Given[float, "", "JINST 12 P02017"] = 12.0
    swing: Given[float, "mV", "same; of the digitiser"] = 2000.0
    pedestal_induction: Given[float, "ADC", "Wire-Cell's MicroBooNE parameters"] = 2046.0
    pedestal_collection: Given[float, "ADC", "same"] = 473.0
    noise_flat: Given[float, "ADC", "JINST 12 P08003, Eq. 3.6: √(x² + (y + zL)²), its x"] = 0.90
    noise_start: Given[float, "ADC", "same, its y"] = 0.79
    noise_slope: Given[float, "ADC/m", "same, its z"] = 0.22


class Tank(NamedTuple):
    """A sphere of mineral oil, CH₂: MiniBooNE."""

    radius: Given[float, "cm", "to which the flux release (arXiv 0806.1449) refers"] = 610.6
    fiducial_radius: Given[float, "cm", "NIM A 599, 28 (2009)"] = 500.0
    tonnes: Given[float, "t", "of oil, as in MiniBooNE's 2020 paper (arXiv 2006.16883)"] = 818.0
    hydrogen_per_carbon: Given[float, "", "CH₂, as usual; the real oil is C_nH_2n+2, n ≈ 20"] = 2.0
    baseline: Given[float, "cm", "from the target, arXiv 2006.16883"] = 54100.0


MICROBOONE = Detector()
MINIBOONE = Tank()
EXPERIMENTS = {"microboone": MICROBOONE, "miniboone": MINIBOONE}


_POSITIVE = ("drift", "height", "length", "density", "field", "velocity", "lifetime", "w_ion",
             "sparse", "pitch", "gap", "angle", "radius", "tick", "shaping", "gain", "amplify",
             "swing")
_NOT_NEGATIVE = ("jacket", "diffusion_long", "diffusion_trans", "noise_flat", "noise_start",
                 "noise_slope")
_WHOLE = {"ticks": (1, 2**19), "order": (1, 20), "bits": (1, 15)}  # counts fill 16 bits with a sign


def checked(chamber):
    """Return a chamber as floats; refuse one in which nothing could drift or be read.

    Parameters
    ----------
    chamber : Detector
        Refused with a ValueError if a number is NaN, infinite (but for the lifetime) or has a sign
        that makes no sense, if ticks, order or bits are not whole, if slanted wires do not slant,
        or if a pedestal lies beyond the digitiser's range.
    """
    chamber = Detector(*map(float, chamber))
    given = chamber._asdict()
    wrong = {name for name, value in given.items() if not (isfinite(value) or name == "lifetime")}
    wrong |= {name for name in _POSITIVE if not given[name] > 0}  # finds NaN too
    wrong |= {name for name in _NOT_NEGATIVE if not given[name] >= 0}
    if wrong:
        wrong = {name: given[name] for name in sorted(wrong)}
        raise ValueError(f"a chamber with {wrong}; wanted numbers > 0, or ≥ 0 for diffusion, noise "
                         "and jacket, all finite but for the lifetime")
    for name, (low, high) in _WHOLE.items():
        if not low <= given[name] <= high or given[name] % 1:
            raise ValueError(f"a chamber with {name} = {given[name]:g}; wanted a whole number from "
                             f"{low} to {high}")
    if not chamber.angle < pi / 2:
        raise ValueError(f"wires at {chamber.angle:g} rad to the vertical; wanted less than π/2")
    top = 2**chamber.bits - 1
    if not all(0 <= given[f"pedestal_{kind}"] <= top for kind in ("induction", "collection")):
        raise ValueError(f"pedestals of {chamber.pedestal_induction:g} and "
                         f"{chamber.pedestal_collection:g} ADC; wanted 0 to {top:g}, the range of "
                         f"{chamber.bits:g} bits")
    return chamber


def table(paper):
    """Return all fields of a paper as rows (name, value, unit, source)."""
    hints = get_type_hints(type(paper), include_extras=True)
    return [(name, value, *hints[name].__metadata__) for name, value in paper._asdict().items()]


def paper(experiment):
    """Return the default paper of an experiment.

    Parameters
    ----------
    experiment : str
        ``"microboone"`` or ``"miniboone"``; anything else is refused with a ValueError.
    """
    if experiment not in EXPERIMENTS:
        raise ValueError(f"unknown experiment {experiment!r}; wanted one of "
                         f"{', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[experiment]


def volume(paper, *, fiducial=False):
    """Return the volume of a detector [cm³].

    Parameters
    ----------
    paper : Detector or Tank
        The detector.
    fiducial : bool
        Only the part that keeps away from the walls.
    """
    if isinstance(paper, Tank):
        return 4 / 3 * pi * (paper.fiducial_radius if fiducial else paper.radius) ** 3
    off = 2 * paper.margin if fiducial else 0.0
    return (paper.drift - off) * (paper.height - off) * (paper.length - off)


def mass(paper, *, fiducial=False):
    """Return the mass of the filling [g], in the whole volume or in its fiducial part."""
    if isinstance(paper, Tank):
        return paper.tonnes * 1e6 * volume(paper, fiducial=fiducial) / volume(paper)
    return paper.density * volume(paper, fiducial=fiducial)


def targets(paper, *, fiducial=False):
    """Return the numbers of nuclei, a dict from ``"Ar40"``, ``"C12"``, ``"H1"`` to a count.

    All argon counts as ⁴⁰Ar (99.6 % of it is) and all carbon as ¹²C (98.9 %).
    """
    grams = mass(paper, fiducial=fiducial)
    if isinstance(paper, Detector):
        return {"Ar40": grams / ARGON_MOLAR_MASS * AVOGADRO}
    per_unit = CARBON_MOLAR_MASS + paper.hydrogen_per_carbon * HYDROGEN_MOLAR_MASS  # g/mol of CHₓ
    carbon = grams / per_unit * AVOGADRO
    return {"C12": carbon, "H1": paper.hydrogen_per_carbon * carbon}


def inside(paper, position, *, fiducial=False):
    """Tell which points lie in a detector.

    Parameters
    ----------
    paper : Detector or Tank
        The detector.
    position : ndarray (..., 3)
        Points x, y, z [cm] in the detector's own frame.
    fiducial : bool
        Ask for the fiducial part.

    Returns
    -------
    ndarray (...) of bool
    """
    position = np.asarray(position, dtype=np.float64)
    if position.shape[-1:] != (3,):
        raise ValueError(f"positions of shape {position.shape}; wanted (..., 3)")
    if isinstance(paper, Tank):
        radius = paper.fiducial_radius if fiducial else paper.radius
        return np.square(position).sum(axis=-1) <= radius**2
    low, high = walls(paper, fiducial=fiducial)
    return ((position >= low) & (position <= high)).all(axis=-1)


def walls(box, *, fiducial=False):
    """Return the two far corners of a box, low and high, each ndarray (3,) [cm]."""
    off = box.margin if fiducial else 0.0
    low = np.array([0.0, -box.height / 2, 0.0])
    high = np.array([box.drift, box.height / 2, box.length])
    return low + off, high - off


def body(paper):
    """Return what a kernel needs to know about a volume, ndarray (7,) [cm].

    First 0 for a box or 1 for a sphere, then its far corners, low and high.
    """
    if isinstance(paper, Tank):
        return np.array([1.0, *[-paper.radius] * 3, *[paper.radius] * 3])
    return np.concatenate([[0.0], *walls(paper)])


def longest(paper):
    """Return the longest way inside a volume [cm]: the diagonal of a box, a sphere's diameter."""
    if isinstance(paper, Tank):
        return 2 * paper.radius
    return float(np.sqrt(paper.drift**2 + paper.height**2 + paper.length**2))


@njit
def _contains(body, point):
    """Tell whether a point lies in a body."""
    x, y, z = point
    if body[0] == 1.0:
        return x * x + y * y + z * z <= body[4] * body[4]
    return (body[1] <= x <= body[4]) and (body[2] <= y <= body[5]) and (body[3] <= z <= body[6])


@njit
def _point(state, body):
    """Throw a point evenly in a body; how far out in a sphere, the largest of three numbers says.

    All three are below r with the chance r³, the share of the volume within the radius r.
    """
    state, u = _next(state)
    state, v = _next(state)
    state, w = _next(state)
    if body[0] == 1.0:
        r = body[4] * max(u, v, w)
        state, d = _direction(state)
        return state, (r * d[0], r * d[1], r * d[2])
    return state, (body[1] + u * (body[4] - body[1]), body[2] + v * (body[5] - body[2]),
                   body[3] + w * (body[6] - body[3]))


@njit
def _survival(body, length, dx, dy, dz):
    """Chance to decay inside for a flight along (dx, dy, dz), decay length [cm], random start."""
    if body[0] == 1.0:  # two spheres of radius R at a distance t share 1 − 3t/4R + t³/16R³
        end = 2 * body[4]
        return _decayed(length, end, -1.5 / end, 0.0, 0.5 / end**3)
    a = abs(dx) / (body[4] - body[1])
    b = abs(dy) / (body[5] - body[2])
    c = abs(dz) / (body[6] - body[3])  # two boxes share (1 − at)(1 − bt)(1 − ct)
    return _decayed(length, 1 / max(a, b, c), -(a + b + c), a * b + b * c + c * a, -a * b * c)


@njit
def _decayed(length, end, c1, c2, c3):
    """Integral of exp(−t/length)/length (1 + c₁t + c₂t² + c₃t³) from 0 to `end`, by parts."""
    if length > 30 * end:  # the exponential as 1 − x + x²/2, else all digits cancel
        total, x = 0.0, end / length
        for n in range(3):
            factor = (1.0, -1.0, 0.5)[n]
            total += factor * x ** (n + 1) * (1 / (n + 1) + c1 * end / (n + 2)
                                              + c2 * end**2 / (n + 3) + c3 * end**3 / (n + 4))
        return total
    at_start = 1 + length * (c1 + length * (2 * c2 + length * 6 * c3))
    if length < end / 50:  # nobody lives as long as the end
        return at_start
    at_end = (1 + end * (c1 + end * (c2 + end * c3)) + length * (
        c1 + end * (2 * c2 + 3 * c3 * end) + length * (2 * c2 + 6 * c3 * end + length * 6 * c3)))
    return at_start - np.exp(-end / length) * at_end
