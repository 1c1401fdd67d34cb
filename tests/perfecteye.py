"""What a nearly perfect eye would see: hits and points from the truth, for tests of later rooms."""

import numpy as np

from darkpairs import drift, seen, transport, wires
from darkpairs.detector import MICROBOONE

CELL = 0.3  # cm: charge in one such cube is one point
LINK = 1.5  # cm: points of one particle closer than this are one cluster


def look(truth, detector=MICROBOONE, *, seed, split=True):
    """Return deposits, hits and points; with `split`, particles are clusters of their own."""
    deposits = transport.deposits(truth, detector, seed=seed)
    arrivals = drift.arrivals(deposits, detector)
    hits, points = [], []
    for i in range(len(truth)):
        rows = arrivals.rows(i)
        place = deposits.position[rows]
        particle = arrivals.particle[rows] if split else arrivals.particle[rows] * 0
        points.append(_points(place, arrivals.charge[rows], particle, seed + i))
        hits.append(_hits(arrivals, rows, place, *points[-1][::2], detector))
    rides = dict(event=truth.event, kind=truth.kind, weight=truth.weight)
    return deposits, _bind_hits(rides, hits), _bind_points(rides, points, hits)


def _points(place, charge, particle, seed):
    """Sum charge in cubes; label them by particle and by what hangs together."""
    keep = charge > 0
    place, charge, particle = place[keep], charge[keep], particle[keep]
    key = np.column_stack([particle, np.floor(place / CELL).astype(int)])
    _, first, cube = np.unique(key, axis=0, return_index=True, return_inverse=True)
    cube = cube.ravel()
    q = np.bincount(cube, charge, minlength=len(first))
    middle = np.column_stack([np.bincount(cube, charge * place[:, j], minlength=len(first))
                              for j in range(3)]) / np.maximum(q, 1e-9)[:, None]
    seen_ = q > 2000
    middle, q, who = middle[seen_], q[seen_], particle[first][seen_]
    middle = middle + np.random.default_rng(seed).normal(0, 0.1, middle.shape)
    return middle, q, components(middle, who)


def components(position, who):
    """Return a label for each point: points of one particle within `LINK` hang together."""
    left, label, count = np.ones(len(position), bool), np.full(len(position), -1), 0
    for seed in range(len(position)):
        if not left[seed]:
            continue
        front, left[seed] = [seed], False
        while front:
            k = front.pop()
            label[k] = count
            near = left & (who == who[k]) & (
                ((position - position[k]) ** 2).sum(axis=1) < LINK**2)
            left[near] = False
            front.extend(np.flatnonzero(near))
        count += 1
    return label


def _hits(arrivals, rows, place, position, label, detector):
    """Sum charge on each wire as long as it has no pause of 8 ticks; label by nearest point."""
    dead = wires.dead(detector)
    found = []
    tick, charge = arrivals.tick[rows], arrivals.charge[rows]
    for plane in range(3):
        wire = np.clip(np.floor(arrivals.wire[rows, plane]), 0, len(dead[plane]) - 1).astype(int)
        order = np.lexsort([tick, wire])
        order = order[(charge[order] > 0) & ~dead[plane][wire[order]]]
        fresh = np.ones(len(order), bool)
        fresh[1:] = (np.diff(wire[order]) > 0) | (np.diff(tick[order]) > 8)
        for part in np.split(order, np.flatnonzero(fresh)[1:]) if len(order) else []:
            q = charge[part].sum()
            if q < 3000:
                continue
            mean = (charge[part] * tick[part]).sum() / q
            middle = (charge[part, None] * place[part]).sum(axis=0) / q
            far = ((position - middle) ** 2).sum(axis=1) if len(position) else np.array([np.inf])
            found.append((plane, wire[part[0]], tick[part].min() - 4, np.ptp(tick[part]) + 8, mean,
                          3.0, q, 500.0, label[far.argmin()] if far.min() < 9 else seen.NONE))
    return np.array(found).reshape(-1, 9)


def _bind_hits(rides, parts):
    """Bind the hits of events; nobody owns them."""
    plane, wire, first, ticks, tick, width, charge, noise, _ = np.concatenate(parts).T
    n = len(plane)
    return seen.Hits(**rides, offsets=np.cumsum([0, *map(len, parts)]), plane=plane, wire=wire,
                     first=first, ticks=ticks, tick=tick, width=width, charge=charge, noise=noise,
                     owner_start=np.arange(n + 1), owner=np.full(n, -1), fraction=np.ones(n))


def _bind_points(rides, points, hits):
    """Bind the points of events."""
    position, charge, label = (np.concatenate(column) for column in zip(*points, strict=True))
    return seen.Points(**rides, offsets=np.cumsum([0, *(len(part[1]) for part in points)]),
                       position=position, charge=charge, object=label,
                       hit_offsets=np.cumsum([0, *map(len, hits)]),
                       hit_object=np.concatenate(hits)[:, 8])
