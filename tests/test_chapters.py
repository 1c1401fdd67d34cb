"""Every chapter keeps the shape that a reader may rely on."""

import ast
import re
from pathlib import Path

import pytest

import chapters

ROOT = Path(__file__).resolve().parent.parent
PAGES = chapters.pages(ROOT)
CHAPTERS = chapters.chapters(ROOT)
VISIBLE, HIDDEN = 72, 110  # columns: a desktop page shows 76; hidden code scrolls
FIGURES = r"plt\.(subplots|figure)\(|views\.(event|solid)\(|scenes\.both\("


def code_cells(name):
    book = chapters.notebook(name, chapters.read_text(name))
    return [cell for cell in book.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("name", CHAPTERS)
def test_parts_of_a_chapter(name):
    text = chapters.read_text(name)
    assert "*Where we are:*" in text
    assert re.search(r"^\*\*The question: .*\?\*\*$", text, re.M)
    for part in ("**In:**", "**Out:**", "## In short", "## Exercises", "What is toy here"):
        assert part in text, part
    assert 2 <= len(re.findall(r"^\*\*\d\. ", text, re.M)) <= 4
    assert len(re.findall(r'code_prompt_show: "Solution', text)) == len(
        re.findall(r"^\*\*\d\. ", text, re.M))


@pytest.mark.parametrize("name", CHAPTERS)
def test_parameters_default_to_quick(name):
    book = chapters.notebook(name, chapters.read_text(name))
    assert book.metadata["parameters"]["profile"] == "quick"


@pytest.mark.parametrize("name", CHAPTERS)
def test_code_is_short_plain_and_narrow(name):
    for cell in code_cells(name):
        tags = cell.metadata.get("tags", [])
        shown = not {"hide-input", "remove-cell"} & set(tags)
        lines = cell.source.splitlines()
        where = f"{name}.md:{cell.metadata['md_line']}"
        assert len(lines) <= (20 if shown else 30), where
        assert max(map(len, lines)) <= (VISIBLE if shown else HIDDEN), where
        assert not re.search(r"sys\.path|filterwarnings|import \*|np\.random\.seed", cell.source)


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_figure_has_alt_text(name):
    for cell in code_cells(name):
        if re.search(FIGURES, cell.source):
            alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
            assert len(alt) > 40, f"{name}.md:{cell.metadata['md_line']}: a figure without alt text"


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_solution_asserts_something(name):
    for cell in code_cells(name):
        if "Solution" in cell.metadata.get("mystnb", {}).get("code_prompt_show", ""):
            assert any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(cell.source)))


@pytest.mark.parametrize("name", PAGES)
def test_pictures_in_the_text_have_alt_text(name):
    text = chapters.read_text(name)
    for block in re.findall(r"```\{(?:image|figure)\}.*?```", text, re.S):
        assert re.search(r"^:alt: .{40,}$", block, re.M), block[:60]
    assert not re.search(r"!\[\]\(", text)
