"""The record of drawn events: counts, angles, what lies around; nothing of it knows the truth."""

from dataclasses import replace
from math import acos, cos, pi, sin, sqrt

import numpy as np
import pytest

from darkpairs import calorimetry, observables
from darkpairs.detector import MICROBOONE
from darkpairs.observables import RULES
from darkpairs.record import TOPOLOGIES, Reco
from darkpairs.seen import Hits, Points
from drawn import LIVE, MIP, draw, line

START = np.array([100.0, 5.0, 300.0])
PROTON = 4 * MIP  # a charge per cm that means some 20 MeV/cm


def record(*events, **more):
    return observables.record(*draw(*events), LIVE, **dict(algorithm="projective") | more)


def shower(way=(0, 0, 1), *, start=START, label=0, length=20.0, charge=MIP, **more):
    return line(start, way, length, charge=charge, label=label, **more)


def track(way, *, start=START, label=1, length=8.0, charge=MIP, **more):
    return line(start, way, length, charge=charge, shower=0, label=label, **more)


@pytest.mark.parametrize(("showers", "tracks", "word"), [
    (1, 0, "1s0t"), (1, 1, "1s1t"), (2, 0, "2s0t"), (0, 0, "other"), (0, 1, "other"),
    (2, 1, "other"), (3, 0, "other"), (1, 2, "other")])
def test_showers_and_tracks_make_the_topology(showers, tracks, word):
    lines = [shower((0.3 * k, 0, 1), label=k) for k in range(showers)]
    lines += [track((0, 0.4 + 0.3 * k, 1), label=showers + k) for k in range(tracks)]
    reco = record(lines)
    assert (reco.showers[0], reco.tracks[0]) == (showers, tracks)
    assert TOPOLOGIES[reco.topology[0]] == word


def test_small_objects_do_not_count():
    blip = shower((1, 0, 0), start=START + 30.0, label=1, length=1.0)  # some 2 MeV
    stub = track((1, 0, 0), start=START + 40.0, label=2, length=0.5)
    reco = record([shower(), blip, stub])
    assert (reco.showers[0], reco.tracks[0]) == (1, 0)
    all_in = record([shower(), blip, stub], rules=RULES._replace(shower=0.0, track=0.0))
    assert (all_in.showers[0], all_in.tracks[0]) == (2, 1)
    assert reco.energy_showers == pytest.approx(all_in.energy_showers)


def test_columns_of_two_showers():
    one, other = (0.1, 0.2, 1.0), (0.0, -0.3, 1.0)
    scale = calorimetry.Scale(slope=1.0, offset=0.0)
    reco = record([shower(other, label=0, length=10.0), shower(one, label=1)], scale=scale)
    a, b = (np.array(way) / np.linalg.norm(way) for way in (one, other))
    assert [reco.start_x[0], reco.start_y[0], reco.start_z[0]] == pytest.approx(list(START))
    assert [reco.direction_x[0], reco.direction_y[0], reco.direction_z[0]] == pytest.approx(list(a))
    assert reco.angle == pytest.approx([acos(a[2])])
    assert reco.opening == pytest.approx([acos(a @ b)])
    assert reco.prong_angle == pytest.approx([acos(a @ b)], rel=1e-4)
    assert reco.prong_score == pytest.approx(reco.prong_angle * reco.prong_gain)
    assert reco.energy_showers == pytest.approx(reco.energy_leading + reco.energy_second)
    assert reco.asymmetry == pytest.approx([1 / 3], abs=0.02)
    assert (reco.length[0], reco.second_length[0]) == (20.0, 10.0)
    assert reco.longest_track == [0.0]
    assert np.isnan(reco.gap[0])
    assert reco.dedx_leading == pytest.approx([MIP * 23.6e-6 / scale.escape], rel=0.05)


def test_a_shower_leads_before_a_stronger_track():
    reco = record([track((0, 0, 1), length=60.0, label=0), shower((0, 1, 1), label=1)])
    assert reco.length == pytest.approx([20.0])
    assert reco.second_length == reco.longest_track == [60.0]
    assert reco.energy_leading == pytest.approx(reco.energy_showers)
    assert reco.energy_second == pytest.approx(reco.energy_tracks)


def test_charge_behind_and_ahead_and_beside():
    ahead = [line(START, (sin(a), 0, cos(a)), 10.0, label=-1) for a in (0.1, 0.2, 0.3)]
    behind = line(START - np.array([0, 0, 5.0]), (0, 0, -1), 10.0, label=-1)
    side = line(START + np.array([0, 2.0, 0]), (0, 1, 0), 10.0, label=-1)
    far = line(START - np.array([0, 0, 60.0]), (0, 0, -1), 10.0, label=-1)
    reco = record([shower(), *ahead, behind, side, far])
    left = np.exp(-START[0] / LIVE.velocity / LIVE.lifetime)
    assert reco.behind == pytest.approx([10 * MIP * left], rel=0.02)
    assert reco.cone == pytest.approx([(20 + 2 * 10) * MIP * left], rel=0.02)
    assert reco.near == pytest.approx([(3 * 5 + 3) * MIP * left], rel=0.06)
    assert reco.unclustered == pytest.approx(reco.charge - 20 * MIP * left, rel=0.02)


