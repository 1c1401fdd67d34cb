"""The formats of the field: a `Truth` leaves the house and comes back.

In: a `Truth`. Out: a file that pandas and awkward (Parquet), the tools of the neutrino generators
(HepMC3 with the NuHepMC conventions) or LArSoft (HEPEVT) read; and back. Chapter: signal.

Parquet keeps every bit. HepMC3 and HEPEVT are text: whole numbers stay exact, the others to 1e-15.
HepMC3 keeps everything and adds the beam and the target at rest, which the recoil must tell.
HEPEVT adds the neutrino; it has no place for weight and kind, which `read_hepevt` asks for.

Laws: what was written is read back; in HepMC3 beam + target = what comes out; a write that fails
leaves the old file as it was; a file that is foreign, cut short or of another version is refused.

Needs ``pip install "darkpairs[export]"``; nothing of that is imported before it is used.
"""

import importlib
import json
import os
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from math import isfinite
from pathlib import Path

import numpy as np

from darkpairs import __version__
from darkpairs.batches import KINDS, Truth
from darkpairs.constants import SPEED_OF_LIGHT
from darkpairs.kinematics import mass

UNITS = {  # the columns of a Parquet file, first those of events, then those of particles
    "event": "", "kind": "", "weight": "1/POT", "e_nu": "MeV", "vertex_x": "cm", "vertex_y": "cm",
    "vertex_z": "cm", "pdg": "", "energy": "MeV", "px": "MeV", "py": "MeV", "pz": "MeV", "x": "cm",
    "y": "cm", "z": "cm", "time": "µs", "parent": ""}
OF_PARTICLES = list(UNITS)[7:]
PARQUET = {"format": "darkpairs.truth", "version": "1"}
LARGEST = 2**31 - 1  # event number: an int in HepMC3, unsigned in TextFileGen
NEUTRINO, PROTON, NUCLEI = 14, 2212, 10**9  # PDG codes; nuclei are 10LZZZAAAI
PRIMARY, DECAY = 1, 22  # vertex status, arXiv:2310.13211 V.R.1; from 21 on it is ours to choose
FINAL, DECAYED, BEAM, TARGET = 1, 2, 4, 20  # particle status, arXiv:2310.13211 P.R.1
PROCESS = 750  # process number of the first kind, arXiv:2310.13211 E.C.1: "other"
CROSS_SECTION = "NuHepMC.FluxAveragedTotalCrossSection"  # arXiv:2310.13211 G.C.2
MEANING = {  # of the numbers above: a name, and more
    "Process": {PROCESS + k: f"{name}: Dark Pairs" for k, name in enumerate(KINDS)},
    "VertexStatus": {PRIMARY: "primary: the interaction", DECAY: "decay: of one particle"},
    "ParticleStatus": {FINAL: "final: did not decay", DECAYED: "decayed: did",
                       BEAM: "beam: the neutrino", TARGET: "target: what it hit, at rest"}}
DARK = {5914: "nu4: heavy neutrino of the 3+1 model, the lighter one of 3+2",  # the codes of
        5915: "nu5: heavier neutrino of the 3+2 model",  # DarkNews, arXiv:2207.04137; the PDG
        5921: "Zprime: dark gauge boson"}  # has none of them


def write_parquet(truth, path):
    """Write a batch as Parquet: one row per event, a list column per quantity of particles.

    The columns are those of ``UNITS``; ``frame.explode(exchange.OF_PARTICLES)`` of pandas gives
    one row per particle. Version, units and names of the kinds stand in the file's metadata.
    """
    pyarrow, parquet = _need("pyarrow"), _need("pyarrow.parquet")
    offsets = pyarrow.array(truth.offsets, pyarrow.int32())  # refuses more than it can count
    events = [truth.event, truth.kind, truth.weight, truth.e_nu, *truth.vertex.T]
    particles = [truth.pdg, *truth.p4.T, *truth.start.T, truth.time, truth.parent]
    lists = [pyarrow.ListArray.from_arrays(offsets, pyarrow.array(each)) for each in particles]
    about = {**PARQUET, "units": json.dumps(UNITS), "kinds": json.dumps(KINDS)}
    table = pyarrow.table(dict(zip(UNITS, events + lists, strict=True)), metadata=about)
    with _whole(path) as temporary:
        parquet.write_table(table, temporary, compression="zstd", write_page_checksum=True)


