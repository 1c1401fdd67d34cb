"""The command line: a verdict on any model point, for whoever has one.

In: words. Out: text or JSON, and an exit status. Chapter: verdict.

``python -m darkpairs verdict --m5 210 --m4 107 --m-zprime 800 --vmu5 6.9e-3`` tells what both
searches would select of a model, whether that excludes it, and what MiniBooNE says. With ``--m5``
the model is a 3+2 one, with the other couplings of the note's broad search unless told otherwise;
without, it is a 3+1 one, with those of the focused search.

A model that the simulated pairs cannot stand for is refused, unless ``--simulate 2000`` asks to
send pairs of its own through the whole chain.

Laws: the numbers are those of `verdict.of`; bad input is one line on stderr and status 2; the JSON
holds every number of the text.
"""

import argparse
import json
import sys
import warnings
from math import inf, isfinite, pi, sqrt

from darkpairs import __version__
from darkpairs import model as _model

PROGRAM = "python -m darkpairs"
TOY = ("Toy: our own simulated chamber and reconstructions, 2024 analyses re-implemented; coherent "
       "pairs\nfrom inside the active volume, no data of MicroBooNE, no errors of the signal.")
# Couplings if none are given: those of the note's searches, see `model.broad` and `model.focused`
BROAD = dict(g_d=2.0, epsilon=8e-4, ud4=sqrt(0.5), ud5=sqrt(0.5))
FOCUSED = dict(alpha_d=0.25, ue4=1e-5, utau4=1e-5)


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments=None):
    """Run one command; returns the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a console without Greek letters gets question marks
            stream.reconfigure(errors="replace")
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.do == "benchmarks":
        print("\n".join(f"{name:12} {model_line(point)}"
                        for name, point in _model.BENCHMARKS.items()))
        return 0
    if options.do is None:
        parser.print_help()
        return 0
    return _verdict(parser, options)


def _verdict(parser, options):
    from darkpairs import verdict  # compiled rooms, which the other commands do without

    try:
        point = read_model(options)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            table = _simulated(point, options.simulate)
            found = verdict.of(point, regime=options.regime, answers=table)
    except (ValueError, ArithmeticError) as error:
        sys.stderr.write(f"{parser.prog} verdict: {' '.join(str(error).split())}\n")
        return 2
    notes = [str(each.message) for each in told]
    if options.json:
        print(json.dumps(as_json(found) | {"notes": notes}, indent=1, ensure_ascii=False,
                         allow_nan=False))
    else:
        print(as_text(found))
        for note in notes:
            print(f"Note: {note}")
    return 0


def _simulated(point, events):
    """Return answers from pairs that are simulated now, or None for those that ship."""
    if events is None:
        return None
    if not events > 0:
        raise ValueError(f"--simulate {events}; wanted a number > 0")
    from darkpairs import distil  # and with it the chamber, both reconstructions and the trees
    return distil.alone(point, events)


def read_model(options):
    """Return the `DarkModel` that the options of ``verdict`` ask for, or refuse them.

    Parameters
    ----------
    options : argparse.Namespace
        With the names of `_parser`; None where nothing was said.
    """
    given = {name: value for name in OPTIONS if (value := getattr(options, name)) is not None}
    flags = dict(majorana=True) if options.majorana else {}
    if options.benchmark is not None:
        if given or flags:
            raise ValueError(f"a benchmark and {', '.join([*given, *flags])}; wanted one or the "
                             "other")
        if options.benchmark not in _model.BENCHMARKS:
            raise ValueError(f"no benchmark {options.benchmark!r}; `{PROGRAM} benchmarks` lists "
                             "them")
        return _model.BENCHMARKS[options.benchmark]
    wide = "m5" in given
    wanted = {"m4", "m_zprime"} | (set() if wide else {"umu4"})
    if not wanted <= {*given}:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(wanted - {*given}))
        raise ValueError(f"a {'3+2' if wide else '3+1'} model without {names}; wanted its masses "
                         "and couplings, or --benchmark")
    rules = BROAD if wide else FOCUSED | {"epsilon": _model.epsilon_from(2e-10)}
    make = _model.three_plus_two if wide else _model.three_plus_one
    known = {*rules, "m4", "m_zprime", "umu4", "ctau", "dark"} | (
        {"m5", "vmu5", "umu5"} if wide else set())
    if wide and "vmu5" not in given and not {"umu4", "umu5"} <= {*given}:
        raise ValueError("a 3+2 model without --vmu5; wanted it, or --umu4 and --umu5")
    if not {*given} <= known:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in sorted({*given} - known))
        raise ValueError(f"{names} with a {'3+2' if wide else '3+1'} model; it has no such number")
    return make(**rules | given | flags)


OPTIONS = {  # of a model: what they are
    "m5": "mass of ν₅ [MeV]; a 3+2 model", "m4": "mass of ν₄ [MeV]",
    "m_zprime": "mass of the Z′ [MeV]", "vmu5": "|V_μ5|, which makes ν₅ (not its square)",
    "umu4": "U_μ4", "umu5": "U_μ5, with --umu4 in place of --vmu5",
    "epsilon": "kinetic mixing; default 8e-4 for 3+2, 1.655e-4 for 3+1",
    "g_d": "dark coupling of 3+2; default 2", "alpha_d": "g_D²/4π of 3+1; default 0.25",
    "ud4": "U_D4 of 3+2; default 1/√2", "ud5": "U_D5 of 3+2; default 1/√2",
    "ue4": "U_e4 of 3+1; default 1e-5", "utau4": "U_τ4 of 3+1; default 1e-5",
    "ctau": "decay length at rest of ν_h [cm]; default from the widths",
    "dark": "'inelastic' (default) or 'full', with the invisible decays"}


def _parser():
    parser = _Parser(prog=PROGRAM, description="What two searches for dark-sector e+e- pairs say "
                     "of a model point.")
    parser.add_argument("--version", action="version", version=f"darkpairs {__version__}")
    commands = parser.add_subparsers(dest="do", parser_class=_Parser, metavar="COMMAND")
    commands.add_parser("benchmarks", help="list the named model points")
    one = commands.add_parser("verdict", help="expected events, CLs, limit and MiniBooNE",
                              description="The verdict on one model point.")
    for name, words in OPTIONS.items():
        one.add_argument(f"--{name.replace('_', '-')}", help=words, metavar="X",
                         **({} if name == "dark" else {"type": float}))
    one.add_argument("--majorana", action="store_true", help="Majorana instead of Dirac neutrinos")
    one.add_argument("--benchmark", metavar="NAME", help="a named point in place of all these")
    one.add_argument("--regime", default="coherent", help="'coherent' (default) or 'both', with "
                     "pairs made on single protons")
    one.add_argument("--simulate", type=int, metavar="N", help="send N pairs of this model through "
                     "the whole chain, minutes long, instead of weighing simulated ones")
    one.add_argument("--json", action="store_true", help="numbers for a program")
    return parser


def model_line(point):
    """Return masses and couplings of a model in one line."""
    both = _model.is_three_plus_two(point)
    heavy = (f"3+2: ν₅ {point.m_heavy:g}, ν₄ {point.m_light:g}" if both else
             f"3+1: ν₄ {point.m_heavy:g}")
    made = f"|V_μ5|² = {_model.v_production(point)**2:.3g}" if both else (
        f"|U_μ4|² = {point.umu_light**2:.3g}")
    return (f"{heavy}, Z′ {point.m_zprime:g} MeV; {made}, ε = {point.epsilon:.4g}, "
            f"α_D = {point.g_d**2 / (4 * pi):.3g}")


def as_text(found):
    """Return a `verdict.Verdict` as lines of text, at most 79 columns wide."""
    columns = found.searches
    rows = [("", [each.signal.search for each in columns]),
            ("protons on target", [f"{each.pot:.3g}" for each in columns]),
            ("pairs in the active volume", [f"{each.signal.pairs:.4g}" for each in columns]),
            ("selected", [_pm(each.signal.selected, each.signal.error) for each in columns]),
            ("efficiency", [f"{100 * each.signal.efficiency:.1f} %" for each in columns]),
            ("background", [_pm(each.background.sum(), each.error) for each in columns]),
            ("CLs expected without a signal", [f"{each.cls.expected[2]:.2g}" for each in columns]),
            ("  from −1 to +1 σ", [_span(each.cls.expected) for each in columns]),
            ("excluded at 95 % CLs", ["yes" if each.excluded else "no" for each in columns]),
            (f"limit on {found.coupling}", [_number(each.limit.expected[2]) for each in columns]),
            ("  from −1 to +1 σ", [_span(each.limit.expected) for each in columns]),
            ("Δχ² (5.99 is 95 %, 2 numbers)", [f"{each.delta:.3g}" for each in columns])]
    lines = [model_line(found.model), ""]
    lines += [f"{head:31}" + "".join(f"{word:>20}" for word in words) for head, words in rows]
    mini = found.miniboone
    lines += ["", f"MiniBooNE: {mini.predicted.sum():.4g} events of this model; "
              f"χ² {mini.chi2:.1f} of {len(mini.predicted)} bins, without a signal {mini.null:.1f}",
              f"  best with {mini.strength * mini.predicted.sum():.4g} such events: "
              f"χ² {mini.smallest:.1f}, so Δχ² = {mini.delta:.1f}",
              f"{min(each.signal.effective for each in columns):.0f} effective simulated pairs "
              f"stand for this model; ± of what is selected is theirs alone.", TOY]
    return "\n".join(lines)


def as_json(found):
    """Return a `verdict.Verdict` as plain numbers: None for infinite limits and what is not given.

    Masses are in MeV, lengths in cm, limits are squared couplings; the five numbers of a band are
    those at −2, −1, 0, 1 and 2 σ of the background's fluctuation.
    """
    mini = found.miniboone
    return {
        "version": __version__, "coupling": found.coupling, "squared": found.squared,
        "regime": found.regime,
        "model": {name: _plain(value) for name, value in found.model._asdict().items()},
        "searches": {each.signal.search: {
            "pot": each.pot, "pairs": each.signal.pairs, "selected": each.signal.selected,
            "selected_error": each.signal.error, "efficiency": each.signal.efficiency,
            "signal": each.signal.events.tolist(), "effective": each.signal.effective,
            "background": each.background.tolist(), "background_error": each.error,
            "cls_expected": [_plain(x) for x in each.cls.expected],
            "limit_expected": [_plain(x) for x in each.limit.expected],
            "excluded": each.excluded, "delta_chi2": each.delta} for each in found.searches},
        "miniboone": {"predicted": mini.predicted.tolist(), "chi2": mini.chi2, "null": mini.null,
                      "smallest": mini.smallest, "strength": mini.strength, "delta": mini.delta}}


def _plain(value):
    return float(value) if isfinite(value) else None


def _number(value):
    return "none" if value == inf else f"{value:.2e}"


def _pm(value, error):
    """Return a number with its error, both with the decimals that the error deserves."""
    places = 0 if error >= 10 else 1 if error >= 0.1 else 3
    return f"{value:.{places}f} ± {error:.{places}f}"


def _span(band):
    ends = sorted((band[1], band[3]))
    return " to ".join("none" if x == inf else f"{x:.2g}" for x in ends)
