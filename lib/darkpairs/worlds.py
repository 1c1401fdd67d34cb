"""Two sealed worlds: pretended data from another nature than the analysis assumes.

In: a simulated sample of its own seeds, weighted. Out: a `Vault` of data events. Chapter: blinding;
opened in verdict.

An analysis that is only tried on its own simulation never meets a surprise. Here two worlds differ
from the simulation, and from each other: their rates lie elsewhere within their errors, neutral
pions have another momentum spectrum, and the chamber is a little off (`chamber`). In one of the two
there is a signal. Dice have chosen which, and all other numbers; the digests in ``SEALS`` were
written down when this was made, so nobody can choose differently afterwards.

The seal is didactic: who wants to know has the code, and needs one line. It keeps from looking *by
mistake*, and lets everybody check later that the answer is the old one.

Data are drawn event by event: each row of a sample that is not the one of the analysis comes up as
often as Poisson's dice say. So whatever is selected later, it is selected from the same data. Rows
that stand for m events each make counts vary by 1 + m times their mean instead of by the mean: the
simulated events behind the data are few, too. Their Σ w² belongs into the covariance beside that of
the analysis; where `crowd` finds a large m, there comes a warning.

Laws: event i of a kind depends on (world, kind, i) alone; with all factors 1 the data are those of
the sample; counts in any bins are Poisson; the recipes are those that were sealed.
"""

import hashlib
import warnings
from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs import blinding
from darkpairs._jit import njit, spread
from darkpairs.batches import KINDS
from darkpairs.detector import MICROBOONE
from darkpairs.rng import _next, _poisson, _start, check_seed, stream, uniforms
from darkpairs.sidebands import disjoint

WORLDS = ("north", "south")
POT, OPEN = 6.87e20, 5e19  # protons on target of the data, and of the open data; both the note's
PION = 111  # PDG code of π⁰
TURN = 300.0  # MeV, momentum at which a bend of the spectrum changes nothing; our choice
CROWD = 0.5  # data events that a row may stand for before we warn; our choice
_SALT = "d99dcc79784b978881b8bc9b3db6049b"  # random; so the digests cannot be guessed from a list
SEALS = {
    "north": "ebceea20090b2a65d494762c307c758085720cee4464e7b436ea6d9e59a093b6",
    "south": "27974e205b57d757649ab6912afaca9d4e32d655352deb803538e89d51672453",
    "chamber": "3fb7968c64130b94b17a43dd59542b2e346c9fb2236003b922fa0c632b8c4c8b",
}


class Nature(NamedTuple):
    """A world: what multiplies the rate of each kind of events, and what bends a spectrum."""

    signal: float = 0.0
    pi0: float = 1.0
    pi0_coherent: float = 1.0
    dirt: float = 1.0
    delta_gamma: float = 1.0
    nue: float = 1.0
    numu: float = 1.0
    numu_pi0: float = 1.0
    cosmic: float = 1.0
    bend: float = 0.0  #: power of (p + 300 MeV)/600 MeV, p being the momentum of a π⁰


class Ranges(NamedTuple):
    """How far a sealed world may lie from the simulation, either way."""

    # 1.5 times the errors that the analysis assumes: a surprise, and not yet a scandal
    resonances: Given[float, "", "1.5 × 25 %, room `uncertain`; π⁰ and Δ photons alike"] = 0.375
    coherent: Given[float, "", "1.5 × 50 %, same"] = 0.75
    dirt: Given[float, "", "1.5 × 50 %, same"] = 0.75
    charged: Given[float, "", "1.5 × 15 %, same"] = 0.225
    charged_pions: Given[float, "", "1.5 × 20 %, same"] = 0.3
    cosmic: Given[float, "", "1.5 × 10 %, same"] = 0.15
    bend: Given[float, "", "our choice: 15 % between 100 and 300 MeV"] = 0.4
    strength: Given[float, "", "our choice: of the signal, around 1"] = 0.3
    # The chamber
    gain: Given[float, "", "relative, our choice"] = 0.02
    lifetime: Given[float, "", "relative, and only shorter; our choice"] = 0.4
    diffusion: Given[float, "", "relative, error of arXiv:2104.06551"] = 0.08
    recombination: Given[float, "", "relative, of box_beta; our choice"] = 0.05
    noise: Given[float, "", "relative, our choice"] = 0.1


RANGES = Ranges()


class Crowded(UserWarning):
    """Rows that stand for many data events each."""


def pions(truth):
    """Return the momentum of the first π⁰ of each event, ndarray (n,) [MeV]; NaN without one."""
    rows = np.flatnonzero(truth.pdg == PION)[::-1]
    found = np.full(len(truth), np.nan)
    owner = np.searchsorted(truth.offsets, rows, side="right") - 1
    found[owner] = np.sqrt((truth.p4[rows, 1:] ** 2).sum(axis=1))  # the first one comes last
    return found


