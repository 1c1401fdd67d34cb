"""Plans: which samples to make, and what each of them depends on.

In: a profile. Out: entries, frozen values, and the key of each. Chapter: samples.

An entry says everything that decides about the bytes of a sample: what happened and how often, the
dice, the chamber, and in which chunks. Its key digests the entry and, beside it, what else decides:
the code of the rooms on the way (without comments and docstrings), the tables, Python and the
libraries that calculate. Two entries differ in their keys or in nothing.

Variations are other chambers, looked at by a reconstruction that knows nothing of it. They have the
seed of the sample they vary: the same events and the same dice, so that all but the change cancels
in a difference.

Laws: a key changes with every field and with the code that is used, and with nothing else; a sample
and its variations hold the same events.
"""

import ast
import hashlib
import platform
from functools import cache
from importlib.metadata import version
from typing import Annotated as Given
from typing import NamedTuple

from darkpairs import _jit, background, profiles, worlds
from darkpairs.detector import MICROBOONE, Detector, checked
from darkpairs.model import BENCHMARKS, DarkModel
from darkpairs.rng import check_seed
from darkpairs.tables import DATA

KINDS = ("signal", *background.KINDS)
LIBRARIES = ("numpy", "scipy", "numba", "llvmlite")
# Tables of results of experiments begin so: nobody reads them on the way to an event
RESULTS = ("microboone_", "miniboone_", "note_", "one_ring_", "light_zprime_")
CHUNK = 1000  # events that one worker makes at a time; our choice: some seconds


class Entry(NamedTuple):
    """One sample, as it is asked for."""

    name: str  #: by which it is loaded, of letters, digits, ``+ - /``
    kind: str  #: one of ``KINDS``
    events: int  #: how many
    seed: int  #: of the events and of the chamber
    model: DarkModel | None = None  #: of a signal; None for the cocktail
    tilt: float = 0.0  #: towards events that look like pairs, as in `background.generate`
    overlay: bool = False  #: with the muons from the sky that the readout sees
    chamber: Detector = MICROBOONE  #: as it is; the reconstruction takes it for `MICROBOONE`
    chunk: int = CHUNK  #: events that are made at a time

    def ranges(self):
        """Return the chunks, a list of (first event, events)."""
        return [(first, min(self.chunk, self.events - first))
                for first in range(0, self.events, self.chunk)]

    @property
    def cost(self):
        """How long one of its events takes, in units of a plain one; for the time left."""
        return COST if self.overlay else 1


class Shifts(NamedTuple):
    """How far a chamber may be from what one takes it for."""

    lifetime: Given[float, "", "our choice: of the electrons, a factor"] = 0.5
    recombination: Given[float, "", "α of the box, 0.93 ± 0.02; ArgoNeuT, JINST 8 P08005"] = 0.02
    diffusion: Given[float, "", "D_L, + 0.28 of 3.74; arXiv 2104.06551; a share"] = 0.075
    gain: Given[float, "", "our choice: of the electronics, a share"] = 0.02
    noise: Given[float, "", "our choice: all of its parts, a share"] = 0.1
    shaping: Given[float, "", "our choice: response in time, a share"] = 0.02


SHIFTS = Shifts()


def variations(shifts=SHIFTS, *, chamber=MICROBOONE):
    """Return other chambers by what differs, a dict of str to `Detector`."""
    def scaled(factor, *names):
        return chamber._replace(**{name: getattr(chamber, name) * factor for name in names})
    return {
        "lifetime-": scaled(shifts.lifetime, "lifetime"),
        "recombination-": chamber._replace(box_alpha=chamber.box_alpha - shifts.recombination),
        "diffusion+": scaled(1 + shifts.diffusion, "diffusion_long", "diffusion_trans"),
        "gain-": scaled(1 - shifts.gain, "gain"),
        "gain+": scaled(1 + shifts.gain, "gain"),
        "noise+": scaled(1 + shifts.noise, "noise_flat", "noise_start", "noise_slope"),
        "shaping+": scaled(1 + shifts.shaping, "shaping"),
    }


# How many events of each kind, and of each kind that is varied or covered; our choice
SIZES = {
    "quick": dict.fromkeys(KINDS, 200) | {"signal": 800, "pi0": 800, "dirt": 400, "numu": 400},
    "full": dict.fromkeys(KINDS, 5000) | {"signal": 24000, "pi0": 25000, "dirt": 10000,
                                          "numu": 8000},
}
VARIED = {"quick": {"signal": 100, "pi0": 100}, "full": {"signal": 1000, "pi0": 3000}}
COVERED = {"quick": 100, "full": 1000}
CHUNKS = {"quick": 400, "full": CHUNK}
COST = 20  # a covered event takes as long as so many others; measured
COVERED_CHUNK = 100
BOTH = ("signal", "pi0")  # what is varied and covered
LEANING = {"pi0": 1.0, "numu-pi0": 1.0}  # tilts of kinds; our choice, by the weights left selected


def plan(profile):
    """Return what the book needs, a tuple of `Entry`.

    Parameters
    ----------
    profile : str
        ``"quick"`` or ``"full"``.

    Returns
    -------
    tuple of Entry
        ``"signal"`` (the cocktail), each of ``background.KINDS``; ``"signal/lifetime-"`` and so on
        for all `variations`, and ``"signal/cosmic"``, with muons over each event; the same of
        ``"pi0"``. Kinds in ``LEANING`` hold more of what looks like a pair, with weights.
    """
    sizes = profiles.choose(profile, **SIZES)
    entries = [Entry(kind, kind, sizes[kind], seed, tilt=LEANING.get(kind, 0.0),
                     chunk=profiles.choose(profile, **CHUNKS))
               for seed, kind in enumerate(KINDS, start=1)]
    for mother in [entry for entry in entries if entry.kind in BOTH]:
        few = mother._replace(events=profiles.choose(profile, **VARIED)[mother.kind])
        entries += [few._replace(name=f"{few.name}/{name}", chamber=chamber)
                    for name, chamber in variations().items()]
        entries.append(mother._replace(name=f"{mother.name}/cosmic", overlay=True,
                                       events=profiles.choose(profile, **COVERED),
                                       chunk=COVERED_CHUNK))
    return (*entries, *sealed(profile, entries))


