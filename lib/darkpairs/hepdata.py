"""Tables in the layout of HEPData, where the numbers of published papers are kept.

In: tables of columns. Out: a folder with ``submission.yaml`` and one YAML file for each table; and
back. Chapter: first-contour.

The layout is that of a HEPData submission (arXiv:1704.05473, schema 1.1.1 of hepdata-validator).
Columns are independent (values, bins) or dependent (values with errors, and qualifiers).

Laws: what was written is read back bit for bit; the same input gives the same bytes; a folder is
there whole or not at all, and a folder that is no submission is never replaced.

Needs ``pip install "darkpairs[export]"``; nothing of that is imported before it is used.
"""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from darkpairs.exchange import _naming, _need

SUBMISSION = "submission.yaml"
KEYWORDS = ("cmenergies", "observables", "phrases", "reactions")
LONGEST = 64  # letters in the name of a table, HEPData's submission_schema.json


class Error(NamedTuple):
    """One error of a column."""

    label: str  #: what it is, such as ``"stat"``
    plus: np.ndarray  #: ndarray (n,), how far up; both ways if ``minus`` is None
    minus: np.ndarray | None = None  #: ndarray (n,), how far down, with its sign (below zero)


class Column(NamedTuple):
    """One variable of a table."""

    name: str
    values: np.ndarray | None = None  #: ndarray (n,) of numbers or words; None if the bins say all
    unit: str = ""
    bins: np.ndarray | None = None  #: ndarray (n, 2), low and high edge; independent ones only
    errors: tuple = ()  #: of `Error`; dependent ones only
    qualifiers: tuple = ()  #: of (name, value, unit), what holds for all; dependent ones only


class Table(NamedTuple):
    """One table of a submission; `_replace` changes a field."""

    name: str
    description: str
    independent: tuple  #: of `Column`
    dependent: tuple  #: of `Column`
    keywords: tuple = ()  #: of (name, words), the names out of ``KEYWORDS``


class Submission(NamedTuple):
    """What `read` found."""

    tables: tuple  #: of `Table`
    comment: str  #: what holds for all of them


def write(directory, tables, *, comment=""):
    """Write tables as a submission of HEPData, in the place of an older one.

    The folder is made beside its place and moved there; between the old and the new one it may be
    absent for a moment, never half written.

    Parameters
    ----------
    directory : str or Path
        A folder that is not yet there, is empty, or holds a submission and nothing else.
    tables : sequence of Table
        One at least, with different names.
    comment : str
        What holds for all tables.

    Raises
    ------
    ValueError
        For NaN, lengths that do not match, names that repeat, what HEPData does not take, or a
        place that cannot be written to; says which.
    """
    yaml, names = _need("yaml"), [table.name for table in tables]
    _words("comment", comment)
    if not names or len(set(names)) != len(names):
        raise ValueError(f"tables {names}; wanted one at least, and different names")
    files = {f"data{k}.yaml": [_page(table)] for k, table in enumerate(tables, start=1)}
    heads = [{"name": table.name, "description": table.description, "keywords": _keywords(table),
              "data_file": file} for table, file in zip(tables, files, strict=True)]
    files[SUBMISSION] = [{"comment": comment}, *heads]
    _write_folder(directory, {file: yaml.safe_dump_all(
        documents, sort_keys=False, allow_unicode=True, explicit_start=True)
        for file, documents in files.items()})


def read(directory):
    """Read the tables of a submission, a `Submission`.

    Numbers come back bit for bit. What HEPData adds to a record (licence, DOIs, resources) is not
    kept. A folder that is absent, damaged or not a submission is refused with a ValueError that
    names the file.
    """
    yaml, directory = _need("yaml"), Path(directory)
    heads, comment, tables = _documents(yaml, directory / SUBMISSION), "", []
    with _naming(directory / SUBMISSION), _shaped("a submission"):
        if "data_file" not in heads[0]:
            comment = heads.pop(0).get("comment", "")
        places = [str(head["data_file"]) for head in heads]
        if not heads or any(Path(place).name != place for place in places):
            raise ValueError(f"data files {places}; wanted one at least, in the same folder")
    for head, place in zip(heads, places, strict=True):
        with _naming(directory / place), _shaped("a table of HEPData"):
            tables.append(_table(head, _documents(yaml, directory / place)))
    return Submission(tuple(tables), comment)


