"""Digests that miss no change, records that miss no line, plans that cannot be carried out."""

import hashlib
import json

import numpy as np
import pytest

from darkpairs import register
from darkpairs.register import Check, Gate, Plan, append, digest, intact

EDGES = np.linspace(0, 1, 5)
MEAN = np.array([40.0, 30.0, 20.0, 10.0])
COVARIANCE = np.outer(0.1 * MEAN, 0.1 * MEAN) + np.diag(0.02 * MEAN)
NEAR = Check("near", "energy", EDGES, MEAN, COVARIANCE)


def plan():
    return Plan((Gate("far", 0.01, (NEAR._replace(region="pions"), NEAR._replace(region="dirt"))),
                 Gate("near", 0.02, (NEAR,))))


def test_a_record_against_plain_hashing():
    record = append(append((), {"a": 1}), {"b": "ν", "a": [0.1, "x"]})
    first = hashlib.sha256(b'\n{"a": 1}').hexdigest()
    second = hashlib.sha256((first + '\n{"a": [0.1, "x"], "b": "ν"}').encode()).hexdigest()
    assert [line.digest for line in record] == [first, second]


def test_a_digest_against_plain_hashing():
    plain = hashlib.sha256(b"(2'4'near"
                           + b"[(2,)" + np.array([1.0, 2.0], dtype="<f8").tobytes())
    assert digest(("near", np.array([1, 2]))) == plain.hexdigest()


def test_any_change_of_a_plan_changes_its_digest():
    old = plan()
    gate, other = old.gates
    changes = [old._replace(signal="other"), old._replace(gates=(other, gate)),
               old._replace(gates=(gate,))]
    for field, value in (("p", 0.0100001), ("name", "open"), ("toys", 500), ("seed", 1),
                         ("checks", gate.checks[::-1]), ("joint", np.eye(8))):
        changes.append(old._replace(gates=(gate._replace(**{field: value}), other)))
    for field, value in (("prediction", MEAN * (1 + 1e-15)), ("edges", EDGES * 1.01),
                         ("covariance", COVARIANCE + 1e-14), ("variable", "row"),
                         ("region", "nea")):
        changed = other._replace(checks=(NEAR._replace(**{field: value}),))
        changes.append(old._replace(gates=(gate, changed)))
    digests = {digest(each) for each in (old, *changes)}
    assert len(digests) == 1 + len(changes)


def test_the_same_plan_in_other_types_has_the_same_digest():
    gate = plan().gates[1]
    listed = gate._replace(toys=0.0, checks=(NEAR._replace(
        edges=EDGES.tolist(), prediction=MEAN.astype(int), covariance=COVARIANCE.copy("F")),))
    assert digest(plan()) == digest(plan()._replace(gates=(plan().gates[0], listed)))
    assert digest(-0.0) == digest(0)


def test_parts_do_not_run_into_each_other():
    things = [("ab", "c"), ("a", "bc"), ("abc",), (("ab",), "c"), ("ab", ("c",)), "abc",
              np.ones((2, 3)), np.ones((3, 2)), np.ones(6), (1.0,) * 6, {"a": 1}, ("a", 1), (),
              np.zeros(0)]
    assert len({digest(thing) for thing in things}) == len(things)


def test_lines_changed_left_out_or_moved_are_noticed():
    record = ()
    for k in range(4):
        record = append(record, {"line": k})
    assert intact(record)
    assert intact(record[:2])  # what comes later is not known yet
    bent = record[1]._replace(text=json.dumps({"line": 7}))
    for wrong in (record[1:], (record[0], *record[2:]), (*record[:2], record[3], record[2]),
                  (record[0], bent, *record[2:])):
        assert not intact(wrong)


def test_what_is_declared():
    entry = register.declared(plan())
    assert entry["declared"] == digest(plan())
    assert entry["gates"] == [["far", 0.01], ["near", 0.02]]
    assert entry["signal"] == "signal"


def tried(gate=None, signal="signal", **change):
    gate = gate or Gate("near", 0.1, (NEAR._replace(**change),))
    register.check(Plan((gate,), signal), ("energy",), ("near", "signal"))


@pytest.mark.parametrize(("call", "message"), [
    (lambda: tried(signal="other"), "no region 'other'; there are near, signal"),
    (lambda: tried(region="signal"), "wanted a sideband, not the signal region itself"),
    (lambda: tried(region="far"), "wanted a region of near, signal and a column of energy"),
    (lambda: tried(variable="angle"), "'angle' of region 'near': wanted a region"),
    (lambda: tried(edges=EDGES[::-1]), "edges must rise"),
    (lambda: tried(prediction=MEAN[:2]), "wanted 4 numbers > 0"),
    (lambda: tried(prediction=0 * MEAN), "wanted 4 numbers > 0"),
    (lambda: tried(covariance=np.eye(3)), r"covariance of shape \(3, 3\); wanted \(4, 4\)"),
    (lambda: tried(covariance=-np.eye(4)), "smallest eigenvalue is -1; wanted ≥ 0"),
    (lambda: tried(Gate("near", 0.0, (NEAR,))), "wanted 0 < p < 1"),
    (lambda: tried(Gate("near", 0.1, ())), "p = 0.1 and 0 checks"),
    (lambda: tried(Gate("near", 0.1, (NEAR, NEAR))), "wanted each once"),
    (lambda: tried(Gate("near", 0.01, (NEAR,), toys=99)), "could never fail with 99 toys"),
    (lambda: tried(Gate("near", 0.01, (NEAR,), np.eye(4), toys=150)), "wanted 200 or more"),
    (lambda: tried(Gate("near", 0.1, (NEAR,), np.eye(3))), r"joint .* wanted \(4, 4\), or none"),
    (lambda: tried(Gate("near", 0.1, (NEAR,), -np.eye(4))), "smallest eigenvalue is -1"),
    (lambda: register.check(Plan(()), (), ()), r"gates \[\]; wanted one at least"),
    (lambda: register.check(Plan(plan().gates[:1] * 2), (), ()), "a name of its own"),
])
def test_bad_input_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call()
