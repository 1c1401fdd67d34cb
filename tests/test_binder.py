"""Binder, played through on this machine: what it installs, prepares, starts and opens."""

import contextlib
import http.client
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

import browser
from browser import ROOT

pytestmark = pytest.mark.browser

CHAPTER = "book/beam"
PATIENCE = 90_000  # ms for one step in the browser; a cold machine compiles and caches
# What of the user's surroundings must not leak into the session.
PERSONAL = ("CONDA", "DARKPAIRS", "IPYTHON", "JUPYTER", "MPL", "NUMBA", "PYTHON", "VIRTUAL_ENV",
            "XDG")
IDLE = """path => {
    const open = window.jupyterapp?.shell.currentWidget;
    return open?.context?.path === path && open.context.isReady
        && open.sessionContext?.session?.kernel?.status === "idle";
}"""
CELLS = """() => window.jupyterapp.shell.currentWidget.content.model.toJSON().cells
    .filter(cell => cell.cell_type === "code")"""
FINISHED = f"""path => {{
    const cells = ({CELLS})();
    const failed = cell => cell.outputs.some(output => output.output_type === "error");
    return ({IDLE})(path)
        && (cells.every(cell => cell.execution_count !== null) || cells.some(failed));
}}"""


def run(command, folder, settings=None):
    """Run a command to its end and return what it printed; a failure shows the end of that."""
    done = subprocess.run(command, cwd=folder, env=settings, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, f"{command}:\n{done.stdout[-3000:]}"
    return done.stdout


def check_out(folder):
    """Copy the files that git knows, as they stand now."""
    for name in run(["git", "ls-files", "-z"], ROOT).split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def install(folder, home):
    """Make an environment from the pip part of environment.yml, as conda does."""
    wanted = yaml.safe_load((folder / "environment.yml").read_text(encoding="utf-8"))
    lines = next(part["pip"] for part in wanted["dependencies"] if isinstance(part, dict))
    (folder / "pip-part.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    run([sys.executable, "-m", "venv", home], folder)
    run([home / "bin" / "python", "-m", "pip", "install", "--quiet", "-r", "pip-part.txt"], folder)


def surroundings(folder, home):
    """Return the variables of a session: the checkout is its home, as on Binder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PERSONAL)}
    return kept | {"HOME": str(folder), "JUPYTER_CONFIG_DIR": str(folder / ".jupyter"),
                   "PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def not_locked(folder, home):
    """Return what was installed in another version than the lock's, or is not in the lock."""
    def plain(line):
        name, _, version = line.partition("==")
        return f"{re.sub('[-_.]+', '-', name).lower()}=={version.split(' ')[0]}"

    lock = (folder / "requirements.lock").read_text(encoding="utf-8")
    locked = {plain(line) for line in lock.splitlines() if re.match(r"[\w.-]+==", line)}
    listed = run([home / "bin" / "python", "-m", "pip", "list", "--format=freeze",
                  "--exclude-editable"], folder)
    found = {plain(line) for line in listed.splitlines() if re.match(r"[\w.-]+==", line)}
    return sorted(line for line in found - locked
                  if line.partition("==")[0] not in ("pip", "setuptools"))


@contextlib.contextmanager
def lab(folder, settings):
    """Start JupyterLab through ./start, give its address and its token, and end it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    command = ["./start", "jupyter", "lab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
               f"--port={port}", "--ServerApp.port_retries=0", "--expose-app-in-browser",
               "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    log = folder.parent / "lab.log"
    with log.open("w") as words:
        server = subprocess.Popen(command, cwd=folder, env=settings | {"JUPYTER_TOKEN": token},
                                  stdout=words, stderr=words, start_new_session=True)
    try:
        wait_for(server, port, log)
        yield f"http://127.0.0.1:{port}/", token
    finally:
        end(server)


def wait_for(server, port, log):
    """Wait until the server answers, or show why it does not."""
    for _ in range(300):
        assert server.poll() is None, log.read_text()[-3000:]
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.closing(link), contextlib.suppress(OSError):
            link.request("GET", "/api")
            if link.getresponse().status == 200:
                return
        time.sleep(0.2)
    pytest.fail(f"JupyterLab did not answer within a minute:\n{log.read_text()[-3000:]}")


def end(server):
    """End a server and its kernels: kindly, and after 20 s by force."""
    server.send_signal(signal.SIGTERM)
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def open_as_notebook(page, base, token, path):
    """Open a path of JupyterLab; it must come up as a notebook with code and an idle kernel."""
    page.goto(f"{base}{path}?token={token}")
    page.wait_for_function(IDLE, arg=path.removeprefix("lab/tree/"), timeout=PATIENCE)
    notebook = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    notebook.locator(".jp-CodeCell").first.wait_for(timeout=PATIENCE)
    return notebook


def run_all_cells(page, path):
    """Run a notebook from the menu; return its code cells when the last one is done."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    page.wait_for_function(FINISHED, arg=path.removeprefix("lab/tree/"), timeout=PATIENCE)
    return page.evaluate(CELLS)


def launch_path(site):
    """Return what the launch button of the chapter asks Binder to open."""
    url = browser.buttons(site, CHAPTER)["Binder"]
    return parse_qs(urlsplit(url).query)["urlpath"][0]


def test_a_launch_button_opens_a_notebook_that_runs(chromium, site, tmp_path):
    folder, home = tmp_path / "checkout", tmp_path / "environment"
    path = launch_path(site)
    check_out(folder)
    install(folder, home)
    assert not_locked(folder, home) == []
    settings = surroundings(folder, home)
    run(["./postBuild"], folder, settings)
    assert not (folder / "book" / "index.ipynb").exists()  # a page without code stays text
    assert run(["./start", "printenv", "OMP_NUM_THREADS"], folder, settings) == "1\n"
    with lab(folder, settings) as (base, token), chromium.new_page() as page:
        open_as_notebook(page, base, token, f"lab/tree/{CHAPTER}.md")
        notebook = open_as_notebook(page, base, token, path)
        cells = run_all_cells(page, path)
        kinds = {output["output_type"] for cell in cells for output in cell["outputs"]}
        assert "error" not in kinds
        assert cells[-1]["execution_count"] == len(cells)
        notebook.locator(".jp-RenderedImage img").first.wait_for(timeout=PATIENCE)
        assert notebook.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