@contextmanager
def _shaped(wanted):
    """Turn a missing entry into a refusal in words."""
    try:
        yield
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"{type(error).__name__} {error}; wanted {wanted}, whole") from error


def _numbers(where, values, shape):
    """Return finite float64 of a shape, in which None is any length."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != len(shape) or any(b not in (None, a) for a, b in
                                       zip(array.shape, shape, strict=True)):
        raise ValueError(f"{where} has shape {array.shape}; wanted {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{where} holds NaN or infinity; wanted finite numbers")
    return array


def _page(table):
    """Return the YAML document of a table."""
    where = f"table {table.name!r}"
    if not 0 < len(str(table.name)) <= LONGEST or not (table.independent and table.dependent):
        raise ValueError(f"{where}: wanted a name of 1 to {LONGEST} letters, and one independent "
                         "and one dependent column at least")
    _words(where, table.name, table.description)
    first = table.independent[0]
    n = len(np.atleast_1d(first.bins if first.values is None else first.values))
    return {"independent_variables": [_independent(where, each, n) for each in table.independent],
            "dependent_variables": [_dependent(where, each, n) for each in table.dependent]}


def _keywords(table):
    """Return the YAML of the keywords of a table."""
    where = f"table {table.name!r}"
    strange = [key for key, _ in table.keywords if key not in KEYWORDS]
    if strange:
        raise ValueError(f"{where}: keywords {strange}; wanted some of {', '.join(KEYWORDS)}")
    return [{"name": key, "values": _values(f"{where}, {key}", words, len(words))}
            for key, words in table.keywords]


def _words(where, *texts):
    strange = [text for text in texts if not isinstance(text, str)]
    if strange:
        raise ValueError(f"{where}: {strange} where words are wanted")


def _header(where, column):
    _words(where, column.name, column.unit)
    return {"name": column.name} | ({"units": column.unit} if column.unit else {})


def _values(where, values, n):
    """Return numbers or words as a list of Python's own."""
    array = np.asarray(values)
    if array.shape != (n,) or n == 0:
        raise ValueError(f"{where} has shape {array.shape}; wanted one entry in each of {n} rows, "
                         "and one row at least")
    if array.dtype.kind not in "iufU" or (
            array.dtype.kind == "U" and not all(isinstance(each, str) for each in values)):
        raise ValueError(f"{where} holds {array.dtype}; wanted numbers, or words")
    if array.dtype.kind == "f":
        _numbers(where, array, (n,))
    return array.tolist()


def _independent(where, column, n):
    where = f"{where}, column {column.name!r}"
    if column.errors or column.qualifiers or (column.values is None and column.bins is None):
        raise ValueError(f"{where}: an independent one has values or bins, neither errors nor "
                         "qualifiers")
    rows = [{} for _ in range(n)]
    if column.values is not None:
        rows = [{"value": value} for value in _values(where, column.values, n)]
    if column.bins is not None:
        bins = _numbers(f"{where}: bins", column.bins, (n, 2))
        if (bins[:, 0] >= bins[:, 1]).any():
            raise ValueError(f"{where}: a bin does not rise from its low to its high edge")
        rows = [row | {"low": low, "high": high}
                for row, (low, high) in zip(rows, bins.tolist(), strict=True)]
    return {"header": _header(where, column), "values": rows}


def _dependent(where, column, n):
    where = f"{where}, column {column.name!r}"
    if column.bins is not None:
        raise ValueError(f"{where}: a dependent one has no bins")
    rows = [{"value": value} for value in _values(where, column.values, n)]
    errors = [_error(where, each, n) for each in column.errors]
    for k, row in enumerate(rows):
        if any(size[k] for _, size in errors):  # HEPData takes no value all of whose errors are 0
            row["errors"] = [entries[k] for entries, _ in errors]
    if len({each.label for each in column.errors}) != len(errors) or (
            errors and not any("errors" in row for row in rows)):
        raise ValueError(f"{where}: wanted errors of different labels that are not 0 everywhere")
    for name, _, unit in column.qualifiers:
        _words(where, name, unit)
    said = [{"name": name, "value": _values(f"{where}, {name}", [value], 1)[0]} | (
        {"units": unit} if unit else {}) for name, value, unit in column.qualifiers]
    return {"header": _header(where, column), **({"qualifiers": said} if said else {}),
            "values": rows}


