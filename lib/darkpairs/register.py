"""What is decided before anybody looks, and a record of it that cannot be bent.

In: a plan in numbers. Out: its digest, and lines of a record. Chapter: blinding.

A `Plan` is a row of gates; a `Gate` compares spectra with predictions, at a p-value declared with
it. All of a plan, names and numbers, edges and covariances, goes into one digest. A record is lines
of text, each with a digest of itself and of all lines before it. So a plan that was changed
afterwards does not fit to its record, and a line that was changed does not fit to the next ones.

Laws: a change of any name, number, bin or order changes the digest, and nothing else does; a line
changed, left out or moved is noticed.
"""

import hashlib
import json
from typing import NamedTuple

import numpy as np

from darkpairs.batches import check_edges
from darkpairs.likelihood import eigenmodes


class Check(NamedTuple):
    """A spectrum of one region that will be compared with its prediction."""

    region: str
    variable: str  #: column of the data
    edges: np.ndarray  #: ndarray (n+1,), of the bins; events outside count nowhere
    prediction: np.ndarray  #: ndarray (n,), events, > 0
    covariance: np.ndarray  #: ndarray (n, n), systematic and of simulated events [events²]


class Gate(NamedTuple):
    """Checks that have to pass together before the next gate may be tried."""

    name: str
    p: float  #: chance at most of stopping a right prediction
    checks: tuple  #: of Check; p-values are multiplied by how many they are (Bonferroni)
    joint: np.ndarray | tuple = ()  #: covariance of all checks side by side, for one p-value more
    toys: int = 0  #: as in `sidebands.pvalues`; 0 takes the χ² distribution
    seed: int = 0  #: for the toys


class Plan(NamedTuple):
    """What was decided before anybody looked."""

    gates: tuple  #: of Gate, in the order in which they will be tried
    signal: str = "signal"  #: the region that opens after the last gate


class Line(NamedTuple):
    """One line of a record."""

    text: str  #: what happened, as JSON
    digest: str  #: of this line and of all before it


def digest(thing):
    """Return 64 hex digits of nested tuples, dicts, words, numbers and arrays, such as a `Plan`.

    Numbers count as float64, whatever type they come in.
    """
    state = hashlib.sha256()
    _feed(state, thing)
    return state.hexdigest()


def declared(plan):
    """Return the entry of a record that declares a plan."""
    return {"declared": digest(plan), "signal": plan.signal,
            "gates": [[gate.name, gate.p] for gate in plan.gates]}


def append(record, entry):
    """Return a record with one line more.

    Parameters
    ----------
    record : tuple of Line
        The record so far; () to begin one.
    entry : dict
        What happened, in words and numbers that JSON knows.
    """
    text = json.dumps(entry, ensure_ascii=False, sort_keys=True)
    before = record[-1].digest if record else ""
    return (*record, Line(text, hashlib.sha256(f"{before}\n{text}".encode()).hexdigest()))


def intact(record):
    """Tell whether each line of a record carries the digest of itself and of all before it."""
    again = ()
    for line in record:
        again = append(again, json.loads(line.text))
    return again == tuple(record)


def check(plan, columns, regions):
    """Refuse a plan that cannot be carried out on some data.

    Parameters
    ----------
    plan : Plan
        The plan.
    columns, regions : sequence of str
        Names of what is known of each event, and of the regions.

    Raises
    ------
    ValueError
        If a check asks for a region, a column or bins that make no sense, for the signal region
        itself, or twice for the same; if a p-value, or a covariance, is none.
    """
    names = [gate.name for gate in plan.gates]
    if not names or len(set(names)) != len(names):
        raise ValueError(f"gates {names}; wanted one at least, each with a name of its own")
    if plan.signal not in regions:
        raise ValueError(f"no region {plan.signal!r}; there are {', '.join(regions)}")
    for gate in plan.gates:
        if not gate.checks or not 0 < gate.p < 1:
            raise ValueError(f"gate {gate.name!r} with p = {gate.p} and {len(gate.checks)} checks; "
                             "wanted 0 < p < 1 and one check at least")
        many = len(gate.checks) + (len(gate.joint) > 0)
        if gate.toys and gate.p * (1 + gate.toys) <= many:
            raise ValueError(f"gate {gate.name!r} could never fail with {gate.toys} toys; wanted "
                             f"{int(many / gate.p)} or more")
        for each in gate.checks:
            _check_one(gate.name, each, plan.signal, columns, regions)
        spectra = [(each.region, each.variable) for each in gate.checks]
        if len(set(spectra)) < len(spectra):
            raise ValueError(f"gate {gate.name!r} checks {spectra}; wanted each once")
        bins = sum(len(each.prediction) for each in gate.checks)
        if np.shape(gate.joint) not in ((0,), (bins, bins)):
            raise ValueError(f"gate {gate.name!r} with a joint covariance of shape "
                             f"{np.shape(gate.joint)}; wanted ({bins}, {bins}), or none")
        if len(gate.joint):
            eigenmodes(gate.joint)  # refuses one that is not positive


def _check_one(gate, each, signal, columns, regions):
    what = f"gate {gate!r}, {each.variable!r} of region {each.region!r}"
    if each.region == signal:
        raise ValueError(f"{what}: wanted a sideband, not the signal region itself")
    if each.region not in regions or each.variable not in columns:
        raise ValueError(f"{what}: wanted a region of {', '.join(regions)} and a column of "
                         f"{', '.join(columns)}")
    check_edges(np.asarray(each.edges), f"{what}: edges")
    shape, mean = (len(each.edges) - 1,), np.asarray(each.prediction)
    if mean.shape != shape or not ((mean > 0) & np.isfinite(mean)).all():
        raise ValueError(f"{what}: a prediction {mean.tolist()}; wanted {shape[0]} numbers > 0")
    if np.shape(each.covariance) != 2 * shape:
        raise ValueError(f"{what}: a covariance of shape {np.shape(each.covariance)}; wanted "
                         f"{2 * shape}")
    eigenmodes(each.covariance)  # refuses one that is not positive


def _feed(state, thing):
    """Update a digest; each part says first what it is and how long, so none runs into the next."""
    if isinstance(thing, dict):
        thing = tuple(thing.items())
    if isinstance(thing, tuple):
        state.update(f"({len(thing)}".encode())
        for part in thing:
            _feed(state, part)
    elif isinstance(thing, str):
        state.update(f"'{len(thing)}'{thing}".encode())
    else:
        array = np.asarray(thing, dtype=np.float64) + 0.0  # −0 is 0
        state.update(f"[{array.shape}".encode() + array.astype("<f8").tobytes())
