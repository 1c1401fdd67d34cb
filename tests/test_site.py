"""The built site: whole, offline, the same run on page and foot, and open to every reader."""

import json
import re
import shutil
import sys
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe

import browser
import chapters
from chapters import ROOT

pytestmark = pytest.mark.browser

SIZES = {"desktop": (1280, 900), "phone": (360, 800)}
EXECUTED = ROOT / "_build" / "executed"
# Rules of axe that the theme breaks, where it does, and why that is left alone.
ALLOWED = {
    "region": (".sidebar-primary-item", "the theme puts the book's name outside its landmarks"),
}
# Preloading would fetch style sheets anew, from addresses that axe gets wrong.
AXE = {"resultTypes": ["violations"], "preload": False}
# Open what is folded, as a reader would, and wait for formulas, fonts and motion to end.
SETTLE = """async () => {
    document.querySelectorAll("details").forEach(fold => { fold.open = true; });
    document.querySelectorAll(".toggle-hidden").forEach(
        fold => fold.classList.remove("toggle-hidden"));
    await window.MathJax?.startup?.promise;
    await document.fonts.ready;
    document.getAnimations()
        .filter(motion => motion.effect.getComputedTiming().endTime < Infinity)
        .forEach(motion => motion.finish());
}"""
LOOK = """() => {
    const text = (nodes, tell) => [...nodes].map(tell);
    const short = node => node.outerHTML.slice(0, 160);
    return {
        "formula not drawn": text(document.querySelectorAll(".math"), node =>
            node.querySelector("mjx-container") ? "" : short(node)),
        "formula with an error": text(document.querySelectorAll("[data-mjx-error]"), node =>
            node.dataset.mjxError),
        "image without alt text": text(document.querySelectorAll("article img"), node =>
            (node.getAttribute("alt") ?? "").trim() ? "" : short(node)),
        "page wider than the window": text([document.documentElement], node =>
            node.scrollWidth > window.innerWidth ? `${node.scrollWidth} px` : ""),
    };
}"""


# A page in the browser


def visit(chromium, base, name, size, axe=False):
    """Open a page of a site and return all that is wrong with it."""
    width, height = SIZES[size]
    with chromium.new_context(viewport={"width": width, "height": height}) as context:
        page = context.new_page()
        findings = browser.watch(page, base)
        page.goto(f"{base}{name}.html")
        page.evaluate(SETTLE)
        for what, cases in page.evaluate(LOOK).items():
            findings += [f"{what}: {case}" for case in cases if case]
        return findings + (barriers(page) if axe else [])


def barriers(page):
    """Return what keeps readers out, by axe's rules, without what the theme is known to do."""
    found = [(rule["id"], str(node["target"][0]), node["html"][:160])
             for rule in Axe().run(page, options=AXE).response["violations"]
             for node in rule["nodes"]]
    return [f"axe {rule}: {target}: {html}" for rule, target, html in found
            if not (rule in ALLOWED and target.startswith(ALLOWED[rule][0]))]


def search(chromium, base, word):
    """Search the site for a word; return the addresses found and all that went wrong."""
    with chromium.new_context() as context:
        page = context.new_page()
        findings = browser.watch(page, base)
        page.goto(f"{base}search.html?q={word}")
        page.get_by_text("Search finished").wait_for(timeout=10_000)
        page.wait_for_load_state("networkidle")  # the excerpts below the links
        links = page.locator("#search-results li a").all()
        return [link.get_attribute("href") for link in links], findings


@pytest.fixture(scope="module")
def bases(site):
    """Give the two addresses of the site: as files and from a server."""
    with browser.serve(site) as address:
        yield {"file": f"{site.as_uri()}/", "http": address}


@pytest.mark.parametrize(("scheme", "size"), [
    ("file", "phone"), *(("http", size) for size in SIZES)])  # the way it is laid out is the same
@pytest.mark.parametrize("name", [*chapters.pages(), "search"])
def test_a_page_opens_without_a_fault(chromium, bases, name, scheme, size):
    findings = visit(chromium, bases[scheme], name, size, axe=scheme == "http")
    assert not findings, "\n".join(findings)


@pytest.mark.parametrize("scheme", ["file", "http"])
def test_search_finds_a_chapter(chromium, bases, scheme):
    hits, findings = search(chromium, bases[scheme], "covariance")
    assert any("book/anomaly.html" in hit for hit in hits)
    if scheme == "file":  # a script may not read files: no excerpts, and loud words about it
        findings = [line for line in findings if line.startswith("outside request")]
    assert not findings, "\n".join(findings)


def test_the_bare_address_leads_to_the_first_page(chromium, bases):
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(bases["http"])
        page.wait_for_url(f"{bases['http']}{chapters.pages()[0]}.html", timeout=10_000)


# The files of the site


def pages_of(site):
    """Return all pages of a site; the theme's templates are none."""
    return [path for path in sorted(site.rglob("*.html"))
            if "_static" not in path.relative_to(site).parts]