def test_walls_backwards_and_nearest():
    way = np.array([0.6, 0.0, 0.8])
    reco = record([shower(way)], [shower(-way)], [shower((0, 1, 0))],
                  [shower(start=(-5.0, 0.0, 100.0))])
    assert reco.wall == pytest.approx([100 / 0.6, (256.35 - 100) / 0.6, 5 + 116.5, 0])
    assert reco.border == pytest.approx([100, 100, 100, 0])


def test_the_vertex_is_the_end_of_a_track_that_the_shower_comes_from():
    vertex = START - np.array([0, 0, 15.0])
    reco = record([shower(), track((0, 1, 0.2), start=vertex, charge=PROTON)],
                  [shower(), track((0, -1, -0.2), start=vertex + np.array([0, 8, 1.6]),
                                   length=sqrt(66.56))],
                  [shower(), track((0, 1, 0), start=START)],
                  [shower(), track((0, 1, 0), start=START + 30.0)],
                  [shower(), track((0, 1, 0), start=START - np.array([0, 14.0, 20.0]))],
                  [shower(), track((0, 1, 0), start=START + np.array([0, 0, 10.0]))], [shower()])
    assert reco.gap[:2] == pytest.approx([15, 15], abs=0.1)
    assert reco.gap[2] == pytest.approx(0, abs=1e-9)
    assert np.isnan(reco.gap[3:]).all()
    assert [reco.vertex_x[1], reco.vertex_y[1], reco.vertex_z[1]] == pytest.approx(list(vertex))
    assert list(reco.protons) == [1, 0, 0, 0, 0, 0, 0]
    assert reco.proton_energy[0] == pytest.approx(reco.energy_tracks[0])
    assert reco.proton_energy[0] > 8 * RULES.dense


@pytest.mark.parametrize("tilt", [0.0, 0.6, 1.2])
def test_two_photons_have_the_mass_of_their_pion(tilt):
    # PDG 2024: m² = 2 E₁E₂(1 − cos θ). At 45° between 100 and 155.6 MeV it is 95.5 MeV
    scale = calorimetry.Scale(slope=1.0, offset=0.0)
    charge = [energy * scale.escape / 23.6e-6 / 20.0 for energy in (100.0, 155.6)]
    ways = [(0, sin(tilt + s * pi / 8), cos(tilt + s * pi / 8)) for s in (1, -1)]
    starts = [START + d * np.array(way) for d, way in zip((10.0, 25.0), ways, strict=True)]
    lines = [shower(way, start=start, label=k, charge=q)
             for k, (way, start, q) in enumerate(zip(ways, starts, charge, strict=True))]
    proton = track((1, 0, 0), start=START, label=2, charge=PROTON)
    reco = record(lines, [*lines, proton], [lines[0]], scale=scale)
    assert reco.pion_mass[:2] == pytest.approx(np.full(2, 95.5), rel=0.01)
    assert np.isnan(reco.pion_mass[2])


@pytest.mark.parametrize("vertex", [False, True])
def test_the_mass_is_not_from_the_first_centimetres(vertex):
    # without a vertex from where all of a shower lies, with one from where it starts
    ways = [(0, sin(s * pi / 8), cos(s * pi / 8)) for s in (1, -1)]
    lines = [shower(way, start=START + 20 * np.array(way), label=k) for k, way in enumerate(ways)]
    lines += [track((1, 0, 0), start=START, label=2, charge=PROTON)] if vertex else []
    points, objects, hits = draw(lines)
    astray = replace(objects, direction=[(0, 0.2, 0.98)] * len(objects.charge))
    more = dict(algorithm="tomographic", rules=RULES._replace(vertex=20.0))
    wanted = observables.record(points, objects, hits, LIVE, **more).pion_mass
    assert np.isfinite(wanted).all()
    found = observables.record(points, astray, hits, LIVE, **more)
    assert np.isfinite(found.gap[0]) == vertex
    assert found.pion_mass == pytest.approx(wanted, rel=0.01)


MIXED = [[shower(), track((0, 1, 0.2)), line(START + 5.0, (1, 0, 0), label=-1)], [],
         [shower((0.2, 0.1, 1)), shower((-0.2, 0, 1), label=1, owner=1)],
         [track((0, 1, 0), label=0, owner=2)], [shower((-1, 0, 0.1), length=1.0)]]


def same(one, other, names):
    for name in names:
        assert np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True), name


