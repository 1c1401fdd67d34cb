"""Solve ``requirements.lock`` anew: one file for all extras, Python 3.11 to 3.13, all systems."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

if __name__ == "__main__":
    sys.exit(subprocess.run(
        [Path(sys.executable).with_name("uv"), "pip", "compile", "pyproject.toml", "--all-extras",
         "--universal", "--quiet", "--upgrade", "--no-header", "-o", "requirements.lock"],
        cwd=ROOT, stdout=subprocess.DEVNULL).returncode)