def broken_links(site):
    """Return the links of all pages that lead nowhere inside the site."""
    trees = {path: browser.soup(path) for path in pages_of(site)}
    marks = {path: {tag["id"] for tag in tree.select("[id]")} for path, tree in trees.items()}
    findings = []
    for path, tree in trees.items():
        links = {tag[key] for key in ("href", "src") for tag in tree.select(f"[{key}]")}
        links |= {tag["content"].partition("url=")[2]
                  for tag in tree.select("meta[http-equiv=Refresh]")}
        findings += [f"{path.relative_to(site)}: {link}: {fault}" for link in sorted(links)
                     if (fault := _fault(site, path, link, marks))]
    return findings


def _fault(site, path, link, marks):
    """Return what is wrong with a link of a page, or None."""
    parts = urlsplit(link)
    if parts.scheme in ("http", "https", "mailto", "data"):
        return None
    if parts.scheme or parts.netloc or parts.path.startswith("/"):
        return "not relative"
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_relative_to(site) or not target.is_file():
        return "no such file"
    if parts.fragment and target in marks and unquote(parts.fragment) not in marks[target]:
        return "no such place on that page"
    return None


def ran_as(executed, name, foot):
    """Return where the execution lies that the foot of a chapter names."""
    profile = (re.findall(r"profile (\w+)", foot) or ["of no name"])[0]
    return executed / profile / f"{name}.ipynb"


def foot_faults(site, executed, name):
    """Return what is wrong with the line of provenance, and with the parameters above it."""
    article = browser.soup(site / f"{name}.html").select_one("article")
    last = article.find_all(recursive=False)[-1]
    if "provenance" not in last.get("class", []):
        return [f"the page ends with <{last.name}>, not with its provenance"]
    foot = last.get_text()
    if name not in chapters.chapters():
        good = re.search(r"at commit \w+(\+changes)? .*\b(quick|full)$", foot)
        return [] if good else [f"foot of a plain page: {foot}"]
    path = ran_as(executed, name, foot)
    if not path.is_file():
        return [f"no execution of that profile: {foot}"]
    ran = json.loads(path.read_text(encoding="utf-8"))
    made = ran["metadata"]["execution"]
    wanted = (f"commit {made['commit']}", f"profile {made['profile']}", f"seed {made['seed']}",
              f"{made['seconds']} s")
    told = foot.removeprefix("Executed at ").split(" · ")
    return ([f"missing at the foot: {part}" for part in wanted if part not in told]
            + parameter_faults(article, ran, made["profile"]))


def parameter_faults(article, ran, profile):
    """Return a finding where the shown parameters are not those of the execution and the foot."""
    shown = [cell.get_text().strip() for cell in article.select(".cell.tag_parameters pre")]
    used = ["".join(cell["source"]).strip() for cell in ran["cells"]
            if "injected-parameters" in cell["metadata"].get("tags", [])]
    if shown != used or len(used) != 1:
        return [f"the page shows the parameters {shown}, the run had {used}"]
    if re.findall(r"^profile = (.*)$", shown[0], re.MULTILINE) != [f'"{profile}"']:
        return [f"the foot says profile {profile}, the parameters {shown[0]!r}"]
    return []


def button_faults(site, name):
    """Return what is wrong with the launch, edit and download links of a page."""
    found = browser.buttons(site, name)
    wanted = {"Suggest edit": f"/edit/main/{name}.md", ".md": f"_sources/{name}.md"}
    if name in chapters.chapters():
        wanted |= {"Binder": f"urlpath=lab/tree/{name}.ipynb", ".ipynb": f"_sources/{name}.ipynb"}
    findings = [f"{label}: {found.get(label)}, wanted …{end}" for label, end in wanted.items()
                if not found.get(label, "").endswith(end)]
    findings += [f"{label} on a plain page" for label in ("Binder", ".ipynb")
                 if label in found and label not in wanted]
    findings += [f"{label}: no file {found[label]}" for label in (".md", ".ipynb")
                 if label in found and not (site / f"{name}.html").parent.joinpath(
                     found[label]).is_file()]
    return findings


def notebook_faults(site, executed, name):
    """Return what is wrong with the notebook that a chapter offers for download."""
    text = (site / "_sources" / f"{name}.ipynb").read_text(encoding="utf-8")
    foot = browser.soup(site / f"{name}.html").select_one(".provenance").get_text()
    if text != ran_as(executed, name, foot).read_text(encoding="utf-8"):
        return ["not the execution that the page shows"]
    book = json.loads(text)
    code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    outputs = [output for cell in code for output in cell["outputs"]]
    findings = [] if outputs else ["no outputs"]
    findings += [f"not executed: {''.join(cell['source'])[:60]!r}" for cell in code
                 if cell["execution_count"] is None]
    for output in outputs:  # letters of an encoded picture may spell anything
        output.get("data", {}).pop("image/png", None)
    return findings + places_in(json.dumps(book, ensure_ascii=False))


def places_in(text):
    """Return the folders of this machine that a text names."""
    folders = {str(ROOT), str(Path.home()), tempfile.gettempdir(), sys.prefix}
    return [f"names a folder of this machine: {folder}" for folder in sorted(folders)
            if re.search(rf"(?<![\w.]){re.escape(folder)}[/\\]", text)]


