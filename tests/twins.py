"""Samples for what reconstruction measures: pairs and photons that look alike, and how to compare.

A photon's first meeting with argon can be thrown beforehand: its dice follow from the seed, its
number and its place in the event. So the pair into which `transport` will turn a photon is known,
and the same pair can be given to it as e⁻ and e⁺ of a signal.
"""

import numpy as np

from darkpairs import batches, gun, matter, model, shower, signal
from darkpairs.detector import MICROBOONE
from darkpairs.rng import _mix, _start, stream
from darkpairs.stepping import world
from darkpairs.transport import finals

POINTS = ("note", "light-140", "light-420", "star-0.5-30", "star-0.5-100", "star-3-30",
          "star-0.5-500")  # narrow and wide pairs


def area(signal_like, other):
    """Area under the curve: how often one of the first has more than one of the second.

    NaN is less than anything; two alike count half.
    """
    both = np.concatenate([signal_like, other])
    both = np.where(np.isnan(both), -np.inf, both)
    _, place, count = np.unique(both, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    n, m = len(signal_like), len(other)
    return (rank[:n].sum() - n * (n + 1) / 2) / (n * m)


def energies(n, low, high):
    """Energies that fill a range evenly, in an order without any."""
    return low + (high - low) * (np.arange(n) * 0.6180339887498949 % 1)


def conversions(n, *, seed, energy=(200.0, 800.0), detector=MICROBOONE):
    """Return photons that turn into pairs, and these pairs: two `Truth` of the same events."""
    light = batches.concatenate([gun.shoot(22, e, start=(128.0, 0.0, 250.0), first=i)
                                 for i, e in enumerate(energies(n, *energy))])
    argon = matter.argon(detector=detector, steps=matter.STEPS)
    place = np.uint64(_mix(np.uint64(stream("transport"))))  # of the first particle of an event
    stack, photons, pairs = np.zeros((8, 9)), [], []
    for i in range(n):
        stack[0] = [shower.PHOTON, *light.start[i], 0.0, 0.0, 1.0, light.p4[i, 0], 0.0]
        dice = np.uint64(_start(np.uint64(seed), place, np.uint64(i)))
        _, top, _ = shower._photon(dice, stack, 0, np.empty((4, 7)), 0, np.zeros(3),
                                   world(detector), argon, matter.STEPS, 0)
        if top == 2 and {*stack[:2, 0]} == {shower.ELECTRON, shower.POSITRON}:
            two = stack[:2][np.argsort(stack[:2, 0])]  # the electron first
            pair = gun.shoot((11, -11), two[:, 7], direction=two[:, 4:7], start=two[0, 1:4],
                             first=i)
            photons.append(batches.select(light, [i]))
            pairs.append(pair)
    return batches.concatenate(photons), batches.concatenate(pairs)


def opening(truth):
    """Return the opening angles of pairs [rad], their energies [MeV], momenta and starts."""
    first, second = np.flatnonzero(truth.pdg == 11), np.flatnonzero(truth.pdg == -11)
    a, b = truth.p4[first], truth.p4[second]
    across = np.linalg.norm(np.cross(a[:, 1:], b[:, 1:]), axis=1)
    angle = np.arctan2(across, (a[:, 1:] * b[:, 1:]).sum(axis=1))
    return angle, (a + b)[:, 0], (a + b)[:, 1:], truth.start[first]


def alike(low, high, n, *, seed, detector=MICROBOONE):
    """Return pairs of signals that open by low to high [rad], and photons of the same energies.

    Pairs of 200 to 800 MeV, 20 cm or more from all walls; photons start where they do and fly
    where they fly.
    """
    some = batches.concatenate([signal.generate(model.BENCHMARKS[name], 3000, seed=seed, first=k)
                                for k, name in zip(range(0, 30000, 3000), POINTS, strict=False)])
    angle, energy, momentum, start = opening(some)
    off = np.minimum(start - [0, -detector.height / 2, 0],
                     [detector.drift, detector.height / 2, detector.length] - start).min(axis=1)
    good = (angle >= low) & (angle < high) & (energy > 200) & (energy < 800) & (off > 20)
    chosen = np.flatnonzero(good)
    chosen = chosen[np.argsort(np.arange(len(chosen)) * 0.6180339887498949 % 1)][:n]
    photons = [gun.shoot(22, energy[i], direction=momentum[i], start=start[i], first=int(i))
               for i in chosen]
    pairs = batches.select(some, chosen)
    keep = finals(pairs) & np.isin(np.abs(pairs.pdg), [11])
    return _only(pairs, keep), batches.concatenate(photons)


def _only(truth, keep):
    """Return events with some of their particles, which then come from nobody."""
    count = np.add.reduceat(keep.astype(int), truth.offsets[:-1])
    columns = {name: getattr(truth, name) for name in truth.SHAPES}
    columns |= {name: columns[name][keep] for name in ("pdg", "p4", "start", "time")}
    return batches.Truth(**columns | dict(offsets=np.concatenate([[0], np.cumsum(count)]),
                                          parent=np.full(int(keep.sum()), -1)))
