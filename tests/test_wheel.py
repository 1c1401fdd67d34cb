"""A wheel built from the tree installs into a clean environment and runs the README's lines."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from test_chain import readme_code

ROOT = Path(__file__).resolve().parent.parent


def call(*command, cwd):
    """Run a command outside the checkout, without any trace of it in the environment."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run([*map(str, command)], cwd=cwd, env=clean, capture_output=True, text=True,
                          encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    call(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT,
         cwd=folder)
    return next(folder.glob("darkpairs-*.whl"))


def test_the_wheel_holds_code_and_tables_and_nothing_else(wheel):
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    source = ROOT / "lib" / "darkpairs"
    expected = {path.relative_to(ROOT / "lib").as_posix() for pattern in ("*.py", "data/*.csv")
                for path in source.glob(pattern)}
    assert set(names) == expected


def test_the_wheel_runs_the_readme_in_a_clean_environment(wheel, tmp_path):
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    call(python, "-m", "pip", "install", "--quiet", "-c", ROOT / "requirements.lock", wheel,
         cwd=tmp_path)
    code, output = readme_code()
    assert call(python, "-X", "utf8", "-c", code, cwd=tmp_path) == output
    where = call(python, "-c", "import darkpairs; print(darkpairs.__file__)", cwd=tmp_path)
    assert str(ROOT) not in where
