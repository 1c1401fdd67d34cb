"""Chunks: a few hundred events of a sample as files, made by themselves and checked when read.

In: an entry of a plan, the number of a first event. Out: files in the sample's folder; and back.
Chapter: samples.

A chunk is three files: what really happened (Parquet, one row per event), what both reconstructions
say of it (Parquet, one row per event and algorithm), and a seal, written last, that holds the
digests of both. Without its seal a chunk does not exist; a file that does not fit its seal is
damaged. Each file is written under another name and then renamed, so a worker that dies leaves
nothing that looks whole.

What is read back is what was made, to the last bit: numbers stay float64, since packed well they
need no more room than the float32 of others. Neither file holds a date nor who made it, so the
bytes are the same whoever makes them, whenever, and in whatever order.

Laws: what was written is read back; a chunk does not hang on the others; the weights of all chunks
add up to the rate of the sample; one changed byte is noticed.
"""

import hashlib
import io
import json
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from darkpairs import _jit, background, chain, cocktail, cosmic, exchange, plans, signal
from darkpairs.detector import MICROBOONE
from darkpairs.exchange import _need, _whole
from darkpairs.record import Reco

PARQUET = {"format": "darkpairs.reco", "version": "1"}
PARTS = ("truth", "reco")  # the two tables of a chunk, in the order in which they are written


def folder(directory, entry):
    """Return where the chunks of a sample lie: its name, and below it its key."""
    return Path(directory) / entry.name.replace("/", ".") / plans.key(entry)


def files(home, first):
    """Return the files of the chunk that begins with an event, a dict: both tables, the seal."""
    return {part: home / f"{first:010d}.{part}.{'json' if part == 'seal' else 'parquet'}"
            for part in (*PARTS, "seal")}


def truth(entry, first, n):
    """Return what happens in n events of a sample, with the weights of the whole, a `Truth`."""
    if entry.kind in background.KINDS:
        events = background.generate(entry.kind, n, seed=entry.seed, first=first, of=entry.events,
                                     tilt=entry.tilt)
    elif entry.model is None:
        events = cocktail.generate(n, seed=entry.seed, first=first)
    else:
        events = signal.generate(entry.model, n, seed=entry.seed, first=first)
    if entry.kind == "signal":
        events = replace(events, weight=events.weight * (n / entry.events))
    return cosmic.overlay(events, seed=entry.seed) if entry.overlay else events


def make(home, entry, first, n, turn=0):
    """Make one chunk; this is what a worker does.

    Parameters
    ----------
    home : str
        The `folder` of the sample, which exists.
    entry : Entry
        The sample.
    first, n : int
        Its events.
    turn : int
        Differs from call to call. An executor that takes equal calls for one needs it.
    """
    home = Path(home)
    if plans.key(entry) != home.name:
        raise RuntimeError(f"this worker would make {plans.key(entry)} where {home.name} of "
                           f"{entry.name!r} is wanted; wanted one code and one environment for all")
    with _one_thread():
        happened = truth(entry, first, n)
        seen = chain.reconstruct(happened, detector=entry.chamber, believed=MICROBOONE,
                                 seed=entry.seed, overlaid=entry.overlay)
    write(home, first, happened, seen)


def write(home, first, happened, seen):
    """Write the tables of a chunk, and then its seal."""
    paths = files(home, first)
    exchange.write_parquet(happened, paths["truth"])
    write_reco(seen, paths["reco"])
    seal = {part: _digest(paths[part].read_bytes()) for part in PARTS}
    with _whole(paths["seal"]) as temporary:
        temporary.write_text(json.dumps({"events": len(happened), **seal}) + "\n", encoding="utf-8")


def fault(home, entry, first, n):
    """Say what is wrong with a chunk: ``""`` nothing, ``"missing"``, or what is damaged."""
    try:
        _bytes(home, first, n)
    except FileNotFoundError as error:
        seal = files(home, first)["seal"]
        return f"{Path(error.filename).name} is gone" if seal.is_file() else "missing"
    except ValueError as error:
        return str(error)
    return ""


def read(home, first, n):
    """Return both tables of a chunk, `Truth` and `Reco`; damaged ones are refused by name."""
    happened, seen = (io.BytesIO(data) for data in _bytes(home, first, n))
    return exchange.read_parquet(happened), read_reco(seen)


def _bytes(home, first, n):
    """Return the bytes of both tables, checked against the seal."""
    paths = files(home, first)
    try:
        seal = json.loads(paths["seal"].read_text(encoding="utf-8"))
        wanted = [seal["events"], *(seal[part] for part in PARTS)]
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{paths['seal'].name} is damaged") from None
    if wanted[0] != n:
        raise ValueError(f"{paths['seal'].name} seals {wanted[0]} events; wanted {n}")
    found = [paths[part].read_bytes() for part in PARTS]
    for part, data, digest in zip(PARTS, found, wanted[1:], strict=True):
        if _digest(data) != digest:
            raise ValueError(f"{paths[part].name} is damaged: its bytes do not fit its seal")
    return found


def write_reco(seen, path):
    """Write a `Reco` as Parquet, a column for each of its own."""
    pyarrow, parquet = _need("pyarrow"), _need("pyarrow.parquet")
    table = pyarrow.table({name: np.asarray(getattr(seen, name)) for name in Reco.SHAPES},
                          metadata=PARQUET)
    with _whole(path) as temporary:
        parquet.write_table(table, temporary, compression="zstd", use_dictionary=False,
                            write_statistics=False, write_page_checksum=True)


def read_reco(path):
    """Read what `write_reco` wrote; what is foreign or of another version is refused."""
    table = _need("pyarrow.parquet").read_table(path, page_checksum_verification=True)
    about = table.schema.metadata or {}
    given = {key: about.get(key.encode(), b"").decode() for key in PARQUET}
    if given != PARQUET or table.column_names != list(Reco.SHAPES):
        raise ValueError(f"{given} with columns {', '.join(table.column_names)}; wanted {PARQUET} "
                         f"and {', '.join(Reco.SHAPES)}")
    return Reco(**{name: table[name].to_numpy() for name in Reco.SHAPES})


def _digest(data):
    return hashlib.sha256(data).hexdigest()


@contextmanager
def _one_thread():
    """Keep the kernels to one thread: workers share the cores among themselves."""
    before = _jit.numba.get_num_threads()
    _jit.numba.set_num_threads(1)
    try:
        yield
    finally:
        _jit.numba.set_num_threads(before)
