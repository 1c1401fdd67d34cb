"""Into space first: charge in three planes becomes points, and only then particles.

In: `Charge`, and `Hits` to be labelled. Out: `Points`. Chapter: tomographic.

The way of Wire-Cell, as a toy: `tiles` says where charge can be, `unmix` how much of it is where.
Tiles that hold next to nothing, or are among the largest on none of their strips, are ghosts and
go. The rest is solved again, with less of a penalty where much other charge is near, and what then
is left a last time without any. Tiles at the same place in slices that follow each other become a
point; points near each other are a cluster, and one with two prongs is split.

Laws: no charge is made; points lie where their strips cross; who is near enough belongs together,
whatever the order; a hit has the label of what it feeds.
"""

from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs import forks, neighbours, tiles, unmix, wires
from darkpairs._jit import apart, njit
from darkpairs.detector import MICROBOONE, checked
from darkpairs.seen import NONE, Points

_PAGE = 8  # events that are looked at together: memory stays flat


class Rules(NamedTuple):
    """How charge is put into space."""

    # Slices, strips and tiles
    ticks: Given[float, "ticks", "of a slice, as Wire-Cell's"] = 4.0
    wires: Given[float, "wires", "of a block; our choice"] = 3.0
    fired: Given[float, "σ", "of noise, for a wire in a slice; our choice"] = 3.0
    faint: Given[float, "", "part of the pulse's top below which it is a tail; our choice"] = 0.2
    induction: Given[float, "", "by which U and V are raised: they give back less"] = 1.04
    corner: Given[float, "wires²", "smallest area of a tile; our choice"] = 0.05
    apart: Given[float, "ticks", "between planes, or it is not the same charge; ours"] = 6.0
    # The charge of tiles
    spread: Given[float, "", "error of a strip in parts of its charge; our choice"] = 0.05
    penalty: Given[float, "electrons", "taken from a tile with all for it; our choice"] = 10.0
    lonely: Given[float, "", "times as much for each side in time without a tile; Wire-Cell"] = 3.0
    match: Given[float, "ticks", "between planes, that double the penalty; our choice"] = 0.4
    blind: Given[float, "", "times as much where a plane is dead; our choice"] = 6.0
    close: Given[float, "", "parts of the charge to which the solver goes; our choice"] = 1e-3
    sweeps: Given[float, "", "at most; our choice"] = 20.0
    # Ghosts
    least: Given[float, "electrons", "of a tile; our choice"] = 300.0
    main: Given[float, "", "part of the largest on one of its strips, at least; ours"] = 0.75
    crowd: Given[float, "electrons", "near a tile, that halve the penalty; our choice"] = 5e4
    firm: Given[float, "", "times the penalty when it is solved again; our choice"] = 10.0
    # Points, clusters and hits
    chunk: Given[float, "slices", "at most in one point; our choice"] = 4.0
    gap: Given[float, "cm", "between points of one cluster; our choice"] = 1.5
    beside: Given[float, "cm", "from a hit without charge in space to one with; ours"] = 2.0
    # Pairs: two prongs from one start
    heavy: Given[float, "electrons", "of a cluster that is looked at; our choice"] = 1.2e6
    around: Given[float, "cm", "from a place that may be the start; our choice"] = 30.0
    ahead: Given[float, "rad", "of a cone forward from there, half of it; our choice"] = 0.6
    inner: Given[float, "cm", "from the start: nearer, prongs are one; our choice"] = 2.0
    outer: Given[float, "cm", "farther, a photon's shower opens too; our choice"] = 12.0
    narrow: Given[float, "rad", "half of a prong's cone; our choice"] = 0.12
    thick: Given[float, "cm", "but at least so wide; our choice"] = 0.5
    opening: Given[float, "rad", "between two prongs at least; our choice"] = 0.2
    steps: Given[float, "cm", "of the way that both fill, out of outer − inner; ours"] = 7.0
    part: Given[float, "", "of the charge of both that the lesser holds; our choice"] = 0.12
    valley: Given[float, "", "charge between them, in parts of the lesser's; ours"] = 0.25

