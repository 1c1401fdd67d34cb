"""Hits made by hand: each point of charge is one hit in each view, without noise or response."""

import numpy as np

from darkpairs import detector, seen, wires

LIVE = detector.MICROBOONE._replace(dead=0.0)  # no dead wires
START = (100.0, -20.0, 400.0)


def line(direction, *, start=START, length=20.0, step=0.2):
    """Return points along a straight line [cm], ndarray (k, 3)."""
    way = np.array(direction, dtype=float) / np.linalg.norm(direction)
    return np.array(start) + np.arange(0, length, step)[:, None] * way


def made(events, *, paper=LIVE, charge=1e4, without=()):
    """Return hits of events, each a list of points (k, 3); planes in `without` see nothing.

    Charge on one wire within 8 ticks of its first is one hit; dead wires have none.
    """
    dead, rows = wires.dead(paper), []
    for event, points in enumerate(events):
        points = np.reshape(points, (-1, 3))
        place = wires.places(paper, points)
        tick = paper.trigger + points[:, 0] / (paper.velocity * paper.tick)
        for plane in {0, 1, 2} - set(without):
            for wire in np.unique(np.floor(place[:, plane]).astype(int)):
                times = np.sort(tick[np.floor(place[:, plane]) == wire])
                while len(times):
                    some = times < times[0] + 8
                    if not dead[plane][wire]:
                        rows.append((event, plane, wire, times[some].mean(), some.sum() * charge,
                                     np.hypot(3.3, times[some].std())))
                    times = times[~some]
    table = np.array(rows).reshape(-1, 6)
    table = table[np.lexsort(table[:, 3::-1].T)]
    event, plane, wire, tick, charge, width = table.T
    n = len(events)
    return seen.Hits(
        event=np.arange(n), kind=np.zeros(n), weight=np.ones(n),
        offsets=np.searchsorted(event, np.arange(n + 1)), plane=plane, wire=wire,
        first=np.floor(tick) - 8, ticks=np.full(len(tick), 16), tick=tick, width=width,
        charge=charge, noise=np.full(len(tick), 300.0), owner_start=np.arange(len(tick) + 1),
        owner=np.zeros(len(tick)), fraction=np.ones(len(tick)))


def only(hits, i):
    """Return one event of a batch by itself."""
    rows, owners = hits.rows(i), slice(*hits.owner_start[[hits.offsets[i], hits.offsets[i + 1]]])
    changed = dict(offsets=[0, rows.stop - rows.start],
                   owner_start=hits.owner_start[rows.start:rows.stop + 1] - owners.start)
    for name, shape in hits.SHAPES.items():
        part = {"n": slice(i, i + 1), "h": rows, "o": owners}.get(shape)
        if part is not None:
            changed[name] = getattr(hits, name)[part]
    return seen.Hits(**changed)
