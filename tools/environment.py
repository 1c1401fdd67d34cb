"""Make the project's own Python environment, ``.venv``, from the lock. Standard library only.

``python tools/environment.py`` does nothing when the environment is there and made from today's
``requirements.lock`` and ``pyproject.toml``; otherwise it makes it anew.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".venv"
SUPPORTED = ((3, 11), (3, 13))  # first and last, as in pyproject.toml


def python():
    """Return the interpreter inside the environment."""
    return HOME / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def wanted_state():
    """Return a line that names what the environment has to be made from."""
    digest = hashlib.sha256()
    for name in ("requirements.lock", "pyproject.toml"):
        digest.update((ROOT / name).read_bytes())
    return f"{sys.version.split()[0]} {digest.hexdigest()}"


def main():
    """Make the environment if it is missing or outdated."""
    if not SUPPORTED[0] <= sys.version_info[:2] <= SUPPORTED[1]:
        sys.exit(f"Python {sys.version.split()[0]} is not supported; wanted 3.11, 3.12 or 3.13 "
                 "(make PYTHON=python3.12 names one)")
    stamp = HOME / "made-from"
    if stamp.is_file() and stamp.read_text() == wanted_state():
        return
    print("environment: making .venv from requirements.lock (about a minute)", flush=True)
    shutil.rmtree(HOME, ignore_errors=True)
    venv.create(HOME, with_pip=True)
    pip = [python(), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    for what in (["-r", "requirements.lock"], ["--no-deps", "--editable", "."]):
        done = subprocess.run([*pip, *what], cwd=ROOT)
        if done.returncode:
            shutil.rmtree(HOME, ignore_errors=True)
            sys.exit("environment: pip failed (its own words stand above); nothing was kept")
    stamp.write_text(wanted_state())


if __name__ == "__main__":
    main()
