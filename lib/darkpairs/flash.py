"""Light: when and about where something happened while the beam came.

In: `Deposits`, a seed. Out: the height and the length at which the light was. Chapter: background.

Argon shines where energy is left, and 32 tubes behind the wires see it within nanoseconds. Charge
takes milliseconds. So light tells what happened in time with the beam; where it was, it tells
roughly. Here nobody traces a photon: the middle of the energy that was left while the beam came,
blurred by dice, stands for what the tubes would say.

Laws: what comes early or late changes nothing; with no blur the light is at the middle of the
energy; the blur has its width; an event does not depend on its companions.
"""

from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs._jit import apart
from darkpairs.rng import _normal, _start, check_seed, stream


class Eyes(NamedTuple):
    """What the tubes tell."""

    gate: Given[float, "µs", "length of a spill of the beam, JINST 12 P02017"] = 1.6
    blur: Given[float, "cm", "our choice, of each coordinate, 1σ; tubes stand a metre apart"] = 15.0
    least: Given[float, "MeV", "our choice: less energy is not noticed"] = 10.0


EYES = Eyes()


def look(deposits, *, seed, eyes=EYES):
    """Return where the light in time with the beam was, ndarray (n, 2) of y and z [cm].

    Parameters
    ----------
    deposits : Deposits
        Events.
    seed : int
        From 0 to 2⁶³ − 1.
    eyes : Eyes
        What the tubes tell; all ≥ 0.

    Returns
    -------
    ndarray (n, 2)
        NaN where there was none.
    """
    check_seed(seed)
    if not all(value >= 0 for value in eyes):  # refuses NaN too
        raise ValueError(f"{eyes}; wanted numbers ≥ 0")
    event = np.repeat(np.arange(len(deposits)), np.diff(deposits.offsets))
    light = np.where((deposits.time >= 0) & (deposits.time <= eyes.gate), deposits.energy, 0.0)
    total = np.bincount(event, light, len(deposits))
    found = np.full((len(deposits), 2), np.nan)
    bright = (total > 0) & (total >= eyes.least)
    for c in (0, 1):
        moment = np.bincount(event, light * deposits.position[:, 1 + c], len(deposits))
        found[bright, c] = moment[bright] / total[bright]
    return found + eyes.blur * _blur(np.uint64(seed), np.uint64(stream("flash")), deposits.event)


@apart
def _blur(seed, stream, event):
    """Two numbers of mean 0 and variance 1 for each event."""
    result = np.empty((len(event), 2))
    for i in range(len(event)):
        state = _start(seed, stream, np.uint64(event[i]))
        state, result[i, 0] = _normal(state)
        state, result[i, 1] = _normal(state)
    return result