def read_parquet(path):
    """Read what `write_parquet` wrote, bit for bit.

    A file that is absent, not Parquet, damaged, not ours or of another version is refused with a
    ValueError.
    """
    pyarrow, parquet = _need("pyarrow"), _need("pyarrow.parquet")
    with _naming(path):
        table = parquet.read_table(path, page_checksum_verification=True)
        about = table.schema.metadata or {}
        given = {key: about.get(key.encode(), b"").decode() for key in PARQUET}
        if given != PARQUET or table.column_names != list(UNITS) or not all(
                map(pyarrow.types.is_list, table.schema.types[7:])):
            raise ValueError(f"has {given} and columns {', '.join(table.column_names)}; wanted "
                             f"{PARQUET} and {', '.join(UNITS)}")
        columns = [column.combine_chunks() for column in table.columns]
        counts = np.diff([column.offsets for column in columns[7:]])
        if (counts != counts[0]).any():
            raise ValueError("lists of one event differ in length; wanted one length")
        arrays = [column.to_numpy() for column in
                  columns[:7] + [column.flatten() for column in columns[7:]]]
        kinds = np.array([_kind(name) for name in json.loads(about[b"kinds"])])
        arrays[1] = kinds[arrays[1]]
        return _truth(arrays, counts[0])


def write_hepmc3(truth, path, *, run=None):
    """Write a batch as HepMC3 text in the manner of NuHepMC 1.0.0 (arXiv:2310.13211).

    The weight "CV" is in events per POT and the exposure says 1 POT, so the weights add up to the
    events that are expected in the exposure.

    Parameters
    ----------
    truth : Truth
        Particles of one origin start together, those of the interaction at the vertex; among
        these one nucleus or proton, which tells the target. Event numbers differ.
    path : str or Path
        Where to; the text is compressed if the name ends in ``.gz``.
    run : dict, optional
        What else is known, such as ``model._asdict()``: it goes to ``NuHepMC.Provenance.<name>``;
        names in ``NuHepMC.`` are kept. G.R.5 of NuHepMC wants the flux-averaged cross section
        [pb per atom], which a batch does not know; without an entry of the name that
        ``exchange.CROSS_SECTION`` holds, this one requirement stays unmet.
    """
    pyhepmc = _need("pyhepmc")
    _check_text(truth)
    if len(np.unique(truth.event)) != len(truth):
        raise ValueError("event numbers repeat; wanted each once in a HepMC3 file")
    info = _run_info(pyhepmc, len(truth), run or {})
    with _whole(path) as temporary, pyhepmc.open(temporary, "w", precision=16) as file:
        for i in range(len(truth)):
            file.write(_event_out(pyhepmc, info, truth, i))


def read_hepmc3(path):
    """Read a HepMC3 file of `write_hepmc3`.

    A file that is absent, not HepMC3 or cut short is refused with a ValueError, and so is what a
    `Truth` cannot hold: a process that is no kind of ours, a particle with two parents.
    """
    pyhepmc = _need("pyhepmc")
    events, declared = [], "nothing"
    with _naming(path), pyhepmc.open(path, format="HepMC3") as file:
        for event in file:
            declared = _said(event.run_info, "NuHepMC.Provenance.NEvents")
            events.append(_event_in(pyhepmc, event))
        if str(len(events)) != declared:
            raise ValueError(f"{len(events)} events can be read, the header says {declared}; "
                             "wanted a HepMC3 file of ours, whole and undamaged")
        return _gather(events)