# Events behind the data of the sealed worlds; our choice, so that few data share a row
SEALED = {
    "quick": dict.fromkeys(KINDS, 100) | {"signal": 200, "pi0": 400, "numu": 200, "dirt": 300},
    "full": {"signal": 1500, "pi0": 10000, "pi0-coherent": 1500, "delta-gamma": 300, "nue": 1200,
             "numu": 5000, "numu-pi0": 4000, "dirt": 6000, "cosmic": 500},
}
DICE = 101  # seed of the first of them


def sealed(profile, entries):
    """Return the samples behind the data of the sealed worlds, a list of `Entry`.

    ``"world/pi0"`` and so on, for each of ``KINDS``: other events than those of the analysis, in
    the chamber of `worlds.chamber`. Their signal is that of one model, the note's.

    Parameters
    ----------
    profile : str
        As in `plan`.
    entries : sequence of Entry
        The samples of the analysis; those of ``KINDS`` say how events are thrown.
    """
    sizes = profiles.choose(profile, **SEALED)
    mothers = [entry for entry in entries if entry.name in KINDS]
    return [mother._replace(name=f"world/{mother.kind}", events=sizes[mother.kind], seed=seed,
                            model=BENCHMARKS["note"] if mother.kind == "signal" else None,
                            chamber=worlds.chamber())
            for seed, mother in enumerate(mothers, start=DICE)]


def find(name, profile):
    """Return the entry of `plan` with a name; an unknown one is refused with those there are."""
    found = {entry.name: entry for entry in plan(profile)}
    if name not in found:
        raise ValueError(f"unknown sample {name!r}; wanted one of {', '.join(found)}")
    return found[name]


def check(entries):
    """Return a plan as a tuple, or refuse it: wrong names, kinds, numbers, chambers, or none."""
    entries = tuple(entries)
    if not all(isinstance(entry, Entry) for entry in entries):
        raise ValueError(f"a plan of {entries!r}; wanted a sequence of plans.Entry")
    names = [entry.name for entry in entries]
    if not names or len({*names}) < len(names):
        raise ValueError(f"a plan of {names}; wanted samples, each name once")
    return tuple(_checked(entry) for entry in entries)


def _checked(entry):
    """Return an entry with plain numbers, or refuse it."""
    where = f"sample {entry.name!r}"
    parts = str(entry.name).replace("+", "-").replace("-", "x").split("/")
    if not all(part.isalnum() and part.isascii() for part in parts):
        raise ValueError(f"{where}; wanted letters, digits, + and - between single strokes /")
    if entry.kind not in KINDS:
        raise ValueError(f"{where} is of the unknown kind {entry.kind!r}; wanted one of "
                         f"{', '.join(KINDS)}")
    for name in ("events", "chunk"):
        if not getattr(entry, name) >= 1 or getattr(entry, name) % 1:
            raise ValueError(f"{where} with {name} = {getattr(entry, name)}; wanted a whole number "
                             "> 0")
    check_seed(entry.seed)
    if entry.model is not None and entry.kind != "signal":
        raise ValueError(f"{where} of {entry.kind} with a model; wanted one for signal alone")
    if entry.tilt and not (entry.kind in background.WITH_PHOTONS
                           and 0 < entry.tilt <= background.STEEPEST):
        raise ValueError(f"{where} of {entry.kind} with tilt = {entry.tilt}; wanted 0 < tilt ≤ "
                         f"{background.STEEPEST:g} for a kind with π⁰ inside, or 0")
    return entry._replace(events=int(entry.events), chunk=int(entry.chunk), seed=int(entry.seed),
                          tilt=float(entry.tilt), overlay=bool(entry.overlay),
                          chamber=checked(entry.chamber))


def rooms(entry):
    """Return the rooms that decide about a sample, a sorted list."""
    first = "background" if entry.kind in background.KINDS else "cocktail"
    found = {"chunks", "exchange"} | _jit.seen_by("chain") | _jit.seen_by(first)
    return sorted(found | _jit.seen_by("cosmic") if entry.overlay else found)


@cache
def key(entry):
    """Return the key of a sample, 16 hex digits."""
    digest = hashlib.sha256(f"{tuple(entry)!r} {MICROBOONE!r} {_surroundings()}".encode())
    for room in rooms(entry):
        digest.update(_code(room).encode())
    return digest.hexdigest()[:16]


@cache
def _code(room):
    """Digest what a room does: comments and docstrings do not count."""
    tree = ast.parse((_jit.PACKAGE / f"{room}.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(
                node, clean=False) is not None:
            node.body = node.body[1:]
    return hashlib.sha256(f"{room}\n{ast.dump(tree)}".encode()).hexdigest()


@cache
def _surroundings():
    """Digest the tables of nature, and name the versions of Python and of what calculates."""
    digest = hashlib.sha256()
    for path in sorted(path for path in DATA.iterdir() if not path.name.startswith(RESULTS)):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    versions = [f"{name} {version(name)}" for name in LIBRARIES]
    return " ".join([digest.hexdigest(), platform.python_version(), *versions])
