"""The house rules: imports run down only, files stay small, each library has its doors."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "lib" / "darkpairs"
CODE = [*LIBRARY.glob("*.py"), *(ROOT / "tools").glob("*.py"), *(ROOT / "tests").glob("*.py"),
        *(ROOT / "benchmarks").glob("*.py")]

# Floors from the ground up. A room may import earlier rooms of its own floor and what is granted.
FLOORS = {
    "ground": ["_jit", "rng", "constants", "profiles", "kinematics", "cells", "slots", "batches",
               "tables", "model", "detector", "traces", "seen", "record", "wires", "response",
               "noise", "gauss", "convolve", "likelihood", "nuisance", "counting"],
    "theory": ["flux", "nucleus", "upscatter", "invisible", "zprime", "decay"],
    "truth": ["rates", "signal", "upstream", "gun", "fermi", "delta", "quasielastic", "coherent",
              "strike", "interact", "roulette", "dirt", "cosmic", "background", "density",
              "cocktail", "uncertain", "weights"],
    "chamber": ["stepping", "matter", "shower", "track", "transport", "flash", "drift",
                "readout"],
    "reco": ["owners", "runs", "deconvolve", "hits", "clusters", "prongs", "triples", "matching",
             "projective", "neighbours", "forks", "tiles", "unmix", "tomographic", "slices",
             "starts", "shapes", "families", "strays", "objects", "calorimetry", "legs", "origins",
             "pions", "observables"],
    "analysis": ["inputs", "cuts", "selection", "scrutiny", "regions", "spectra", "systematics",
                 "sidebands", "register", "blinding", "worlds"],
    "verdict": ["qmu", "sensitivity", "coverage", "onering", "planes", "miniboone", "microboone"],
    "roof": ["chain", "photons", "exchange", "hepdata", "publication", "plans", "locks", "pools",
             "chunks", "samples", "lineup", "budgets", "forecast", "show", "views", "scenes"],
}
GRANTED = {
    "ground": [],
    "theory": ["ground"],
    "truth": ["ground", "theory"],
    "chamber": ["ground"],
    "reco": ["ground"],
    "analysis": ["ground"],
    "verdict": ["ground", "theory", "truth"],
    "roof": ["ground", "theory", "truth", "chamber", "reco", "analysis",
             "verdict"],
}
DOORS = {"numba": ("_jit",), "matplotlib": ("show", "views", "scenes"), "mpl_toolkits": ("views",),
         "sklearn": ("selection",), "threadpoolctl": ("selection",)}
# Chapters that tell a story of their own, with no room of the same name.
WITHOUT_ROOM = {"index", "anomaly", "beam", "two-eyes", "limits", "first-contour", "focused",
                "notation", "toy", "references", "api"}

ROOMS = [room for rooms in FLOORS.values() for room in rooms]


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_room_has_its_floor_and_its_test():
    found = {path.stem for path in LIBRARY.glob("*.py")} - {"__init__"}
    assert found == set(ROOMS)
    for room in ROOMS:
        assert (ROOT / "tests" / f"test_{room.lstrip('_')}.py").is_file(), room


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_run_down_only(floor):
    for place, room in enumerate(FLOORS[floor]):
        allowed = set(FLOORS[floor][:place]).union(*(FLOORS[name] for name in GRANTED[floor]))
        for name in imports(LIBRARY / f"{room}.py"):
            if name.startswith("darkpairs.") and name != "darkpairs.__version__":
                assert name.split(".")[1] in allowed, f"{room} imports {name}"


@pytest.mark.parametrize("room", ROOMS)
def test_each_library_has_its_doors(room):
    for name in imports(LIBRARY / f"{room}.py"):
        doors = DOORS.get(name.split(".")[0], (room,))
        assert room in doors, f"{room} imports {name}; only {' and '.join(doors)} may"


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.name)
def test_files_are_small_and_functions_short(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.end_lineno - node.lineno < 60, node.name
        assert not isinstance(node, ast.Global), f"global in {path.name}"
    assert path.stem not in ("utils", "common", "helpers")


def test_chapters_without_a_room_are_listed():
    toc = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    chapters = set(re.findall(r"book/([\w-]+)", toc))
    assert chapters - set(ROOMS) == WITHOUT_ROOM
    on_disk = {path.stem for path in (ROOT / "book").glob("*.md")}
    assert on_disk == chapters


def test_the_reference_page_names_every_room_with_verbs():
    api = (ROOT / "book" / "api.md").read_text(encoding="utf-8")
    named = re.findall(r"automodule:: darkpairs\.(\w+)", api)
    assert named == [room for room in ROOMS if not room.startswith("_")]


def run_python(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_package_loads_nothing_heavy():
    loaded = run_python("import sys, darkpairs; print(*sorted(sys.modules))").split()
    assert not {"numba", "pandas", "sklearn", "scipy", "matplotlib", "numpy"} & set(loaded)


def test_nothing_compiles_at_import():
    rooms = "; ".join(f"import darkpairs.{room}" for room in ROOMS)
    count = run_python(
        "from numba.core import event\n"
        "with event.install_recorder('numba:compile') as recorder:\n"
        f"    {rooms}\n"
        "print(len(recorder.buffer))")
    assert count == "0"
