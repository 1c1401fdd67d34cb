"""What we found, for others to use: a likelihood as HistFactory JSON, and tables of our results.

In: a `Template` and counts, a contour. Out: a workspace that pyhf reads, and back; tables for the
room `hepdata`. Chapter: first-contour.

A workspace (HistFactory, CERN-OPEN-2012-016, in the JSON of pyhf, schema 1.0.0,
doi:10.21105/joss.02823) says the same as `nuisance`: rates straight in the strength and the pulls,
a Gaussian price for each pull. A covariance goes out as its eigenmodes, one pull for each.

Laws: pyhf finds the CLs of `sensitivity` in the file; what was written is read back bit for bit;
the same input gives the same bytes; a write that fails leaves the old file as it was; a file that
says more than a `Template` holds is refused.
"""

import json
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import special

from darkpairs.batches import Template
from darkpairs.exchange import _naming
from darkpairs.hepdata import Column, Error, Table, _numbers, _shaped
from darkpairs.nuisance import observed, stack
from darkpairs.tables import write_text

VERSION = "1.0.0"  # of pyhf's schema
OURS = "darkpairs"  # name of the measurement
MU = {"name": "mu", "type": "normfactor", "data": None}  # what scales the signal
_SAME = 1e-9  # part of the background by which the modifiers may miss what is stored beside them
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Likelihood(NamedTuple):
    """All that a workspace of ours says."""

    template: Template  #: signal, background and its errors
    data: np.ndarray  #: ndarray (n,), counts
    channel: str  #: name of the selection
    kinds: tuple  #: names of the kinds of background
    sources: tuple  #: names of the sources of error


def write_workspace(template, data, path, *, channel="pairs", kinds=None, sources=None):
    """Write a template and counts as a workspace of pyhf, in the place of an older file.

    A shift of the summed background is divided among its kinds by their share of each bin, as
    ``histosys`` with nominal ± shift. Both sides being equal, pyhf's default interpolation is a
    straight line. Edges, and shifts or covariance as they are, stand among the parameters of the
    measurement as ``<channel>.edges`` and so on; the model does not use these.

    Two things differ in pyhf. It holds each pull within ±5 unless told otherwise. And it wants a
    rate ≥ 0 in every bin, which shifts above 20% together can break within ±5; here a fit keeps
    the rates positive by itself. pyhf's minimiser does best where the wanted strengths are near 1.

    Parameters
    ----------
    template : Template
        Signal, background and its errors. Shifts of no source are read back as none.
    data : array-like (n,)
        Counts, ≥ 0.
    path : str or Path
        Where to.
    channel : str
        Name of the selection.
    kinds, sources : sequence of str, optional
        Names of the backgrounds and of the shifts. Modes of a covariance are named mode_0, …

    Raises
    ------
    ValueError
        For counts or names that make no sense, a covariance that is not positive definite, or a
        place that cannot be written to; says which.
    """
    given = Likelihood(template, observed(template, data), _names("channel", [channel], 1, "")[0],
                       _kinds(template, kinds), _sources(template, sources))
    text = json.dumps(_workspace(given), indent=1, ensure_ascii=False, allow_nan=False)
    with _naming(path):
        write_text(path, text + "\n")


def read_workspace(path):
    """Read what `write_workspace` wrote, bit for bit, as a `Likelihood`.

    A file that is absent, damaged, of another version, or with more in it than a `Template` holds
    (channels, modifiers, parameters) is refused with a ValueError; so is one whose modifiers do
    not say what is stored beside them.
    """
    with _naming(path), _shaped("a workspace of ours"):
        spec = json.loads(Path(path).read_text(encoding="utf-8"))
        if spec["version"] != VERSION:
            raise ValueError(f"version {spec['version']!r}; wanted {VERSION!r}")
        channel, counts, measurement = (
            _one(spec, name) for name in ("channels", "observations", "measurements"))
        config, name = measurement["config"], channel["name"]
        if config["poi"] != "mu" or counts["name"] != name:
            raise ValueError(f"parameter of interest {config['poi']!r}, counts of "
                             f"{counts['name']!r}; wanted 'mu' and {name!r}")
        samples, sources = _samples(channel)
        stored = _stored(config["parameters"], name, len(samples[0]["data"]))
        template = Template(signal=samples[0]["data"],
                            background=[each["data"] for each in samples[1:]], **stored)
        _check_modifiers(template, samples[1:])
        return Likelihood(template, observed(template, counts["data"]), name,
                          _kinds(template, [each["name"] for each in samples[1:]]),
                          _names("sources", sources, len(sources), ""))