def write_hepevt(truth, path):
    """Write a batch as HEPEVT text, which LArSoft's module TextFileGen reads.

    For each event a line "number, lines that follow"; then for the neutrino and each particle
    status, PDG code, first and last mother, first and last daughter (lines of the event from 1;
    0: none), px py pz E m [GeV], x y z [cm], t [ns]. Source: the documentation of TextFileGen,
    larsim/EventGenerator/TextFileGen_module.cc. LArSoft tracks what has status 1: all particles
    that did not decay. The neutrino has status 0; t counts from the interaction.
    """
    _check_text(truth)
    momenta = np.column_stack([truth.p4[:, 1:], truth.p4[:, 0], mass(truth.p4)]) / 1000  # GeV
    numbers = np.column_stack([momenta, truth.start, truth.time * 1000])  # (m, 9), cm and ns
    with _whole(path) as temporary, open(temporary, "w", encoding="ascii", newline="\n") as file:
        for i in range(len(truth)):
            file.write(_hepevt_text(truth, i, numbers))


def read_hepevt(path, *, weight, kind="signal"):
    """Read HEPEVT text in which each event begins with its neutrino, of status 0.

    The format does not say the weight [events per POT], one for all or ndarray (n,), nor the kind,
    one of ``KINDS``. A file that is absent, empty, cut short or something else is refused with a
    ValueError that names the line.
    """
    with _naming(path), open(path, encoding="ascii") as file:
        lines = enumerate(file, start=1)
        events = [_hepevt_event(line, lines) for line in lines if line[1].strip()]
        truth = _gather(events)
        return replace(truth, kind=np.full(len(truth), _kind(kind)),
                       weight=np.full(len(truth), weight, dtype=np.float64))


