"""Which clusters of three views are the same thing: at the same time, and u + v = w, all along.

In: `Hits` and their clusters. Out: an object for each hit. Chapter: projective.

By chance many triples of hits fit together. So each hit has one vote, which it shares among its
triples; the votes of all hits decide which three clusters are the same thing; and then each hit
favours the triples of such clusters. Rules, in a fixed order, make objects of what they agree on.

Laws: votes sum to the charge that has a triple; each rule keeps what it says; the names of clusters
do not matter.
"""

from math import inf

import numpy as np

from darkpairs import triples
from darkpairs._jit import apart, njit
from darkpairs.clusters import _root
from darkpairs.detector import MICROBOONE
from darkpairs.triples import NOTHING, RULES


def match(hits, cluster, detector=MICROBOONE, *, rules=RULES):
    """Return which object each hit is of, and triples of hits that fit together.

    Parameters
    ----------
    hits : Hits
        Of some events.
    cluster : ndarray (h,) of int64
        Their clusters, from `clusters.find` or `prongs.split`.
    detector : Detector
        The chamber.
    rules : Rules
        How to match; refused unless all are finite numbers > 0.

    Returns
    -------
    label : ndarray (h,) of int64
        Object of each hit, counted within the event; `NOTHING` if none.
    triple, misfit, start
        As from `triples.find`.
    """
    triple, misfit, start = triples.find(hits, detector, rules=rules)
    label = np.empty(len(hits.plane), dtype=np.int64)
    _match(hits.offsets, hits.charge, np.asarray(cluster, dtype=np.int64), triple, misfit, start,
           rules, label)
    return label, triple, misfit, start


@apart
def _match(offsets, charge, cluster, triple, misfit, start, rules, label):
    """Match the clusters of each event."""
    for i in range(len(offsets) - 1):
        part, rows = slice(offsets[i], offsets[i + 1]), slice(start[i], start[i + 1])
        _agree(charge[part], cluster[part], triple[rows], misfit[rows], rules, label[part])


@apart
def _agree(charge, cluster, triple, misfit, rules, label):
    """Let hits vote for triples of clusters, make objects of them, and label the hits."""
    n = _number(cluster)
    trio, members = _trios(cluster, triple, n)
    votes, weight = _vote(charge, triple, misfit, trio, members, n, rules)
    kept = _rules(members, votes, n, rules)
    owner = _join(members, kept, n)
    _label(cluster, triple, trio, weight, members, votes, owner, n, label)


@njit
def _number(cluster):
    """Return how many clusters there are."""
    highest = np.int64(-1)
    for h in range(len(cluster)):
        highest = max(highest, cluster[h])
    return highest + 1


@njit
def _slot(key, keys):
    """Return the place of a key in a table of keys, or the empty place where it belongs."""
    place = (key * 0x9E3779B97F4A7C1) >> 24 & (len(keys) - 1)
    while keys[place] != key and keys[place] != -1:
        place = (place + 1) & (len(keys) - 1)
    return place


@apart
def _table(entries):
    """Return an empty table of keys with room for so many."""
    size = 16
    while size < 2 * entries:
        size *= 2
    return np.full(size, -1, dtype=np.int64)


@apart
def _trios(cluster, triple, n):
    """Return for each triple of hits the number of its trio of clusters, and all trios."""
    keys = _table(len(triple))
    value, trio = np.empty(len(keys), dtype=np.int64), np.empty(len(triple), dtype=np.int64)
    members, count = np.empty((len(triple), 3), dtype=np.int64), 0
    for t in range(len(triple)):
        for p in range(3):
            h = triple[t, p]
            members[count, p] = cluster[h] if h >= 0 else n
        key = (members[count, 0] * (n + 1) + members[count, 1]) * (n + 1) + members[count, 2]
        place = _slot(key, keys)
        if keys[place] == -1:
            keys[place], value[place] = key, count
            count += 1
        trio[t] = value[place]
    return trio, members[:count]


@apart
def _vote(charge, triple, misfit, trio, members, n, rules):
    """Count the votes: each hit shares its charge among its triples; return also the shares.

    In later rounds a triple counts as much as its trio has in the view where it has least.
    """
    count = len(members)
    strength, votes = np.ones(count), np.zeros((count, 3))
    weight, norm = np.empty(len(triple)), np.empty(len(charge))
    for _ in range(max(int(rules.rounds), 1)):
        norm[:], votes[:] = 0.0, 0.0
        for t in range(len(triple)):
            weight[t] = strength[trio[t]] / (1 + misfit[t])
            for p in range(3):
                if triple[t, p] >= 0:
                    norm[triple[t, p]] += weight[t]
        for t in range(len(triple)):
            for p in range(3):
                h = triple[t, p]
                if h >= 0 and norm[h] > 0:
                    votes[trio[t], p] += max(charge[h], 0.0) * weight[t] / norm[h]
        for c in range(count):
            strength[c] = inf
            for p in range(3):
                if members[c, p] < n:
                    strength[c] = min(strength[c], votes[c, p])
    return votes, weight


