"""The mutants: each can be applied, names its tests, and is tried as the tool says.

The tool itself runs here on a project of one room with one law.
"""

import ast
import shutil
from functools import cache
from pathlib import Path

import pytest

import mutants
from darkpairs._jit import seen_by, source_digest

LISTED = mutants.listed()
LAW = {"law": "two and two", "file": "lib/sums.py", "line": "return x + y",
       "tests": ["tests/test_sums.py::test_sum"]}


@cache
def names_in(path):
    tree = ast.parse((mutants.ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_each_line_stands_once_in_its_file():
    assert list(mutants.misplaced(LISTED)) == []
    for mutant in LISTED:
        assert mutant["line"] != mutant["becomes"], mutant["law"]


def test_each_mutant_is_another():
    assert len({(one["file"], one["line"], one["becomes"]) for one in LISTED}) == len(LISTED)


def test_each_mutant_names_tests_that_exist():
    for mutant in LISTED:
        assert mutant["tests"], mutant["law"]
        for test in mutant["tests"]:
            path, _, name = test.partition("::")
            assert name.partition("[")[0] in names_in(path), test


def test_lines_that_are_gone_are_all_named(monkeypatch):
    gone = [{"file": "lib/darkpairs/rng.py", "line": "no such line"},
            {"file": "lib/darkpairs/no_room.py", "line": "return"}]
    monkeypatch.setattr(mutants, "listed", lambda: [*LISTED, *gone])
    with pytest.raises(SystemExit, match=r"no such line.*0 times(.|\n)*no_room.py.*0 times"):
        mutants.main([])


def test_changed_files_come_first_and_the_commit_turns_the_rest():
    files = [{"file": name} for name in "abcde"]
    turned = mutants.ordered(files, "0000000d" + 32 * "0", {"b", "d"})
    assert "".join(mutant["file"] for mutant in turned) == "dbeac"
    assert mutants.ordered(files, "", set()) == files
    firsts = {mutants.ordered(files, f"{k:08x}", set())[0]["file"] for k in range(5)}
    assert firsts == set("abcde")


def test_what_was_broken_is_whole_again_with_its_time(tmp_path):
    package = tmp_path / mutants.PACKAGE
    shutil.copytree(mutants.ROOT / mutants.PACKAGE, package,
                    ignore=shutil.ignore_patterns("__pycache__", "data"))
    room = package / "nucleus.py"
    before, time = room.read_text(), room.stat().st_mtime_ns
    mutant = next(one for one in LISTED if one["file"].endswith("nucleus.py"))
    digests = {name: source_digest(seen_by(name, package), package)
               for name in ("rng", "kinematics", "detector", "nucleus", "upscatter", "signal")}
    with mutants.broken(tmp_path, mutant):
        assert room.read_text() == before.replace(mutant["line"], mutant["becomes"]) != before
        seen = {name for name, digest in digests.items()
                if source_digest(seen_by(name, package), package) != digest}
    assert seen == {"nucleus", "upscatter", "signal"}
    assert (room.read_text(), room.stat().st_mtime_ns) == (before, time)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of one law, on which the tool runs; call it with what each mutant becomes."""
    for name, text in (("lib/sums.py", "def add(x, y):\n    return x + y\n"),
                       ("tests/test_sums.py", "import sums\n\n\ndef test_sum():\n"
                                              "    assert sums.add(2, 2) == 4\n")):
        Path(tmp_path, name).parent.mkdir()
        Path(tmp_path, name).write_text(text)
    monkeypatch.setattr(mutants, "ROOT", tmp_path)
    monkeypatch.setattr(mutants, "COPIED", ("lib", "tests"))
    monkeypatch.setattr(mutants, "WORKERS", 1)
    monkeypatch.setattr(mutants, "git", lambda *words: "")

    def run(*become, options=()):
        monkeypatch.setattr(mutants, "listed", lambda: [LAW | {"becomes": each} for each in become])
        return mutants.main(options)

    return run


def test_verdicts(project, capsys):
    assert project("return x - y", "return x * y") == 1
    killed, alive, total = capsys.readouterr().out.splitlines()
    assert killed.startswith("killed  lib/sums.py: two and two  (")
    assert alive.startswith("ALIVE   lib/sums.py: two and two  (")
    assert total == "mutants: 1 of 2 killed"


def test_who_runs_for_ever_is_killed_by_the_clock(project, monkeypatch, capsys):
    monkeypatch.setattr(mutants, "LIMIT", 1)
    assert project("while True:\n        pass") == 0
    assert capsys.readouterr().out.splitlines()[0].endswith(" s, by the clock)")


def test_without_time_one_is_tried_and_the_rest_is_told(project, capsys):
    assert project("return x - y", "return x * y", options=["--minutes", "0"]) == 0
    assert capsys.readouterr().out.endswith(
        "mutants: 1 of 1 killed; 1 left for `make mutants`\n")


def test_what_cannot_be_judged_is_refused(project, monkeypatch):
    with pytest.raises(SystemExit, match="pytest could not run"):
        project("return x +")
    wrong = mutants.ROOT / "tests" / "test_sums.py"
    wrong.write_text(wrong.read_text().replace("== 4", "== 5"))
    with pytest.raises(SystemExit, match="some fail before anything is broken"):
        project("return x - y")