RULES = Rules()


def points(charge, hits, detector=MICROBOONE, *, rules=RULES):
    """Return where in space charge was, and which hits belong to it.

    Parameters
    ----------
    charge : Charge
        What was found on the wires.
    hits : Hits
        Pulses of the same events; they get labels, nothing is found from them.
    detector : Detector
        The chamber.
    rules : Rules
        How to look.

    Returns
    -------
    Points
    """
    detector = checked(detector)
    _check(charge, hits, rules)
    pages = [_page(charge, hits, first, min(first + _PAGE, len(charge)), detector, rules)
             for first in range(0, len(charge), _PAGE)]
    event, where, electrons, label, hit_label = (
        np.concatenate(column) for column in zip(*(pages or [_blank()]), strict=True))
    return Points(event=charge.event, kind=charge.kind, weight=charge.weight,
                  offsets=np.searchsorted(event, np.arange(len(charge) + 1)), position=where,
                  charge=electrons, object=label, hit_offsets=hits.offsets, hit_object=hit_label)


def _check(charge, hits, rules):
    """Refuse batches that are not of the same events, and rules that make no sense."""
    if not np.array_equal(charge.event, hits.event):
        raise ValueError(f"charge of {len(charge)} events and hits of {len(hits)}; wanted the "
                         "same events in the same order")
    for name, value in rules._asdict().items():
        if name in ("ticks", "wires", "sweeps", "chunk") and not (value >= 1 and value % 1 == 0):
            raise ValueError(f"{name} = {value}; wanted a whole number ≥ 1")
        if not 0 <= value < np.inf:  # refuses NaN too
            raise ValueError(f"{name} = {value}; wanted a number ≥ 0")


def _blank():
    return (np.zeros(0, np.int64), np.zeros((0, 3)), np.zeros(0), np.zeros(0, np.int32),
            np.zeros(0, np.int32))


def _page(charge, hits, first, last, detector, rules):
    """Return event, position, charge and cluster of the points of a few events; labels of hits."""
    strips, found, electrons = solved(charge, first, last, detector, rules)
    where = positions(strips, found, detector, rules)
    of = np.empty(len(electrons), dtype=np.int64)
    event, place, total = _merge(found, electrons, where, int(rules.chunk), of)
    label = neighbours.connected(event, place, total, rules.gap)
    label = forks.split(event, place, total, label, rules)
    rows = slice(int(hits.offsets[first]), int(hits.offsets[last]))
    hit_label = np.full(rows.stop - rows.start, NONE, dtype=np.int32)
    if len(label):
        which = np.repeat(np.arange(last - first), np.diff(hits.offsets[first:last + 1]))
        pulse = np.column_stack([which, hits.plane[rows], hits.wire[rows], hits.first[rows],
                                 hits.ticks[rows]]).astype(np.int64)
        _labels(pulse, strips, found.strip, electrons, label[of], int(rules.ticks),
                int(rules.wires), hit_label)
        _neighbours(pulse, hits.tick[rows], detector.pitch,
                    detector.tick * detector.velocity, rules.beside, hit_label)
    return event + first, place, total, label, hit_label


def solved(charge, first, last, detector, rules=RULES):
    """Return the strips of a few events, the tiles that hold charge, and how much.

    Returns
    -------
    strips : Strips
    found : Tiles
        Those that are left.
    electrons : ndarray (t,)
        Their charge.
    """
    strips = tiles.strips(charge, first, last, detector, rules)
    slices = int(strips.slice.max()) + 1 if len(strips.slice) else 1
    found = tiles.tiles(strips, detector, rules, slices)
    error = np.where(strips.open > 0, np.inf, strips.error)
    penalty = _penalties(strips, found, error, rules)
    electrons = _solve(strips, error, found, penalty, rules)
    good = _main(strips, found, electrons, rules.least, rules.main)
    found, electrons, penalty = _select(found, good), electrons[good], penalty[good]
    where = positions(strips, found, detector, rules)
    near = neighbours.crowd(found.event, where, electrons, rules.gap)
    penalty *= rules.firm * rules.crowd / (rules.crowd + near)
    electrons = _solve(strips, error, found, penalty, rules, electrons)
    good = electrons > rules.least
    found, electrons = _select(found, good), electrons[good]
    electrons = _solve(strips, error, found, np.zeros(len(electrons)), rules, electrons)
    good = electrons > rules.least  # without a penalty: what it took is given back
    return strips, _select(found, good), electrons[good]