def _error(where, error, n):
    """Return the entries of an error, one for each row, and how large they are."""
    where = f"{where}, error {error.label!r}"
    _words(where, error.label)
    plus = _numbers(where, error.plus, (n,))
    label = {"label": error.label} if error.label else {}
    if error.minus is None:
        if (plus < 0).any():
            raise ValueError(f"{where} falls to {plus.min():g}; wanted numbers ≥ 0")
        return [{"symerror": value} | label for value in plus.tolist()], plus
    minus = _numbers(where, error.minus, (n,))
    return [{"asymerror": {"minus": down, "plus": up}} | label for down, up in
            zip(minus.tolist(), plus.tolist(), strict=True)], np.abs(plus) + np.abs(minus)


def _write_folder(directory, texts):
    """Write text files into a new folder and move it to its place, whole."""
    directory = Path(directory).resolve()
    temporary, old = (directory.with_name(f".{os.getpid()}.{sort}.{directory.name}")
                      for sort in ("part", "old"))
    with _naming(directory):
        foreign = sorted(path.name for path in directory.iterdir() if path.suffix != ".yaml"
                         or not (directory / SUBMISSION).is_file()) if directory.exists() else []
        if foreign:
            raise ValueError(f"holds {', '.join(foreign[:3])}; wanted a new or empty folder, or a "
                             "submission and nothing else")
        try:
            temporary.mkdir()
            for name, text in texts.items():
                (temporary / name).write_text(text, encoding="utf-8", newline="\n")
            _swap(directory, temporary, old)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _swap(directory, temporary, old):
    """Move a folder into the place of another; if that fails, the other one comes back."""
    if directory.exists():
        os.replace(directory, old)
    try:
        os.replace(temporary, directory)
    except OSError:
        if old.exists():
            os.replace(old, directory)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _documents(yaml, path):
    """Return the documents of a YAML file."""
    with _naming(path):
        try:
            return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
        except yaml.YAMLError as error:
            raise ValueError(f"not YAML: {error}") from error


def _table(head, pages):
    """Return one table from its head in the submission and the documents of its own file."""
    if len(pages) != 1:
        raise ValueError(f"{len(pages)} documents; wanted one")
    columns = [pages[0][f"{sort}_variables"] for sort in ("independent", "dependent")]
    lengths = {each["header"]["name"]: len(each["values"]) for sort in columns
               for each in sort}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"columns of {lengths} rows; wanted one length")
    keywords = tuple((each["name"], tuple(each["values"])) for each in head["keywords"])
    return Table(head["name"], head["description"],
                 *(tuple(map(_column, sort)) for sort in columns), keywords)


def _column(given):
    """Return one column from its YAML."""
    rows, header = given["values"], given["header"]
    values = bins = None
    if any("value" in row for row in rows):
        values = [row["value"] for row in rows]
        values = np.array(_values(f"column {header['name']!r}", values, len(rows)))
    if any("low" in row or "high" in row for row in rows):
        bins = np.array([[row["low"], row["high"]] for row in rows], dtype=np.float64)
    if values is None and bins is None:
        raise ValueError(f"column {header['name']!r} has rows without a value and without edges")
    qualifiers = tuple((each["name"], each["value"], each.get("units", ""))
                       for each in given.get("qualifiers", ()))
    return Column(header["name"], values, header.get("units", ""), bins, _errors(rows), qualifiers)


def _errors(rows):
    """Return the errors of a column, in the order in which their labels come."""
    found = {}
    for k, row in enumerate(rows):
        labels = [each.get("label", "") for each in row.get("errors", ())]
        if len(set(labels)) != len(labels):
            raise ValueError(f"errors {labels} of one value; wanted different labels")
        for each in row.get("errors", ()):
            up = each.get("symerror")
            plus, minus, sorts = found.setdefault(
                each.get("label", ""), (np.zeros(len(rows)), np.zeros(len(rows)), set()))
            down, up = (-up, up) if "symerror" in each else (
                each["asymerror"]["minus"], each["asymerror"]["plus"])
            plus[k], minus[k] = up, down
            sorts.add("symerror" in each)
    return tuple(Error(label, plus, None if sorts == {True} else minus)
                 for label, (plus, minus, sorts) in found.items())
