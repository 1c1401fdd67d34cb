"""Publication: pyhf finds our CLs in our file, the file comes back bit for bit, tables add up."""

import json
import os
import subprocess
import sys

import numpy as np
import pyhf
import pytest
from scipy import stats

from darkpairs import hepdata, publication, sensitivity
from darkpairs.batches import Template

# what pyhf's validator calls
pytestmark = pytest.mark.filterwarnings("ignore:jsonschema.RefResolver:DeprecationWarning")
ERRORS = ("shifts", "covariance", "nothing")
SMALL = Template([0, 1, 2], [1.0, 2.0], [[30.0, 4.0], [10.0, 12.0]], shifts=[[4.0, -1.6]])


def random_case(seed, errors, *, kinds=2, bins=4, size=0.1):
    dice = np.random.default_rng(seed)
    background = dice.uniform(5, 60, (kinds, bins))
    shifts = dice.normal(size=(2, bins)) * size * background.sum(axis=0)
    said = {"shifts": {"shifts": shifts}, "covariance": {"covariance": shifts.T @ shifts},
            "nothing": {}}[errors]
    edges = np.sort(dice.uniform(-1, 1, bins + 1))
    template = Template(edges, dice.uniform(0, 8, bins), background, **said)
    return template, dice.poisson(template.total + dice.uniform(0, 1) * template.signal) * 1.0


def opened(template, data, path, **names):
    """Return pyhf's model and data of a template that went through a file."""
    publication.write_workspace(template, data, path, **names)
    workspace = pyhf.Workspace(json.loads(path.read_text(encoding="utf-8")))
    model = workspace.model()
    return model, workspace.data(model)


def distance(template, data, path, mu):
    """Largest distance of CLs, observed and expected, to pyhf's with nothing set."""
    model, counts = opened(template, data, path)
    theirs = pyhf.infer.hypotest(mu, counts, model, test_stat="qtilde", return_expected_set=True)
    ours = sensitivity.cls(template, data, mu)
    return np.abs([ours.observed - theirs[0], *(ours.expected - np.array(theirs[1]))]).max()


@pytest.mark.parametrize("errors", ERRORS)
@pytest.mark.parametrize("seed", range(4))
def test_pyhf_finds_our_cls_in_the_file(tmp_path, seed, errors):
    template, data = random_case(seed, errors, kinds=seed % 3 + 1, size=0.1 + 0.1 * seed)
    for tolerance, close in ((1e-12, 1e-7), (None, 3e-5)):  # None, as pyhf comes
        pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer(
            **({"tolerance": tolerance} if tolerance else {})))
        for mu in (0.4, 1.0, 2.5):
            assert distance(template, data, tmp_path / "pairs.json", mu) < close


def test_many_modes_and_few_counts(tmp_path):
    dice = np.random.default_rng(3)
    shifts = dice.normal(size=(9, 7)) * 0.1
    template = Template(np.arange(8), dice.uniform(0, 2, 7), dice.uniform(0.2, 2, (2, 7)),
                        covariance=shifts.T @ shifts)
    pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer(tolerance=1e-12))
    for mu in (0.5, 2.0):
        assert distance(template, dice.poisson(template.total) * 1.0, tmp_path / "a", mu) < 1e-7


@pytest.mark.parametrize("errors", ERRORS)
def test_pyhf_predicts_straight_lines_in_strength_and_pulls(tmp_path, errors):
    template, data = random_case(5, errors, kinds=3)
    model, _ = opened(template, data, tmp_path / "pairs.json")
    modes = np.zeros((0, 4)) if errors == "nothing" else template.shifts
    if errors == "covariance":
        values, vectors = np.linalg.eigh(template.covariance)
        modes = (np.sqrt(values[-2:]) * vectors[:, -2:]).T[::-1]
    assert [name for name in model.config.par_names if name != "mu"] == [
        f"{'source' if errors == 'shifts' else 'mode'}_{k}" for k in range(len(modes))]
    dice = np.random.default_rng(6)
    for pulls in [[-5.0, 5.0], [-1.0, 1.0], [0.3, -0.7], [0.0, 0.0], *dice.normal(size=(9, 2))]:
        pulls, mu = np.array(pulls)[:len(modes)], dice.uniform(0, 3)
        parameters = np.empty(len(modes) + 1)
        for k, pull in enumerate(pulls):
            name = f"{'source' if errors == 'shifts' else 'mode'}_{k}"
            parameters[model.config.par_map[name]["slice"]] = pull
        parameters[model.config.par_map["mu"]["slice"]] = mu
        theirs = model.expected_actualdata(parameters)
        ours = mu * template.signal + template.total + pulls @ modes
        np.testing.assert_allclose(theirs, ours, rtol=1e-12)


