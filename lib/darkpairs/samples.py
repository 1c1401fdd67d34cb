"""Samples: many events, made once, kept on disk, and there whenever a chapter asks.

In: a plan, a folder. Out: files; `Sample`. Chapter: samples.

``python -m darkpairs.samples produce --profile quick`` makes all that the book needs; `load` makes
what is missing of one sample. The work is cut into `chunks` that know nothing of each other, so
anything that follows ``concurrent.futures.Executor`` may share it out: processes on this machine,
or ``distributed.Client(…).get_executor(retries=3)`` on many that see the same disk. What is there
stays: a production that was killed goes on where it stood.

A sample of another plan, or of other code, has another key and so another folder: nothing is mixed.

Laws: the files are the same bytes for any executor, number of workers, order and interruption; what
is damaged is named and made again; the memory does not grow with the number of events.

Needs ``pip install "darkpairs[export]"``; nothing of that is imported before it is used.
"""

import argparse
import errno
import os
import sys
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from darkpairs import batches, chunks, locks, plans, pools, profiles, traces
from darkpairs.batches import Truth
from darkpairs.record import Reco

RETRIES = 3  # how often Dask tries a call again whose worker died; our choice
CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOSPC,
          errno.EDQUOT, errno.EFBIG)  # errors of a folder or a disk that takes nothing more
SETTING = "DARKPAIRS_SAMPLES"  # the environment variable that moves the samples


class Damaged(UserWarning):
    """A file of a sample is not what was written, and is made again."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Events of one sort: what happened, and what both reconstructions say.

    Attributes
    ----------
    entry : plans.Entry
        What was asked for.
    truth : Truth
        Row i is event i. The weights add up to the rate of the sample.
    reco : Reco
        One row per event and algorithm; ``truth.weight[reco.event]`` is ``reco.weight``.
    """

    entry: plans.Entry
    truth: Truth
    reco: Reco

    @property
    def name(self):
        """Its name in the plan."""
        return self.entry.name

    def __len__(self):
        return len(self.truth)

    def of(self, algorithm):
        """Return what one of `seen.ALGORITHMS` says, a `Reco` whose row i is event i."""
        return _rows(self.reco, self.reco.of(algorithm))

    def like(self, other):
        """Return the events that a variation has, with its weights: the other side of a pair."""
        few = len(other)
        if few > len(self) or not np.array_equal(self.truth.e_nu[:few], other.truth.e_nu):
            raise ValueError(f"{other.name!r} has other events than {self.name!r}; wanted a "
                             "variation of it")
        mine = _rows(self.reco, self.reco.event < few)
        happened = replace(batches.select(self.truth, slice(few)), weight=other.truth.weight)
        return Sample(self.entry, happened, replace(mine, weight=other.truth.weight[mine.event]))


class State(NamedTuple):
    """How far a sample is."""

    name: str  #: its name
    made: int  #: events that are there
    asked: int  #: events that are wanted
    bytes: int  #: on disk
    speed: float  #: events per second, by the times of the files; nan if there are too few
    others: int  #: bytes of the same name under other keys, of other plans or older code


def home():
    """Return where samples lie if nobody says otherwise.

    The environment variable ``DARKPAIRS_SAMPLES``; else ``_build/samples`` of the project that this
    package is a part of; else the user's cache.
    """
    if os.environ.get(SETTING):
        return Path(os.environ[SETTING])
    project = Path(__file__).resolve().parents[2]
    if (project / "pyproject.toml").is_file() and (project / "lib" / "darkpairs").is_dir():
        return project / "_build" / "samples"
    return Path.home() / ".cache" / "darkpairs" / "samples"


def produce(directory, plan, *, executor=None, progress=True, workers=None):
    """Make the samples of a plan, as far as they are not there yet.

    Parameters
    ----------
    directory : str or Path
        Where to; it is made if needed.
    plan : sequence of plans.Entry
        Such as ``plans.plan("quick")``.
    executor : concurrent.futures.Executor, optional
        Who does the work; its workers see the same disk. It stays open. By default processes of
        this machine, see `pools`.
    progress : bool
        Show a bar of the events, with their rate and the time left.
    workers : int, optional
        How many processes, without an executor; by default one per core.

    Returns
    -------
    list of State
        As `status`.

    Raises
    ------
    ValueError
        If the plan is not one.
    locks.Busy
        If another process produces here.
    OSError
        If the directory cannot be written, or the disk is full; what was made stays.

    Warns
    -----
    Damaged
        If a file is not what was written; it is made again.
    """
    plan = plans.check(plan)
    _fill(directory, plan, executor, workers, progress, wait=False)
    return status(directory, plan)


