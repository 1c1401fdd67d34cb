"""HEPData: tables come back as they went, the official schema takes them, no folder is half."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from darkpairs import hepdata
from darkpairs.hepdata import Column, Error, Table

BINS = np.array([[0.0, 0.1], [0.1, 1 / 3], [1 / 3, 2.0]])
RICH = Table(
    "Spectrum", "Counts & errors, Δχ²: yes\nsecond line",
    (Column("Energy", unit="MeV", bins=BINS), Column("Mean", [0.05, 0.2, -0.0], "MeV", BINS),
     Column("Region", ["low", "1e5", "no"]), Column("Number", [1, 2, 3])),
    (Column("Data", [0.0, 1e-300, 1e20], "events",
            errors=(Error("stat", [1.8, 2.0, 0.0], [-0.0, -1.5, 0.0]),
                    Error("syst", [0.0, 0.1, 0.0]), Error("", [0.0, 0.0, 0.0], [0.0, -1.0, 0.0])),
            qualifiers=(("Exposure", 6.87e20, "POT"), ("Kind", "pairs: a", ""), ("Run", 3, ""))),
     Column("Status", ["a", "-", "yes"])),
    (("observables", ("N",)), ("cmenergies", (0.8,)), ("phrases", ("dark sector", "pairs"))))
PLAIN = Table("Second", "One number.", (Column("x", [1.5]),), (Column("y", [2.5]),))


def same(a, b):
    """Whether two values, tables or tuples hold the same bits."""
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if a is None or b is None or isinstance(a, str):
        return type(a) is type(b) and a == b
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_was_written_is_read_back(tmp_path):
    hepdata.write(tmp_path / "paper", [RICH, PLAIN], comment="µ > 0: Δχ²")
    back = hepdata.read(tmp_path / "paper")
    assert same(back.tables, (RICH, PLAIN))
    assert back.comment == "µ > 0: Δχ²"
    assert sorted(bytes_of(tmp_path / "paper")) == ["data1.yaml", "data2.yaml", "submission.yaml"]
    assert [path.name for path in tmp_path.iterdir()] == ["paper"]  # nothing else is left lying


def test_the_words_of_the_layout(tmp_path):
    hepdata.write(tmp_path / "paper", [RICH._replace(
        independent=RICH.independent[:1], dependent=RICH.dependent[:1])])
    assert (tmp_path / "paper" / "data1.yaml").read_text(encoding="utf-8") == """\
---
independent_variables:
- header:
    name: Energy
    units: MeV
  values:
  - low: 0.0
    high: 0.1
  - low: 0.1
    high: 0.3333333333333333
  - low: 0.3333333333333333
    high: 2.0
dependent_variables:
- header:
    name: Data
    units: events
  qualifiers:
  - name: Exposure
    value: 6.87e+20
    units: POT
  - name: Kind
    value: 'pairs: a'
  - name: Run
    value: 3
  values:
  - value: 0.0
    errors:
    - asymerror:
        minus: -0.0
        plus: 1.8
      label: stat
    - symerror: 0.0
      label: syst
    - asymerror:
        minus: 0.0
        plus: 0.0
  - value: 1.0e-300
    errors:
    - asymerror:
        minus: -1.5
        plus: 2.0
      label: stat
    - symerror: 0.1
      label: syst
    - asymerror:
        minus: -1.0
        plus: 0.0
  - value: 1.0e+20
"""


@pytest.mark.filterwarnings("ignore:jsonschema:DeprecationWarning", "ignore::ResourceWarning")
def test_the_official_schema_takes_it(tmp_path):
    from hepdata_validator.full_submission_validator import FullSubmissionValidator

    hepdata.write(tmp_path, [RICH._replace(description="Counts."), PLAIN], comment="All of it.")
    judge = FullSubmissionValidator(schema_version="1.1.1", autoload_remote_schemas=False)
    assert judge.validate(directory=str(tmp_path)), judge.get_messages()
    (tmp_path / "data2.yaml").write_text("independent_variables: []\n")
    assert not judge.validate(directory=str(tmp_path))  # it does look


RECORD = """\
additional_resources:
- {location: 'http://x', description: likelihood}
comment: From HEPData.
---
name: Table 1
location: Page 3
description: As downloaded.
keywords: []
data_license: {name: CC0, url: 'http://y'}
data_file: Table_1.yaml
table_doi: 10.17182/hepdata.1.v1/t1
"""
PAGE = """\
independent_variables:
- header: {name: E, units: GEV}
  values: [{low: 1, high: 2, value: 1.4}, {low: 2, high: 4, value: 3}]
