"""The pipeline of the book: what is run, what is refused, and in which words."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from sphinx.errors import ExtensionError

import book as pipeline
import bookext
import chapters
import execute
import key_numbers

ROOT = Path(__file__).resolve().parent.parent
HEAD = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# A chapter

```{code-cell} python
:tags: [parameters]
profile = "quick"
seed = 7
```
"""
GOOD = HEAD + """
Some words.

```{code-cell} python
from darkpairs import flux
print(profile, seed)
```
"""
RAISING = HEAD + """
Some words.

```{code-cell} python
:tags: [hide-input]

def deep():
    return 1 / 0
```

```{code-cell} python
x = 1
deep()
```
"""


@pytest.fixture
def tiny(tmp_path):
    """A book of three chapters on a copy of the library."""
    shutil.copytree(ROOT / "lib", tmp_path / "lib", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "requirements.lock", tmp_path)
    book = tmp_path / "book"
    book.mkdir()
    (book / "index.md").write_text("# A book\n\nNo code.\n")
    (book / "good.md").write_text(GOOD)
    (book / "plain.md").write_text(HEAD)
    (tmp_path / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nchapters:\n- file: book/good\n- file: book/plain\n")
    clear_caches()
    yield tmp_path
    clear_caches()


def clear_caches():
    for function in (chapters._tree, chapters._room_digest, chapters._shared_state):
        function.cache_clear()


def key(root, name="book/good", profile="quick"):
    clear_caches()
    return chapters.key(name, profile, root)


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_pages_and_chapters(tiny):
    assert chapters.pages(tiny) == ["book/index", "book/good", "book/plain"]
    assert chapters.chapters(tiny) == ["book/good", "book/plain"]
    assert chapters.rooms("book/good", tiny) == [
        "__init__", "_jit", "batches", "constants", "detector", "flux", "kinematics", "rng",
        "tables"]
    assert chapters.rooms("book/plain", tiny) == []


def test_the_key_ignores_comments_docstrings_and_rooms_of_others(tiny):
    before, library = key(tiny), tiny / "lib" / "darkpairs"
    edit(library / "flux.py", "import numpy as np", "import numpy as np  # the array library")
    edit(library / "flux.py", '"""Return neutrinos per cm² after', '"""Give neutrinos after')
    edit(library / "show.py", "GREY = ", "# a colour\nGREY = ")
    edit(library / "likelihood.py", "gain @ cross.T", "gain @ cross.T * 2")
    assert key(tiny) == before


@pytest.mark.parametrize("change", [
    lambda root: edit(root / "lib/darkpairs/flux.py", "pot * integral", "2 * pot * integral"),
    lambda root: edit(root / "lib/darkpairs/constants.py", "39.948", "39.95"),  # through detector
    lambda root: edit(root / "lib/darkpairs/data/miniboone_nue.csv", "732", "733"),
    lambda root: edit(root / "requirements.lock", "numpy==", "numpy== "),
    lambda root: edit(root / "book/good.md", "Some words", "Other words"),
    lambda root: edit(root / "book/good.md", "seed = 7", "seed = 8"),
])
def test_the_key_sees_what_the_outputs_depend_on(tiny, change):
    before, other = key(tiny), key(tiny, "book/plain")
    change(tiny)
    assert key(tiny) != before
    if not (tiny / "lib/darkpairs/data/miniboone_nue.csv").read_text().count("733"):
        same = "numpy== " not in (tiny / "requirements.lock").read_text()
        assert (key(tiny, "book/plain") == other) == same


def test_the_key_names_the_profile(tiny):
    assert key(tiny, profile="quick") != key(tiny, profile="full")


@pytest.mark.parametrize(("text", "message"), [
    (GOOD.replace("print(profile, seed)", "print(profile, seed"),
     r"book/good.md:24: syntax error: '\(' was never closed"),
    (GOOD.replace(":tags: [parameters]\n", ""),
     r"book/good.md: no cell tagged 'parameters'; wanted one that sets profile and seed"),
    (GOOD.replace("seed = 7\n", ""),
     r"book/good.md: its parameters cell sets \['profile'\]; wanted profile and seed"),
    (GOOD.replace("seed = 7\n", "seed = abs(7)\n"), "its parameters must be plain values"),
    (GOOD.replace("display_name: Python 3", "display_name: [Python"), "book/good.md: cannot be"),
])
def test_bad_chapters_are_refused_in_one_line(tiny, text, message):
    (tiny / "book" / "good.md").write_text(text)
    failures = execute.run_all("quick", ["book/good"], tiny, say=lambda *_, **__: None)
    assert len(failures) == 1
    assert "\n" not in failures[0]
    assert re.search(message, failures[0]), failures[0]


def test_a_page_that_the_toc_lists_has_to_exist(tiny):
    (tiny / "book" / "good.md").unlink()
    with pytest.raises(chapters.ChapterError, match=r"book/good.md: listed in _toc.yml"):
        chapters.chapters(tiny)


def test_a_raising_cell_is_named_and_the_others_run(tiny):
    (tiny / "book" / "good.md").write_text(RAISING)
    lines = []
    failures = execute.run_all("quick", None, tiny, say=lambda text, **_: lines.append(text))
    assert failures == ["book/good.md:31: cell 3 [In 4] ZeroDivisionError: division by zero"]
    assert lines[0] == "chapters: 2 in profile quick, 2 to run"
    assert sum("FAILED" in line for line in lines) == 1
    assert execute.stored("book/good", "quick", tiny) is None
    assert execute.is_current("book/plain", "quick", tiny)

    (tiny / "book" / "good.md").write_text(GOOD)
    clear_caches()
    assert execute.run_all("quick", None, tiny, say=lambda *_, **__: None) == []
    done = execute.stored("book/good", "quick", tiny)
    made = done.metadata["execution"]
    assert (made["profile"], made["seed"]) == ("quick", 7)
    assert made["seconds"] > 0
    assert str(tiny) not in nbformat.writes(done)
    folder = execute.executed_path("book/good", "quick", tiny).parent
    assert sorted(path.name for path in folder.iterdir()) == ["good.ipynb", "plain.ipynb"]
    again = []
    execute.run_all("quick", None, tiny, say=lambda text, **_: again.append(text))
    assert again == ["chapters: 2 in profile quick, 0 to run"]


def test_a_cell_that_complains_is_named(tiny):
    warning = GOOD + "\n```{code-cell} python3\nimport sys\n\nsys.stderr.write('Ouch')\n```\n"
    (tiny / "book" / "good.md").write_text(warning)
    failures = execute.run_all("quick", ["book/good"], tiny, say=lambda *_, **__: None)
    assert len(failures) == 1
    assert re.fullmatch(r"book/good.md:\d+: complained: Ouch", failures[0])
    assert execute.stored("book/good", "quick", tiny) is None


def fake_execution(root, name, profile, text):
    """Store an execution of a text, as papermill would leave it."""
    book = chapters.notebook(name, text)
    for count, cell in enumerate(cell for cell in book.cells if cell.cell_type == "code"):
        cell.outputs = [nbformat.v4.new_output("stream", text=f"output {count}\n")]
    place = next(i for i, cell in enumerate(book.cells) if "parameters" in cell.metadata.get(
        "tags", [])) + 1
    injected = nbformat.v4.new_code_cell(f'# Parameters\nprofile = "{profile}"\nseed = 7',
                                         metadata={"tags": ["injected-parameters"]})
    book.cells.insert(place, injected)
    book.metadata.pop("parameters")
    book.metadata["execution"] = {"key": key(root, name, profile), "profile": profile, "seed": 7,
                                  "seconds": 1.0, "commit": "abc", "python": "3"}
    path = execute.executed_path(name, profile, root)
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(book, path)


@pytest.fixture
def reading(tiny, monkeypatch):
    """Let the extension read ``book/good`` of the tiny book, in profile full."""
    monkeypatch.setattr(bookext, "_NOW",
                        SimpleNamespace(name="book/good", profile="full", root=tiny))
    return tiny


def test_the_page_shows_outputs_and_the_parameters_that_were_used(reading):
    fake_execution(reading, "book/good", "full", GOOD)
    code = [cell for cell in bookext.read(GOOD).cells if cell.cell_type == "code"]
    assert [cell.outputs[0].text for cell in code[1:]] == ["output 1\n"]
    assert 'profile = "full"' in code[0].source
    assert "quick" not in code[0].source
    assert len(code) == 2


def test_missing_stale_and_other_executions_are_refused(reading):
    with pytest.raises(ExtensionError, match=r"good.md: not executed in profile full"):
        bookext.read(GOOD)
    fake_execution(reading, "book/good", "quick", GOOD)
    with pytest.raises(ExtensionError, match="not executed in profile full"):
        bookext.read(GOOD)
    fake_execution(reading, "book/good", "full", GOOD)
    edit(reading / "lib/darkpairs/flux.py", "pot * integral", "3 * pot * integral")
    clear_caches()
    with pytest.raises(ExtensionError, match="executed from an older text, library, data or lock"):
        bookext.read(GOOD)


def test_a_cut_execution_counts_as_none(reading):
    fake_execution(reading, "book/good", "full", GOOD)
    path = execute.executed_path("book/good", "full", reading)
    path.write_text(path.read_text()[:-200])
    with pytest.raises(ExtensionError, match="not executed in profile full"):
        bookext.read(GOOD)


def test_plain_pages_pass_through():
    assert bookext.read("# Words\n").cells[0].source == "# Words\n"


REFERENCE = {"beam": {"mean": {"source": "here", "quick": {"value": 1.0, "tolerance": 0.1},
                               "full": {"value": 2.0, "tolerance": 0.1}},
                      "sum": {"source": "there", "both": {"value": 5.0, "tolerance": 0}}}}


def test_key_numbers_are_compared_by_name_and_profile():
    good = {"beam": {"mean": 1.05, "sum": 5.0}}
    assert key_numbers.compare(good, "quick", REFERENCE) == []
    assert key_numbers.compare(good, "full", REFERENCE) == [
        "beam.mean: moved to 1.05; reference 2.0 ± 0.1 (here)"]
    assert key_numbers.compare({"beam": {"sum": float("nan"), "mean": 1.0, "new": 3.0}}, "quick",
                               REFERENCE) == [
        "beam.sum: moved to nan; reference 5.0 ± 0 (there)", "beam.new: new, 3; no reference yet"]
    assert key_numbers.compare({"beam": {"mean": 1.0}}, "quick", REFERENCE) == [
        "beam.sum: gone; reference 5.0"]
    assert key_numbers.compare({}, "quick", REFERENCE) == [
        "beam: in the reference, but no such chapter"]


def test_glued_numbers_are_found_in_full_precision():
    bundle = {"application/papermill.record/text/plain": "0.33", key_numbers.MIME: {"value": 1 / 3}}
    output = nbformat.v4.new_output("display_data", data=bundle,
                                    metadata={"scrapbook": {"name": "third"}})
    cell = nbformat.v4.new_code_cell("glue()", outputs=[output])
    assert key_numbers.glued(nbformat.v4.new_notebook(cells=[cell])) == {"third": 1 / 3}


def test_an_unknown_profile_is_refused_at_the_command_line():
    done = subprocess.run([sys.executable, ROOT / "tools" / "book.py", "--profile", "medium"],
                          capture_output=True, text=True)
    assert done.returncode == 2
    assert "unknown profile 'medium'; wanted one of quick, full" in done.stderr


@pytest.mark.parametrize(("current", "rooms", "made"), [
    ([], {"samples"}, True), (["book/b"], {"samples"}, False), ([], {"chain"}, False)])
def test_samples_are_made_when_a_chapter_that_is_to_run_loads_some(monkeypatch, capsys, current,
                                                                    rooms, made):
    """Of two chapters, one takes some."""
    calls = []
    monkeypatch.setattr(pipeline.chapters, "chapters", lambda: ["book/a", "book/b"])
    monkeypatch.setattr(pipeline.chapters, "rooms", {"book/a": set(), "book/b": rooms}.get)
    monkeypatch.setattr(pipeline.execute, "is_current", lambda name, profile: name in current)
    monkeypatch.setattr(pipeline.samples, "produce", lambda *words: calls.append(words) or [])
    pipeline.prepare("quick")
    assert calls == [(pipeline.samples.home(), pipeline.plans.plan("quick"))] * made
    assert ("samples: 0 events" in capsys.readouterr().out) == made