@pytest.mark.parametrize("errors", ERRORS)
def test_the_schema_of_pyhf_takes_it(tmp_path, errors):
    publication.write_workspace(*random_case(1, errors), tmp_path / "pairs.json", channel="one",
                                kinds=["pi0", "dirt"])
    spec = json.loads((tmp_path / "pairs.json").read_text(encoding="utf-8"))
    pyhf.schema.validate(spec, "workspace.json", version="1.0.0")
    model = pyhf.Workspace(spec).model()
    assert (model.config.poi_name, model.config.channels) == ("mu", ["one"])
    assert sorted(model.config.samples) == ["dirt", "pi0", "signal"]


def test_the_file_of_a_small_template(tmp_path):
    publication.write_workspace(SMALL, [41, 15], tmp_path / "small.json", kinds=["pi0", "dirt"],
                                sources=["flux"])

    def background(name, data, high, low):
        return {"name": name, "data": data, "modifiers": [
            {"name": "flux", "type": "histosys", "data": {"hi_data": high, "lo_data": low}}]}

    spec = json.loads((tmp_path / "small.json").read_text(encoding="utf-8"))
    [[low, high]] = spec["measurements"][0]["config"]["parameters"][0].pop("bounds")
    assert low == 0
    assert np.isclose(high, (56 + 10 * (1 + 112**0.5)) / 3)
    assert spec == {
        "version": "1.0.0",
        "channels": [{"name": "pairs", "samples": [
            {"name": "signal", "data": [1.0, 2.0],
             "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]},
            background("pi0", [30.0, 4.0], [33.0, 3.6], [27.0, 4.4]),
            background("dirt", [10.0, 12.0], [11.0, 10.8], [9.0, 13.2])]}],
        "observations": [{"name": "pairs", "data": [41.0, 15.0]}],
        "measurements": [{"name": "darkpairs", "config": {"poi": "mu", "parameters": [
            {"name": "mu", "inits": [1.0]}, {"name": "pairs.edges", "inits": [0.0, 1.0, 2.0]},
            {"name": "pairs.shifts", "inits": [4.0, -1.6]}]}}]}


@pytest.mark.parametrize("factor", [1e-3, 1.0, 1e3])
def test_every_limit_lies_within_the_bounds(tmp_path, factor):
    for seed in range(5):
        template, data = random_case(seed, "shifts", size=0.3)
        template = Template(template.edges, factor * template.signal, template.background,
                            shifts=template.shifts)
        for counts in (data, 0.3 * data, 10 * data):
            model, _ = opened(template, counts, tmp_path / "pairs.json")
            highest = model.config.suggested_bounds()[model.config.poi_index][1]
            limit = sensitivity.upper_limit(template, counts)
            assert max(limit.observed, *limit.expected) < highest


def bits(value):
    return None if value is None else (value.shape, value.tobytes())


@pytest.mark.parametrize("errors", ERRORS)
def test_a_workspace_comes_back_bit_for_bit(tmp_path, errors):
    template, data = random_case(8, errors, kinds=3, bins=9)
    odd = Template(template.edges / 3, [0.0, 1e-300, 5e-324, *template.signal[3:]],
                   template.background, shifts=template.shifts, covariance=template.covariance)
    publication.write_workspace(odd, data / 7, tmp_path / "a.json", channel="pairs_2g",
                                kinds=["a", "b", "c"])
    back = publication.read_workspace(tmp_path / "a.json")
    for name in ("edges", "signal", "background", "shifts", "covariance"):
        assert bits(getattr(back.template, name)) == bits(getattr(odd, name)), name
    assert bits(back.data) == bits(data / 7)
    assert (back.channel, back.kinds) == ("pairs_2g", ("a", "b", "c"))
    assert back.sources == {"shifts": ("source_0", "source_1"), "nothing": (),
                            "covariance": ("mode_0", "mode_1")}[errors]


def test_modes_may_turn(tmp_path):
    template, data = random_case(9, "covariance")
    path = tmp_path / "a.json"
    publication.write_workspace(template, data, path)
    spec = json.loads(path.read_text(encoding="utf-8"))
    for sample in spec["channels"][0]["samples"][1:]:  # another machine may choose other signs
        both = sample["modifiers"][0]["data"]
        both["hi_data"], both["lo_data"] = both["lo_data"], both["hi_data"]
    path.write_text(json.dumps(spec))
    back = publication.read_workspace(path).template
    assert bits(back.covariance) == bits(template.covariance)


def test_shifts_of_no_source_come_back_as_none(tmp_path):
    template = Template(SMALL.edges, SMALL.signal, SMALL.background, shifts=np.zeros((0, 2)))
    publication.write_workspace(template, [1, 2], tmp_path / "a.json")
    assert publication.read_workspace(tmp_path / "a.json").template.shifts is None


def test_the_same_input_gives_the_same_bytes_in_place_of_an_older_file(tmp_path):
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text("old and long " * 9999)
        publication.write_workspace(*random_case(2, "covariance"), tmp_path / name)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "b.json"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    def fails(*paths):
        raise OSError("no space left")

    (tmp_path / "a.json").write_text("old")
    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(ValueError, match=r"a.json: no space left"):
        publication.write_workspace(SMALL, [1, 2], tmp_path / "a.json")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def dig(spec, *keys):
    for key in keys:
        spec = spec[key]
    return spec


SAMPLES = ("channels", 0, "samples")
SETTINGS = ("measurements", 0, "config", "parameters")


@pytest.mark.parametrize(("damage", "message"), [
    (lambda spec: spec.update(version="2.0.0"), "version '2.0.0'; wanted '1.0.0'"),
    (lambda spec: spec.pop("version"), "KeyError 'version'; wanted a workspace of ours"),
    (lambda spec: spec["channels"].append({}), "2 channels; wanted one"),
    (lambda spec: spec["measurements"].clear(), "0 measurements; wanted one"),
    (lambda spec: dig(spec, "measurements", 0, "config").update(poi="nu"), "interest 'nu'"),
    (lambda spec: dig(spec, "observations", 0).update(name="other"), "counts of 'other'; wanted"),
    (lambda spec: dig(spec, "observations", 0).update(data=[1.0]), r"data of shape \(1,\) for 2"),
    (lambda spec: dig(spec, *SAMPLES, 1, "modifiers", 0).update(type="normsys"), "'normsys'.*wan"),
    (lambda spec: dig(spec, *SAMPLES, 1, "modifiers").pop(), "the same histosys each"),
    (lambda spec: dig(spec, *SAMPLES, 0, "modifiers").pop(), "signal with the normfactor mu alone"),
    (lambda spec: dig(spec, *SAMPLES).reverse(), "signal with the normfactor mu"),
    (lambda spec: dig(spec, *SAMPLES, 2).update(name="background_0"), "2 different words"),
    (lambda spec: dig(spec, *SAMPLES, 1).pop("data"), "KeyError 'data'"),
    (lambda spec: dig(spec, *SAMPLES, 1, "data").pop(), "inhomogeneous"),
    (lambda spec: dig(spec, *SAMPLES, 1, "modifiers", 0, "data", "hi_data").reverse(), "not say"),
    (lambda spec: dig(spec, *SAMPLES, 2, "data").reverse(), "do not say what is stored"),
    (lambda spec: dig(spec, *SETTINGS).pop(), "the modifiers do not say what is stored as shifts"),
    (lambda spec: dig(spec, *SETTINGS).pop(1), "wanted mu with bounds and pairs.edges"),
    (lambda spec: dig(spec, *SETTINGS, 1, "inits").pop(), "cannot reshape array of size 2"),
    (lambda spec: dig(spec, *SETTINGS, 0).update(fixed=True), r"parameters \['mu'\]; wanted mu"),
    (lambda spec: dig(spec, *SETTINGS).append({"name": "source_0", "fixed": True}), "source_0"),
    (lambda spec: dig(spec, *SETTINGS, 2, "inits").reverse(), "do not say what is stored"),
    (lambda spec: dig(spec, "observations", 0).update(data=[float("nan"), 1]), "numbers ≥ 0"),
])
def test_a_workspace_that_says_something_else_is_refused(tmp_path, damage, message):
    path = tmp_path / "bad.json"
    publication.write_workspace(SMALL, [41, 15], path)
    spec = json.loads(path.read_text(encoding="utf-8"))
    damage(spec)
    path.write_text(json.dumps(spec))
    with pytest.raises(ValueError, match=f"bad.json: .*{message}"):
        publication.read_workspace(path)


def test_a_missing_or_foreign_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"nowhere.json: .*nowhere.json"):
        publication.read_workspace(tmp_path / "nowhere.json")
    for text, message in (("{", "bad.json: Expecting"), ("[]", "bad.json: TypeError"),
                          ('{"version": "1.0.0"}', "bad.json: KeyError 'channels'")):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(ValueError, match=message):
            publication.read_workspace(tmp_path / "bad.json")


