"""What the tests in a browser share: Chromium, a server for a folder, and a watch over a page.

The checks built on it return findings, one line each; no findings, nothing wrong. They take the
folder or the address of a site, so that a test can give them a broken copy and see them complain.
"""

import contextlib
import functools
import os
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",  # root has none; only our own pages are opened
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--no-first-run",
    "--no-pings",
    # Nothing but this machine has an address: a request to the outside fails, and is reported.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def unavailable(reason):
    """Skip the test; fail it where the environment says that the browser tests must run."""
    if os.environ.get("DARKPAIRS_REQUIRE_BROWSER") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@contextlib.contextmanager
def chromium():
    """Start the system's Chromium without a window, and end it."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        unavailable("no Chromium on this machine: install chromium or google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def built_site():
    """Return the folder of the built site."""
    site = ROOT / "_build" / "html"
    if not (site / "index.html").is_file():
        unavailable("no site in _build/html: run make book first")
    return site


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serve(folder):
    """Serve a folder to this machine only, and give its address."""
    handler = functools.partial(_Quiet, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def watch(page, base):
    """Return a list that grows with each thing that goes wrong on a page from now on."""
    findings = []

    def note(what, text):
        findings.append(f"{what}: {' '.join(str(text).split())}")

    def request(sent):
        if not sent.url.startswith((base, "data:", "blob:")):
            note("outside request", sent.url)

    def response(got):
        if got.status >= 400:
            note(f"status {got.status}", got.url)

    def console(message):
        if message.type == "error":
            note("console error", f"{message.text} at {message.location['url']}")

    page.on("request", request)
    page.on("response", response)
    page.on("requestfailed", lambda sent: note("request failed", f"{sent.url} {sent.failure}"))
    page.on("pageerror", lambda error: note("script error", error))
    page.on("console", console)
    return findings


def soup(path):
    """Return the parsed text of a page."""
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def buttons(site, name):
    """Return the links of the menus above a page, a dict from label to address."""
    links = soup(site / f"{name}.html").select(".article-header-buttons a[href]")
    return {link.get_text(strip=True): link["href"] for link in links}
