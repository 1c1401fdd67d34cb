"""Run chapters with papermill, each once, and keep the results in ``_build/executed``.

A chapter whose key is that of its last execution is not run again. A failing cell is reported as
``file:line: cell n [In n] error``; the other chapters still run.
"""

import os
import platform
import re
import subprocess
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

import nbformat
from traitlets.config import Config

import chapters
from chapters import ROOT

WORKERS = 2
TIMEOUT = 1200  # s for one cell; the whole book has to end in 25 min
# One thread per kernel for the linear algebra and the trees: two spinning pools on two cores made
# four chapters 3.7 times slower when this was measured.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def executed_path(name, profile, root=ROOT):
    """Return where the executed notebook of a chapter lies."""
    return root / "_build" / "executed" / profile / f"{name}.ipynb"


def stored(name, profile, root=ROOT):
    """Return the executed notebook of a chapter, or None where there is none that can be read."""
    path = executed_path(name, profile, root)
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.reader.NotJSONError):
        return None


def is_current(name, profile, root=ROOT):
    """Tell whether the stored execution belongs to today's text, library, data and lock."""
    book = stored(name, profile, root)
    return book is not None and book.metadata.get("execution", {}).get("key") == chapters.key(
        name, profile, root)


def commit(root=ROOT):
    """Return the short commit of the checkout, with ``+changes`` when files differ from it."""
    git = ["git", "-C", str(root)]
    try:
        head = subprocess.run([*git, "rev-parse", "--short=10", "HEAD"], capture_output=True,
                              text=True, check=True).stdout.strip()
        status = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True,
                                check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{head}+changes" if status else head


def environment(root=ROOT):
    """Return the environment variables with which kernels run, here and on Binder alike."""
    settings = dict.fromkeys(THREADS, "1")
    settings |= {
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "IPYTHONDIR": str(root / "_build" / "ipython"),  # nobody's own start-up files
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTER_PLATFORM_DIRS": "1",
        "PYTHONHASHSEED": "0",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "TQDM_DISABLE": "1",  # a bar on a page is noise
    }
    return settings


def run(name, profile, root=ROOT, made_at=None):
    """Execute one chapter; return None, or one line that says what failed and where."""
    import papermill  # 0.6 s, and only a run needs it

    target = executed_path(name, profile, root)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".failed.ipynb")
    unfinished.unlink(missing_ok=True)
    try:
        book = chapters.notebook(name, chapters.read_text(name, root))
        state = chapters.key(name, profile, root)
    except chapters.ChapterError as error:
        return str(error)
    parameters = book.metadata.pop("parameters") | {"profile": profile}
    started = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="kernel") as sockets:
            book = papermill.execute_notebook(
                book, str(unfinished), parameters=parameters, kernel_name="python3",
                cwd=str(root / "book"), execution_timeout=TIMEOUT, progress_bar=False,
                config=_kernel_config(sockets))
    except papermill.PapermillExecutionError as error:
        return _where(name, unfinished, error)
    except Exception as error:  # a dead kernel, a timeout: whatever it is, it fails this chapter
        return f"{name}.md: {type(error).__name__}: {chapters.one_line(error)}"
    if complaint := _complaint(name, book):
        return complaint
    book.metadata.pop("papermill", None)  # it holds paths of this machine
    book.metadata["execution"] = {
        "key": state, "profile": profile, "seed": parameters["seed"],
        "seconds": round(time.monotonic() - started, 1), "commit": made_at or commit(root),
        "python": platform.python_version(),
    }
    nbformat.write(book, unfinished)
    os.replace(unfinished, target)
    return None


def _kernel_config(folder):
    """Let a kernel talk over sockets in a folder of its own, where no other user can listen."""
    config = Config(NotebookClient={"extra_arguments": ["--IPKernelApp.log_level=50"]})
    if os.name != "nt":
        config.KernelManager = Config(transport="ipc", ip=f"{folder}/k")
    return config


def _complaint(name, book):
    """Return one line about the first cell that wrote to stderr, or None.

    A figure that fails while it is shown, and a warning, stop no cell; a page would show them.
    """
    for cell in book.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name == "stderr":
                words = chapters.one_line(re.sub(r"\x1b\[[\d;]*m", "", output.text))
                return f"{name}.md:{cell.metadata.get('md_line', 1)}: complained: {words[-200:]}"
    return None


def _where(name, unfinished, error):
    """Say in one line which cell failed, from the notebook that papermill left."""
    line, inside = 1, re.search(r"Cell In\[\d+\], line (\d+)", "\n".join(
        re.sub(r"\x1b\[[\d;]*m", "", part) for part in error.traceback))
    number = 0
    for cell in nbformat.read(unfinished, as_version=4).cells:
        number += cell.cell_type == "code" and "md_line" in cell.metadata
        if any(output.output_type == "error" for output in cell.get("outputs", [])):
            line = cell.metadata.get("md_line", 1)
            break
    line += int(inside.group(1)) - 1 if inside else 0
    return (f"{name}.md:{line}: cell {number} [In {error.exec_count}] "
            f"{error.ename}: {chapters.one_line(error.evalue)}".rstrip(": "))


def run_all(profile, names=None, root=ROOT, workers=WORKERS, say=print):
    """Execute all chapters that need it; return the list of failures, one line each."""
    names = chapters.chapters(root) if names is None else names
    failures, todo = [], []
    for name in names:
        try:
            if not is_current(name, profile, root):
                todo.append(name)
        except chapters.ChapterError as error:
            failures.append(str(error))
            executed_path(name, profile, root).unlink(missing_ok=True)
    say(f"chapters: {len(names)} in profile {profile}, {len(todo)} to run", flush=True)
    todo.sort(key=lambda name: -_last_seconds(name, profile, root))
    os.environ.update(environment(root))
    made_at, started = commit(root), time.monotonic()
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(run, name, profile, root, made_at): name for name in todo}
        for done, future in enumerate(as_completed(waiting), start=1):
            failure, name = future.result(), waiting[future]
            failures += [failure] if failure else []
            say(f"  [{done}/{len(todo)}] {time.monotonic() - started:6.1f} s  {name}"
                + ("  FAILED" if failure else ""), flush=True)
    return failures


def _last_seconds(name, profile, root):
    """Return how long a chapter took last time, so that the longest starts first."""
    book = stored(name, profile, root)
    return book.metadata.get("execution", {}).get("seconds", 0) if book else 0
