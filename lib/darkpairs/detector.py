"""The two experiments as papers: their volumes, what fills them, how far from the target they are.

In: a paper (`Box` or `Tank`). Out: volumes, masses, numbers of nuclei. Chapter: beam.

MicroBooNE's origin is the upstream corner of the cathode side at mid-height, x along the drift,
y up, z along the beam. MiniBooNE's origin is the centre of its tank.

Laws: density times volume is the mass; nuclei times molar mass is the mass again.
"""

from math import pi
from typing import NamedTuple

import numpy as np

from darkpairs.constants import (
    ARGON_MOLAR_MASS,
    AVOGADRO,
    CARBON_MOLAR_MASS,
    HYDROGEN_MOLAR_MASS,
)


class Box(NamedTuple):
    """A box of liquid argon: MicroBooNE's active volume.

    The fiducial volume keeps away from the walls by the same margin on all sides.
    """

    drift: float = 256.35  #: cm, JINST 12 P02017; as in MicroBooNE's public analysis code
    height: float = 233.0  #: cm, same
    length: float = 1036.8  #: cm, same; 3456 collection wires, 3 mm apart
    density: float = 1.3836  #: g/cm³, used by MicroBooNE's cross-section analyses
    baseline: float = 47000.0  #: cm from the target, as in DarkNews' geometry; 46850 is quoted too
    margin: float = 0.0  #: cm, our choice, the whole active volume


class Tank(NamedTuple):
    """A sphere of mineral oil, CH₂: MiniBooNE."""

    radius: float = 610.6  #: cm, the radius to which the flux release (arXiv 0806.1449) refers
    fiducial_radius: float = 500.0  #: cm, NIM A 599, 28 (2009)
    tonnes: float = 818.0  #: t of oil, as in MiniBooNE's 2020 paper (arXiv 2006.16883)
    hydrogen_per_carbon: float = 2.0  #: CH₂, as usual; the real oil is C_nH_2n+2, n ≈ 20
    baseline: float = 54100.0  #: cm from the target, arXiv 2006.16883


MICROBOONE = Box()
MINIBOONE = Tank()
EXPERIMENTS = {"microboone": MICROBOONE, "miniboone": MINIBOONE}


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
    paper : Box or Tank
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
    if isinstance(paper, Box):
        return {"Ar40": grams / ARGON_MOLAR_MASS * AVOGADRO}
    per_unit = CARBON_MOLAR_MASS + paper.hydrogen_per_carbon * HYDROGEN_MOLAR_MASS  # g/mol of CHₓ
    carbon = grams / per_unit * AVOGADRO
    return {"C12": carbon, "H1": paper.hydrogen_per_carbon * carbon}


def inside(paper, position, *, fiducial=False):
    """Tell which points lie in a detector.

    Parameters
    ----------
    paper : Box or Tank
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
