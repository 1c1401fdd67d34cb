"""Which pieces belong together: prongs that share a start, showers and what flew off them.

In: clusters with two ends each. Out: the object each belongs to. Chapters: projective, tomographic,
two-eyes.

A shower is seen in pieces: its photons fly tens of centimetres and leave nothing on their way. A
piece belongs to the shower in whose cone it lies; the more energy a piece has, the narrower is the
cone, since fast electrons scatter little, and so do the photons they radiate. The other photon of a
π⁰ lies farther off: there are at least 27° between the two below 570 MeV. Two pieces that start at
one place are two prongs of a pair and stay two.

Which piece is the first? The one from which most charge lies ahead, of all that there is: ahead of
it, of a leg of its fork or of another prong from there. Small pieces do not know their way.

Laws: each piece has one object; a piece in nobody's cone is by itself; what turns with the event
keeps its family.
"""

from math import sqrt
from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs._jit import apart, njit
from darkpairs.starts import _along, _dot, _minus, _unit


class Rules(NamedTuple):
    """Which pieces belong together, and what is a shower."""

    seed: Given[float, "e⁻", "below, a cluster is a fragment; 10 MeV; our choice"] = 2.7e5
    share: Given[float, "cm", "starts closer than this are one; our choice"] = 2.5
    doubt: Given[float, "", "of its charge: such an end may be the start as well; ours"] = 0.25
    sure: Given[float, "", "of its charge: such a start is believed; our choice"] = 1.0
    firm: Given[float, "e⁻", "and such a piece; 40 MeV; our choice"] = 1.0e6
    before: Given[float, "", "cosine: what lies farther off its way counts nothing; ours"] = 0.8
    late: Given[float, "cm", "or so far off, but on a line with it; our choice"] = 10.0
    beside: Given[float, "cm", "as close the line has to pass; our choice"] = 1.0
    slant: Given[float, "", "and by so much more for each cm that they are apart; ours"] = 0.2
    crumb: Given[float, "e⁻", "cut off behind a start, moves it back; 2 MeV; our choice"] = 5e4
    apart: Given[float, "", "cosine: prongs open less than this; our choice"] = -0.2
    reach: Given[float, "cm", "of a shower's cone; about ten X0; our choice"] = 150.0
    cone: Given[float, "rad", "half-angle for a piece of 10 MeV; our choice"] = 0.7
    tight: Given[float, "rad", "the same for a piece without end of energy; our choice"] = 0.36
    wide: Given[float, "rad", "the same for fragments; our choice"] = 0.9
    touch: Given[float, "cm", "fragments so close to a point belong, too; our choice"] = 8.0
    stray: Given[float, "cm", "hits of nobody so close to one, in a view, too; X0; ours"] = 14.0
    lead: Given[float, "cm", "of charge that gives the direction; about X0"] = 14.0
    line: Given[float, "cm", "from a track's line, most of its charge; our choice"] = 1.0
    track: Given[float, "", "its charge near the line, times its slices with some; ours"] = 0.74
    stop: Given[float, "", "charge at a track's start by that at its end, to turn it; ours"] = 1.4
    tip: Given[float, "cm", "of a track's ends, for the same; our choice"] = 4.0
    induction: Given[float, "", "charge of Y for one electron found in U or V; measured"] = 1.04


RULES = Rules()


@njit
def _vector(row, at):
    """Three numbers of a row."""
    return row[at], row[at + 1], row[at + 2]


@njit
def _turn(row):
    """Let a cluster start at its other end."""
    for j in range(6):
        row[j], row[6 + j] = row[6 + j], row[j]
    row[12] = np.inf
    row[13:16] = row[16:19] = row[3:6]


@njit
def _late(gap, way, rules):
    """Tell whether a prong that begins a little way off comes from where another one begins."""
    far, along = sqrt(_dot(gap, gap)), _dot(gap, way)
    off = sqrt(max(far * far - along * along, 0.0))
    return along > 0 and far < rules.late and off < rules.beside + rules.slant * far