dependent_variables:
- header: {name: N}
  values:
  - {value: 5, errors: [{symerror: 1, label: stat}, {asymerror: {plus: 2, minus: -3}, label: sys}]}
  - {value: 6, errors: [{symerror: 2, label: sys}]}
"""


def test_a_record_of_others_is_read(tmp_path):
    (tmp_path / "submission.yaml").write_text(RECORD)
    (tmp_path / "Table_1.yaml").write_text(PAGE)
    (table,), comment = hepdata.read(tmp_path)
    assert comment == "From HEPData."
    assert same(table.independent, (Column("E", [1.4, 3.0], "GEV", [[1.0, 2.0], [2.0, 4.0]]),))
    assert same(table.dependent, (Column("N", [5, 6], errors=(
        Error("stat", [1.0, 0.0]), Error("sys", [2.0, 2.0], [-3.0, -2.0]))),))


def test_the_same_tables_give_the_same_bytes_in_place_of_older_ones(tmp_path):
    hepdata.write(tmp_path / "a", [RICH, PLAIN])
    (tmp_path / "b").mkdir()  # an empty folder is taken
    hepdata.write(tmp_path / "b", [RICH, PLAIN])
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")
    hepdata.write(tmp_path / "b", [PLAIN])
    assert sorted(bytes_of(tmp_path / "b")) == ["data1.yaml", "submission.yaml"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


@pytest.mark.parametrize("step", [1, 2])
def test_a_write_that_fails_leaves_the_old_folder(tmp_path, monkeypatch, step):
    hepdata.write(tmp_path / "paper", [PLAIN])
    before, moves, move = bytes_of(tmp_path / "paper"), [], os.replace

    def fails(*paths):
        moves.append(paths)
        if len(moves) == step:
            raise OSError("no space left")
        return move(*paths)

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(ValueError, match="paper: no space left"):
        hepdata.write(tmp_path / "paper", [RICH])
    assert bytes_of(tmp_path / "paper") == before
    assert [path.name for path in tmp_path.iterdir()] == ["paper"]


def test_nothing_is_moved_before_all_is_written(tmp_path, monkeypatch):
    hepdata.write(tmp_path / "paper", [PLAIN])
    before, write_text = bytes_of(tmp_path / "paper"), Path.write_text

    def fails(path, *text, **options):
        if path.name == "submission.yaml":
            raise OSError("no space left")
        return write_text(path, *text, **options)

    monkeypatch.setattr(Path, "write_text", fails)
    with pytest.raises(ValueError, match="paper: no space left"):
        hepdata.write(tmp_path / "paper", [RICH])
    assert bytes_of(tmp_path / "paper") == before
    assert [path.name for path in tmp_path.iterdir()] == ["paper"]


@pytest.mark.parametrize("names", [
    ["thesis.tex"], ["notes.yaml"], ["submission.yaml", "thesis.tex"]])
def test_a_folder_that_is_no_submission_is_never_replaced(tmp_path, names):
    for name in names:
        (tmp_path / name).write_text("precious")
    with pytest.raises(ValueError, match=f"holds {names[-1]}; wanted a new or empty folder"):
        hepdata.write(tmp_path, [PLAIN])
    assert bytes_of(tmp_path) == {name: b"precious" for name in names}


def test_an_unwritable_place_is_refused(tmp_path):
    (tmp_path / "file").write_text("precious")
    for place in (tmp_path / "file", tmp_path / "file" / "paper", tmp_path / "no" / "paper"):
        with pytest.raises(ValueError, match=place.name):
            hepdata.write(place, [PLAIN])
    assert bytes_of(tmp_path) == {"file": b"precious"}


def changed(**change):
    """A good table with another first dependent column."""
    return [PLAIN._replace(dependent=(PLAIN.dependent[0]._replace(**change),))]


@pytest.mark.parametrize(("tables", "message"), [
    ([], r"tables \[\]; wanted one at least"),
    ([PLAIN, PLAIN], r"\['Second', 'Second'\]; wanted one at least, and different names"),
    ([PLAIN._replace(name="x" * 65)], "wanted a name of 1 to 64 letters"),
    ([PLAIN._replace(name="")], "wanted a name of 1 to 64 letters"),
    ([PLAIN._replace(name=5)], r"table 5: \[5\] where words are wanted"),
    ([PLAIN._replace(independent=())], "one independent and one dependent column"),
    ([PLAIN._replace(keywords=(("mood", ("good",)),))], r"keywords \['mood'\]; wanted some of cm"),
    ([PLAIN._replace(independent=(Column("x"),))], "table 'Second', column 'x'.* values or bins"),
    ([PLAIN._replace(independent=(Column("x", bins=[1.0, 2.0]),))], r"shape \(2,\); wanted \(2, 2"),
    ([PLAIN._replace(independent=(Column("x", bins=[[2.0, 1.0]]),))], "does not rise"),
    ([PLAIN._replace(independent=(Column("x", [1.0], errors=(Error("a", [1.0]),)),))], "neither"),
    (changed(values=[1.0, 2.0]), r"column 'y' has shape \(2,\); wanted one entry in each of 1 ro"),
    (changed(values=[np.nan]), "column 'y' holds NaN or infinity"),
    (changed(values=[True]), "column 'y' holds bool; wanted numbers, or words"),
    (changed(name=None), r"\[None\] where words are wanted"),
    (changed(bins=[[1.0, 2.0]]), "column 'y': a dependent one has no bins"),
    (changed(errors=(Error("stat", [np.inf]),)), "error 'stat' holds NaN or infinity"),
    (changed(errors=(Error("stat", [1.0, 2.0]),)), r"error 'stat' has shape \(2,\); wanted \(1,\)"),
    (changed(errors=(Error("stat", [-1.0]),)), "error 'stat' falls to -1; wanted numbers ≥ 0"),
    (changed(errors=(Error("stat", [1.0], [np.nan]),)), "error 'stat' holds NaN"),
    (changed(errors=(Error("stat", [0.0]),)), "different labels that are not 0 everywhere"),
    (changed(errors=(Error("stat", [1.0]), Error("stat", [2.0]))), "errors of different labels"),
    (changed(qualifiers=(("POT", np.nan, ""),)), "column 'y', POT holds NaN"),
    (changed(qualifiers=(("POT", 1.0, None),)), r"\[None\] where words are wanted"),
])
def test_what_hepdata_does_not_take_is_refused_in_words(tmp_path, tables, message):
    with pytest.raises(ValueError, match=message):
        hepdata.write(tmp_path / "paper", tables)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("file", "old", "new", "message"), [
    ("submission", "data_file: Table_1.yaml", "data_file: ../Table_1.yaml", "in the same folder"),
    ("submission", "data_file: Table_1.yaml", "data_file: Table_2.yaml", "Table_2.yaml: .*No such"),
    ("submission", "data_file: Table_1.yaml\n", "", "KeyError 'data_file'; wanted a submission"),
    ("submission", RECORD, "", "IndexError .*; wanted a submission"),
    ("submission", "comment:", "comment: [", "submission.yaml: not YAML: "),
    ("Table_1", "low: 1, ", "", "Table_1.yaml: KeyError 'low'"),
    ("Table_1", "high: 2, value: 1.4", "value: 1.4", "KeyError 'high'"),
    ("Table_1", "{low: 1, high: 2, value: 1.4}, {low: 2, high: 4, value: 3}", "{}, {}",
     "'E' has rows without a value and without edges"),
    ("Table_1", "value: 5", "value: five", "'N' holds .*; wanted numbers, or words"),
    ("Table_1", "value: 5", "value: .nan", "'N' holds NaN"),
    ("Table_1", "symerror: 2", "symerror: 2%", "TypeError"),
    ("Table_1", "label: stat", "label: sys", r"errors \['sys', 'sys'\] of one value"),
    ("Table_1", ", {low: 2, high: 4, value: 3}", "", "columns of {'E': 1, 'N': 2} rows"),
    ("Table_1", PAGE, PAGE + "---\n" + PAGE, "Table_1.yaml: 2 documents; wanted one"),
    ("Table_1", PAGE, "cut", "TypeError .*; wanted a table of HEPData, whole"),
])
def test_a_damaged_submission_is_refused(tmp_path, file, old, new, message):
    texts = {"submission": RECORD, "Table_1": PAGE}
    assert old in texts[file]
    texts[file] = texts[file].replace(old, new)
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    with pytest.raises(ValueError, match=message):
        hepdata.read(tmp_path)


def test_a_missing_submission_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"submission.yaml: .*submission.yaml"):
        hepdata.read(tmp_path / "nowhere")


def test_nothing_is_written_into():
    table, before = RICH, repr(RICH)
    hepdata._page(table)
    assert repr(table) == before


def test_a_missing_package_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ImportError, match=r'yaml is missing; .* pip install "darkpairs\[export'):
        hepdata.write(tmp_path / "paper", [PLAIN])
