"""The chapters as files: which there are, what each runs, and the key of its execution.

A chapter is a MyST notebook: text with code cells and a ``parameters`` cell. The key names all that
its outputs depend on: its text and parameters, the rooms it imports (transitively, without comments
and docstrings), the data tables, the lock and Python.
"""

import ast
import hashlib
import platform
import re
from functools import cache
from pathlib import Path

import yaml
from jupytext.myst import myst_to_notebook
from myst_nb.core.read import is_myst_markdown_notebook

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "darkpairs"
REQUIRED = {"profile", "seed"}  # what a parameters cell has to assign


class ChapterError(Exception):
    """Something is wrong with a chapter; the message names file and line."""


def pages(root=ROOT):
    """Return the names of all pages in the order of ``_toc.yml``, such as ``book/beam``."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    entries = [toc["root"]]
    for part in toc.get("parts", [toc]):
        entries += [entry["file"] for entry in part["chapters"]]
    return entries


def chapters(root=ROOT):
    """Return the names of the pages that hold code."""
    return [name for name in pages(root) if is_myst_markdown_notebook(read_text(name, root))]


def read_text(name, root=ROOT):
    """Return the text of a page."""
    path = root / f"{name}.md"
    if not path.is_file():
        raise ChapterError(f"{name}.md: listed in _toc.yml, but there is no such file")
    return path.read_text(encoding="utf-8")


def notebook(name, text):
    """Return a chapter as a notebook; each code cell knows the line on which its code starts."""
    try:
        book = myst_to_notebook(text, add_source_map=True)
    except Exception as error:  # the reader's own errors have many types; all name the place
        raise ChapterError(f"{name}.md: cannot be read: {one_line(error)}") from None
    places = book.metadata.pop("source_map")
    lines = text.splitlines()
    for cell, start in zip(book.cells, places, strict=True):
        cell.metadata["md_line"] = start + 1
        if cell.cell_type == "code":
            cell.metadata["md_line"] = _code_line(lines, start, cell.source)
    _check(name, book)
    return book


def _code_line(lines, start, source):
    """Return the 1-based line of the first line of code behind a directive."""
    first = source.split("\n", 1)[0]
    for number in range(start, len(lines)):
        if lines[number] == first and not lines[number].startswith(("```", ":")):
            return number + 1
    return start + 1


def _check(name, book):
    """Refuse syntax errors and a missing parameters cell, in one line each."""
    assigned = None
    for cell in (cell for cell in book.cells if cell.cell_type == "code"):
        line = cell.metadata["md_line"]
        try:
            tree = ast.parse(cell.source)
        except SyntaxError as error:
            raise ChapterError(
                f"{name}.md:{line + (error.lineno or 1) - 1}: syntax error: {error.msg}") from None
        if "parameters" in cell.metadata.get("tags", []):
            assigned = {target.id: node.value for node in tree.body if isinstance(node, ast.Assign)
                        for target in node.targets if isinstance(target, ast.Name)}
    if assigned is None:
        raise ChapterError(f"{name}.md: no cell tagged 'parameters'; wanted one that sets "
                           f"{' and '.join(sorted(REQUIRED))}")
    if not assigned.keys() >= REQUIRED:
        raise ChapterError(f"{name}.md: its parameters cell sets {sorted(assigned)}; wanted "
                           f"{' and '.join(sorted(REQUIRED))}")
    try:
        book.metadata["parameters"] = {key: ast.literal_eval(assigned[key]) for key in REQUIRED}
    except ValueError:
        raise ChapterError(f"{name}.md: its parameters must be plain values") from None


def key(name, profile, root=ROOT):
    """Return the key of one execution of a chapter, 64 hex digits."""
    text = read_text(name, root)
    digest = hashlib.sha256()
    for part in (text, profile, platform.python_version(), _shared_state(root),
                 *sorted(_room_digest(root, room) for room in rooms(name, root))):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()


def rooms(name, root=ROOT):
    """Return the rooms that a chapter imports, directly or through others."""
    book = notebook(name, read_text(name, root))
    todo = set()
    for cell in book.cells:
        if cell.cell_type == "code":
            todo |= imported_rooms(ast.parse(cell.source), root)
    return sorted(with_imports(todo, root))


def with_imports(names, root=ROOT):
    """Return some rooms and all that they import, directly or through others."""
    seen, todo = set(), set(names)
    while todo:
        room = todo.pop()
        seen.add(room)
        todo |= imported_rooms(_tree(root, room), root) - seen
    return seen


def imported_rooms(tree, root=ROOT):
    """Return the rooms that a piece of code imports; a bare ``import darkpairs`` means all."""
    every = {path.stem for path in (root / "lib" / PACKAGE).glob("*.py")}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
            names = names[1:] if node.module == PACKAGE else names
        else:
            continue
        inside = [name for name in names if name.split(".")[0] == PACKAGE]
        found |= every if PACKAGE in inside else {name.split(".")[1] for name in inside} & every
        found |= {"__init__"} & every if inside else set()
    return found


@cache
def _tree(root, room):
    path = root / "lib" / PACKAGE / f"{room}.py"
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise ChapterError(f"{path.name}:{error.lineno}: syntax error: {error.msg}") from None


@cache
def _room_digest(root, room):
    """Digest the syntax tree of a room; comments and docstrings do not count."""
    tree = ast.parse(ast.unparse(_tree(root, room)))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(
                node, clean=False) is not None:
            node.body = node.body[1:]
    return hashlib.sha256(f"{room}\n{ast.dump(tree)}".encode()).hexdigest()


@cache
def _shared_state(root):
    """Digest what every chapter depends on: the lock and the data tables."""
    digest = hashlib.sha256()
    for path in [root / "requirements.lock", *sorted((root / "lib" / PACKAGE / "data").iterdir())]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def one_line(error):
    """Return the words of an error without line breaks."""
    return re.sub(r"\s+", " ", str(error)).strip()