@njit
def _near_end(one, turn, two, rules):
    """Tell which end of a piece makes it a prong of another: 0 or 1, or −1 for none.

    It is near the start; or one of both begins a little way off, but on a line with the other's
    start. Both may not fly apart.
    """
    best, found = rules.share, -1
    forth = _vector(one, 6 * turn + 3)
    for end in range(2):
        gap, way = _minus(_vector(two, 6 * end), _vector(one, 6 * turn)), _vector(two, 6 * end + 3)
        far = sqrt(_dot(gap, gap))
        if _dot(way, forth) < rules.apart:
            continue
        if far > rules.share and (_late(gap, way, rules) or _late(
                (-gap[0], -gap[1], -gap[2]), forth, rules)):
            far = (0.9 + 0.05 * end) * rules.share
        if far < best:
            best, found = far, end
    return found


@njit
def _meet(one, two):
    """Put the common start of two prongs where the earlier of both is."""
    way = _unit(_along(_vector(one, 3), 1.0, _vector(two, 3)))
    if _dot(_minus(_vector(two, 0), _vector(one, 0)), way) < 0:
        one[0], one[1], one[2] = two[0], two[1], two[2]


@njit
def _cone(charge, rules):
    """Half-angle of the cone in which a piece of this charge may lie."""
    return rules.tight + (rules.cone - rules.tight) * min(1.0, rules.seed / charge)


@njit
def _angle(a, b):
    """Angle between two vectors."""
    size = sqrt(_dot(a, a) * _dot(b, b))
    return np.arccos(min(1.0, max(-1.0, _dot(a, b) / size))) if size > 0 else 0.0


@njit
def _sure(row, end, charge, rules):
    """How sure it is that a piece starts at an end: from −1 to 1; a small piece is never sure."""
    return (1 - 2 * end) * min(1.0, row[12] / rules.sure) * min(1.0, charge / rules.firm)


@njit
def _ahead(way, one, turn, rules):
    """What charge this way counts: 1 ahead of a start, or of a leg of a fork; ≤ 0 beside it."""
    size = sqrt(_dot(way, way))
    if not size > 0:
        return 1.0
    cosine = _dot(way, _vector(one, 6 * turn + 3))
    if turn == 0:
        cosine = max(cosine, _dot(way, _vector(one, 13)), _dot(way, _vector(one, 16)))
    return 1 - (1 - cosine / size) / (1 - rules.before)


@apart
def _worth(ends, weight, place, a, turn, owner, rules):
    """How much charge would hang on a cluster with this end as its start.

    Prongs from there count, and pieces ahead of any of them; more if they point away from it, as
    sure as each is of its way.
    """
    total = weight[a] * (1 + _sure(ends[a], turn, weight[a], rules))
    prong = np.full(len(ends), -1)
    for b in range(len(ends)):
        if b != a and owner[b] < 0:
            prong[b] = _near_end(ends[a], turn, ends[b], rules)
            if prong[b] >= 0:
                total += weight[b] * (1 + _sure(ends[b], prong[b], weight[b], rules))
    prong[a] = turn
    for b in range(len(ends)):
        way = _minus(_vector(place[b], 0), _vector(ends[a], 6 * turn))
        far = sqrt(_dot(way, way))
        if prong[b] >= 0 or owner[b] >= 0 or far > rules.reach:
            continue
        most = 0.0
        for c in range(len(ends)):
            if prong[c] >= 0:
                most = max(most, _ahead(way, ends[c], prong[c], rules))
        away = _dot(way, _vector(ends[b], 3)) / far if far > 0 else 1.0
        total += weight[b] * most * (1 + away * _sure(ends[b], 0, weight[b], rules))
    return total


@njit
def _off(one, two, charge, rules):
    """Angle of a piece in the cone before another's start; 1 is the edge of the cone."""
    way = _minus(_vector(two, 0), _vector(one, 0))
    if _dot(way, way) > rules.reach * rules.reach:
        return np.inf
    angle = min(_angle(way, _vector(one, 3)), _angle(way, _vector(one, 13)),
                _angle(way, _vector(one, 16)))  # of a fork, either leg counts
    return angle / _cone(charge, rules)