def load(name, profile=None, *, directory=None, executor=None, progress=True, workers=None):
    """Return a sample of the book or one's own, made now as far as it is not there yet.

    Parameters
    ----------
    name : str or plans.Entry
        One of those in ``plans.plan``, or what else is wanted.
    profile : str
        ``"quick"`` or ``"full"``; an entry needs none.
    directory : str or Path, optional
        Where it lies, by default `home`. If another process produces there, this waits.
    executor, progress, workers
        As in `produce`.

    Returns
    -------
    Sample
        Each file checked against its seal.
    """
    own = isinstance(name, plans.Entry)
    entry, = plans.check([name if own else plans.find(name, profile)])
    directory = home() if directory is None else Path(directory)
    home_of = chunks.folder(directory, entry)
    try:
        parts = [chunks.read(home_of, *each) for each in entry.ranges()]
    except (FileNotFoundError, ValueError):  # what is missing or damaged is told of when made
        _fill(directory, (entry,), executor, workers, progress, wait=True)
        parts = [chunks.read(home_of, *each) for each in entry.ranges()]
    return Sample(entry, batches.concatenate(part[0] for part in parts),
                  traces.concatenate([part[1] for part in parts]))


def status(directory, plan):
    """Return how far each sample of a plan is, a list of `State`; files are not read."""
    return [_state(Path(directory), entry) for entry in plans.check(plan)]


def verify(directory, plan):
    """Return what is missing or damaged, a list of (sample, first event, words)."""
    plan = plans.check(plan)
    return [(entry.name, first, words) for entry in plan for first, n in entry.ranges()
            if (words := chunks.fault(chunks.folder(directory, entry), entry, first, n))]


def _rows(reco, mask):
    return Reco(**{name: getattr(reco, name)[mask] for name in Reco.SHAPES})


def _open(directory, plan):
    """Return the jobs that are left, a list of (entry, first, n); warn of damage."""
    sizes = {entry.name: (entry, dict(entry.ranges())) for entry in plan}
    jobs = []
    for name, first, words in verify(directory, plan):
        entry, events = sizes[name]
        if words != "missing":
            warnings.warn(Damaged(f"sample {name!r}, events from {first}: {words}; they are made "
                                  "again"), stacklevel=4)
        jobs.append((entry, first, events[first]))
    return jobs


def _fill(directory, plan, executor, workers, progress, *, wait):
    """Make what is missing."""
    directory = Path(directory)
    try:
        for entry in plan:
            chunks.folder(directory, entry).mkdir(parents=True, exist_ok=True)
        with locks.held(directory, wait=wait, told=lambda words: _bar(
                progress, desc=words, bar_format="{desc}").close()):
            _clear(directory, plan)
            _work(directory, plan, _open(directory, plan), executor, workers, progress)
    except OSError as error:
        if error.errno not in CLOSED:
            raise
        made = sum(state.made for state in status(directory, plan))
        raise OSError(error.errno, f"{os.strerror(error.errno)}: samples in {directory}; wanted a "
                      "folder that can be written, with room for 1 kB per event; what was made "
                      f"stays, {made} events") from error


def _bar(progress, **options):
    """Return a bar; where no bar is wanted at all, TQDM_DISABLE in the environment says so."""
    return tqdm(**options) if progress else tqdm(disable=True, **options)


def _clear(directory, plan):
    """Remove what workers that died left behind."""
    for entry in plan:
        for part in chunks.folder(directory, entry).glob(".*.part.*"):
            part.unlink(missing_ok=True)