def test_links_inside_the_site_lead_somewhere(site):
    findings = broken_links(site)
    assert not findings, "\n".join(findings)


@pytest.mark.parametrize("name", chapters.pages())
def test_the_foot_tells_how_the_page_was_made(site, name):
    assert foot_faults(site, EXECUTED, name) == []


def test_all_pages_show_one_profile(site):
    feet = [browser.soup(site / f"{name}.html").select_one(".provenance").get_text()
            for name in chapters.pages()]
    assert len({re.search("quick|full", foot)[0] for foot in feet}) == 1


@pytest.mark.parametrize("name", chapters.pages())
def test_launch_edit_and_download_links(site, name):
    assert button_faults(site, name) == []


@pytest.mark.parametrize("name", chapters.chapters())
def test_the_notebook_for_download_is_the_run(site, name):
    assert notebook_faults(site, EXECUTED, name) == []


@pytest.mark.parametrize("name", chapters.pages())
def test_no_page_names_a_folder_of_this_machine(site, name):
    assert places_in((site / f"{name}.html").read_text(encoding="utf-8")) == []


# The checks themselves, on broken copies

DOCTORED = {
    '<img src="https://example.invalid/a.png" alt="a">': "outside request: https://example.invalid",
    '<img src="lost.png" alt="lost">': "status 404: http",
    '<img src="../_static/file.png">': 'image without alt text: <img src="../_static/file.png"',
    '<script>throw new Error("thrown")</script>': "script error: thrown",
    '<script>console.error("said")</script>': "console error: said",
    '<span class="math">bare</span>': 'formula not drawn: <span class="math">bare',
    '<span class="math tex2jax_process">\\(\\frac\\)</span>': "formula with an error: ",
    '<p style="width: 3000px">wide</p>': "page wider than the window: 3",
    '<p style="color: #999; background: #fff">pale</p>': "axe color-contrast: ",
}


@pytest.fixture
def copy(site, tmp_path):
    """Give a copy of the site that a test may break."""
    return shutil.copytree(site, tmp_path / "html")


def rewrite(path, old, new):
    """Replace a part of a page that must be there."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_doctored_page_is_caught_in_the_browser(chromium, copy):
    rewrite(copy / "book" / "beam.html", "</article>", f"{''.join(DOCTORED)}</article>")
    with browser.serve(copy) as base:
        findings = visit(chromium, base, "book/beam", "phone", axe=True)
    missed = [case for case, finding in DOCTORED.items()
              if not any(line.startswith(finding) for line in findings)]
    assert missed == []


@pytest.mark.parametrize(("check", "old", "new", "finding"), [
    (broken_links, 'href="anomaly.html"', 'href="lost.html"', "no such file"),
    (broken_links, 'href="#in-short"', 'href="#lost"', "no such place"),
    (broken_links, 'href="anomaly.html"', 'href="/book/anomaly.html"', "not relative"),
    (button_faults, "book/beam.ipynb", "book/beam.md", "Binder: "),
    (button_faults, "_sources/book/beam.md", "_sources/book/lost.md", ".md: no file"),
    (button_faults, "/edit/main/", "/blob/main/", "Suggest edit: "),
    (foot_faults, '<p class="provenance">', "<p>", "not with its provenance"),
    (foot_faults, "· seed 1 ·", "·", "missing at the foot: seed"),
    (foot_faults, '<span class="s2">"', '<span class="s2">"un', "the page shows the parameters"),
    (foot_faults, "profile ", "profile un", "no execution of that profile"),
])
def test_a_doctored_page_is_caught_in_the_files(copy, check, old, new, finding):
    def findings():
        rest = {broken_links: (), button_faults: ("book/beam",),
                foot_faults: (EXECUTED, "book/beam")}[check]
        return [line for line in check(copy, *rest) if finding in line]

    assert findings() == []
    rewrite(copy / "book" / "beam.html", old, new)
    assert findings() != []


@pytest.mark.parametrize(("old", "new", "finding"), [
    ('"execution_count": 3', '"execution_count": null', "not executed: "),
    ("The beam", f"{ROOT}/book", "names a folder of this machine: "),
])
def test_a_doctored_notebook_is_caught(copy, tmp_path, old, new, finding):
    foot = browser.soup(copy / "book" / "beam.html").select_one(".provenance").get_text()
    ran = shutil.copytree(EXECUTED, tmp_path / "executed")
    rewrite(copy / "_sources" / "book" / "beam.ipynb", old, new)
    assert notebook_faults(copy, ran, "book/beam") == ["not the execution that the page shows"]
    rewrite(ran_as(ran, "book/beam", foot), old, new)
    assert any(line.startswith(finding) for line in notebook_faults(copy, ran, "book/beam"))


def test_where_the_browser_is_required_a_skip_is_a_failure(monkeypatch):
    monkeypatch.delenv("DARKPAIRS_REQUIRE_BROWSER", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no such thing"):
        browser.unavailable("no such thing")
    monkeypatch.setenv("DARKPAIRS_REQUIRE_BROWSER", "1")
    with pytest.raises(pytest.fail.Exception, match="no such thing"):
        browser.unavailable("no such thing")
