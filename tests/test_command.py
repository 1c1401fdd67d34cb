"""The command: models from words, text and JSON that agree with the library, bad input."""

import json
import warnings

import numpy as np
import pytest

from darkpairs import command, distil, model, verdict
from darkpairs.model import BENCHMARKS
from fewanswers import few

NOTE = ["--m5", "210", "--m4", "107", "--m-zprime", "800", "--vmu5", "6.9e-3"]


def options(*words):
    return command._parser().parse_args(["verdict", *words])


def test_words_make_the_models_of_the_note():
    wide = model.three_plus_two(m5=210.0, m4=107.0, m_zprime=800.0, g_d=2.0, epsilon=8e-4,
                                ud4=0.5**0.5, ud5=0.5**0.5, vmu5=6.9e-3)
    assert repr(command.read_model(options(*NOTE))) == repr(wide)
    assert command.read_model(options(*NOTE, "--epsilon", "1e-3")).epsilon == 1e-3
    light = command.read_model(options("--m4", "140", "--m-zprime", "30", "--umu4", "3e-4"))
    assert repr(light) == repr(model.focused(m4=140.0, umu4_squared=9e-8)._replace(umu_light=3e-4))
    assert command.read_model(options(*NOTE, "--majorana")).majorana == 1.0
    assert command.read_model(options("--benchmark", "example")) is BENCHMARKS["example"]


def test_json_says_what_the_library_says(capsys):
    assert command.main(["verdict", "--benchmark", "ours-3-60", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    found = verdict.of(BENCHMARKS["ours-3-60"])
    assert said["coupling"] == "|V_μ5|²"
    assert said["squared"] == found.squared
    assert said["notes"] == []
    assert list(said["searches"]) == ["broad", "focused"]
    for name, each in said["searches"].items():
        mine = found.of(name)
        assert each["signal"] == mine.signal.events.tolist()
        assert each["selected"] == mine.signal.selected
        assert each["background"] == mine.background.tolist()
        assert each["cls_expected"] == mine.cls.expected.tolist()
        assert each["limit_expected"] == mine.limit.expected.tolist()
        assert each["excluded"] == mine.excluded
    assert said["miniboone"]["delta"] == found.miniboone.delta
    assert said["model"]["ctau"] is None


def test_the_text_holds_the_numbers(capsys):
    assert command.main(["verdict", *NOTE]) == 0
    text = capsys.readouterr().out
    point = command.read_model(options(*NOTE))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = verdict.of(point)
    for each in found.searches:
        assert f"{each.signal.pairs:.4g}" in text
        assert f"{each.signal.selected:.1f} ± {each.signal.error:.1f}" in text
        assert f"{each.limit.expected[2]:.2e}" in text
    assert f"χ² {found.miniboone.chi2:.1f} of 11 bins" in text
    assert "Toy:" in text
    assert max(map(len, text.splitlines())) <= 100


def test_few_pairs_are_a_note_not_a_warning(capsys, monkeypatch):
    monkeypatch.setattr(verdict, "ENOUGH", 1e5)
    assert command.main(["verdict", "--benchmark", "ours-3-60"]) == 0
    said = capsys.readouterr()
    assert "Note: " in said.out
    assert "effective events of" in said.out
    assert said.err == ""


@pytest.mark.parametrize(("words", "why"), [
    ([*NOTE[2:], "--umu4", "1e-4"], "--vmu5 with a 3+1 model; it has no such number"),
    (["--m4", "100"], "a 3+1 model without --m-zprime, --umu4"),
    (NOTE[:6], "a 3+2 model without --vmu5"),
    ([*NOTE, "--alpha-d", "0.3"], "--alpha-d with a 3+2 model"),
    ([*NOTE[:7], "0"], "vmu5 must be a number > 0; got 0"),
    ([*NOTE, "--epsilon", "0"], "wanted all > 0, else there are no pairs"),
    ([*NOTE[:2], "--m4", "300", *NOTE[4:]], "wanted m5 > m4"),
    ([*NOTE[:5], "45", *NOTE[6:]], "there are pairs of real Z′ of"),
    (["--benchmark", "best"], "no benchmark 'best'"),
    (["--benchmark", "note", "--m5", "3"], "a benchmark and m5"),
    ([*NOTE, "--dark", "grey"], "unknown dark 'grey'"),
    ([*NOTE, "--simulate", "0"], "--simulate 0; wanted a number > 0"),
    ([*NOTE, "--regime", "neutron"], "unknown regime 'neutron'"),
])
def test_bad_input_is_one_line_and_status_2(capsys, words, why):
    with np.errstate(all="raise"):
        status = command.main(["verdict", *words])
    said = capsys.readouterr()
    assert status == 2
    assert said.out == ""
    assert said.err.startswith("python -m darkpairs verdict: ")
    assert why in said.err
    assert said.err.count("\n") == 1


def test_pairs_are_simulated_when_asked(capsys, monkeypatch):
    seen = []

    def alone(point, events):
        seen.append((point.m_zprime, events))
        return few()

    monkeypatch.setattr(distil, "alone", alone)
    assert command.main(["verdict", *NOTE, "--simulate", "2000", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mine = verdict.of(command.read_model(options(*NOTE)), answers=few())
    assert said["searches"]["broad"]["signal"] == mine.of("broad").signal.events.tolist()
    assert seen == [(800.0, 2000)]


def test_words_that_are_no_numbers_are_one_line(capsys):
    with pytest.raises(SystemExit) as stop:
        command.main(["verdict", "--m5", "heavy"])
    assert stop.value.code == 2
    assert capsys.readouterr().err == (
        "python -m darkpairs verdict: argument --m5: invalid float value: 'heavy'\n")


def test_benchmarks_are_listed(capsys):
    assert command.main(["benchmarks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(BENCHMARKS)
    assert command.main([]) == 0
    assert "verdict" in capsys.readouterr().out
