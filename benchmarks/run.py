"""Measure and print: what an import costs, and what building the book costs.

``python benchmarks/run.py`` measures all; ``python benchmarks/run.py imports`` only that part.
Times are wall-clock seconds on this machine; the ratios are what should be compared.
"""

import argparse
import os
import platform

import build
import imports

PARTS = {"imports": imports.measure, "build": build.measure}


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
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"unknown part {', '.join(sorted(unknown))}; wanted {', '.join(PARTS)}")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}")
    for name in options.parts or PARTS:
        for title, header, rows in PARTS[name]():
            table(title, header, rows)


if __name__ == "__main__":
    main()
