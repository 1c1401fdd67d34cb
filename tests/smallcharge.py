"""Charge on wires without a chamber's simulation: lone regions, and straight tracks as pulses."""

import numpy as np

from darkpairs import traces, wires

WIDTH = 3.0  # ticks, of a pulse


def charge(events, noise=100.0):
    """A `Charge` from lists of regions (plane, wire, first tick, electrons), one for each event."""
    rows = [row for event in events for row in sorted(event, key=lambda row: row[:3])]
    plane, wire, tick = (np.array([row[k] for row in rows], dtype=int) for k in range(3))
    ticks = np.array([len(row[3]) for row in rows], dtype=int)
    n, k = len(events), len(rows)
    return traces.Charge(
        event=np.arange(n), kind=np.zeros(n), weight=np.ones(n),
        offsets=np.cumsum([0, *map(len, events)]), plane=plane, wire=wire, tick=tick, ticks=ticks,
        noise=np.full(k, noise), start=np.cumsum([0, *ticks]),
        electrons=np.concatenate([np.zeros(0), *(row[3] for row in rows)]),
        owner_start=np.arange(k + 1), owner=np.zeros(k), fraction=np.ones(k))


def track(detector, start, way, length, electrons=5600.0, step=0.05):
    """Regions of a straight track: pulses on all wires it passes, `electrons` for each mm."""
    way = np.asarray(way) / np.linalg.norm(way)
    along = np.arange(step / 2, length, step)
    where = np.asarray(start) + along[:, None] * way
    tick = detector.trigger + where[:, 0] / (detector.tick * detector.velocity)
    place = np.floor(wires.places(detector, where)).astype(int)
    dead, rows = wires.dead(detector), []
    for plane in range(3):
        for wire in np.unique(place[:, plane]):
            came = tick[place[:, plane] == wire]
            first, last = int(came.min() - 4 * WIDTH), int(came.max() + 4 * WIDTH) + 1
            t = np.arange(first, last) + 0.5
            shape = np.exp(-0.5 * ((t[:, None] - came) / WIDTH)**2).sum(axis=1)
            if not dead[plane][wire]:
                rows.append((plane, int(wire), first, electrons * 10 * step * len(came) * shape
                             / shape.sum()))
    return where, rows
