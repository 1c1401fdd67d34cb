"""Blinding as code: the signal region opens after gates that were declared before.

In: a plan, and data that nobody has looked at. Out: the data of those regions that are open.
Chapter: blinding.

A `Plan` says in advance which spectra will be compared with which predictions, in which order, and
at which p-value a comparison counts as failed. `seal` puts data away under such a plan; from then
on `read` gives a region only when the plan allows it, and says which gate is closed when it does
not. A gate is tried by `judge`, which counts the events and works out the p-values by itself. A
gate that has failed stays closed; the way on is `amend`, with a reason, and all gates begin anew.

What happened stands in a record (`register`). A plan that was changed afterwards does not fit to
its record; who has the same plan and data gets the same record, line by line. No file has to be
trusted.

In Python nothing is truly out of reach. The vault is a promise that cannot be broken *by mistake*.

Laws: no order of calls reads the signal region while a gate is closed; a right prediction is
stopped at a gate with the declared chance at most, however many spectra it compares.
"""

import json
from dataclasses import dataclass, replace

import numpy as np

from darkpairs import register
from darkpairs.register import Check, Gate, Plan  # noqa: F401 (plans are written with these)
from darkpairs.sidebands import disjoint, pvalues
from darkpairs.systematics import histograms

LABELS = ("event", "kind", "weight", "truth")  # columns that begin so


class Closed(ValueError):
    """A region was asked for before its gate has opened.

    Attributes
    ----------
    gate : str
        The first gate in the way.
    """

    def __init__(self, gate, message):
        super().__init__(message)
        self.gate = gate


@dataclass(frozen=True, eq=False, repr=False)
class Vault:
    """Data under a plan. Use `read`, `judge` and `amend`; each of them leaves a vault as it was.

    Attributes
    ----------
    plan : Plan
        What has to pass.
    record : tuple of Line
        What happened so far.
    """

    plan: Plan
    record: tuple
    _columns: dict
    _regions: dict

    def __repr__(self):
        state = ", ".join(f"{name} {word}" for name, word in status(self).items())
        return f"Vault({state}; {self.plan.signal} {'open' if opened(self) else 'sealed'})"


def seal(columns, regions, plan, *, of=""):
    """Put data away under a plan, a `Vault`.

    Parameters
    ----------
    columns : dict of str to array-like (events,)
        Numbers that are known of each event of the data. Copied.
    regions : dict of str to array-like (events,) of bool
        Which events each region holds.
    plan : Plan
        Which gates lead to the signal region.
    of : str
        What data these are, for the record.

    Raises
    ------
    ValueError
        If a column says who an event really is (`LABELS`), if a sideband shares events with the
        signal region (with their number), if a check asks for a region, a column or bins that make
        no sense, or for the signal region itself.
    """
    told = [name for name in columns if name.startswith(LABELS)]
    if told:
        raise ValueError(f"columns {told} say who an event is; wanted what is seen of it alone")
    columns = {name: np.array(column) for name, column in columns.items()}
    regions = {name: np.array(mask) for name, mask in regions.items()}
    lengths = {len(array) for array in (*columns.values(), *regions.values())}
    if len(lengths) != 1 or not columns:
        raise ValueError(f"columns and regions of {sorted(lengths)} events; wanted all of the same")
    register.check(plan, columns, regions)
    disjoint(regions, signal=plan.signal)
    for array in (*columns.values(), *regions.values()):
        array.flags.writeable = False
    content = register.digest({"columns": columns, "regions": regions})
    record = register.append((), {"of": of, "sealed": content})
    return Vault(plan, register.append(record, register.declared(plan)), columns, regions)


def judge(vault, gate):
    """Try the next gate of a plan; return the vault afterwards, with the result in its record.

    Parameters
    ----------
    vault : Vault
        With all gates before this one passed.
    gate : str
        Its name. It must be the next one: naming it shows that nothing is opened in passing.

    Raises
    ------
    Closed
        If a gate before it is closed.
    ValueError
        If there is no such gate, or if it was tried already.
    """
    _trusted(vault)
    names = [each.name for each in vault.plan.gates]
    if gate not in names:
        raise ValueError(f"no gate {gate!r}; there are {', '.join(names)}")
    place = names.index(gate)
    _wants(vault, place, f"gate {gate!r}")
    if place < len(results(vault)):
        raise ValueError(f"gate {gate!r} was tried and has {status(vault)[gate]}; wanted a plan "
                         "amended with a reason")
    result = {"judged": gate, **_result(vault, vault.plan.gates[place])}
    return replace(vault, record=register.append(vault.record, result))