def spectrum_tables(template, data, *, observable, unit="", kinds=None, name="Spectrum",
                    qualifiers=()):
    """Return the tables of a spectrum: counts and predictions, and the covariance if there is one.

    Parameters
    ----------
    template, data, kinds
        As for `write_workspace`. The counts get the central interval of 68.27% (Garwood,
        Biometrika 28 (1936) 437), the background the roots of its systematic covariance.
    observable, unit : str
        What the edges are.
    name : str
        Name of the first table.
    qualifiers : sequence of (str, str or float, str)
        What holds for all columns, such as ``("Exposure", 6.87e20, "POT")``.

    Returns
    -------
    tuple of Table
    """
    counts, modes = observed(template, data), stack(template)[1:]
    names = _kinds(template, kinds)
    bins = np.column_stack([template.edges[:-1], template.edges[1:]])
    spread = np.sqrt((modes**2).sum(axis=0))
    errors = (Error("syst", spread),) if spread.any() else ()
    columns = [Column("Data", counts, errors=(garwood(counts),)),
               Column("Background", template.total, errors=errors),
               *map(Column, names, template.background), Column("Signal", template.signal)]
    columns = tuple(each._replace(unit="events", qualifiers=tuple(qualifiers)) for each in columns)
    spectrum = Table(name, f"Events in bins of {observable}: seen, expected without signal (all "
                     "and kind by kind), and signal at strength 1.",
                     (Column(observable, unit=unit, bins=bins),), columns)
    if not errors:
        return (spectrum,)
    matrix = modes.T @ modes if template.covariance is None else template.covariance
    n = len(counts)
    axes = (Column(f"{observable}, row", unit=unit, bins=np.repeat(bins, n, axis=0)),
            Column(f"{observable}, column", unit=unit, bins=np.tile(bins, (n, 1))))
    return spectrum, Table(f"{name}, covariance", "Systematic covariance of the background.", axes,
                           (Column("Covariance", matrix.ravel(), "events^2",
                                   qualifiers=tuple(qualifiers)),))


def contour_table(lines, *, x, y, name="Contour", description="", qualifiers=()):
    """Return the table of a contour: its points, line after line.

    Parameters
    ----------
    lines : sequence of array-like (points, 2)
        The polylines, each with its points (x, y) in order.
    x, y : (str, str)
        Names and units of the axes.
    name, description, qualifiers
        For the table; see `Table` and `Column`.
    """
    lines = [_numbers(f"line {k} of the contour", line, (None, 2)) for k, line in enumerate(lines)]
    if not lines:
        raise ValueError("a contour without lines; wanted one at least")
    which = np.repeat(np.arange(len(lines)), [len(line) for line in lines])
    points = np.vstack(lines)
    return Table(name, description or f"Contour in {x[0]} and {y[0]}; the points of a line follow "
                 "each other.", (Column("Line", which), Column(x[0], points[:, 0], x[1])),
                 (Column(y[0], points[:, 1], y[1], qualifiers=tuple(qualifiers)),))


def plane_table(found, first, second, *, x, y, name="Plane", description="", qualifiers=()):
    """Return the table of Δχ² over a plane of models.

    Parameters
    ----------
    found : sensitivity.Contour
        Δχ² (a, b) and its threshold.
    first, second : array-like (a,), (b,)
        Values of the two parameters.
    x, y, name, description, qualifiers
        As for `contour_table`.
    """
    a, b = np.shape(found.delta)
    first, second = _numbers(x[0], first, (a,)), _numbers(y[0], second, (b,))
    axes = (Column(x[0], np.repeat(first, b), x[1]), Column(y[0], np.tile(second, a), y[1]))
    return Table(name, description or f"Chi-square above the smallest, over {x[0]} and {y[0]}; a "
                 "model above the threshold is excluded.", axes,
                 (Column("Delta chi-square", np.ravel(found.delta), qualifiers=(
                     ("Threshold", float(found.threshold), ""), *qualifiers)),))


def garwood(counts):
    """Return the central interval of 68.27% around counts (n,), an `Error`.

    Garwood, Biometrika 28 (1936) 437: χ²(2n; 0.1587)/2 to χ²(2n + 2; 0.8413)/2, and 0 for n = 0.
    """
    tail, counts = special.ndtr(-1.0), np.asarray(counts, dtype=np.float64)
    low = np.where(counts > 0, special.gammaincinv(np.maximum(counts, 1e-3), tail), 0.0)
    return Error("stat", special.gammainccinv(counts + 1, tail) - counts, low - counts)


def _kinds(template, kinds):
    return _names("kinds", kinds, len(template.background), "background")


def _names(what, names, count, stem):
    """Return names that pyhf and ROOT take, or make them."""
    if names is None:
        names = [stem] if count == 1 and stem == "background" else [
            f"{stem}_{k}" for k in range(count)]
    names = tuple(names)
    taken = {"signal", "mu", "lumi"}
    if (len(names) != count or len(set(names)) != count or taken & set(names)
            or not all(_WORD.fullmatch(str(name)) for name in names)):
        raise ValueError(f"{what} {list(names)}; wanted {count} different words of letters, digits "
                         "and _, none of them signal, mu or lumi")
    return names


