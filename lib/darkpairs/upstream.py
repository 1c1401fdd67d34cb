"""Pairs whose ν_h was made in the earth before the detector, and came in to decay.

In: a model, an experiment, the earth (a paper). Out: `Truth`, and expected events.
Chapter: miniboone.

A long-lived ν_h that decays in a detector was mostly made before it, where there is more matter
than inside. Each event is thrown by `signal` as if the volume of the detector were filled with
earth. Where its ν_h would be made, its pair is put instead, and from there we look back: ν_h may
have been made anywhere in the earth on the line behind. If earth lies from l₁ to l₂ on it, and
ν_h flies λ on average, then ∫ e^(−l/λ) dl/λ = e^(−l₁/λ) − e^(−l₂/λ) is the weight of the event
beside that of one made anywhere in the volume.

Along the beam the flux changes as one over the square of the distance L to the target; ours is the
same everywhere, and its neutrinos fly side by side. For small angles these two simplifications
cancel: ν_h made at an angle θ, a way l before the detector, start at θl from the axis here and at
θl(1 − l/L) in a beam that spreads from a point, on an area that is smaller by just the factor by
which the flux is larger. So a cylinder here is a cone there, with its tip in the target.

Laws: four-momenta are those of `signal`; pairs fill the detector evenly; ν_h start in the earth
and fly straight, with their speed; the weight is an integral along a line; short-lived ν_h do not
arrive, and of long-lived ones as many decay as the way through the earth is long, over λ.
"""

from typing import NamedTuple

import numpy as np

from darkpairs import decay, detector, signal
from darkpairs.batches import Truth
from darkpairs.constants import AVOGADRO, OXYGEN_MOLAR_MASS, SILICON_MOLAR_MASS, SPEED_OF_LIGHT
from darkpairs.rng import stream, uniforms

__all__ = ["EARTH", "Earth", "expected_events", "generate", "nuclei", "section", "share"]

SMALL = 1e-200  # instead of 0 below a fraction; its inverse is still a number


class Earth(NamedTuple):
    """A cylinder of SiO₂ around the line through the detector's centre along the beam."""

    density: float = 2.15  #: g/cm³, as in DarkNews (arXiv 2207.04137)
    face: float = 1320.0  #: cm from its end to the detector's centre
    length: float = 47400.0  #: cm
    radius: float = 1027.5  #: cm


# The earth before MiniBooNE is that of the public code of arXiv:2308.02543: it ends 1.5 × 685 cm
# from the axis. DarkNews 0.4.8 puts a cone before MicroBooNE that ends at 287.4 cm, which is 292 cm
# here; but it is the same ground in the same beam, so it is as wide for us. There the earth begins
# 215 cm before the cryostat. It goes on farther out, where the beam gets thinner, which this paper
# does not know.
EARTH = {"microboone": Earth(face=758.2, length=40000.0), "miniboone": Earth()}


def generate(model, n, *, seed, experiment="microboone", regime="coherent", earth=None, first=0,
             **options):
    """Return pairs that decay in the detector and whose ν_h was made in the earth before it.

    Parameters
    ----------
    model : DarkModel
        The model point.
    n : int
        How many events, > 0.
    seed : int
        From 0 to 2⁶³ − 1. Event i depends on (seed, i) alone.
    experiment : str
        ``"microboone"`` or ``"miniboone"``.
    regime : str
        As in `upscatter.cross_section`.
    earth : Earth, optional
        What lies before the detector; that of the experiment in `EARTH`, if not given.
    first : int
        Number of the first event, ≥ 0.
    **options
        ``zprime_decay``, ``heavy_decay``, ``form_factor``, ``exchange``, ``pauli`` and
        ``zprime_flight``, as in `signal.generate`.

    Returns
    -------
    Truth
        As from `signal.generate`, but for the weights, which differ from event to event. The
        vertex is where the neutrino interacted in the earth, times count from there, and e⁻ and
        e⁺ start inside the detector. If the line behind an event misses the earth, its weight is
        0 and its ν_h decays where it is made.

    Raises
    ------
    ValueError
        If the earth has no size or reaches into the detector, if ν_h is stable, and where
        `signal.generate` refuses.
    """
    paper = detector.paper(experiment)
    earth = _checked(EARTH[experiment] if earth is None else earth, paper)
    if not decay.ctau(model) < np.inf:
        raise ValueError("ν_h is stable and decays nowhere; wanted a finite ctau")
    thrown = signal.generate(model, n, seed=seed, experiment=experiment, regime=regime, first=first,
                             inside=False, targets=nuclei(earth, detector.volume(paper)), **options)
    u = uniforms(seed, stream("upstream"), len(thrown), 1, first=int(first))[:, 0]
    return _moved(thrown, model, earth, _centre(paper), u)


