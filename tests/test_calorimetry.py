"""Energy from charge: the box undone, the lifetime, dead wires, straight tracks every way."""

from dataclasses import replace

import numpy as np
import pytest

from darkpairs import calorimetry, drift, tables, wires
from darkpairs.calorimetry import SCALES, Scale
from darkpairs.detector import MICROBOONE
from drawn import LIVE, MIP, draw, line

PLAIN = Scale(slope=1.0, offset=0.0, induction=1.0)
START = np.array([100.0, 5.0, 300.0])


@pytest.mark.parametrize("paper", [MICROBOONE, MICROBOONE._replace(birks=1.0),
                                   MICROBOONE._replace(field=0.5)])
def test_the_box_undone_is_the_box(paper):
    dedx = np.array([0.0, 0.5, 1.0, 1.7, 2.1, 4.2, 10.0, 25.0])
    charge = dedx / paper.w_ion * drift.recombination(dedx, paper)
    assert calorimetry.loss(charge, paper) == pytest.approx(dedx, rel=1e-12, abs=1e-12)


def test_two_minimum_ionising_particles_undone_as_one():
    # R(2.1 MeV/cm) = 0.634 at 273 V/cm from ArgoNeuT's constants (JINST 8 P08005): twice the charge
    # of one such particle, undone for the sum, is more than 4.2 MeV/cm; a constant share gives 4.2
    one = 2.1 / 23.6e-6 * 0.634
    assert calorimetry.loss(one) == pytest.approx(2.1, rel=3e-3)
    assert 5.5 < calorimetry.loss(2 * one) < 6.5
    assert 2 * one * 23.6e-6 / Scale().escape == pytest.approx(4.2, rel=1e-3)


def test_less_than_nothing_is_refused():
    for wrong in (-1.0, np.nan):
        with pytest.raises(ValueError, match="wanted numbers ≥ 0"):
            calorimetry.loss([1e4, wrong])


def slow_energy(points, objects, hits, detector, scale):
    """Energies of showers, hit by hit, point by point and gap by gap."""
    silent = wires.dead(detector)[2]
    gaps = np.split(np.flatnonzero(silent), np.flatnonzero(np.diff(np.flatnonzero(silent)) > 1) + 1)
    side, answer = int(scale.side), []
    for i in range(len(objects)):
        h, k = hits.rows(i), points.rows(i)
        x = wires.depth(detector, hits.tick[h])
        q = hits.charge[h] * np.exp(x / detector.velocity / detector.lifetime)
        x, _, z = points.position[k].T
        more = points.charge[k] * np.exp(x / detector.velocity / detector.lifetime)
        under = np.floor(z / detector.pitch).astype(int)
        for o in range(objects.offsets[i + 1] - objects.offsets[i]):
            mine = (hits.plane[h] == 2) & (points.hit_object[h] == o)
            wire, total = np.zeros(len(silent)), q[mine].sum()
            np.add.at(wire, hits.wire[h][mine], q[mine])
            touched = False
            for gap in gaps:
                low, high = gap[0] - side, gap[-1] + 1 + side
                below = np.arange(low, gap[0])
                below = below[[not silent[w:gap[0]].any() for w in below]]
                above = np.arange(gap[-1] + 1, high)
                above = above[[not silent[gap[-1] + 1:w + 1].any() for w in above]]
                sums = wire[below].sum(), wire[above].sum()
                between = len(gap) * (wire[below].mean() + wire[above].mean()) / 2
                inside = more[(points.object[k] == o) & np.isin(under, gap)].sum()
                use = min(sums) > 0 and len(gap) < scale.broad
                total += max(between, inside) if use else inside
                touched |= len(gap) > 1 and max(*sums, inside) > 0
            for plane in range(2 * touched):
                other = q[(hits.plane[h] == plane) & (points.hit_object[h] == o)].sum()
                total = max(total, other / scale.induction)
            answer.append(scale.slope * total * detector.w_ion / scale.escape + scale.offset)
    return np.array(answer)


@pytest.fixture(scope="module")
def crossing():
    """Showers across dead collection wires (1936 to 1951) of a chamber with a short lifetime."""
    paper = MICROBOONE._replace(lifetime=3e3)
    a = line((200.0, 5.0, 575.0), (0.1, 0.2, 1), 15.0)
    b = line((20.0, -40.0, 582.0), (0.5, 0, -1), 12.0, label=1)
    points, objects, hits = draw([a, b], [], [line((100.0, 5, 100.0), (0, 1, 1))], detector=paper)
    few = np.where(points.object == 0, 0.5, 1.0)  # half of the points of one are lost
    return paper, (replace(points, charge=few * points.charge), objects, hits)


def test_showers_are_those_of_a_slow_loop(crossing):
    paper, batches = crossing
    for scale in (Scale(slope=1.1, offset=2.0), PLAIN, Scale(induction=2.0)):
        energy, _ = calorimetry.energies(*batches, paper, scale=scale)
        assert energy == pytest.approx(slow_energy(*batches, paper, scale), rel=1e-12)


def test_lifetime_and_dead_wires_are_undone(crossing):
    paper, batches = crossing
    assert (wires.dead(paper)[2][1936:1952]).all()
    _, charge = calorimetry.energies(*batches, paper, scale=PLAIN)
    assert charge == pytest.approx(MIP * np.array([15.0, 12.0, 20.0]), rel=0.02)
    _, lost = calorimetry.energies(*batches, paper._replace(lifetime=1e9), scale=PLAIN)
    assert lost[0] < 0.6 * charge[0]  # 200 cm: e^(−1.82/3)


