"""Collect the numbers that the chapters glued, and compare them with the checked-in reference.

A chapter glues ``show.number(value, format)``: the text goes into the prose, the full value lands
here. ``tests/reference/key_numbers.toml`` holds value and tolerance for each number and profile.
"""

import json
import math
import os
import tomllib

import chapters
import execute
from chapters import ROOT

MIME = "application/papermill.record/application/vnd.darkpairs.number+json"
REFERENCE = ROOT / "tests" / "reference" / "key_numbers.toml"


def glued(book):
    """Return the numbers that one executed notebook glued, a dict from name to value."""
    found = {}
    for cell in book.cells:
        for output in cell.get("outputs", []):
            name = output.get("metadata", {}).get("scrapbook", {}).get("name")
            if name and MIME in output.get("data", {}):
                found[name] = output["data"][MIME]["value"]
    return found


def collect(profile, root=ROOT):
    """Gather the numbers of all chapters and write ``_build/key_numbers.json``."""
    numbers = {name.split("/")[-1]: glued(execute.stored(name, profile, root))
               for name in chapters.chapters(root)}
    target = root / "_build" / "key_numbers.json"
    part = target.with_suffix(".part")
    part.write_text(json.dumps({"profile": profile, "chapters": numbers}, indent=1) + "\n")
    os.replace(part, target)
    return numbers


def compare(numbers, profile, reference):
    """Return one line for each number that moved, is gone, or has no reference."""
    lines = []
    for chapter, values in numbers.items():
        expected = reference.get(chapter, {})
        for name, entry in expected.items():
            wanted, tolerance = expectation(entry, profile)
            if name not in values:
                lines.append(f"{chapter}.{name}: gone; reference {wanted}")
            elif not math.isclose(values[name], wanted, rel_tol=0, abs_tol=tolerance):
                lines.append(f"{chapter}.{name}: moved to {values[name]:.10g}; reference "
                             f"{wanted} ± {tolerance} ({entry['source']})")
        lines += [f"{chapter}.{name}: new, {values[name]:.10g}; no reference yet"
                  for name in values if name not in expected]
    lines += [f"{chapter}: in the reference, but no such chapter"
              for chapter in reference if chapter not in numbers]
    return lines


def expectation(entry, profile):
    """Return value and tolerance of one reference; ``both`` serves both profiles."""
    values = entry.get(profile, entry.get("both"))
    if values is None:
        raise ValueError(f"reference {entry} has neither {profile!r} nor 'both'")
    return values["value"], values["tolerance"]


def check(profile, root=ROOT):
    """Collect and compare; return the list of complaints."""
    reference = tomllib.loads(REFERENCE.read_text(encoding="utf-8"))
    return compare(collect(profile, root), profile, reference)


def main():
    """Print the last build's numbers in the form of the reference file, to be judged and copied."""
    last = json.loads((ROOT / "_build" / "key_numbers.json").read_text())
    for chapter, numbers in last["chapters"].items():
        for name, value in numbers.items():
            print(f'[{chapter}.{name}]\nsource = ""\n{last["profile"]} = '
                  f"{{ value = {value:.8g}, tolerance = {abs(value) * 1e-6:.0e} }}")


if __name__ == "__main__":
    main()