FREE = Template(SMALL.edges, SMALL.signal, SMALL.background)
BENT = Template([0, 1, 2], [1.0, 1.0], [[1.0, 1.0]], covariance=[[0.0, 3.0], [3.0, 0.0]])


@pytest.mark.parametrize(("template", "data", "names", "message"), [
    (SMALL, [1], {}, r"data of shape \(1,\) for 2 bins"),
    (SMALL, [1, np.nan], {}, "counts must be numbers ≥ 0"),
    (SMALL, [1, 2], {"kinds": ["pi0"]}, r"kinds \['pi0'\]; wanted 2 different words"),
    (SMALL, [1, 2], {"kinds": ["pi0", "pi0"]}, "wanted 2 different words"),
    (SMALL, [1, 2], {"kinds": ["pi0", "signal"]}, "none of them signal"),
    (SMALL, [1, 2], {"sources": ["mu"]}, "none of them signal, mu or lumi"),
    (SMALL, [1, 2], {"sources": ["flux (all)"]}, "words of letters, digits and _"),
    (SMALL, [1, 2], {"channel": "1s 0t"}, r"channel \['1s 0t'\]; wanted 1 different words"),
    (FREE, [1, 2], {"sources": []}, r"sources \[\] for a template without shifts"),
    (BENT, [1, 1], {}, "its smallest eigenvalue is -3"),
])
def test_bad_input_is_refused_in_words(tmp_path, template, data, names, message):
    with pytest.raises(ValueError, match=message):
        publication.write_workspace(template, data, tmp_path / "a.json", **names)
    assert not list(tmp_path.iterdir())


