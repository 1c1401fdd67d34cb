"""Tables: what was written is read back bit for bit; whatever is damaged is refused."""

import numpy as np
import pytest

from darkpairs import tables


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "case.csv"
    tables.write(path, {"low": [0, 0.1], "high": [0.1, 1 / 3]}, title="A case", source="a test")
    return path


def test_round_trip_is_exact(tmp_path):
    scales = 10.0 ** np.arange(-15, 15, 0.15)[:, None]
    numbers = np.random.default_rng(1).normal(size=(200, 3)) * scales
    columns = dict(zip("abc", numbers.T, strict=True))
    tables.write(tmp_path / "many.csv", columns, title="Many", source="dice")
    back = tables.read(tmp_path / "many.csv")
    assert (back.matrix() == numbers).all()
    assert back.about["source"] == "dice"
    assert list(back.columns) == ["a", "b", "c"]


@pytest.mark.parametrize("damage", [
    lambda text: text[:-3],  # cut short inside the last number
    lambda text: text[: text.rindex("0.1,")],  # the last line lost
    lambda text: text.replace("0.1,", "0.7,"),  # a digit changed
    lambda text: text.replace("low,high", "high,low"),  # columns swapped
    lambda text: text[: text.index("low")],  # only the header left
])
def test_damage_is_refused(table, damage):
    table.write_text(damage(table.read_text()))
    with pytest.raises(ValueError, match=r"case.csv: damaged, cut short or edited"):
        tables.read(table)


def resealed(table, old, new):
    """Change a table and give it a valid checksum, so that later checks are reached."""
    lines = table.read_text().replace(old, new).splitlines()
    body = [line for line in lines if not line.startswith("#")]
    head = [line for line in lines if line.startswith("#") and "checksum" not in line]
    table.write_text("\n".join([*head, f"# checksum: {tables._seal(body)}", *body]) + "\n")


@pytest.mark.parametrize(("old", "new", "message"), [
    ("0,0.1\n", "0,0.1,5\n", r"line '0,0.1,5' has 3 fields, not 2"),
    ("0,0.1\n", "0,west\n", r"line '0,west': could not convert string to float"),
    ("# rows: 2", "# rows: 3", r"has 2 rows; its header says 3"),
])
def test_broken_lines_are_named(table, old, new, message):
    resealed(table, old, new)
    with pytest.raises(ValueError, match=message):
        tables.read(table)


def test_missing_header_missing_file_and_binary_are_refused(table, tmp_path):
    table.write_text("low,high\n0,1\n")
    with pytest.raises(ValueError, match=r"header lacks title, source, rows, checksum"):
        tables.read(table)
    with pytest.raises(ValueError, match=r"no table 'nowhere.csv'"):
        tables.read("nowhere.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"binary.csv: not a text file"):
        tables.read(tmp_path / "binary.csv")


def test_unknown_column_is_refused_with_the_known_ones(table):
    with pytest.raises(ValueError, match=r"no column 'middle'; there are low, high"):
        tables.read(table)["middle"]


def test_columns_are_read_only(table):
    with pytest.raises(ValueError, match="read-only"):
        tables.read(table)["low"][0] = 1


@pytest.mark.parametrize(("columns", "message"), [
    ({"a": [1, 2], "b": [1]}, "wanted one length"),
    ({"a": [1, np.inf]}, "finite numbers only"),
])
def test_what_is_no_table_is_not_written(tmp_path, columns, message):
    with pytest.raises(ValueError, match=message):
        tables.write(tmp_path / "bad.csv", columns, title="Bad", source="a test")
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(table, monkeypatch):
    before = table.read_text()

    def fail(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(tables.os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        tables.write(table, {"low": [7]}, title="New", source="a test")
    assert table.read_text() == before
    assert list(table.parent.iterdir()) == [table]


@pytest.mark.parametrize("path", sorted(tables.DATA.glob("*.csv")), ids=lambda path: path.name)
def test_every_table_of_the_package_is_whole_and_names_its_source(path):
    table = tables.read(path.name)
    assert len(table.about["title"]) > 10
    assert "arXiv" in table.about["source"] or "doi:" in table.about["source"]
    assert table.about["units"]
    assert np.isfinite(table.matrix()).all()
