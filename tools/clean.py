"""Remove what the build made: ``_build``, caches and converted notebooks. ``.venv`` stays."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main():
    """Remove, and say what."""
    doomed = [ROOT / name for name in ("_build", "build", ".pytest_cache", ".ruff_cache")]
    doomed += [folder for top in ("lib", "tests", "tools", "benchmarks")
               for folder in (ROOT / top).rglob("__pycache__")]
    doomed += [page.with_suffix(".ipynb") for page in (ROOT / "book").glob("*.md")]
    for path in doomed:
        if path.is_dir():
            shutil.rmtree(path)
        elif path.is_file():
            path.unlink()
        else:
            continue
        print("removed", path.relative_to(ROOT))


if __name__ == "__main__":
    main()
