"""Exchange: what leaves the house comes back, and others read in it what we meant."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas
import pyarrow.parquet
import pyhepmc
import pytest

from darkpairs import exchange
from darkpairs.batches import Truth, concatenate, select

ARGON, CARBON, PROTON = (1000180400, 37215.5), (1000060120, 11174.9), (2212, 938.272)
ELECTRON = 0.511
C = 29979.2458  # cm/µs


def two_body(p, first, second, dice):
    """Let p decay into two masses, in a random direction."""
    mass = np.sqrt(p[0] ** 2 - p[1:] @ p[1:])
    energy = (mass**2 + first**2 - second**2) / (2 * mass)
    axis = dice.normal(size=3)
    q = axis / np.sqrt(axis @ axis) * np.sqrt(energy**2 - first**2)
    along = (q @ p[1:] / (p[0] + mass) + energy) / mass
    one = np.array([(energy * p[0] + q @ p[1:]) / mass, *(q + along * p[1:])])
    return one, p - one


def event(number, target, zprime, dice):
    """One event as the generator makes it: ν_h flies and decays, by a real Z′ or without."""
    pdg, mass = target
    e_nu = dice.uniform(800, 3000)
    total = np.array([e_nu + mass, 0, 0, e_nu])
    recoil, heavy = two_body(total, mass, 107.0, dice)
    pair, light = two_body(heavy, 30.0, 0.0, dice)
    plus, minus = two_body(pair, ELECTRON, ELECTRON, dice)
    vertex = dice.uniform(0, 200, size=3)
    spots = [[*vertex, 0.0]]
    for p in (heavy, pair):
        ct = dice.exponential(20)  # cm
        spots.append([*spots[-1][:3] + ct * p[1:] / p[0], spots[-1][3] + ct / C])
    family = [(pdg, -1, recoil, 0), (5914, -1, heavy, 0)]
    if zprime:
        family += [(5921, 1, pair, 1), (14, 1, light, 1), (11, 2, minus, 2), (-11, 2, plus, 2)]
    else:
        family += [(14, 1, light, 1), (11, 1, minus, 1), (-11, 1, plus, 1)]
    pdg, parent, p4, spot = zip(*family, strict=True)
    born = np.array([spots[k] for k in spot])
    return Truth([number], [0], [dice.exponential(1e-22)], [vertex], [e_nu], [0, len(pdg)], pdg,
                 p4, born[:, :3], born[:, 3], parent)


@pytest.fixture(scope="module")
def few():
    dice = np.random.default_rng(5)
    return concatenate([event(3, ARGON, True, dice), event(8, CARBON, False, dice),
                        event(9, PROTON, True, dice), event(2**31 - 1, ARGON, False, dice)])


@pytest.fixture(scope="module")
def many():
    dice = np.random.default_rng(6)
    targets = [ARGON, CARBON, PROTON]
    return concatenate([event(i, targets[i % 3], i % 2 == 0, dice) for i in range(500)])


def write_hepevt_and_read(truth, path):
    exchange.write_hepevt(truth, path)
    return exchange.read_hepevt(path, weight=truth.weight)


def write_hepmc3_and_read(truth, path):
    exchange.write_hepmc3(truth, path)
    return exchange.read_hepmc3(path)


def write_parquet_and_read(truth, path):
    exchange.write_parquet(truth, path)
    return exchange.read_parquet(path)


@pytest.mark.parametrize(("trip", "name", "tolerance"), [
    (write_parquet_and_read, "a.parquet", 0),
    (write_hepmc3_and_read, "a.hepmc3", 5e-16),
    (write_hepmc3_and_read, "a.hepmc3.gz", 5e-16),
    (write_hepevt_and_read, "a.hepevt", 5e-16),
])
def test_what_was_written_is_read_back(many, tmp_path, trip, name, tolerance):
    back = trip(many, tmp_path / name)
    for field in Truth.SHAPES:
        given, wanted = getattr(back, field), getattr(many, field)
        assert given.dtype == wanted.dtype
        assert given.flags.c_contiguous
        exact = tolerance == 0 or wanted.dtype.kind == "i"
        np.testing.assert_allclose(given, wanted, rtol=0 if exact else tolerance, err_msg=field)
    assert [path.name for path in tmp_path.iterdir()] == [name]  # nothing else is left lying
    assert (tmp_path / name).read_bytes()[:2] == {"et": b"PA", "c3": b"He", "gz": b"\x1f\x8b",
                                                  "vt": b"0 "}[name[-2:]]


def test_parquet_keeps_every_bit_and_an_empty_batch(few, tmp_path):
    odd = replace(few, time=np.where(few.parent < 0, -0.0, np.nan), event=few.event - 2**40)
    for truth in (odd, select(few, [])):
        back = write_parquet_and_read(truth, tmp_path / "odd.parquet")
        for field in Truth.SHAPES:
            assert getattr(back, field).tobytes() == getattr(truth, field).tobytes(), field


def test_pandas_reads_the_parquet_file(few, tmp_path):
    exchange.write_parquet(few, tmp_path / "few.parquet")
    frame = pandas.read_parquet(tmp_path / "few.parquet")
    assert list(frame.event) == [3, 8, 9, 2**31 - 1]
    assert list(frame.pdg[1]) == [CARBON[0], 5914, 14, 11, -11]
    rows = frame.explode(exchange.OF_PARTICLES)
    assert len(rows) == len(few.pdg)
    pairs = rows[abs(rows.pdg) == 11].groupby("event").energy.sum()
    wanted = [few.p4[(abs(few.pdg) == 11) & (np.arange(22) // 5.5 // 1 == k), 0].sum()
              for k in range(4)]
    np.testing.assert_allclose(pairs.to_numpy(dtype=float), wanted)
    units = pyarrow.parquet.read_schema(tmp_path / "few.parquet").metadata[b"units"]
    assert b'"px": "MeV"' in units


def test_hepmc3_conserves_momentum_in_the_eyes_of_pyhepmc(few, tmp_path):
    exchange.write_hepmc3(few, tmp_path / "few.hepmc3")
    with pyhepmc.open(tmp_path / "few.hepmc3") as file:
        events = list(file)
    assert [each.event_number for each in events] == few.event.tolist()
    for i, each in enumerate(events):
        assert each.momentum_unit == pyhepmc.Units.MEV
        assert each.length_unit == pyhepmc.Units.CM
        assert each.weight("CV") == few.weight[i]
        came = [p for p in each.particles if p.status in (4, 20)]
        went = [p for p in each.particles if p.status == 1]
        for axis in ("px", "py", "pz", "e"):
            before, after = (sum(getattr(p.momentum, axis) for p in ps) for ps in (came, went))
            assert after == pytest.approx(before, abs=1e-9)
        assert [p.pid for p in came] == [14, few.pdg[few.offsets[i]]]
        assert [p.pid for p in went if p.pid == 11] == [11]
        assert [v.status for v in each.vertices] == [1, 22, 22][:2 + (i % 2 == 0)]
        pair = next(p for p in each.particles if p.pid == 11).production_vertex.position
        last = few.offsets[i + 1] - 1  # the positron was made with the electron
        assert pair.t == pytest.approx(few.time[last] * C, rel=1e-15)
        assert (pair.x, pair.y, pair.z) == tuple(few.start[last])
        lab = [float(x) for x in each.attributes["lab_pos"].astype(str).split()]
        assert lab == few.vertex[i].tolist()


def run_of(path):
    with pyhepmc.open(path) as file:
        run = file.read().run_info
    return run, {name: run.attributes[name].astype(str) for name in run.attributes}


def test_hepmc3_says_what_nuhepmc_requires(few, tmp_path):
    path = tmp_path / "few.hepmc3"
    exchange.write_hepmc3(few, path, run={
        "g_d": 0.1 + 0.2, "edges": np.array([1.0, 2.5]), "model": "our own",
        "NuHepMC.FluxAveragedTotalCrossSection": 1e-4})
    run, said = run_of(path)
    assert run.weight_names == ["CV"]  # G.R.7
    assert [tool.name for tool in run.tools] == ["darkpairs"]  # G.R.3
    assert all(tool.version for tool in run.tools)
    said = {name.removeprefix("NuHepMC."): text for name, text in said.items()}
    assert [said[f"Version.{part}"] for part in ("Major", "Minor", "Patch")] == ["1", "0", "0"]
    assert {"G.C.1", "G.C.2"} < set(said["Conventions"].split())  # G.R.4, G.R.5
    assert said["Units.CrossSection.Unit"] == "pb"  # G.R.6
    for topic in ("Process", "VertexStatus", "ParticleStatus"):  # G.R.8 to G.R.10
        for number in said[f"{topic}IDs"].split():
            assert said[f"{topic}Info[{number}].Name"]
            assert said[f"{topic}Info[{number}].Description"]
    assert said["ParticleStatusIDs"] == "1 2 4 20"
    assert {"5914", "5921"} < set(said["AdditionalParticleNumbers"].split())  # G.R.11
    assert said["AdditionalParticleNumber[5921].Name"] == "Zprime"
    assert said["Exposure.POT"] == "1.0"
    assert float(said["Provenance.g_d"]) == 0.1 + 0.2
    assert said["Provenance.edges"] == "1.0 2.5"
    assert said["Provenance.model"] == "our own"
    exchange.write_hepmc3(few, path)
    assert "G.C.2" not in run_of(path)[1]["NuHepMC.Conventions"]


def test_hepevt_line_by_line(few, tmp_path):
    """The slow twin: the text read by hand, as TextFileGen documents it."""
    exchange.write_hepevt(few, tmp_path / "few.txt")
    lines = (tmp_path / "few.txt").read_text().splitlines()
    for i in range(len(few)):
        first, last = few.offsets[i:i + 2]
        assert lines.pop(0) == f"{few.event[i]} {last - first + 1}"
        nu = [float(word) for word in lines.pop(0).split()]
        e = few.e_nu[i] / 1000  # GeV
        np.testing.assert_allclose(nu[6:], [0, 0, e, e, 0, *few.vertex[i], 0], rtol=1e-15)
        assert nu[:6] == [0, 14, 0, 0, 2, 3]
        for row in range(first, last):
            status, pdg, mother, none, young, old, *rest = lines.pop(0).split()
            px, py, pz, energy, mass, x, y, z, t = map(float, rest)
            np.testing.assert_allclose([energy, px, py, pz], few.p4[row] / 1000, rtol=1e-15)
            assert mass == pytest.approx(
                {5914: 0.107, 14: 0, 5921: 0.03, 11: 0.000511}.get(abs(int(pdg)), mass), abs=1e-7)
            assert (x, y, z) == tuple(few.start[row])
            assert t == pytest.approx(few.time[row] * 1000, rel=1e-15)  # ns
            assert (int(pdg), none) == (few.pdg[row], "0")
            assert int(mother) == (1 if few.parent[row] < 0 else few.parent[row] + 2)
            daughters = np.flatnonzero(few.parent[first:last] == row - first) + 2
            assert status == ("2" if len(daughters) else "1")
            assert [int(young), int(old)] == ([*daughters[[0, -1]]] if len(daughters) else [0, 0])
    assert not lines


def test_hepevt_asks_for_what_it_does_not_hold(few, tmp_path):
    exchange.write_hepevt(few, tmp_path / "few.txt")
    assert (exchange.read_hepevt(tmp_path / "few.txt", weight=2e-22).weight == 2e-22).all()
    with pytest.raises(ValueError, match=r"few.txt: could not broadcast"):
        exchange.read_hepevt(tmp_path / "few.txt", weight=[1.0, 2.0])
    with pytest.raises(ValueError, match="events of kind 'noise'; wanted one of signal"):
        exchange.read_hepevt(tmp_path / "few.txt", weight=1.0, kind="noise")


def changed(truth, field, row, value):
    array = getattr(truth, field).copy()
    array[row] = value
    return replace(truth, **{field: array})


@pytest.mark.parametrize(("field", "row", "value", "message"), [
    ("pdg", 0, 22, r"event 3: cannot tell the target from \[22, 5914, 5921, 14, 11, -11\]"),
    ("pdg", 1, 2212, "event 3: cannot tell the target"),
    ("start", (9, 0), 7.0, "event 8: particles of one origin start at different places"),
    ("start", (0, 0), 7.0, "event 3: particles of one origin .* off the vertex"),
    ("time", 10, 7.0, "event 8: particles of one origin start at different places or times"),
    ("event", 1, 3, "event numbers repeat"),
])
def test_hepmc3_refuses_what_its_graph_cannot_hold(few, tmp_path, field, row, value, message):
    with pytest.raises(ValueError, match=message):
        exchange.write_hepmc3(changed(few, field, row, value), tmp_path / "bad.hepmc3")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("write", [exchange.write_hepmc3, exchange.write_hepevt])
@pytest.mark.parametrize(("field", "row", "value", "message"), [
    ("event", 0, -1, "event numbers .* wanted .* numbers from 0 to 2147483647"),
    ("event", 0, 2**31, "event numbers"),
    ("p4", (3, 2), np.nan, "Truth.p4 holds NaN or infinity"),
    ("weight", 0, np.inf, "Truth.weight holds NaN or infinity"),
    ("parent", 1, 1, "wanted −1 or an earlier particle"),
    ("parent", 0, -2, "wanted −1 or an earlier particle"),
])
def test_text_refuses_what_it_cannot_hold(few, tmp_path, write, field, row, value, message):
    with pytest.raises(ValueError, match=message):
        write(changed(few, field, row, value), tmp_path / "bad.txt")
    with pytest.raises(ValueError, match="wanted one event at least"):
        write(select(few, []), tmp_path / "bad.txt")


@pytest.mark.parametrize("name", ["with space", "NuHepMC.Version.Major"])
def test_run_names_are_checked(few, tmp_path, name):
    with pytest.raises(ValueError, match="wanted names without spaces, not yet taken"):
        exchange.write_hepmc3(few, tmp_path / "bad.hepmc3", run={name: 1})


def test_a_write_that_fails_leaves_the_old_file(few, tmp_path, monkeypatch):
    path = tmp_path / "kept.hepmc3"
    exchange.write_hepmc3(few, path)
    old = path.read_bytes()
    with pytest.raises(ValueError, match="cannot tell the target"):  # in the last of four events
        exchange.write_hepmc3(changed(few, "pdg", 17, 22), path)
    monkeypatch.setattr(exchange, "_hepevt_text", lambda truth, i, numbers: "half" if i < 3 else 1)
    with pytest.raises(TypeError):
        exchange.write_hepevt(few, path)
    monkeypatch.setattr(pyarrow.parquet, "write_table", lambda table, path, **more: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        exchange.write_parquet(few, path)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("where", [4, 0.3, 0.7])
@pytest.mark.parametrize("cut", [True, False])
def test_a_damaged_parquet_file_is_refused(many, tmp_path, where, cut):
    path = tmp_path / "bad.parquet"
    exchange.write_parquet(many, path)
    data = bytearray(path.read_bytes())
    place = where if where > 1 else int(where * len(data))
    data[place] ^= 16
    path.write_bytes(data[:place] if cut else data)
    with pytest.raises(ValueError, match=r"bad.parquet: "):
        exchange.read_parquet(path)


def test_a_foreign_or_outdated_parquet_file_is_refused(few, tmp_path):
    path = tmp_path / "other.parquet"
    pandas.DataFrame({"event": [1]}).to_parquet(path)
    with pytest.raises(ValueError, match=r"has {'format': '', .* and columns event; wanted"):
        exchange.read_parquet(path)
    exchange.write_parquet(few, path)
    table = pyarrow.parquet.read_table(path)
    about = table.schema.metadata
    for change, message in [({b"version": b"2"}, "'version': '2'}.* wanted .*'version': '1'"),
                            ({b"kinds": b'["noise"]'}, "other.parquet: events of kind 'noise'")]:
        pyarrow.parquet.write_table(table.replace_schema_metadata(about | change), path)
        with pytest.raises(ValueError, match=message):
            exchange.read_parquet(path)
    uneven = table.set_column(7, "pdg", pyarrow.array([[1] * 5, [1] * 6, [1] * 6, [1] * 5]))
    pyarrow.parquet.write_table(uneven.replace_schema_metadata(about), path)
    with pytest.raises(ValueError, match="lists of one event differ in length"):
        exchange.read_parquet(path)


@pytest.mark.parametrize(("old", "new", "message"), [
    ("E 8", None, "1 events can be read, the header says 4"),
    ("V -2 22", None, "0 events can be read"),
    ("HepMC::Version", None, "0 events can be read, the header says nothing"),
    ("Info[750].Name signal", "Info[750].Name noise", "events of kind 'noise'; wanted one of"),
    ("signal_process_id 750", "signal_process_id 7", r"does not say NuHepMC.ProcessInfo\[7\].Name"),
    ("NuHepMC.Provenance.NEvents", "N", "does not say NuHepMC.Provenance.NEvents"),
    ("V -2 22 [4]", "V -2 22 [3,4]", "event 3: .* a particle without one origin"),
    ("e+00 4\n", "e+00 3\n", "event 3: 0 beam particles"),
])
def test_a_damaged_hepmc3_file_is_refused(few, tmp_path, old, new, message):
    path = tmp_path / "bad.hepmc3"
    exchange.write_hepmc3(few, path)
    text = path.read_text()
    assert old in text
    path.write_text(text[:text.index(old)] if new is None else text.replace(old, new))
    with pytest.raises(ValueError, match=f"bad.hepmc3: .*{message}"):
        exchange.read_hepmc3(path)


@pytest.mark.parametrize(("damage", "message"), [
    (lambda text: text[:-60], r"line 30: .* wanted 15 finite numbers"),
    (lambda text: text[:text.rindex("\n1 ")], "line 24: the event has 5 lines; wanted 6"),
    (lambda text: text.replace("0 14 ", "1 14 ", 1), "line 1: .* with status 0"),
    (lambda text: text.replace("\n0 14 ", "\n0 14.5 ", 1), "line 2: invalid literal for int"),
    (lambda text: text.replace("\n2 5914 1", "\n2 5914 4", 1), "an earlier particle"),
    (lambda text: text[:text.rindex(" ")] + " nan\n", "line 30: .* wanted 15 finite numbers"),
    (lambda text: "", "wanted one event at least"),
    (lambda text: "3\n" + text, "line 1: '3'; wanted 2 finite numbers"),
    (lambda text: "µ" + text, "codec can't decode"),
])
def test_a_damaged_hepevt_file_is_refused(few, tmp_path, damage, message):
    path = tmp_path / "bad.txt"
    exchange.write_hepevt(few, path)
    path.write_text(damage(path.read_text()), encoding="utf-8")
    with pytest.raises(ValueError, match=f"bad.txt: .*{message}"):
        exchange.read_hepevt(path, weight=1.0)


@pytest.mark.parametrize("read", [
    exchange.read_parquet, exchange.read_hepmc3, lambda path: exchange.read_hepevt(path, weight=1)])
def test_a_missing_file_is_refused(tmp_path, read):
    with pytest.raises(ValueError, match=r"nowhere.x: .*nowhere.x"):
        read(tmp_path / "nowhere.x")


def test_nothing_is_imported_before_it_is_used(few, tmp_path, monkeypatch):
    code = ("import sys; from darkpairs import exchange; "
            "print(*{'pyarrow', 'pyhepmc', 'pandas'} & set(sys.modules))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not done.stdout.strip()
    monkeypatch.setitem(sys.modules, "pyhepmc", None)
    with pytest.raises(ImportError, match=r'pyhepmc is missing; .* pip install "darkpairs\[export'):
        exchange.write_hepmc3(few, tmp_path / "few.hepmc3")