def _work(directory, plan, jobs, executor, workers, progress):
    """Have all jobs done, see what comes of each, and show how far they are."""
    calls = [(str(chunks.folder(directory, job[0])), *job) for job in jobs]
    asked = sum(entry.events for entry in plan)
    before = made = asked - sum(n for *_, n in jobs)
    total = sum(entry.events * entry.cost for entry in plan)
    bar = _bar(progress, total=total, initial=total - sum(job[0].cost * job[-1] for job in jobs),
               bar_format="{percentage:3.0f}%|{bar}| [{elapsed}<{remaining}{postfix}]",
               smoothing=0.0)

    def told():
        rate = (made - before) / max(bar.format_dict["elapsed"], 1e-3)
        bar.set_postfix_str(f"{made}/{asked} events, {rate:.1f} events/s", refresh=False)

    def done(call):
        nonlocal made
        folder, entry, first, n = call
        if not chunks.files(Path(folder), first)["seal"].is_file():
            raise RuntimeError(f"a worker made events of {entry.name!r} that are not in {folder}; "
                               "wanted workers that see this disk")
        made += n
        told()
        bar.update(n * entry.cost)
        bar.refresh()

    with bar:
        told()
        pools.run(chunks.make, calls, done, executor=executor, workers=workers)


def _state(directory, entry):
    """Return the `State` of one sample."""
    folder = chunks.folder(directory, entry)
    seals = {chunks.files(folder, first)["seal"]: n for first, n in entry.ranges()}
    there = [path for path in seals if path.is_file()]
    made = sum(seals[path] for path in there)
    between = np.diff(np.sort([path.stat().st_mtime for path in there]))
    speed = entry.chunk / max(np.median(between), 1e-3) if len(between) > 1 else np.nan
    others = [path for path in folder.parent.glob("*") if path != folder]
    return State(entry.name, made, entry.events, _size(folder), float(speed),
                 sum(map(_size, others)))


def _size(folder):
    return sum(path.stat().st_size for path in folder.glob("*") if path.is_file())


def main(arguments=None):
    """Make, list or check the samples of the book; returns the exit status."""
    options = _options(arguments)
    wanted = [plans.find(name, options.profile) for name in options.names]
    plan, directory = wanted or plans.plan(options.profile), options.directory or home()
    if options.do == "verify":
        found = verify(directory, plan)
        for name, first, words in found:
            print(f"{name}, events from {first}: {words}")
        print(f"verify: {len(found)} of {sum(len(each.ranges()) for each in plan)} chunks are "
              f"missing or damaged in {directory}")
        return 1 if found else 0
    if options.do == "produce":
        with _executor(options.dask) as executor:
            produce(directory, plan, executor=executor, workers=options.workers)
    print(table(status(directory, plan)))
    return 0


def table(states):
    """Return a list of `State` as lines of text."""
    rows = [("sample", "events", "of", "MB", "events/s", "other MB")]
    rows += [(each.name, f"{each.made}", f"{each.asked}", f"{each.bytes / 1e6:.1f}",
              f"{each.speed:.0f}" if each.speed == each.speed else "–", f"{each.others / 1e6:.1f}")
             for each in states]
    width = max(len(row[0]) for row in rows)
    return "\n".join(f"{row[0]:{width}}" + "".join(f"{word:>10}" for word in row[1:])
                     for row in rows)


@contextmanager
def _executor(address):
    """Give the executor of a Dask cluster, or None without an address."""
    if address is None:
        yield None
        return
    try:
        from distributed import Client  # whoever has a cluster has it
    except ImportError as error:
        raise ImportError('distributed is missing; --dask wants pip install "distributed"'
                          ) from error
    with Client(address) as client:
        yield client.get_executor(retries=RETRIES)


def _options(arguments):
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m darkpairs.samples", description=main.__doc__)
    parser.add_argument("do", choices=("produce", "status", "verify"))
    parser.add_argument("names", nargs="*", help="samples; all, if none is named")
    parser.add_argument("--profile", default="full", help="quick or full (default)")
    parser.add_argument("--workers", type=int, help="processes; one per core, if not given")
    parser.add_argument("--dask", metavar="ADDRESS", help="a Dask scheduler, such as tcp://host:8786")
    parser.add_argument("--directory", type=Path, help=f"default: ${SETTING}, else the project's")
    options = parser.parse_intermixed_args(arguments)
    try:
        for name in options.names:
            plans.find(name, options.profile)
        profiles.check(options.profile)
    except ValueError as error:
        parser.error(str(error))
    return options


if __name__ == "__main__":
    sys.exit(main())
