"""Small cited tables on disk, sealed with a checksum.

In: a file name. Out: a `Table` of named columns. Chapter: beam (shows one table as it lies).

A table is a text file: header lines ``# key: value`` (title, source, rows, checksum), one line of
column names, then numbers. The checksum covers the names and the numbers, so a table that was cut
short or edited by hand is refused, never silently used.

Laws: what was written is read back bit for bit; any change of a digit is noticed; a write that
fails leaves nothing behind.
"""

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

DATA = Path(__file__).parent / "data"
REQUIRED = ("title", "source", "rows", "checksum")


@dataclass(frozen=True, eq=False)
class Table:
    """Named columns of numbers with their story.

    Attributes
    ----------
    columns : dict of str to ndarray (rows,)
        The numbers, float64.
    about : dict of str to str
        The header: at least title and source.
    """

    columns: dict
    about: dict = field(default_factory=dict)

    def __getitem__(self, name):
        """Return one column; an unknown name is refused with the names there are."""
        if name not in self.columns:
            raise ValueError(f"no column {name!r}; there are {', '.join(self.columns)}")
        return self.columns[name]

    def matrix(self):
        """Return all columns side by side, ndarray (rows, columns)."""
        return np.column_stack(list(self.columns.values()))


def read(path):
    """Read one table.

    Parameters
    ----------
    path : str or Path
        A file of the package's own ``data`` folder by its name, or any path with a folder in it.

    Raises
    ------
    ValueError
        If the file is absent, cut short, altered or not a table; says which, and in which line.
    """
    path = DATA / path if Path(path).name == str(path) else Path(path)
    if not path.is_file():
        raise ValueError(f"no table {path.name!r} in {path.parent}; wanted one of its CSV files")
    about, body = _split(path)
    _check_seal(path, about, body)
    names = body[0].split(",")
    rows = [_numbers(path, line, names) for line in body[1:]]
    if len(rows) != int(about["rows"]):
        raise ValueError(f"{path.name}: has {len(rows)} rows; its header says {about['rows']}")
    columns = np.array(rows, dtype=np.float64).reshape(len(rows), len(names)).T.copy()
    columns.flags.writeable = False
    return Table(dict(zip(names, columns, strict=True)), about)


def write(path, columns, *, title, source, **about):
    """Write a table in one step: a temporary file first, then a rename.

    Parameters
    ----------
    path : str or Path
        Where to.
    columns : dict of str to array-like (rows,)
        The numbers; all finite, all of one length.
    title, source : str
        What the numbers are, and where they come from.
    **about : str
        Further header lines.
    """
    arrays = [np.asarray(column, dtype=np.float64) for column in columns.values()]
    if len({array.shape for array in arrays}) != 1 or arrays[0].ndim != 1:
        raise ValueError(f"columns of shapes {[a.shape for a in arrays]}; wanted one length")
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError("a table holds finite numbers only; found NaN or infinity")
    body = [",".join(columns)]
    body += [",".join(repr(x).removesuffix(".0") for x in row)
             for row in zip(*(array.tolist() for array in arrays), strict=True)]
    header = {"title": title, "source": source, **about,
              "rows": len(body) - 1, "checksum": _seal(body)}
    lines = [f"# {key}: {value}" for key, value in header.items()] + body
    write_text(path, "\n".join(lines) + "\n")


def write_text(path, text):
    """Write a text file so that it is there whole or not at all."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _seal(body):
    return hashlib.sha256("\n".join(body).encode()).hexdigest()[:16]


def _split(path):
    """Return the header as a dict and the other lines as a list."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{path.name}: not a text file; wanted a table in UTF-8") from None
    head = [line for line in lines if line.startswith("#")]
    about = {key.strip(): value.strip() for key, _, value in
             (line[1:].partition(":") for line in head)}
    missing = [key for key in REQUIRED if key not in about]
    if missing:
        raise ValueError(f"{path.name}: its header lacks {', '.join(missing)}")
    return about, [line for line in lines if not line.startswith("#")]


def _check_seal(path, about, body):
    if not body or _seal(body) != about["checksum"]:
        raise ValueError(
            f"{path.name}: damaged, cut short or edited: its {max(len(body) - 1, 0)} rows do not "
            f"match the checksum {about['checksum']} (wanted {about['rows']} rows)")


def _numbers(path, line, names):
    fields = line.split(",")
    if len(fields) != len(names):
        raise ValueError(f"{path.name}: line {line!r} has {len(fields)} fields, not {len(names)}")
    try:
        return [float(field) for field in fields]
    except ValueError as error:
        raise ValueError(f"{path.name}: line {line!r}: {error}") from None