def _need(name):
    """Import a package only now, and say how to get it when it is missing."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(f"{name.partition('.')[0]} is missing; this format wants "
                          'pip install "darkpairs[export]"') from error


@contextmanager
def _whole(path):
    """Give a temporary name beside `path`; if all goes well, what was written takes its place."""
    temporary = Path(path).with_name(f".{os.getpid()}.part.{Path(path).name}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _naming(path):
    """Say in a refusal which file is meant."""
    try:
        yield
    except (OSError, ValueError, NotImplementedError) as error:  # Arrow raises all three
        raise ValueError(f"{path}: {error}") from error


def _kind(name):
    if name not in KINDS:
        raise ValueError(f"events of kind {name!r}; wanted one of {', '.join(KINDS)}")
    return KINDS.index(name)


def _truth(columns, counts):
    """Build a batch from columns in the order of ``UNITS`` and the particles of each event."""
    event, kind, weight, e_nu, *vertex = columns[:7]
    pdg, e, px, py, pz, x, y, z, time, parent = columns[7:]
    return Truth(event, kind, weight, np.column_stack(vertex), e_nu,
                 np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]), pdg,
                 np.column_stack([e, px, py, pz]), np.column_stack([x, y, z]), time, parent)


def _gather(events):
    """Build a batch from (numbers of event, rows of its particles) in the order of ``UNITS``."""
    heads = np.reshape([head for head, _ in events], (-1, 7))
    rows = np.reshape([row for _, rows in events for row in rows], (-1, 10))
    columns = [*np.ascontiguousarray(heads.T), *np.ascontiguousarray(rows.T)]
    truth = _truth(columns, [len(rows) for _, rows in events])
    _check_text(truth)
    return truth


def _check_text(truth):
    """Refuse what the text formats cannot hold."""
    rows = np.arange(len(truth.pdg)) - np.repeat(truth.offsets[:-1], np.diff(truth.offsets))
    if len(truth) == 0 or truth.event.min() < 0 or truth.event.max() > LARGEST:
        raise ValueError(f"event numbers {truth.event}; wanted one event at least, and numbers "
                         f"from 0 to {LARGEST}")
    for name in ("weight", "vertex", "e_nu", "p4", "start", "time"):
        if not np.isfinite(getattr(truth, name)).all():
            raise ValueError(f"Truth.{name} holds NaN or infinity; wanted finite numbers")
    if ((truth.parent < -1) | (truth.parent >= rows)).any():
        raise ValueError("Truth.parent: wanted −1 or an earlier particle of the event")


def _target(truth, i):
    """Return PDG code and mass [MeV] of what was hit, told by what recoils."""
    rows = np.arange(*truth.offsets[i:i + 2])
    pdg = truth.pdg[rows]
    hit = rows[(truth.parent[rows] < 0) & ((pdg == PROTON) | (pdg > NUCLEI))]
    if len(hit) != 1:
        raise ValueError(f"event {truth.event[i]}: cannot tell the target from {pdg.tolist()}; "
                         "wanted one nucleus or proton among the particles from the interaction")
    return int(truth.pdg[hit[0]]), float(mass(truth.p4[hit[0]]))


def _run_info(pyhepmc, events, run):
    """What holds for all events: G.R.1 to G.R.11 of arXiv:2310.13211."""
    said = {"Version.Major": 1, "Version.Minor": 0, "Version.Patch": 0, "Exposure.POT": 1.0,
            "Units.CrossSection.Unit": "pb", "Units.CrossSection.TargetScale": "PerAtom",
            "Provenance.NEvents": events, "AdditionalParticleNumbers": list(DARK),
            "Conventions": ["G.C.1", *["G.C.2"][:CROSS_SECTION in run], "G.C.5", "G.S.2"]}
    for topic, meaning in MEANING.items():
        said[f"{topic}IDs"] = list(meaning)
        for number, text in meaning.items():
            said[f"{topic}Info[{number}].Name"] = text.partition(":")[0]
            said[f"{topic}Info[{number}].Description"] = text
    for code, text in DARK.items():
        said[f"AdditionalParticleNumber[{code}].Name"] = text.partition(":")[0]
        said[f"AdditionalParticleInfo[{code}].Description"] = text
    for name, value in run.items():
        full = name.removeprefix("NuHepMC.") if "NuHepMC." in name else f"Provenance.{name}"
        if full in said or len(full.split()) != 1:
            raise ValueError(f"run has {name!r}; wanted names without spaces, not yet taken")
        said[full] = value
    info = pyhepmc.GenRunInfo()
    info.tools, info.weight_names = [("darkpairs", __version__, "Dark Pairs")], ["CV"]
    for name, value in said.items():
        info.attributes[f"NuHepMC.{name}"] = _text(value)
    return info


def _text(value):
    """Write numbers with all their digits: HepMC3 itself keeps six after the point in a list."""
    return value if isinstance(value, str) else " ".join(map(str, np.ravel(value).tolist()))


def _event_out(pyhepmc, info, truth, i):
    """Turn one event into HepMC3's graph: beam, target, then the particles in their order."""
    event = pyhepmc.GenEvent(info, pyhepmc.Units.MEV, pyhepmc.Units.CM)
    event.event_number, event.weights = int(truth.event[i]), [float(truth.weight[i])]
    event.attributes["signal_process_id"] = _text(PROCESS + truth.kind[i])  # E.R.3
    event.attributes["lab_pos"] = _text(truth.vertex[i])  # E.R.5
    rows, energy = slice(*truth.offsets[i:i + 2]), truth.e_nu[i]
    code, rest = _target(truth, i)
    parents = truth.parent[rows].tolist()
    particles = [pyhepmc.GenParticle((0, 0, energy, energy), NEUTRINO, BEAM),
                 pyhepmc.GenParticle((0, 0, 0, rest), code, TARGET)]
    for k, (e, *p) in enumerate(truth.p4[rows].tolist()):
        status = DECAYED if k in parents else FINAL
        particles.append(pyhepmc.GenParticle((*p, e), int(truth.pdg[rows][k]), status))
    for particle in particles:
        event.add_particle(particle)
    vertices, at = {}, {-1: truth.vertex[i].tolist()}
    born = np.column_stack([truth.start[rows], truth.time[rows] * SPEED_OF_LIGHT]).tolist()  # cm
    for parent, (*start, ct), particle in zip(parents, born, particles[2:], strict=True):
        if parent not in vertices:
            vertices[parent] = pyhepmc.GenVertex((*at.setdefault(parent, start), ct))
            vertices[parent].status = PRIMARY if parent < 0 else DECAY
            for mother in particles[:2] if parent < 0 else [particles[parent + 2]]:
                vertices[parent].add_particle_in(mother)
            event.add_vertex(vertices[parent])
        if start != at[parent] or ct != vertices[parent].position.t:
            raise ValueError(f"event {truth.event[i]}: particles of one origin start at different "
                             "places or times, or off the vertex; wanted one vertex for them")
        vertices[parent].add_particle_out(particle)
    return event