def test_charge_that_another_plane_has_is_not_lost():
    # wires 2336 to 2399, 2401 to 2414 and 2416 to 2463 are dead: 38 cm, of which Y sees two wires
    lost = line((100.0, 5.0, 690.0), (0, 0.3, 1), 60.0)
    away = line((100.0, 5.0, 130.0), (0, 0.3, 1), 30.0)  # touches a single dead wire, no more
    points, objects, hits = draw([lost], [away], detector=MICROBOONE)
    bare = replace(points, charge=np.zeros(len(points.charge)))  # no points to stand in
    _, charge = calorimetry.energies(bare, objects, hits, MICROBOONE, scale=PLAIN)
    assert charge == pytest.approx(MIP * np.array([60.0, 30.0]), rel=0.02)
    few = replace(hits, charge=np.where(hits.plane == 2, 1.0, 0.5) * hits.charge)
    _, less = calorimetry.energies(bare, objects, few, MICROBOONE, scale=PLAIN)
    assert less[0] < 0.55 * charge[0]
    more = replace(hits, charge=np.where(hits.plane == 2, 1.0, 2.0) * hits.charge)
    _, much = calorimetry.energies(bare, objects, more, MICROBOONE, scale=PLAIN)
    assert much == pytest.approx(charge * np.array([2.0, 1.0]), rel=0.02)
    _, half = calorimetry.energies(bare, objects, hits, MICROBOONE, scale=PLAIN._replace(
        induction=0.5))
    assert half == pytest.approx(charge * np.array([2.0, 1.0]), rel=0.02)


def test_energy_goes_with_charge():
    events = [[line(START, (0.2, 0.3, 1), charge=q)] for q in (1e4, 3e4, 9e4)]
    energy, charge = calorimetry.energies(*draw(*events), LIVE, scale=Scale(slope=1.0, offset=5.0))
    assert charge == pytest.approx(20 * np.array([1e4, 3e4, 9e4]), rel=1e-2)
    assert (energy[2] - energy[1]) / (energy[1] - energy[0]) == pytest.approx(3, rel=1e-9)
    assert energy[0] == pytest.approx(5 + charge[0] * 23.6e-6 / 0.634, rel=1e-9)


WAYS = [(0, 0, 1), (0, 0.3, 1), (0.5, 0, 1), (1, 0.2, 0.3), (1, 0.05, 0.1), (0.05, 1, 0.1),
        (0.1, -1, 0.1), (0.3, 1, -0.8), (0, -1, 0.5), (-0.7, 0.2, 0.5)]


@pytest.mark.parametrize("dedx", [2.1, 12.0])
@pytest.mark.parametrize("shower", [0, 1])
def test_a_straight_track_has_its_loss_whatever_its_way(dedx, shower):
    share = drift.recombination(dedx)
    events = [[line(START + 0.1 * k, way, charge=dedx / LIVE.w_ion * share, shower=shower)]
              for k, way in enumerate(WAYS)]
    points, objects, hits = draw(*events)
    scale = Scale(induction=1.0)
    found = calorimetry.beginnings(points, objects, hits, LIVE, scale=scale)
    wanted = dedx * share / scale.escape if shower else dedx
    assert found == pytest.approx(np.full(len(WAYS), wanted), rel=0.15)
    assert found[:3] == pytest.approx(np.full(3, wanted), rel=0.03)
    if not shower:
        energy, _ = calorimetry.energies(points, objects, hits, LIVE, scale=scale)
        assert energy == pytest.approx(np.full(len(WAYS), 20 * dedx), rel=0.06)


def test_a_start_on_dead_wires_is_seen_by_another_plane():
    start = (100.0, 0.0, 1939.5 * 0.3)  # collection wires 1936 to 1951 are dead
    batches = draw([line(start, (0, 0.4, 1))], detector=MICROBOONE)
    found = calorimetry.beginnings(*batches, MICROBOONE, scale=Scale(induction=1.0))
    assert found == pytest.approx([MIP * 23.6e-6 / 0.634], rel=0.05)
    half = calorimetry.beginnings(*batches, MICROBOONE, scale=Scale(induction=0.5))
    assert half == pytest.approx(2 * found, rel=1e-12)


def test_a_start_that_no_plane_sees_is_nan():
    points, objects, hits = draw([line(START, (0, 0, 1))])
    blind = replace(hits, plane=np.zeros_like(hits.plane), wire=hits.wire % 2400)
    everywhere = LIVE._replace(dead=1.0)
    assert np.isfinite(calorimetry.beginnings(points, objects, hits, LIVE, scale=PLAIN)).all()
    gone = replace(objects, start=objects.start + 2000.0)
    for case in ((points, gone, hits), (points, gone, blind)):
        assert np.isnan(calorimetry.beginnings(*case, everywhere, scale=PLAIN)).all()


def test_no_piece_of_a_track_has_more_than_a_proton_at_its_end():
    # PSTAR: a proton with 1 cm to go in argon of 1.3836 g/cm³ has some 31 MeV
    table = tables.read("argon_protons.csv")
    energy, rate = table["energy"], table["stopping"] * MICROBOONE.density
    inverse = (1 / rate[1:] + 1 / rate[:-1]) / 2
    reach = np.concatenate([[0], np.cumsum(inverse * np.diff(energy))])
    assert np.interp(1.0, reach, energy) == pytest.approx(Scale().most, abs=3)
    wild = line(START, (0, 0, 1), 2.0, charge=1e7, shower=0)
    found, _ = calorimetry.energies(*draw([wild]), LIVE, scale=PLAIN)
    assert found == pytest.approx([2.0 * Scale().most])


def test_both_reconstructions_have_a_scale():
    assert set(SCALES) == {"projective", "tomographic"}