def read(vault, region):
    """Return the data of a region, a dict of str to ndarray.

    The signal region opens when all gates have passed; a region of a gate when that gate was
    tried, passed or not, for who has to find a mistake must be able to look.

    Parameters
    ----------
    vault : Vault
        The data.
    region : str
        Which of them.

    Raises
    ------
    Closed
        If a gate is in the way; the message says which.
    ValueError
        If no gate of the plan leads to such a region.
    """
    _trusted(vault)
    plan = vault.plan
    if region == plan.signal:
        _wants(vault, len(plan.gates), f"the signal region {region!r}")
    else:
        places = [k for k, gate in enumerate(plan.gates)
                  if region in {check.region for check in gate.checks}]
        if not places:
            raise ValueError(f"no gate of the plan leads to a region {region!r}; wanted "
                             f"{', '.join(_reachable(plan))}")
        _wants(vault, places[0] + 1, f"region {region!r}", tried=True)
    mask = vault._regions[region]
    return {name: column[mask] for name, column in vault._columns.items()}


def amend(vault, plan, *, reason):
    """Change the plan, as after a gate has failed: all gates close again, and the record says why.

    Parameters
    ----------
    vault : Vault
        With its signal region sealed; once all gates have passed the plan stands.
    plan : Plan
        The new one, with the same signal region.
    reason : str
        What was found, in words.
    """
    _trusted(vault)
    if opened(vault):
        raise ValueError("all gates have passed and the signal region may have been read; wanted "
                         "the plan as it was")
    if plan.signal != vault.plan.signal or not reason.strip():
        raise ValueError(f"signal region {plan.signal!r} and reason {reason!r}; wanted "
                         f"{vault.plan.signal!r} as before, and a reason in words")
    register.check(plan, vault._columns, vault._regions)
    record = register.append(vault.record, register.declared(plan) | {"reason": reason})
    return replace(vault, plan=plan, record=record)


def results(vault):
    """Return what came of the gates tried so far under the plan that stands, a tuple of dict.

    Each holds the name of the gate (``"judged"``), its p-values by check (``"checks"``), the one
    of the gate (``"p"``), that which was ``"wanted"``, and whether it ``"passed"``.
    """
    lines = [json.loads(line.text) for line in vault.record]
    begin = max(k for k, line in enumerate(lines) if "declared" in line)
    return tuple(lines[begin + 1:])


def opened(vault):
    """Tell whether all gates have passed."""
    found = results(vault)
    return len(found) == len(vault.plan.gates) and all(result["passed"] for result in found)


def whose(vault):
    """Return what data a vault holds, in the words of its record."""
    return json.loads(vault.record[0].text)["of"]


def status(vault):
    """Return the state of each gate, a dict of str: ``"passed"``, ``"failed"``, ``"not tried"``."""
    words = ["passed" if result["passed"] else "failed" for result in results(vault)]
    words += ["not tried"] * (len(vault.plan.gates) - len(words))
    return dict(zip([gate.name for gate in vault.plan.gates], words, strict=True))


def _result(vault, gate):
    """Return the p-values of a gate by check, the one of the gate, and whether it passed."""
    asked = {f"{check.region}: {check.variable}": (
        _counts(vault, check), check.prediction, check.covariance) for check in gate.checks}
    if len(gate.joint):
        counts, means, _ = zip(*asked.values(), strict=True)
        asked["together"] = np.concatenate(counts), np.concatenate(means), gate.joint
    found = {name: float(pvalues(*each, toys=gate.toys, seed=gate.seed)[0])
             for name, each in asked.items()}
    worst = min(1.0, len(found) * min(found.values()))  # Bonferroni
    return {"checks": found, "p": worst, "wanted": gate.p, "passed": worst >= gate.p}


def _counts(vault, check):
    """Return the data of a check, ndarray (n,)."""
    values = vault._columns[check.variable][vault._regions[check.region]]
    return histograms(values, check.edges, np.ones(len(values)))


def _wants(vault, place, what, *, tried=False):
    """Refuse to go on as long as one of the first gates has not passed."""
    found = results(vault)
    for k, gate in enumerate(vault.plan.gates[:place]):
        last = tried and k == place - 1
        if k >= len(found):
            state = "it was not tried yet"
        elif not found[k]["passed"] and not last:
            state = f"it has failed with p = {found[k]['p']:.2g}"
        else:
            continue
        names = ", ".join(each.name for each in vault.plan.gates[:place])
        raise Closed(gate.name, f"{what} is closed by gate {gate.name!r}: {state}; wanted these "
                     f"to pass, in this order: {names}")


def _trusted(vault):
    """Refuse a plan, or a record, that is not what was declared."""
    declared = [line["declared"] for line in map(json.loads, (line.text for line in vault.record))
                if "declared" in line]
    mine = register.digest(vault.plan)
    if not register.intact(vault.record) or declared[-1] != mine:
        raise ValueError(f"the plan has the digest {mine[:8]}… and the record declares "
                         f"{declared[-1][:8]}…, or a line of it was changed; wanted the plan as it "
                         "was declared")


def _reachable(plan):
    """Return the regions that a plan can open, in its order, the signal region last."""
    names = [check.region for gate in plan.gates for check in gate.checks]
    return [*dict.fromkeys(names), plan.signal]