def _sources(template, sources):
    modes = len(stack(template)) - 1
    if template.shifts is None and sources is not None:
        raise ValueError(f"sources {list(sources)} for a template without shifts; wanted none")
    return _names("sources", sources, modes, "source" if template.covariance is None else "mode")


def _workspace(given):
    """Return the JSON document of a likelihood."""
    template, channel = given.template, given.channel
    samples = [{"name": "signal", "data": template.signal.tolist(), "modifiers": [MU]}]
    for name, row in zip(given.kinds, template.background, strict=True):
        parts = stack(template)[1:] * (row / template.total)
        samples.append({"name": name, "data": row.tolist(), "modifiers": [
            {"name": source, "type": "histosys", "data": {
                "hi_data": (row + part).tolist(), "lo_data": (row - part).tolist()}}
            for source, part in zip(given.sources, parts, strict=True)]})
    parameters = [{"name": "mu", "inits": [1.0], "bounds": [[0.0, _highest(given)]]}]
    for name in ("edges", "shifts", "covariance"):
        if getattr(template, name) is not None and getattr(template, name).size:
            parameters.append({"name": f"{channel}.{name}",
                               "inits": getattr(template, name).ravel().tolist()})
    return {"channels": [{"name": channel, "samples": samples}],
            "observations": [{"name": channel, "data": given.data.tolist()}],
            "measurements": [{"name": OURS, "config": {"poi": "mu", "parameters": parameters}}],
            "version": VERSION}


def _highest(given):
    """Return a strength above every best one and every limit, ten σ further and at least 10.

    Where the likelihood is largest Σ s (1 − n/λ) = 0, and λ ≥ μ s: so μ̂ ≤ Σ n / Σ s.
    """
    signal, seen = given.template.signal.sum(), given.data.sum()
    far = seen + 10 * (1 + np.sqrt(seen + given.template.total.sum()))
    return float(max(10.0, far / signal)) if signal > 0 else 10.0


def _one(spec, name):
    if len(spec[name]) != 1:
        raise ValueError(f"{len(spec[name])} {name}; wanted one")
    return spec[name][0]


def _samples(channel):
    """Return the samples of a channel, signal first, and the names of the sources."""
    samples = channel["samples"]
    said = {sample["name"]: [(each["name"], each["type"]) for each in sample["modifiers"]]
            for sample in samples}
    others = list(said.values())[1:]
    if samples[0]["name"] != "signal" or samples[0]["modifiers"] != [MU] or not others or any(
            sort != "histosys" or row != others[0] for row in others for _, sort in row):
        raise ValueError(f"samples with modifiers {said}; wanted signal with the normfactor mu "
                         "alone, and backgrounds with the same histosys each")
    return samples, tuple(name for name, _ in others[0])


def _stored(parameters, channel, n):
    """Return edges, and shifts or covariance, from the parameters of the measurement."""
    found = {each["name"]: each for each in parameters}
    shapes = {"edges": (n + 1,), "shifts": (-1, n), "covariance": (n, n)}
    wanted = {"mu": {"name", "inits", "bounds"}} | {
        f"{channel}.{name}": {"name", "inits"} for name in shapes}
    strange = [name for name, each in found.items() if {*each} != wanted.get(name)]
    if strange or "mu" not in found or f"{channel}.edges" not in found:
        raise ValueError(f"settings of the parameters {strange or list(found)}; wanted mu with "
                         f"bounds and {channel}.edges, and no others that change the model")
    return {name: np.reshape(found[f"{channel}.{name}"]["inits"], shape)
            for name, shape in shapes.items() if f"{channel}.{name}" in found}


def _check_modifiers(template, samples):
    """Refuse modifiers that do not say what is stored as shifts or covariance."""
    shape = (len(samples), len(samples[0]["modifiers"]), len(template.signal))
    high, low = (np.reshape([[each["data"][side] for each in sample["modifiers"]]
                             for sample in samples], shape) for side in ("hi_data", "lo_data"))
    middle, told, close = (high + low) / 2, (high - low).sum(axis=0) / 2, _SAME * template.total
    stored = template.shifts if template.shifts is not None else np.zeros((0, shape[2]))
    same = (np.abs(middle - template.background[:, None]) <= close).all()
    if template.covariance is not None:  # modes have no fixed sign, and may turn into each other
        told, stored = told.T @ told, template.covariance
        close = _SAME * np.abs(stored).max()
    if not same or told.shape != stored.shape or not (np.abs(told - stored) <= close).all():
        raise ValueError("the modifiers do not say what is stored as shifts or covariance; wanted "
                         "nominal ± shift, which add up to it")