def factors(nature, kind, pion):
    """Return what each event counts in a world, beside its weight in ours, ndarray (n,).

    Parameters
    ----------
    nature : Nature
        The world.
    kind : array-like (n,) of int
        Places in `batches.KINDS`; particles of a gun are refused.
    pion : array-like (n,)
        Momentum of a π⁰ [MeV], NaN without one; see `pions`.
    """
    kind, pion = np.asarray(kind), np.asarray(pion, dtype=np.float64)
    known = {k: name.replace("-", "_") for k, name in enumerate(KINDS) if name != "gun"}
    strange = sorted(set(kind.tolist()) - set(known))
    if strange or kind.shape != pion.shape or (pion < 0).any():
        raise ValueError(f"kinds {strange} that no world has, or {kind.shape} kinds with "
                         f"{pion.shape} momenta; wanted one of each per event, momenta ≥ 0 or NaN")
    if not all(0 <= value < np.inf for value in nature[:-1]) or not np.isfinite(nature.bend):
        raise ValueError(f"{nature}; wanted factors ≥ 0 and a finite bend")
    rate = np.zeros(len(KINDS))
    for k, name in known.items():
        rate[k] = getattr(nature, name)
    shape = np.where(np.isnan(pion), 1.0, (pion + TURN) / (2 * TURN)) ** nature.bend
    return rate[kind] * shape


def draw(nature, *, event, kind, weight, pion, pot, seed, name="open world"):
    """Draw the data of a world from a sample.

    Parameters
    ----------
    nature : Nature
        The world.
    event, kind : array-like (n,) of int
        Number and kind of each event, each pair of them once.
    weight : array-like (n,)
        Events per POT that each row stands for in our world, ≥ 0.
    pion : array-like (n,)
        See `factors`.
    pot : float
        Protons on target, > 0.
    seed : int
        Event i of a kind depends on (seed, name, kind, i) alone.
    name : str
        Name of the dice.

    Returns
    -------
    ndarray of int
        Rows that are the data, some of them more than once, in an order that says nothing.
    """
    check_seed(seed)
    event, kind = (np.asarray(array, dtype=np.int64) for array in (event, kind))
    weight = np.asarray(weight, dtype=np.float64)
    if not event.shape == kind.shape == weight.shape or event.ndim != 1 or not 0 < pot < np.inf:
        raise ValueError(f"events {event.shape}, kinds {kind.shape} and weights {weight.shape} at "
                         f"{pot:g} POT; wanted one of each per row, and POT > 0")
    if not ((weight >= 0) & np.isfinite(weight)).all() or (event < 0).any():
        raise ValueError("weights below 0 or not finite, or event numbers below 0; wanted ≥ 0")
    twice = len(event) - len(np.unique(np.stack([kind, event]), axis=1).T)
    if twice:
        raise ValueError(f"{twice} rows are events that stand in another row, too; wanted each "
                         "once, such as the rows of one algorithm")
    mean = pot * weight * factors(nature, kind, pion)
    streams = np.array([stream(name, word) for word in KINDS], dtype=np.uint64)
    counts, order = np.empty(len(mean)), np.empty(len(mean))
    spread(_draw, len(mean), np.uint64(seed), streams, event, kind, mean, counts, order)
    rows = np.argsort(order, kind="stable")
    return np.repeat(rows, counts[rows].astype(np.int64))


def crowd(weight, pot):
    """Return for how many data events a row stands, in the mean over data events: pot Σw²/Σw."""
    weight = np.asarray(weight, dtype=np.float64)
    return float(pot * (weight**2).sum() / weight.sum()) if weight.any() else 0.0


def data(world, columns, regions, plan, *, event, kind, weight, pion, pot=POT, open_pot=OPEN):
    """Return the data of a sealed world, a `blinding.Vault`.

    Parameters
    ----------
    world : str
        One of ``WORLDS``.
    columns, regions : dict of str to array-like (n,)
        What is seen of each row of the sample, and which rows each region holds, as for
        `blinding.seal`. To each region ``r`` comes ``open r``: the open data, other events than
        those of ``r``.
    plan : blinding.Plan
        Which gates lead to the signal region.
    event, kind, weight, pion
        As in `draw`. Rows of signal have the weights of the model that a world with a signal has.
    pot, open_pot : float
        Protons on target of the data and of the open data.

    Warns
    -----
    Crowded
        If in a region a row stands for many data events: a `crowd` above ``CROWD``.
    """
    if world not in WORLDS:
        raise ValueError(f"no world {world!r}; wanted one of {', '.join(WORLDS)}")
    whole, part = (draw(_nature(world), event=event, kind=kind, weight=weight, pion=pion,
                        pot=exposure, seed=0, name=f"{_SALT} {world} {stage}")
                   for stage, exposure in (("whole", pot), ("open", open_pot)))
    disjoint(regions, signal=plan.signal)  # in the sample, where more events show it
    for name, mask in regions.items():
        many = crowd(np.asarray(weight)[mask], pot)
        if many > CROWD:
            warnings.warn(f"region {name!r}: a row stands for {many:.2g} data events in the mean; "
                          f"wanted at most {CROWD:g}, from more simulated events, or their Σ w² in "
                          "the covariance", Crowded, stacklevel=2)
    rows = np.concatenate([whole, part])
    first = np.arange(len(rows)) < len(whole)
    masks = {name: np.asarray(mask)[rows] for name, mask in regions.items()}
    masks = {name: mask & first for name, mask in masks.items()} | {
        f"open {name}": mask & ~first for name, mask in masks.items()}
    return blinding.seal({name: np.asarray(column)[rows] for name, column in columns.items()},
                         masks, plan, of=_of(world))


