"""Measure and print what this costs: import, generator, chamber, reconstruction,
samples, selection, statistics, build.

``python benchmarks/run.py`` measures all; ``python benchmarks/run.py imports`` only that part.
``--json PATH`` writes the tables to a file too.
Times are wall-clock seconds on this machine; the ratios are what should be compared.
"""

import argparse
import json
import os
import platform
from pathlib import Path

import build
import chamber
import generator
import imports
import reco
import samples
import trees
import verdict

PARTS = {"imports": imports.measure, "generator": generator.measure, "chamber": chamber.measure,
         "reco": reco.measure, "samples": samples.measure, "selection": trees.measure,
         "statistics": verdict.measure, "build": build.measure}


def table(title, header, rows):
    """Print rows under a title, in columns as wide as their widest entry."""
    cells = [header, *[[str(entry) for entry in row] for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    print(f"\n{title}")
    for row in cells:
        print("  " + "  ".join(map(str.ljust, row, widths)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="|".join(PARTS), help="default: all")
    parser.add_argument("--json", type=Path, help="also write the tables to this file")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"unknown part {', '.join(sorted(unknown))}; wanted {', '.join(PARTS)}")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}")
    tables = []
    for name in options.parts or PARTS:
        for title, header, rows in PARTS[name]():
            table(title, header, rows)
            tables.append({"part": name, "title": title, "header": header, "rows": rows})
    if options.json:
        text = json.dumps(tables, ensure_ascii=False, indent=1)
        options.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
