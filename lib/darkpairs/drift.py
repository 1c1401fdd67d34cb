"""From energy in argon to clouds of electrons at the wires.

In: `Deposits`. Out: `Arrivals`. Chapter: drift.

A particle frees one electron for every 23.6 eV it leaves. Some fall back to their ions at once: the
denser the track and the weaker the field, the more (recombination). The others drift to the wires
with a constant velocity. On the way some are caught by impurities (attachment), and the cloud grows
(diffusion). Nothing is thrown here: a deposit has thousands of electrons, we follow their mean.

Laws: the charge that arrives is the sum of E/W · R · e^(−t/τ), wherever a particle flies; a cloud's
width squared goes with the time of its drift; D_L/D_T = 1 + d ln μ/d ln E, μ = v/E (Einstein).
"""

from math import exp, inf, isfinite, log, sqrt

import numpy as np

from darkpairs import wires
from darkpairs._jit import njit
from darkpairs.detector import MICROBOONE, _contains, body, checked
from darkpairs.traces import Arrivals
from darkpairs.wires import _place

# Mobility of electrons in liquid argon in cm²/V/s for a field in kV/cm, at 89 K: fit to the world's
# data, Li et al., NIM A 816 (2016) 160, with the coefficients of lar.bnl.gov/properties/trans.html
_MOBILITY = (551.6, 7158.3, 4440.43, 4.29, 43.63, 0.2053)
_MOBILITY_AT = 89.0  # K


def arrivals(deposits, detector=MICROBOONE):
    """Let the electrons of deposits drift to the wires.

    Parameters
    ----------
    deposits : Deposits
        Energy left in the active volume.
    detector : Detector
        The chamber.

    Returns
    -------
    Arrivals
        One cloud for each deposit, in the same order. A cloud may come when the readout no longer
        listens, or on wires that are dead; it is kept all the same.

    Raises
    ------
    ValueError
        If a deposit lies outside the active volume, has energy but no length, or is not made of
        finite numbers; or if a property of the chamber makes no sense.
    """
    detector = checked(detector)
    k = len(deposits.energy)
    charge, tick, sigma_tick, sigma_wire = (np.empty(k) for _ in range(4))
    wire = np.empty((k, 3))
    bad = _many(_flat(deposits.position), _flat(deposits.energy), _flat(deposits.dx),
                _flat(deposits.time), detector, body(detector), wires.projection(detector),
                charge, tick, wire, sigma_tick, sigma_wire)
    if bad >= 0:
        raise ValueError(
            f"deposit {bad} at {deposits.position[bad].tolist()} cm, with {deposits.energy[bad]} "
            f"MeV on {deposits.dx[bad]} cm after {deposits.time[bad]} µs; wanted a point in the "
            "active volume, an energy ≥ 0 on a length > 0 and a finite time")
    return Arrivals(event=deposits.event, kind=deposits.kind, weight=deposits.weight,
                    offsets=deposits.offsets, charge=charge, tick=tick, wire=wire,
                    sigma_tick=sigma_tick, sigma_wire=sigma_wire, particle=deposits.particle)


def recombination(dedx, detector=MICROBOONE):
    """Return the share of the electrons that escape from their ions.

    The modified box model, R = ln(α + ξ)/ξ with ξ = β (dE/dx)/(ρE) (ArgoNeuT, JINST 8 P08005,
    Eq. 2.3), or Birks' law R = A/(1 + k (dE/dx)/(ρE)) (ICARUS, NIM A 523 (2004) 275) with
    ``detector.birks``. Below ``detector.sparse`` the share is the one there: at MicroBooNE's field
    the box formula has its top at 0.84 MeV/cm and falls to nothing at 0.13, where no track is.

    Parameters
    ----------
    dedx : array-like
        Energy left per length [MeV/cm], ≥ 0.
    detector : Detector
        The chamber: its field, its argon and the constants of the law.

    Returns
    -------
    ndarray
        Of the shape of `dedx`, from 0 to 1.
    """
    detector = checked(detector)
    dedx = np.asarray(dedx, dtype=np.float64)
    if not ((dedx >= 0) & (dedx < inf)).all():
        raise ValueError(f"dE/dx of {dedx.tolist()} MeV/cm; wanted finite numbers ≥ 0")
    return np.array([_escaping(loss, detector) for loss in dedx.ravel()]).reshape(dedx.shape)


def velocity(field, temperature):
    """Return the drift velocity of electrons in liquid argon, for a check of the measured one.

    Parameters
    ----------
    field : array-like
        Electric field [kV/cm], ≥ 0; the fit was made for 0 to 12.
    temperature : float
        Of the liquid [K], > 0.

    Returns
    -------
    ndarray
        Velocities [cm/µs], of the shape of `field`.
    """
    field = np.asarray(field, dtype=np.float64)
    if not ((field >= 0) & (field <= 12)).all() or not temperature > 0:
        raise ValueError(f"field {field.tolist()} kV/cm at {temperature} K; wanted fields from 0 "
                         "to 12 and a temperature > 0")
    a0, a1, a2, a3, a4, a5 = _MOBILITY
    top = a0 + a1 * field + a2 * field**1.5 + a3 * field**2.5
    mobility = top / (1 + a1 / a0 * field + a4 * field**2 + a5 * field**3)
    cold = (temperature / _MOBILITY_AT) ** -1.5  # both: Li et al., Eq. 3.1
    return mobility * cold * field * 1e-3  # cm²/V/s · kV/cm = 10³ cm/s = 10⁻³ cm/µs


def _flat(array):
    """Return an array as the kernel takes it: contiguous and read-only, copied only if need be."""
    array = np.ascontiguousarray(array).view()
    array.flags.writeable = False
    return array


@njit
def _escaping(dedx, detector):
    """Share of the electrons that escape from their ions; formulas in `recombination`."""
    dense = max(dedx, detector.sparse) / (detector.density * detector.field)
    if detector.birks != 0.0:
        return detector.birks_a / (1 + detector.birks_k * dense)
    xi = detector.box_beta * dense
    return max(0.0, log(detector.box_alpha + xi) / xi)


@njit
def _cloud(x, energy, dedx, time, detector):
    """One deposit's cloud: its charge, its tick, and its widths in ticks and in wires."""
    drifting = x / detector.velocity
    freed = energy / detector.w_ion * _escaping(dedx, detector)
    charge = freed * exp(-drifting / detector.lifetime)
    tick = detector.trigger + (time + drifting) / detector.tick
    along = sqrt(2 * detector.diffusion_long * drifting) / (detector.velocity * detector.tick)
    across = sqrt(2 * detector.diffusion_trans * drifting) / detector.pitch
    return charge, tick, along, across


@njit
def _many(position, energy, dx, time, detector, body, slopes,
          charge, tick, wire, sigma_tick, sigma_wire):
    """Fill the clouds of all deposits; return the first one that cannot be, or −1."""
    for i in range(len(energy)):
        x, y, z = position[i]
        dedx = energy[i] / dx[i] if energy[i] > 0.0 else 0.0
        fits = energy[i] >= 0.0 and dx[i] >= 0.0 and dedx < inf and isfinite(time[i])
        if not (fits and _contains(body, (x, y, z))):
            return i
        charge[i], tick[i], sigma_tick[i], sigma_wire[i] = _cloud(
            x, energy[i], dedx, time[i], detector)
        for plane in range(3):
            wire[i, plane] = _place(slopes, plane, y, z)
    return -1
