"""The README's code runs word for word and prints what the README says."""

import re
import subprocess
import sys
from pathlib import Path

README = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")


def readme_code():
    """Return the README's Python block and the output that it promises."""
    code, output = re.search(r"```python\n(.*?)```\s+```text\n(.*?)```", README, re.S).groups()
    return code, output


def test_the_readme_runs_word_for_word(tmp_path):
    code, output = readme_code()
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    done = subprocess.run([sys.executable, "-X", "utf8", "-c", code], cwd=tmp_path,
                          capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert done.stdout == output


def test_every_file_that_the_readme_links_exists():
    root = Path(__file__).resolve().parent.parent
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (root / target).is_file(), target