@pytest.mark.parametrize("algorithm", ["projective", "tomographic"])
def test_nothing_but_truth_knows_the_truth(algorithm):
    points, objects, hits = draw(*MIXED)
    dice = np.random.default_rng(3)
    counts = dice.integers(1, 4, len(hits.charge))
    start = np.concatenate([[0], np.cumsum(counts)])
    ride = dict(event=np.arange(70, 75), kind=dice.integers(0, 3, 5), weight=dice.random(5))
    lies = replace(hits, owner_start=start, owner=dice.integers(-1, 9, start[-1]),
                   fraction=dice.random(start[-1]), **ride)
    honest = observables.record(points, objects, hits, LIVE, algorithm=algorithm)
    other = observables.record(replace(points, **ride), replace(objects, **ride), lies, LIVE,
                               algorithm=algorithm)
    same(honest, other, Reco.FEATURES)
    assert list(other.event) == list(range(70, 75))
    assert not np.array_equal(honest.truth_purity, other.truth_purity, equal_nan=True)


def test_each_event_is_treated_by_itself():
    together = record(*MIXED)
    for i, lines in enumerate(MIXED):
        alone = record(lines)
        for name in Reco.FEATURES + Reco.TRUTH:
            assert np.array_equal(getattr(alone, name), getattr(together, name)[i:i + 1],
                                  equal_nan=True), name


def test_nothing_is_a_row_too():
    reco = record([], [line(START, (0, 0, 1), label=-1)])
    assert [TOPOLOGIES[k] for k in reco.topology] == ["other", "other"]
    assert list(reco.showers) == list(reco.tracks) == list(reco.hits_leading) == [0, 0]
    assert list(reco.points) == [0, 67]
    for name in ("start_x", "angle", "dedx_leading", "energy_leading", "prong_angle", "wall"):
        assert np.isnan(getattr(reco, name)).all(), name
    assert list(reco.truth_particle) == [-1, -1]
    assert reco.unclustered[1] == reco.charge[1] > 0
    assert len(record()) == 0


def test_one_hit_and_a_dead_plane_are_rows():
    points, objects, hits = draw([shower(length=0.3)])
    assert np.isfinite(observables.record(points, objects, hits, LIVE,
                                          algorithm="projective").energy_leading).all()
    points, objects, hits = draw([shower((0, 0.3, 1))])
    kept = hits.plane < 2  # no hit on the collection plane, though it is not listed as dead
    columns = {name: getattr(hits, name)[kept] for name in (
        "plane", "wire", "first", "ticks", "tick", "width", "charge", "noise", "owner", "fraction")}
    n = int(kept.sum())
    blind = replace(hits, **columns, offsets=[0, n], owner_start=np.arange(n + 1))
    reco = observables.record(replace(points, hit_offsets=[0, n], hit_object=np.zeros(n)), objects,
                              blind, LIVE, algorithm="projective")
    assert reco.charge == [0]
    assert np.isfinite(reco.prong_angle).all()


def test_a_crowded_event_takes_its_time_but_is_whole():
    points, objects, hits = draw([shower(), shower((0, 0.4, 1), label=1)])
    dice, n = np.random.default_rng(7), 100_000
    ride = dict(event=[0], kind=[0], weight=[1.0])
    some = dice.integers(0, len(hits.charge), n)
    order = np.lexsort((hits.tick[some], hits.wire[some], hits.plane[some]))
    some = some[order]
    many = Hits(**ride, offsets=[0, n], owner_start=np.arange(n + 1), **{
        name: getattr(hits, name)[some] for name in ("plane", "wire", "first", "ticks", "tick",
                                                     "width", "charge", "noise", "owner",
                                                     "fraction")})
    place = dice.integers(0, len(points.charge), n)
    crowd = Points(**ride, offsets=[0, n], hit_offsets=[0, n], hit_object=points.hit_object[some],
                   **{name: getattr(points, name)[place] for name in ("position", "charge",
                                                                      "object")})
    reco = observables.record(crowd, objects, many, LIVE, algorithm="tomographic")
    assert reco.hits[0] == reco.points[0] == n
    assert reco.charge == pytest.approx([many.charge[many.plane == 2].sum()])
    assert reco.prong_angle == pytest.approx([np.arctan(0.4)], rel=1e-3)


def test_bad_input_is_refused():
    points, objects, hits = draw(*MIXED)
    more = dict(algorithm="projective")
    with pytest.raises(ValueError, match="unknown algorithm 'wire-cell'; wanted one of projective"):
        observables.record(points, objects, hits, LIVE, algorithm="wire-cell")
    with pytest.raises(ValueError, match="around = nan; wanted a number ≥ 0"):
        observables.record(points, objects, hits, LIVE, **more,
                           rules=RULES._replace(around=np.nan))
    with pytest.raises(ValueError, match="of 5, 1 and 5 events; wanted the same events"):
        observables.record(points, draw([])[1], hits, LIVE, **more)
    label = np.where(points.object == 1, 7, points.object)
    with pytest.raises(ValueError, match="points with labels up to 7; wanted −1 or the number of"):
        observables.record(replace(points, object=label), objects, hits, LIVE, **more)
    with pytest.raises(ValueError, match="velocity"):
        observables.record(points, objects, hits, MICROBOONE._replace(velocity=0.0), **more)