def test_an_unwritable_place_is_refused(tmp_path):
    for place in (tmp_path, tmp_path / "no" / "a.json"):
        with pytest.raises(ValueError, match=place.name):
            publication.write_workspace(SMALL, [1, 2], place)


@pytest.mark.parametrize("errors", ERRORS)
def test_the_tables_of_a_spectrum(tmp_path, errors):
    template, data = random_case(4, errors, kinds=2)
    tables = publication.spectrum_tables(template, data, observable="Energy", unit="MeV",
                                         kinds=["pi0", "dirt"], qualifiers=[("POT", 1e20, "")])
    hepdata.write(tmp_path / "paper", tables)
    spectrum, *rest = hepdata.read(tmp_path / "paper").tables
    found = {column.name: column for column in spectrum.dependent}
    assert list(found) == ["Data", "Background", "pi0", "dirt", "Signal"]
    assert (spectrum.independent[0].bins == np.column_stack(
        [template.edges[:-1], template.edges[1:]])).all()
    assert (found["Data"].values == data).all()
    assert (found["pi0"].values + found["dirt"].values == found["Background"].values).all()
    assert (found["Signal"].values == template.signal).all()
    assert {column.qualifiers for column in spectrum.dependent} == {(("POT", 1e20, ""),)}
    if errors == "nothing":
        assert not rest
        assert not found["Background"].errors
        return
    [covariance] = rest
    matrix = covariance.dependent[0].values.reshape(4, 4)
    wanted = template.covariance if errors == "covariance" else template.shifts.T @ template.shifts
    np.testing.assert_allclose(matrix, wanted, rtol=1e-12)
    np.testing.assert_allclose(found["Background"].errors[0].plus ** 2, matrix.diagonal(),
                               rtol=1e-10)
    low = [column.bins[:, 0].reshape(4, 4) for column in covariance.independent]
    assert (low[0] == template.edges[:-1, None]).all()
    assert (low[1] == template.edges[:-1]).all()


