"""Check style (ruff), spelling (codespell) and the workflow files (check-jsonschema)."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
CHECKS = {
    "ruff": ["ruff", "check", "--quiet", "."],
    "codespell": ["codespell"],
    "workflows": ["check-jsonschema", "--builtin-schema", "vendor.github-workflows",
                  *map(str, sorted((ROOT / ".github" / "workflows").glob("*.yml")))],
}


def main():
    """Run all checks; return 0 when all pass."""
    failed = [name for name, command in CHECKS.items()
              if subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT).returncode]
    print(f"lint: {len(CHECKS) - len(failed)} of {len(CHECKS)} checks passed"
          + (f"; failed: {', '.join(failed)}" if failed else ""))
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
