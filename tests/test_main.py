"""``python -m darkpairs``: the command is there, with its exit status."""

import subprocess
import sys


def test_the_package_runs_as_a_program():
    done = subprocess.run([sys.executable, "-m", "darkpairs", "verdict", "--m5", "1"],
                          capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "a 3+2 model without --m4, --m-zprime" in done.stderr
