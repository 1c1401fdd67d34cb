"""Events drawn by hand for tests: straight lines with a steady charge, as hits, points, objects."""

import numpy as np

from darkpairs import wires
from darkpairs.detector import MICROBOONE
from darkpairs.seen import Hits, Objects, Points

LIVE = MICROBOONE._replace(dead=0.0)
MIP = 5.6e4  # electrons per cm, as in `test_drift`


def line(start, way, length=20.0, *, charge=MIP, shower=1, label=0, owner=0):
    """Say what one line of an event is; charge in electrons per cm."""
    way = np.asarray(way, dtype=float) / np.linalg.norm(way)
    return dict(start=np.asarray(start, dtype=float), way=way, length=length, charge=charge,
                shower=shower, label=label, owner=owner)


def _hits(lines, detector):
    """Cut the lines into 0.1 mm and sum these per wire and 8 ticks; rows of numbers."""
    rows = {}
    for one in lines:
        s = np.arange(0.005, one["length"], 0.01)
        place = one["start"] + s[:, None] * one["way"]
        tick = detector.trigger + place[:, 0] / (detector.velocity * detector.tick)
        left = np.exp(-place[:, 0] / (detector.velocity * detector.lifetime))
        wire = np.floor(wires.places(detector, place)).astype(int)
        for plane in range(3):
            for w in np.unique(wire[:, plane]):
                on = wire[:, plane] == w
                for piece in np.unique(tick[on] // 8):
                    here = on & (tick // 8 == piece)
                    key = (plane, int(w), int(piece), one["label"], one["owner"])
                    rows[key] = (tick[here].mean(), tick[here].std() + 1e-3,
                                 0.01 * one["charge"] * left[here].sum())
    return sorted((*key, *value) for key, value in rows.items())


def draw(*events, detector=LIVE):
    """Return points, objects and hits of events, each a list of lines; dead wires have no hits.

    Lines with the same label are one object, with the start and way of the first of them.
    """
    silent = wires.dead(detector)
    found = [[row for row in _hits(lines, detector) if not silent[row[0]][row[1]]]
             for lines in events]
    counts = np.concatenate([[0], np.cumsum([len(rows) for rows in found])])
    rows = np.array([row for rows in found for row in rows]).reshape(-1, 8)
    n, h = len(events), len(rows)
    ride = dict(event=np.arange(n), kind=np.zeros(n), weight=np.ones(n))
    hits = Hits(**ride, offsets=counts, plane=rows[:, 0], wire=rows[:, 1], first=rows[:, 2] * 8,
                ticks=np.full(h, 8), tick=rows[:, 5], width=rows[:, 6], charge=rows[:, 7],
                noise=np.ones(h), owner_start=np.arange(h + 1), owner=rows[:, 4],
                fraction=np.ones(h))
    points, objects = _places(events, detector), _objects(events)
    points = Points(**ride, **points, hit_offsets=counts, hit_object=rows[:, 3])
    return points, Objects(**ride, **objects), hits


def _places(events, detector):
    """A point every 3 mm, with as many electrons as reach the wires."""
    steps = [[np.arange(0.15, one["length"], 0.3) for one in lines] for lines in events]
    flat = [(one, s) for lines, pieces in zip(events, steps, strict=True)
            for one, s in zip(lines, pieces, strict=True)]
    position = np.concatenate([np.zeros((0, 3))] + [
        one["start"] + s[:, None] * one["way"] for one, s in flat])
    left = np.exp(-position[:, 0] / (detector.velocity * detector.lifetime))
    sizes = [sum(map(len, pieces)) for pieces in steps]
    return dict(
        offsets=np.concatenate([[0], np.cumsum(sizes)]),
        position=position,
        charge=left * np.concatenate([np.zeros(0)] + [
            np.full(len(s), 0.3 * one["charge"]) for one, s in flat]),
        object=np.concatenate([np.zeros(0)] + [np.full(len(s), one["label"]) for one, s in flat]))


def _objects(events):
    """One object for each label from 0 up."""
    firsts = [[next(one for one in lines if one["label"] == label) for label in sorted(
        {one["label"] for one in lines} - {-1})] for lines in events]
    flat = [one for lines in firsts for one in lines]

    def column(value, *shape):
        return np.array([value(one) for one in flat]).reshape(len(flat), *shape)
    return dict(
        offsets=np.concatenate([[0], np.cumsum([len(lines) for lines in firsts])]),
        shower=column(lambda one: one["shower"]), start=column(lambda one: one["start"], 3),
        end=column(lambda one: one["start"] + one["length"] * one["way"], 3),
        direction=column(lambda one: one["way"], 3),
        charge=column(lambda one: one["charge"] * one["length"]),
        length=column(lambda one: one["length"]), width=column(lambda one: 0.1),
        points=column(lambda one: int(one["length"] / 0.3)))