def chamber(base=MICROBOONE):
    """Return the `Detector` of both worlds: a little off, by numbers that nobody has chosen.

    Samples of the worlds are simulated with it; who reconstructs them believes in `base`.
    """
    dice = 2 * uniforms(0, stream("sealed chamber", _SALT), 1, 7)[0] - 1
    gain, life, long, trans, charge, flat, slope = (round(float(u), 3) for u in dice)
    return base._replace(
        gain=base.gain * (1 + RANGES.gain * gain),
        lifetime=base.lifetime * (1 - RANGES.lifetime * abs(life)),
        diffusion_long=base.diffusion_long * (1 + RANGES.diffusion * long),
        diffusion_trans=base.diffusion_trans * (1 + RANGES.diffusion * trans),
        box_beta=base.box_beta * (1 + RANGES.recombination * charge),
        noise_flat=base.noise_flat * (1 + RANGES.noise * flat),
        noise_slope=base.noise_slope * (1 + RANGES.noise * slope))


def answer(*vaults):
    """Open the seals: return the `Nature` of each world, a dict.

    Parameters
    ----------
    *vaults : Vault
        Of both worlds, with all their gates passed: who knows one world knows the other, too.

    Raises
    ------
    blinding.Closed
        If a gate is closed.
    ValueError
        If a vault is missing, or a recipe is not the one that was sealed.
    """
    found = {blinding.whose(vault): vault for vault in vaults}
    missing = [world for world in WORLDS if _of(world) not in found]
    if missing or len(vaults) != len(WORLDS):
        raise ValueError(f"no vault of {', '.join(missing) or 'one world only'}; wanted one of "
                         f"each world: {', '.join(WORLDS)}")
    for vault in vaults:
        blinding.read(vault, vault.plan.signal)  # refuses while a gate is closed
    broken = [name for name, seal in seals().items() if seal != SEALS[name]]
    if broken:
        raise ValueError(f"the recipes of {', '.join(broken)} are not those that were sealed; "
                         "wanted the ones of the digests")
    return {world: _nature(world) for world in WORLDS}


def seals():
    """Return the digests of the recipes as they are now, a dict; to be compared with `SEALS`."""
    things = {world: _nature(world) for world in WORLDS}
    things["chamber"] = tuple(chamber())
    return {name: hashlib.sha256(f"{_SALT} {name} {[f'{x:.6g}' for x in thing]}".encode())
            .hexdigest() for name, thing in things.items()}


def _of(world):
    return f"world {world}"


def _nature(world):
    """Return the recipe of a sealed world. Do not print it before the verdict."""
    dice = 2 * uniforms(0, stream(f"sealed {world}", _SALT), 1, 8)[0] - 1
    chosen = uniforms(0, stream("sealed signal", _SALT), 1, 1)[0, 0] < 0.5
    neutral, coherent, dirt, charged, pair, cosmic, bend, strength = (
        round(float(u), 3) for u in dice)
    is_there = chosen == (world == WORLDS[0])
    return Nature(
        signal=1 + RANGES.strength * strength if is_there else 0.0,
        pi0=1 + RANGES.resonances * neutral, delta_gamma=1 + RANGES.resonances * neutral,
        pi0_coherent=1 + RANGES.coherent * coherent, dirt=1 + RANGES.dirt * dirt,
        nue=1 + RANGES.charged * charged, numu=1 + RANGES.charged * charged,
        numu_pi0=1 + RANGES.charged_pions * pair, cosmic=1 + RANGES.cosmic * cosmic,
        bend=RANGES.bend * bend)


@njit
def _draw(first, last, seed, streams, event, kind, mean, counts, order):
    """Fill how often some rows come up, and a number to sort them by."""
    for i in range(first, last):
        state = _start(seed, streams[kind[i]], np.uint64(event[i]))
        state, order[i] = _next(state)
        state, counts[i] = _poisson(state, mean[i])