def _solve(strips, error, found, penalty, rules, start=None):
    return unmix.shares(strips.charge, error, found.strip, penalty, start=start,
                        close=rules.close, sweeps=int(rules.sweeps))


def _select(found, good):
    """Keep some tiles; links to others are cut."""
    new = np.append(np.where(good, np.cumsum(good) - 1, -1), -1)  # −1 stays −1
    rows = np.flatnonzero(good)
    return found._replace(event=found.event[rows], slice=found.slice[rows],
                          strip=found.strip[rows], block=found.block[rows],
                          after=new[found.after[rows]], before=new[found.before[rows]])


def _penalties(strips, found, error, rules):
    """Return the penalty of each tile: what it would lose, if alone, times the sum of 1/σ²."""
    look = np.array([rules.penalty, rules.lonely, rules.match, rules.blind])
    penalty = np.empty(len(found.event))
    _weigh(strips.time, error, found.strip, found.after, found.before, look, penalty)
    return penalty


@apart
def _weigh(time, error, strip, after, before, look, penalty):
    """Penalise tiles without a neighbour in time, or whose planes disagree on the time."""
    for j in range(len(penalty)):
        low, high, weight, factor = np.inf, -np.inf, 0.0, look[0]
        for p in range(3):
            i = strip[j, p]
            if i < 0:
                factor *= look[3]
            else:
                low, high = min(low, time[i]), max(high, time[i])
                weight += 1 / error[i]**2
        factor *= look[1] if after[j] < 0 else 1.0
        factor *= look[1] if before[j] < 0 else 1.0
        penalty[j] = factor * (1 + ((high - low) / look[2])**2) * weight


def _main(strips, found, electrons, least, main):
    """Tell which tiles hold enough charge, and are among the largest of one of their strips."""
    good = np.zeros(len(electrons), dtype=np.bool_)
    _keep(found.strip, electrons, least, main, np.zeros(len(strips.event)), good)
    return good


@apart
def _keep(strip, electrons, least, main, most, good):
    for j in range(len(strip)):
        for p in range(3):
            if strip[j, p] >= 0:
                most[strip[j, p]] = max(most[strip[j, p]], electrons[j])
    for j in range(len(strip)):
        for p in range(3):
            if strip[j, p] >= 0 and electrons[j] > least:
                good[j] |= electrons[j] >= main * most[strip[j, p]]


def positions(strips, found, detector, rules=RULES):
    """Return where the charge of tiles is, ndarray (t, 3) [cm]."""
    shift = tiles.frame(detector, int(rules.wires))[2]
    place = np.empty((len(found.slice), 2))
    _places(strips.place, found.strip, shift, place)
    tick = (found.slice + 0.5) * rules.ticks
    return np.column_stack([wires.depth(detector, tick), wires.crossing(detector, (0, 1), place)])


@apart
def _places(place, strip, shift, found):
    """Bring the mean places in three planes together: u + v = w + shift, each giving way alike."""
    for j in range(len(strip)):
        u, v, w = strip[j, 0], strip[j, 1], strip[j, 2]
        if w < 0:
            found[j, 0], found[j, 1] = place[u], place[v]
        elif v < 0:
            found[j, 0], found[j, 1] = place[u], place[w] + shift - place[u]
        elif u < 0:
            found[j, 0], found[j, 1] = place[w] + shift - place[v], place[v]
        else:
            excess = (place[u] + place[v] - place[w] - shift) / 3
            found[j, 0], found[j, 1] = place[u] - excess, place[v] - excess