@apart
def _rules(members, votes, n, rules):
    """Tell which trios are kept, by the number of the rule that says so; 0 for none.

    1. It has most votes of all its clusters. 2. It has most votes of two: the third is shared, two
    views decide. Without a hit in the third, both have to have the same charge. 3. It has most
    votes of one, and the others belong together already (`_join` looks). 4. It has a good part of
    one, and as many votes in each view.
    """
    best, total = np.full(n + 1, -1, dtype=np.int64), np.zeros(n + 1)
    for t in range(len(members)):
        for p in range(3):
            c = members[t, p]
            total[c] += votes[t, p]
            if best[c] < 0 or votes[t, p] > votes[best[c], p]:
                best[c] = t
    kept = np.zeros((len(members), 2), dtype=np.int64)  # the rule, and the one for want of it
    for t in range(len(members)):
        most, part, low, high = 0, 0.0, inf, 0.0
        for p in range(3):
            c = members[t, p]
            if c < n:
                most += best[c] == t
                part = max(part, votes[t, p] / max(total[c], 1.0))
                low, high = min(low, votes[t, p]), max(high, votes[t, p])
        alike = low >= rules.alike * high
        full = members[t, 0] < n and members[t, 1] < n and members[t, 2] < n
        kept[t, 1] = 4 if alike and full and part >= rules.part else 0
        kept[t, 0] = 4 - most if most > 0 and (alike or full) else kept[t, 1]
    return kept


@apart
def _join(members, kept, n):
    """Make one object of trios that share two clusters; return the object of each, or −1."""
    root = np.arange(len(members))
    keys = _table(3 * len(members))
    value = np.empty(len(keys), dtype=np.int64)
    for rule in (1, 2, 3, 4):
        for t in range(len(members)):
            if rule == 3 and kept[t, 0] == 3 and _known(members[t], n, keys) == 0:
                kept[t, 0] = kept[t, 1]
            if kept[t, 0] != rule:
                continue
            joined = False
            for p in range(3):
                key = _two(members[t], p, n)
                if key < 0:
                    continue
                place = _slot(key, keys)
                if keys[place] == -1:
                    keys[place], value[place] = key, t
                elif not (joined and rule == 4):  # it makes no bridge between objects
                    a, b = _root(root, t), _root(root, value[place])
                    root[max(a, b)] = min(a, b)
                    joined = True
    owner, found = np.full(len(members), NOTHING, dtype=np.int64), 0
    for t in range(len(members)):
        if kept[t, 0]:
            top = _root(root, t)
            if owner[top] == NOTHING:
                owner[top] = found
                found += 1
            owner[t] = owner[top]
    return owner


@njit
def _two(member, p, n):
    """Return a number for the two clusters of a trio that are not in view p, −1 if one is none."""
    one, other = member[(p + 1) % 3], member[(p + 2) % 3]
    return -1 if max(one, other) == n else (one * (n + 1) + other) * 3 + p


@njit
def _known(member, n, keys):
    """Count the pairs of clusters of a trio that belong together already."""
    count = 0
    for p in range(3):
        key = _two(member, p, n)
        count += key >= 0 and keys[_slot(key, keys)] == key
    return count


@apart
def _label(cluster, triple, trio, weight, members, votes, owner, n, label):
    """Give each hit the object of its best triple; without one, that of its cluster's best trio."""
    best = np.zeros(len(cluster))
    for h in range(len(label)):
        label[h] = NOTHING
    for t in range(len(triple)):
        who = owner[trio[t]]
        if who != NOTHING:
            for p in range(3):
                h = triple[t, p]
                if h >= 0 and weight[t] > best[h]:
                    best[h], label[h] = weight[t], who
    most, whose = np.zeros(n + 1), np.full(n + 1, NOTHING, dtype=np.int64)
    for t in range(len(members)):
        for p in range(3):
            c = members[t, p]
            if owner[t] != NOTHING and votes[t, p] > most[c]:
                most[c], whose[c] = votes[t, p], owner[t]
    for h in range(len(label)):
        if label[h] == NOTHING:
            label[h] = whose[cluster[h]]