def _said(said, name):
    """Return what a run or an event says under a name."""
    if said is None or name not in said.attributes:
        raise ValueError(f"does not say {name}; wanted a HepMC3 file of ours")
    value = said.attributes[name]
    return value if isinstance(value, str) else value.astype(str)


def _event_in(pyhepmc, event):
    """Turn HepMC3's graph into numbers for `_gather`."""
    event.set_units(pyhepmc.Units.MEV, pyhepmc.Units.CM)
    process = _said(event, "signal_process_id")
    kind = _kind(_said(event.run_info, f"NuHepMC.ProcessInfo[{process}].Name"))
    beam = [each for each in event.particles if each.status == BEAM]
    others = [each for each in event.particles if each.status not in (BEAM, TARGET)]
    place = {each.id: row for row, each in enumerate(others)}
    parents = [{place.get(parent.id, -1) for parent in each.parents} for each in others]
    if len(beam) != 1 or any(len(each) != 1 for each in parents):
        raise ValueError(f"event {event.event_number}: {len(beam)} beam particles, or a particle "
                         "without one origin; wanted one neutrino, and a tree of decays")
    numbers = [(each.momentum, each.production_vertex.position) for each in others]
    at, weight = beam[0].end_vertex.position, event.weights[0]
    return [event.event_number, kind, weight, beam[0].momentum.e, at.x, at.y, at.z], [
        [each.pid, p.e, p.px, p.py, p.pz, x.x, x.y, x.z, x.t / SPEED_OF_LIGHT, *parent]
        for each, (p, x), parent in zip(others, numbers, parents, strict=True)]


def _hepevt_text(truth, i, numbers):
    """Return the lines of one event: the neutrino is line 1, particle k is line k + 2."""
    rows, energy = slice(*truth.offsets[i:i + 2]), truth.e_nu[i] / 1000
    numbers = [[0.0, 0.0, energy, energy, 0.0, *truth.vertex[i], 0.0], *numbers[rows]]
    parents = truth.parent[rows].tolist()
    text = f"{truth.event[i]} {len(numbers)}\n"
    for k, code in enumerate([NEUTRINO, *truth.pdg[rows]], start=-1):
        daughters = [row + 2 for row, mother in enumerate(parents) if mother == k] or [0]
        status = 0 if k < 0 else DECAYED if daughters[0] else FINAL
        mother = 0 if k < 0 else parents[k] + 2
        rest = " ".join(map(str, np.asarray(numbers[k + 1]).tolist()))
        text += f"{status} {code} {mother} 0 {daughters[0]} {daughters[-1]} {rest}\n"
    return text


def _hepevt_event(first, lines):
    """Read one event, given its first line and those that follow, for `_gather`."""
    number, count = _numbers(first, 2)
    nu, *rows = [_numbers(line, 15) for line in islice(lines, count)] or [[1]]
    if len(rows) + 1 != count or nu[0] != 0 or any(row[0] == 0 for row in rows):
        raise ValueError(f"line {first[0]}: the event has {len(rows) + 1} lines; wanted {count}, "
                         "the first of them its neutrino, with status 0")
    return [number, 0, 0, 1000 * nu[9], *nu[11:14]], [
        [pdg, 1000 * e, 1000 * px, 1000 * py, 1000 * pz, x, y, z, t / 1000, max(mother - 2, -1)]
        for _, pdg, mother, _, _, _, px, py, pz, e, _, x, y, z, t in rows]


def _numbers(line, wanted):
    """Return the numbers of one line, the first six of which are whole."""
    with _naming(f"line {line[0]}"):
        words = line[1].split()
        numbers = [*map(int, words[:6]), *map(float, words[6:])]
        if len(numbers) != wanted or not all(map(isfinite, numbers)):
            raise ValueError(f"{line[1].strip()!r}; wanted {wanted} finite numbers")
        return numbers
