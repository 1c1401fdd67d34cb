"""Sphinx extension: the site shows what papermill ran, and says so at the foot of each page.

`read` gives MyST-NB each chapter with the outputs of its stored execution; it refuses when there is
none, or one of another text, library or data. Then the launch and download links are put right, a
line of provenance ends each page, and the built site is freed of links that fail without a server.
"""

import os
import re
import shutil
from html import escape
from pathlib import Path
from types import SimpleNamespace

import nbformat
from myst_nb.core.read import is_myst_markdown_notebook
from sphinx.errors import ExtensionError

import chapters
import execute
from chapters import ROOT

_NOW = SimpleNamespace(name=None, profile=None, root=ROOT)  # the page that Sphinx is reading
_FONT_PRELOAD = re.compile(r'<link rel="preload" as="font"[^>]*>\s*')
# What the theme and Sphinx leave in the body: settings of a server that we do not use, tables that
# scroll but cannot be reached by keyboard, and a role that ARIA 1.2 took back.
_THEBE = re.compile(r'<script type="text/x-thebe-config">.*?</script>\s*', re.S)
_BODY_MENDS = {'<table class="table': '<table tabindex="0" class="table',
               'role="doc-biblioentry"': 'role="listitem"'}


def remember(app, name, source):
    """Note which page is read next, and that it depends on its execution."""
    _NOW.name, _NOW.profile = name, app.config.darkpairs_profile
    if is_myst_markdown_notebook(source[0]):
        app.env.note_dependency(str(execute.executed_path(name, _NOW.profile)))


def read(text):
    """Return a page as a notebook: a chapter with its outputs, a plain page as one cell."""
    if not is_myst_markdown_notebook(text):
        return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)])
    name, profile, root = _NOW.name, _NOW.profile, _NOW.root
    try:
        if not execute.is_current(name, profile, root):
            raise ExtensionError(
                f"{name}.md: not executed in profile {profile}, or executed from an older text, "
                f"library, data or lock; run: python tools/book.py --profile {profile}")
        page = chapters.notebook(name, text)
    except chapters.ChapterError as error:
        raise ExtensionError(str(error)) from None
    return with_outputs(page, execute.stored(name, profile, root))


def with_outputs(page, done):
    """Put the outputs of an execution into the cells of a page.

    The parameters cell of the text gives way to the one that papermill put behind it, so that the
    page shows the values that were used.
    """
    code = [cell for cell in done.cells if cell.cell_type == "code"]
    injected = [cell for cell in code if "injected-parameters" in cell.metadata.get("tags", [])]
    code = [cell for cell in code if cell not in injected]
    places = [cell.metadata.pop("md_line") - 1 for cell in page.cells]
    for cell in (cell for cell in page.cells if cell.cell_type == "code"):
        ran = code.pop(0)
        if ran.source != cell.source:
            raise ExtensionError(f"the execution holds another cell than the text: {ran.source!r}")
        if "parameters" in cell.metadata.get("tags", []):
            ran = injected[0]
            cell.source = ran.source
        cell.outputs, cell.execution_count = ran.outputs, ran.execution_count
    page.metadata.pop("parameters")
    page.metadata["source_map"] = places
    return page


def finish_page(app, name, template, context, doctree):
    """Point Binder at the notebook, mend the page, and end it with a line of provenance."""
    context["script_files"] = [script for script in context["script_files"]
                               if "THEBE_JS_URL" not in (getattr(script, "attributes", {})
                                                         .get("body") or "")]
    if doctree is None or "body" not in context:
        return
    for group in context.get("header_buttons", []):
        for button in group.get("buttons", []):
            if button.get("text") == "Binder":
                button["url"] = button["url"].removesuffix(".md") + ".ipynb"
    body = _THEBE.sub("", context["body"])
    for old, new in _BODY_MENDS.items():
        body = body.replace(old, new)
    context["body"] = body + f'<p class="provenance">{escape(provenance(app, name))}</p>'


def provenance(app, name):
    """Return the line that says how a page came to be."""
    profile = app.config.darkpairs_profile
    if not is_myst_markdown_notebook(chapters.read_text(name)):
        return f"No code on this page · book at commit {app.config.darkpairs_commit} · {profile}"
    made = execute.stored(name, profile).metadata["execution"]
    return (f"Executed at commit {made['commit']} · profile {made['profile']} · "
            f"seed {made['seed']} · {made['seconds']} s · Python {made['python']}")


def finish_site(app, error):
    """Offer the executed notebooks as they are, and drop preloads that fail from ``file://``."""
    if error is not None or app.builder.name != "html":
        return
    site = Path(app.outdir)
    for name in chapters.chapters():
        shutil.copyfile(execute.executed_path(name, app.config.darkpairs_profile),
                        site / "_sources" / f"{name}.ipynb")
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        lean = _FONT_PRELOAD.sub("", text)
        if lean != text:
            page.write_text(lean, encoding="utf-8")


def setup(app):
    """Connect to Sphinx."""
    app.add_config_value("darkpairs_profile", os.environ.get("DARKPAIRS_PROFILE", "full"), "env")
    app.add_config_value("darkpairs_commit", execute.commit(ROOT), "html")
    app.connect("source-read", remember)
    app.connect("html-page-context", finish_page, priority=950)
    app.connect("build-finished", finish_site)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": False}