@apart
def _choose(ends, weight, place, rules):
    """Give each seed its object: a seed, itself or one in whose cone it lies.

    The one on which most would hang comes first, with its prongs, and takes what lies in its cone;
    what is left goes on alike. (What a seed is worth only falls, so it suffices to ask again when
    it seems to be the best.)
    """
    n = len(ends)
    owner = np.full(n, -1)
    worth = np.full((n, 2), np.inf)
    while True:
        best, first, turn = -1.0, -1, 0
        for a in range(n):
            for t in range(2):
                if owner[a] < 0 and worth[a, t] > best and (t == 0 or ends[a, 12] < np.inf):
                    best, first, turn = worth[a, t], a, t
        if first < 0:
            return owner
        now = _worth(ends, weight, place, first, turn, owner, rules)
        if now < best:
            worth[first, turn] = now
            continue
        if turn:
            _turn(ends[first])
        prongs = _prongs(ends, first, owner, rules)
        for b in range(n):
            least = 1.0
            if owner[b] >= 0:
                continue
            for a in prongs:
                angle = _off(ends[a], ends[b], weight[b], rules)
                if angle < least:
                    least, owner[b] = angle, a


@apart
def _prongs(ends, first, owner, rules):
    """Find what starts with the first; give all one start and return who they are."""
    prongs = np.zeros(len(ends), dtype=np.bool_)
    prongs[first] = True
    for b in range(len(ends)):
        end = _near_end(ends[first], 0, ends[b], rules) if b != first and owner[b] < 0 else -1
        if end >= 0:
            prongs[b] = True
            if end:
                _turn(ends[b])
    for b in np.flatnonzero(prongs):
        owner[b] = b
        _meet(ends[first], ends[b])
    for b in np.flatnonzero(prongs):
        ends[b, 0:3] = ends[first, 0:3]
        if np.sum(prongs) > 1:
            ends[b, 12] = np.inf
    return np.flatnonzero(prongs)


@apart
def _gather(lumps, begin, place, seeds, ends, chosen, rules):
    """Give each cluster its object: the seed it hangs on, or none, −1.

    Fragments go to the seed whose start sees them under the smallest angle, or that they touch.
    """
    owner, reach = np.full(len(lumps), -1), np.zeros(len(seeds))
    for s in range(len(seeds)):
        owner[seeds[s]] = chosen[s]
        for k in range(begin[seeds[s]], begin[seeds[s] + 1]):
            a = _minus(_vector(place[k], 0), _vector(lumps[seeds[s]], 0))
            reach[s] = max(reach[s], _dot(a, a))
    for c in range(len(lumps)):
        if owner[c] >= 0 or not lumps[c, 3] > 0:
            continue
        best = rules.wide
        for s in range(len(seeds)):
            way = _minus(_vector(lumps[c], 0), _vector(ends[s], 0))
            if _dot(way, way) < rules.reach**2:
                angle = _angle(way, _vector(ends[s], 3))
                if angle < best:
                    best, owner[c] = angle, chosen[s]
        if owner[c] < 0:
            owner[c] = _nearest(_vector(lumps[c], 0), lumps, reach, begin, place, seeds,
                                rules.touch)
            owner[c] = chosen[owner[c]] if owner[c] >= 0 else -1
    return owner


@apart
def _nearest(at, lumps, reach, begin, place, seeds, touch):
    """Find the seed with a point closer than `touch`, −1 if there is none.

    `reach` is how far, squared, the points of each seed are from its middle.
    """
    best, found = touch * touch, -1
    for s in range(len(seeds)):
        a = _minus(_vector(lumps[seeds[s]], 0), at)
        if sqrt(_dot(a, a)) > sqrt(reach[s]) + touch:
            continue
        for k in range(begin[seeds[s]], begin[seeds[s] + 1]):
            a = _minus(_vector(place[k], 0), at)
            if _dot(a, a) < best:
                best, found = _dot(a, a), s
    return found