def test_interval_of_counts():
    # Gehrels, ApJ 303 (1986) 336, Tables 1 and 2, 84.13%
    counts = np.array([0, 1, 2, 10, 50])
    interval = publication.garwood(counts)
    np.testing.assert_allclose(counts + interval.plus, [1.841, 3.300, 4.638, 14.27, 58.12],
                               atol=0.005)
    np.testing.assert_allclose(counts + interval.minus, [0, 0.173, 0.708, 6.891, 42.95],
                               atol=0.005)
    counts, tail = np.array([1, 7, 400]), stats.norm.sf(1)
    interval = publication.garwood(counts)
    np.testing.assert_allclose(counts + interval.minus, stats.chi2.ppf(tail, 2 * counts) / 2)
    np.testing.assert_allclose(counts + interval.plus, stats.chi2.isf(tail, 2 * counts + 2) / 2)


def test_the_table_of_a_contour(tmp_path):
    lines = [np.array([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]]), np.array([[7.0, 9.0], [8.0, 9.5]])]
    table = publication.contour_table(lines, x=("Mass", "MeV"), y=("Mixing", ""),
                                      qualifiers=[("CL", "95%", "")])
    hepdata.write(tmp_path / "paper", [table])
    [back] = hepdata.read(tmp_path / "paper").tables
    which, x = back.independent
    points = np.column_stack([x.values, back.dependent[0].values])
    for k, line in enumerate(lines):
        assert (points[which.values == k] == line).all()
    assert (x.name, x.unit, back.dependent[0].name) == ("Mass", "MeV", "Mixing")
    assert back.dependent[0].qualifiers == (("CL", "95%", ""),)


def test_the_table_of_a_plane(tmp_path):
    template, data = random_case(5, "shifts")
    strengths, masses = np.linspace(0, 3, 4), np.array([10.0, 20.0, 50.0])
    grid = strengths[:, None, None] * np.array([template.signal, template.signal[::-1], data / 9])
    found = sensitivity.contour(grid, template, data)
    table = publication.plane_table(found, strengths, masses, x=("Mixing", ""), y=("Mass", "MeV"))
    hepdata.write(tmp_path / "paper", [table])
    [back] = hepdata.read(tmp_path / "paper").tables
    for mixing, mass, delta in zip(*(column.values for column in back.independent),
                                   back.dependent[0].values, strict=True):
        assert delta == found.delta[list(strengths).index(mixing), list(masses).index(mass)]
    assert back.dependent[0].qualifiers == (("Threshold", found.threshold, ""),)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: publication.contour_table([], x=("a", ""), y=("b", "")), "a contour without lines"),
    (lambda: publication.contour_table([[1, 2]], x=("a", ""), y=("b", "")), "line 0 of the cont"),
    (lambda: publication.contour_table([[[1, np.nan]]], x=("a", ""), y=("b", "")), "holds NaN"),
    (lambda: publication.plane_table(sensitivity.Contour(np.zeros((2, 3)), None, 6.0, ()), [1, 2],
                                     [1, 2], x=("a", ""), y=("b", "")), r"b has shape \(2,\); wan"),
    (lambda: publication.spectrum_tables(SMALL, [1], observable="E"), r"shape \(1,\) for 2 bins"),
])
def test_tables_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_pyhf_is_not_needed():
    code = "import sys; from darkpairs import publication; print('pyhf' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