def _merge(found, electrons, where, chunk, of):
    """Bind tiles of one place that follow each other into points; of[j] is the point of tile j."""
    number = _chains(found.after, found.before, electrons, chunk, of)
    event = np.zeros(number, dtype=np.int64)
    total = np.bincount(of, electrons, number)
    place = np.column_stack([np.bincount(of, electrons * where[:, k], number) for k in range(3)])
    event[of] = found.event
    return event, place / total[:, None], total


@apart
def _chains(after, before, electrons, chunk, of):
    """Name the point of each tile: a chain is cut where it is too long, and in its valleys."""
    number = 0
    of[:] = -1
    for j in range(len(of)):
        if of[j] >= 0:
            continue
        if before[j] >= 0:
            continue
        length, i, falling = 0, j, False
        while i >= 0:
            of[i] = number
            length += 1
            following = after[i]
            rises = following >= 0 and electrons[following] > electrons[i]
            if length == chunk or following < 0 or (falling and rises):
                number, length, falling = number + 1, 0, False
            else:
                falling = not rises
            i = following
    return number


@apart
def _labels(pulse, strips, crossing, electrons, label, step, width, found):
    """Give each hit the cluster that holds most of the charge on its strips."""
    event, plane, block, now = strips[0], strips[1], strips[2], strips[3]
    begin = np.zeros(len(event) + 2, dtype=np.int64)  # tiles of strip i are from begin[i] on
    for j in range(len(crossing)):
        for p in range(3):
            if crossing[j, p] >= 0:
                begin[crossing[j, p] + 2] += 1
    for i in range(2, len(begin)):
        begin[i] += begin[i - 1]
    feeds = np.empty(begin[-1], dtype=np.int64)
    for j in range(len(crossing)):
        for p in range(3):
            if crossing[j, p] >= 0:
                feeds[begin[crossing[j, p] + 1]] = j
                begin[crossing[j, p] + 1] += 1
    total = np.zeros(label.max() + 1)
    first = 0
    for h in range(len(pulse)):
        mine = pulse[h, 2] // width
        while first < len(event) and _before(event[first], plane[first], block[first],
                                             pulse[h, 0], pulse[h, 1], mine):
            first += 1
        low, high = pulse[h, 3] // step, (pulse[h, 3] + pulse[h, 4] - 1) // step
        i, most = first, 0.0
        while (i < len(event) and event[i] == pulse[h, 0] and plane[i] == pulse[h, 1]
               and block[i] == mine and now[i] <= high):
            for k in range(begin[i], begin[i + 1]) if now[i] >= low else range(0):
                total[label[feeds[k]]] += electrons[feeds[k]]
            i += 1
        for s in range(first, i):
            for k in range(begin[s], begin[s + 1]) if now[s] >= low else range(0):
                if total[label[feeds[k]]] > most:
                    most, found[h] = total[label[feeds[k]]], label[feeds[k]]
        for s in range(first, i):
            for k in range(begin[s], begin[s + 1]):
                total[label[feeds[k]]] = 0.0


@njit
def _before(event, plane, block, other_event, other_plane, other_block):
    """Tell whether a block comes before another in the order of strips."""
    if event != other_event:
        return event < other_event
    return plane < other_plane if plane != other_plane else block < other_block


@apart
def _neighbours(pulse, tick, pitch, speed, reach, found):
    """Give hits without a label that of the nearest hit of their plane that has one."""
    had = found.copy()
    for h in range(len(pulse)):
        if had[h] >= 0:
            continue
        nearest = reach**2
        for way in (-1, 1):
            k = h + way
            while (0 <= k < len(pulse) and pulse[k, 0] == pulse[h, 0]
                   and pulse[k, 1] == pulse[h, 1]
                   and abs(pulse[k, 2] - pulse[h, 2]) * pitch <= reach):
                if had[k] >= 0:
                    across = (pulse[k, 2] - pulse[h, 2]) * pitch
                    along = (tick[k] - tick[h]) * speed
                    if across**2 + along**2 < nearest:
                        nearest = across**2 + along**2
                        found[h] = had[k]
                k += way
