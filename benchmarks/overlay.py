"""What muons from the sky cost: events alone and under some forty muons, sorted in two ways.

``python benchmarks/overlay.py 1000`` takes as many pairs of the note's model and as many π⁰, 0.7 s
for each on one core, and prints a table in Markdown; a second word, ``pairs`` or ``π⁰``, asks for
one of them. *Light* is what `chain.reconstruct`
does with ``overlaid=True``; *perfect* keeps the clusters that are mostly the event's own, which
nobody can do without the truth. Below the table is what an event alone and one under muons cost, by
the clock of the processor.
"""

import sys
import time

import numpy as np

from darkpairs import (
    background,
    batches,
    chain,
    cosmic,
    detector,
    hits,
    model,
    objects,
    observables,
    projective,
    record,
    signal,
    slices,
    tomographic,
    traces,
)

SEED, CHUNK = 1, 8
CHAMBER = detector.MICROBOONE


def pairs(n):
    """Pairs of the note's model with 200 to 800 MeV, 20 cm away from all walls."""
    truth = signal.generate(model.BENCHMARKS["note"], 4 * n, seed=SEED)
    legs = np.abs(truth.pdg) == 11
    energy = truth.p4[legs, 0].reshape(-1, 2).sum(axis=1)
    start, (low, high) = truth.start[legs][::2], detector.walls(CHAMBER)
    far = ((start > low + 20) & (start < high - 20)).all(axis=1)
    return batches.select(truth, np.flatnonzero(far & (energy > 200) & (energy < 800))[:n])


def own(points, found, most):
    """Tell which clusters are mostly of the event's own particles, whose numbers are < most."""
    begin = slices.clusters(points)
    event = np.repeat(np.arange(len(points)), np.diff(points.hit_offsets))
    label = np.where(points.hit_object < 0, begin[-1], begin[event] + points.hit_object)
    counts = np.diff(found.owner_start)
    charge = np.repeat(found.charge, counts) * found.fraction
    mine = (found.owner >= 0) & (found.owner < np.repeat(most[event], counts))
    label = np.repeat(label, counts)
    total, part = (np.bincount(label, charge * m, begin[-1] + 1)[:-1] for m in (1.0, mine))
    return part > 0.5 * total


def perfect(truth, most):
    """Reconstruct with a perfect sorting of clusters."""
    charge = chain.charge(truth, seed=SEED)
    found = hits.find(charge, CHAMBER)
    rows = {}
    for name, points in (("projective", projective.points(found, CHAMBER)),
                         ("tomographic", tomographic.points(charge, found, CHAMBER))):
        kept = slices.cut(points, found, own(points, found, most))
        pair = objects.find(kept[0], kept[1], CHAMBER)
        rows[name] = observables.record(*pair, kept[1], CHAMBER, algorithm=name)
    return rows


def rows_of(reco, way):
    """The rows of one way."""
    mine = reco.of(way)
    return record.Reco(**{name: getattr(reco, name)[mine] for name in record.Reco.SHAPES})


def compare(alone, over):
    """Shares in %: same topology and start, of those that had one of three; and how many have."""
    place = [np.stack([getattr(reco, f"start_{axis}") for axis in "xyz"]) for reco in (alone, over)]
    near = np.linalg.norm(place[0] - place[1], axis=0) < 1.5
    had, has = alone.topology < 3, over.topology < 3
    same = had & (alone.topology == over.topology)
    shares = [(same[had].mean(), had.sum()), ((same & near)[had].mean(), had.sum()),
              (had.mean(), len(had)), (has.mean(), len(has))]
    return [f"{100 * s:.1f} ± {100 * np.sqrt(s * (1 - s) / n):.1f}" for s, n in shares]


def main(n, words=("pairs", "π⁰")):
    """Print the table."""
    print("| sample | way | sorting | same topology | and start | one of three, alone | overlaid |")
    print("|---" * 7 + "|")
    spent = {"alone": 0.0, "light": 0.0}
    for word in words:
        truth = pairs(n) if word == "pairs" else background.generate("pi0", n, seed=SEED)
        rows = {"alone": [], "light": [], "perfect": []}
        for first in range(0, n, CHUNK):
            some = batches.select(truth, slice(first, first + CHUNK))
            covered = cosmic.overlay(some, seed=SEED)
            for key, events in (("alone", some), ("light", covered)):
                started = time.process_time()
                rows[key].append(chain.reconstruct(events, seed=SEED, overlaid=key == "light"))
                spent[key] += time.process_time() - started
            rows["perfect"].append(perfect(covered, np.diff(some.offsets)))
        reco = {key: traces.concatenate(rows[key]) for key in ("alone", "light")}
        for way in ("projective", "tomographic"):
            alone = rows_of(reco["alone"], way)
            both = {"light": rows_of(reco["light"], way),
                    "perfect": traces.concatenate([row[way] for row in rows["perfect"]])}
            for sorting, over in both.items():
                print("|", " | ".join([word, way, sorting, *compare(alone, over)]), "|", flush=True)
    alone, light = (1000 * seconds / (n * len(words)) for seconds in spent.values())
    print(f"\n{alone:.0f} ms for an event alone, {light:.0f} ms under muons")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000, sys.argv[2:] or ("pairs", "π⁰"))