def expected_events(model, *, experiment="microboone", pot, regime="coherent", earth=None,
                    n=100_000, seed=1, **options):
    """Return how many of such pairs to expect, before any efficiency.

    It is the sum of the weights of n thrown events, good to some 3/√n as long as ν_h flies as far
    as the earth is away, or farther.

    Parameters
    ----------
    pot : float
        Protons on target, > 0.
    model, experiment, regime, earth, n, seed, **options
        As in `generate`.
    """
    if not 0 < pot < np.inf:
        raise ValueError(f"protons on target must be > 0; got {pot}")
    truth = generate(model, n, seed=seed, experiment=experiment, regime=regime, earth=earth,
                     **options)
    return float(truth.weight.sum()) * pot


def nuclei(earth, volume):
    """Return the numbers of nuclei in a volume [cm³] of earth, a dict as `detector.targets`."""
    units = earth.density * volume / (SILICON_MOLAR_MASS + 2 * OXYGEN_MOLAR_MASS) * AVOGADRO
    return {"Si28": units, "O16": 2 * units}


def section(earth, point, direction):
    """Return where the line behind a point enters the earth and where it leaves it.

    Parameters
    ----------
    earth : Earth
        The cylinder.
    point : ndarray (n, 3)
        Points [cm], seen from the centre of the detector.
    direction : ndarray (n, 3)
        Unit vectors; the line behind is point − l direction with l ≥ 0.

    Returns
    -------
    tuple of ndarray (n,)
        Smallest and largest l [cm] inside the earth; zeros if the line misses it.
    """
    # Between the planes: l u_z from z + face to z + face + length
    along = np.where(np.abs(direction[:, 2]) < SMALL, SMALL, direction[:, 2])
    ends = (point[:, 2] + earth.face + np.array([[0.0], [earth.length]])) / along
    # Inside the wall: s l² − 2 b l ≤ gap, where s is sin² of the angle to the axis
    s = np.maximum((direction[:, :2] ** 2).sum(axis=1), 1e-24)
    b = (point[:, :2] * direction[:, :2]).sum(axis=1)
    gap = earth.radius**2 - (point[:, :2] ** 2).sum(axis=1)
    square = b * b + s * gap
    root = np.sqrt(np.maximum(square, 0.0))
    near = np.maximum(np.maximum(ends.min(axis=0), (b - root) / s), 0.0)
    far = np.minimum(ends.max(axis=0), (b + root) / s)
    meets = (square > 0) & (far > near)
    return np.where(meets, near, 0.0), np.where(meets, far, 0.0)


def share(near, far, length):
    """Return ∫ e^(−l/λ) dl/λ from near to far, for decay lengths λ; all in cm."""
    length = np.maximum(length, SMALL)
    return -np.exp(-near / length) * np.expm1((near - far) / length)


def _way(near, far, length, u):
    """Return the l up to which the share u of that integral lies."""
    length = np.maximum(length, SMALL)
    return near - length * np.log1p(u * np.expm1((near - far) / length))


def _moved(thrown, model, earth, centre, u):
    """Put the pairs of a batch where its vertices are, and start their ν_h in the earth."""
    n = len(thrown)
    start, time = thrown.start.reshape(n, -1, 3).copy(), thrown.time.reshape(n, -1).copy()
    energy, *momentum = thrown.p4.reshape(n, -1, 4)[:, 1].T
    size = np.sqrt(np.square(momentum).sum(axis=0))
    direction = np.stack(momentum, axis=1) / size[:, None]
    # Rows: the recoil, ν_h, the Z′ if it is real, ν_h', e⁻, e⁺. The pair comes to the vertex; so
    # ν_h ends there, or a flight of the Z′ before
    ends = thrown.vertex - (start[:, -1] - start[:, -3])
    near, far = section(earth, ends - centre, direction)
    length = decay.ctau(model) * size / model.m_heavy
    way = _way(near, far, length, u)
    start[:, :2] = (ends - way[:, None] * direction)[:, None]
    start[:, 2:-2], start[:, -2:] = ends[:, None], thrown.vertex[:, None]
    time[:, 2:] += (way * energy / (size * SPEED_OF_LIGHT) - time[:, -3])[:, None]
    changes = dict(weight=thrown.weight * share(near, far, length), vertex=start[:, 0],
                   start=start.reshape(-1, 3), time=time.ravel())
    return Truth(**{name: changes.get(name, getattr(thrown, name)) for name in Truth.SHAPES})


def _centre(paper):
    """Return the centre of a detector, ndarray (3,) [cm]."""
    body = detector.body(paper)
    return (body[1:4] + body[4:]) / 2


def _checked(earth, paper):
    """Refuse earth without a size, or in the detector, where `signal` counts already."""
    earth = Earth(*map(float, earth))
    if not all(0 < value < np.inf for value in earth):
        raise ValueError(f"{earth}; wanted numbers > 0")
    body = detector.body(paper)
    half = float(body[6] - body[3]) / 2
    if earth.face < half:
        raise ValueError(f"the earth ends {earth.face:g} cm before the detector's centre, inside "
                         f"the detector; wanted face ≥ {half:g} cm")
    return earth
