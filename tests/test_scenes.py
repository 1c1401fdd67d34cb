"""Pictures of reconstruction: what is drawn, where, in which colour and scale."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from darkpairs import (
    chain,
    deconvolve,
    detector,
    drift,
    gun,
    readout,
    scenes,
    seen,
    show,
    traces,
    views,
    wires,
)
from darkpairs import hits as room

mpl.use("Agg")
LIVE = detector.MICROBOONE._replace(dead=0.0)
START = np.array(gun.MIDDLE)
WAYS = np.array([[0.15, 0.3, 0.94], [-0.2, 0.0, 0.98]])


def seen_points(stages, shift):
    """Points at the deposits, each particle an object; its hits belong to none or to 0."""
    deposits, hits = stages["deposits"], stages["hits"]
    return seen.Points(
        event=[0], kind=[0], weight=[1], offsets=deposits.offsets, position=deposits.position
        + shift, charge=3e4 * deposits.energy, object=deposits.particle,
        hit_offsets=hits.offsets, hit_object=np.where(hits.plane == 1, 0, -1))


@pytest.fixture(scope="module")
def stages():
    """Two straight tracks from one point, as two reconstructions could have seen them."""
    s = np.arange(0.05, 20.0, 0.1)
    position = np.concatenate([START + s[:, None] * way for way in WAYS])
    k = len(position)
    deposits = traces.Deposits(
        event=[0], kind=[0], weight=[1], offsets=[0, k], escaped=[0], unseen=[0],
        position=position, energy=np.full(k, 0.21), dx=np.full(k, 0.1), time=np.zeros(k),
        particle=np.repeat([0, 1], len(s)))
    arrivals = drift.arrivals(deposits, LIVE)
    charge = deconvolve.charge(readout.waveforms(arrivals, LIVE, seed=1), LIVE)
    found = {"deposits": deposits, "arrivals": arrivals, "charge": charge,
             "hits": room.find(charge, LIVE)}
    found["points"] = {"projective": seen_points(found, 0.0), "tomographic": seen_points(found, 1)}
    objects = seen.Objects(
        event=[0], kind=[0], weight=[1], offsets=[0, 2], shower=[1, 0], start=[START, START],
        end=START + 20 * WAYS, direction=WAYS, charge=[1e6, 1e6], length=[20, 20], width=[0, 0],
        points=[200, 200])
    return found | {"objects": {"projective": objects, "tomographic": objects}}


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_hits_are_bars_on_their_wires_around_their_times(stages):
    hits, axes = stages["hits"], Figure().subplots(3)
    scenes.hits(axes, hits, detector=LIVE)
    for plane, ax in enumerate(axes):
        mine = hits.plane == plane
        boxes = [path.get_extents() for path in ax.collections[0].get_paths()]
        ends = np.array([(box.x0, box.x1, box.y0, box.y1) for box in boxes])
        assert np.array_equal(ends[:, 0], hits.wire[mine])
        assert np.array_equal(ends[:, 1], hits.wire[mine] + 1)
        assert ends[:, 2:].mean(axis=1) == pytest.approx(hits.tick[mine])
        assert np.ptp(ends[:, 2:], axis=1) == pytest.approx(2 * hits.width[mine])
        assert (ends[:, 0] >= ax.get_xlim()[0]).all()
        assert (ends[:, 3] <= ax.get_ylim()[1]).all()
        assert ax.texts[0].get_text() == "UVY"[plane]


def test_a_plane_may_be_left_out(stages):
    axes = Figure().subplots()
    scenes.hits([None, axes, None], stages["hits"], detector=LIVE)
    assert len(axes.collections) == 1


def test_objects_have_their_colours(stages):
    wanted = [show.BLUE, show.RED, scenes.NOBODY, show.BLUE]
    assert scenes.colours([0, 1, seen.NONE, len(scenes.COLOURS)]) == wanted
    assert scenes.colours(range(6)) == list(scenes.COLOURS)
    assert len(set(scenes.COLOURS)) == 6
    hits, axes = stages["hits"], Figure().subplots(3)
    scenes.hits(axes, hits, np.arange(len(hits.tick)) % 3 - 1, detector=LIVE)
    mine = np.flatnonzero(hits.plane == 2)
    drawn = [to_hex(colour) for colour in axes[2].collections[0].get_facecolors()]
    assert drawn == scenes.colours(mine % 3 - 1)


@pytest.mark.parametrize("pair", [("z", "x"), ("z", "y"), ("x", "y")])
def test_points_are_at_their_places_with_starts_and_arrows(stages, pair):
    points, objects = stages["points"]["projective"], stages["objects"]["projective"]
    axes = Figure().subplots()
    scenes.points(axes, points, objects, pair=pair)
    columns = ["xyz".index(name) for name in pair]
    places = axes.collections[0].get_offsets()
    assert np.array_equal(places, points.position[:, columns])  # all of one charge: their order
    assert [to_hex(c) for c in axes.collections[0].get_facecolors()] == [show.BLUE] * 200 + [
        show.RED] * 200
    assert [line.get_marker() for line in axes.lines] == ["o", "s"]
    assert np.array_equal([line.get_xydata()[0] for line in axes.lines], [START[columns]] * 2)
    for arrow, way in zip(axes.texts, WAYS, strict=True):
        along = np.array(arrow.xy) - arrow.get_position()
        assert np.linalg.det([along, way[columns]]) == pytest.approx(0, abs=1e-9)
        assert along @ way[columns] > 0
    assert axes.get_aspect() == 1


def test_the_area_of_a_point_grows_with_its_charge(stages):
    one = stages["points"]["projective"]
    columns = {name: getattr(one, name) for name in one.SHAPES}
    columns["charge"] = np.linspace(0, 5e4, len(one.charge))
    axes = Figure().subplots()
    scenes.points(axes, seen.Points(**columns))
    area = axes.collections[0].get_sizes()
    assert (np.diff(area) >= 0).all()
    assert area[-1] == pytest.approx(12)


def test_both_eyes_have_one_scale(stages):
    fig, axes = scenes.both(stages, panels=("U", "Y", "zx", "zy", "xy"), detector=LIVE)
    assert axes.shape == (5, 2)
    assert [ax.get_title() for ax in axes[0]] == ["projective", "tomographic"]
    for one, other in axes:
        assert one.get_xlim() == other.get_xlim()
        assert one.get_ylim() == other.get_ylim()
    wire, z = axes[1, 0].get_xlim(), axes[2, 0].get_xlim()
    assert np.array(wire) * LIVE.pitch == pytest.approx(z)
    tick, x = axes[1, 0].get_ylim(), axes[2, 0].get_ylim()
    assert wires.depth(LIVE, tick) == pytest.approx(x)
    fig.canvas.draw()
    steps = [np.ptp(ax.transData.transform([(0, 0), (1, 1)]), axis=0) for ax in axes[2:].flat]
    assert all(right == pytest.approx(up) for right, up in steps)
    blue = [to_hex(c) for c in axes[0, 0].collections[0].get_facecolors()]
    assert set(blue) == {scenes.NOBODY}  # all hits of U belong to none here


def test_truth_is_drawn_only_if_asked_for(stages):
    _, axes = scenes.both(stages, panels=["zx"], detector=LIVE)
    assert [len(ax.lines) for ax in axes[0]] == [2, 2]  # the starts
    _, axes = scenes.both(stages, panels=["zx"], truth=True, detector=LIVE)
    dots = axes[0, 1].lines[0].get_xydata()
    assert np.array_equal(dots, stages["deposits"].position[:, [2, 0]])


def test_the_part_of_space_is_that_of_the_views(stages):
    part = views.frame(stages, share=1.0, detector=LIVE)
    low, high = scenes.space(stages, part, share=1.0, detector=LIVE)
    position = stages["deposits"].position
    assert ((position >= low) & (position <= high)).all()
    assert [low[2], high[2]] == pytest.approx(np.array(part.wires[2]) * 0.3)


@pytest.mark.parametrize(("draw", "words"), [
    (lambda s: scenes.both(s, panels=["yz"]), "unknown 'yz'; wanted algorithms of projective, "),
    (lambda s: scenes.both(s, algorithms=["mine"]), "unknown 'mine'; wanted algorithms of proj"),
    (lambda s: scenes.both(s, algorithms=[]), "unknown nothing; wanted algorithms of projective"),
    (lambda s: scenes.hits([None] * 3, s["hits"], [1, 2]), r"labels of shape \(2,\); wanted one "),
    (lambda s: scenes.points(None, s["points"]["projective"], pair=("z", "z")), "wanted two diff"),
    (lambda s: scenes.hits([None] * 3, traces.concatenate([s["hits"]] * 2)), "hits of 2 events"),
])
def test_refusals_in_words(stages, draw, words):
    with pytest.raises(ValueError, match=words):
        draw(stages)


def nothing(batch):
    """The same event without rows."""
    columns = {name: np.zeros((2,) if shape == "n+1" else (1,) if shape.endswith("+1") else
                              (1,) if shape == "n" else (0, 3) if shape.endswith(",3") else (0,))
               for name, shape in batch.SHAPES.items()}
    return type(batch)(**columns)


def test_an_event_without_hits_or_points_is_refused_unless_a_part_is_given(stages):
    hits, points = nothing(stages["hits"]), nothing(stages["points"]["projective"])
    with pytest.raises(ValueError, match="no hits in this event"):
        scenes.hits(Figure().subplots(3), hits)
    with pytest.raises(ValueError, match="no points in this event"):
        scenes.points(Figure().subplots(), points)
    part = views.around(START, across=30, along=10, detector=LIVE)
    scenes.hits(Figure().subplots(3), hits, None, part)
    axes = Figure().subplots()
    scenes.points(axes, points, corners=[START - 5, START + 5])
    assert axes.get_xlim() == (START[2] - 5, START[2] + 5)


def test_a_story_has_photons_walls_and_the_vertex():
    truth = gun.pion(150.0, start=(246.0, 0.0, 380.0), n=6, seed=3)
    one = chain.display(truth, 2, seed=1)
    axes = scenes.story(Figure().subplots(), one)
    (low, high), (left, right) = axes.get_ylim(), axes.get_xlim()
    assert high - low == pytest.approx(right - left)
    assert [line.get_linestyle() for line in axes.lines[-3:]] == [":", ":", "None"]
    assert axes.lines[-1].get_xydata()[0] == pytest.approx([380.0, 246.0])
    for line, row in zip(axes.lines[-3:-1], (1, 2), strict=True):
        begin, end = line.get_xydata()
        assert begin == pytest.approx([380.0, 246.0])
        way = one["truth"].p4[row, [3, 1]] / one["truth"].p4[row, 0]
        assert np.linalg.det([end - begin, way]) == pytest.approx(0, abs=1e-9)
        mine = one["deposits"].position[one["deposits"].particle == row]
        if len(mine):  # it ends where the photon leaves something first
            far = np.linalg.norm(mine - one["truth"].start[row], axis=1).min()
            assert np.linalg.norm(end - begin) == pytest.approx(far * np.linalg.norm(way))
    spans = [patch for patch in axes.patches if to_hex(patch.get_facecolor()) == views.DEAD]
    assert len(spans) == 1  # the wall at 256.35 cm; the others are not in the picture
    assert spans[0].get_y() == pytest.approx(256.35)


def test_a_story_of_a_size_of_ones_own_and_of_nothing():
    one = chain.display(gun.shoot(11, 200.0), 0, seed=1)
    axes = scenes.story(Figure().subplots(), one, size=120.0, pair=("z", "y"))
    assert np.ptp(axes.get_xlim()) == pytest.approx(120)
    assert not axes.patches
    empty = chain.display(gun.shoot(11, 20.0, start=(-90, 0, 90)), 0, seed=1)
    with pytest.raises(ValueError, match="no energy in this event"):
        scenes.story(Figure().subplots(), empty)
