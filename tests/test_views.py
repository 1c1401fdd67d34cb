"""Pictures of events: what is drawn, where, and in which proportion."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from darkpairs import deconvolve, detector, drift, gun, readout, traces, views, wires
from darkpairs.views import Frame

mpl.use("Agg")
LIVE = detector.MICROBOONE._replace(dead=0.0)
START = np.array(gun.MIDDLE)
BLIP = np.array([-3.0, 0.0, 12.0])  # from the start
WAYS = np.array([[0.15, 0.1, 0.98], [-0.2, 0.0, 0.98]])


def make(chamber=LIVE, start=START):
    """Two straight tracks from one point, with a lone blip of the second one; no dice of shower."""
    s = np.arange(0.05, 20.0, 0.1)
    position = np.concatenate([start + s[:, None] * WAYS[0], start + s[:, None] * WAYS[1],
                               [start + BLIP]])
    k = len(position)
    truth = gun.pair((90.0, 60.0), 0.3, start=start)
    deposits = traces.Deposits(
        event=[0], kind=[0], weight=[1], offsets=[0, k], escaped=[0], unseen=[0],
        position=position, energy=np.append(np.full(k - 1, 0.21), 1.0), dx=np.full(k, 0.1),
        time=np.zeros(k), particle=np.append(np.repeat([0, 1], len(s)), 1))
    arrivals = drift.arrivals(deposits, chamber)
    waveforms = readout.waveforms(arrivals, chamber, seed=1)
    return {"truth": truth, "deposits": deposits, "arrivals": arrivals, "waveforms": waveforms,
            "charge": deconvolve.charge(waveforms, chamber)}


@pytest.fixture(scope="module")
def stages():
    return make()


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def whole(stages):
    return views.frame(stages, share=1.0, detector=LIVE)


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_charge_is_drawn_where_it_was_found(stages, plane):
    found, part = stages["charge"], whole(stages)
    numbers = views.image(stages, plane, part, detector=LIVE)
    mine = np.repeat(found.plane, found.ticks) == plane
    assert np.nansum(numbers) == pytest.approx(found.electrons[mine].sum(), rel=1e-4)
    for r in np.flatnonzero(found.plane == plane)[::7]:
        tick, wire = found.tick[r] - part.ticks[0], found.wire[r] - part.wires[plane][0]
        drawn = numbers[tick:tick + found.ticks[r], wire]
        assert np.array_equal(drawn, found.electrons[found.start[r]:found.start[r + 1]])
    assert np.isnan(numbers).sum() == numbers.size - mine.sum()


@pytest.mark.parametrize(("plane", "pedestal"), [(1, 2046), (2, 473)])
def test_counts_are_drawn_above_the_pedestal(stages, plane, pedestal):
    waves, part = stages["waveforms"], whole(stages)
    numbers = views.image(stages, plane, part, what="adc", detector=LIVE)
    place, tick = wires.places(LIVE, START)[plane] + 10, part.ticks[0] + numbers.shape[0] // 2
    wire = int(place)
    b = next(b for b in np.flatnonzero(waves.plane == plane)
             if 0 <= wire - waves.wire[b] < waves.wires[b]
             and 0 <= tick - waves.tick[b] < waves.ticks[b])
    sample = waves.block(b)[wire - waves.wire[b], tick - waves.tick[b]]
    drawn = numbers[tick - part.ticks[0], wire - part.wires[plane][0]]
    assert drawn == sample - pedestal


def test_a_part_is_cut_out_of_the_whole(stages):
    large = whole(stages)
    t0, (w0, _) = large.ticks[0], large.wires[2]
    small = Frame((t0 + 40, t0 + 90), ((w0 + 10, w0 + 30),) * 3)
    numbers = views.image(stages, 2, small, detector=LIVE)
    wanted = views.image(stages, 2, large, detector=LIVE)[40:90, 10:30]
    assert np.array_equal(numbers, wanted, equal_nan=True)


def test_a_frame_holds_the_share_and_is_equal_in_all_views(stages):
    arrivals = stages["arrivals"]
    for share in (0.5, 0.9, 1.0):
        part = views.frame(stages, share=share, detector=LIVE)
        assert len({last - first for first, last in part.wires}) == 1
        for plane in range(3):
            first, last = part.wires[plane]
            inside = (arrivals.wire[:, plane] >= first) & (arrivals.wire[:, plane] < last)
            assert arrivals.charge[inside].sum() >= share * arrivals.charge.sum()
    assert views.frame(stages, share=0.2, detector=LIVE).wires[2] != part.wires[2]


def test_around_a_point():
    part = views.around(START, across=30.0, along=11.0, detector=LIVE)
    assert [last - first for first, last in part.wires] == [100] * 3
    assert [sum(ends) / 2 for ends in part.wires] == pytest.approx(
        wires.places(LIVE, START), abs=0.5)
    middle = LIVE.trigger + START[0] / LIVE.velocity / LIVE.tick
    assert sum(part.ticks) / 2 == pytest.approx(middle, abs=1)
    assert part.ticks[1] - part.ticks[0] == pytest.approx(11.0 / 0.0549, abs=1)


@pytest.mark.parametrize("columns", [1, 3])
def test_an_event_is_three_views_in_one_scale(stages, columns):
    part = whole(stages)
    fig, axes = views.event(stages, columns=columns, frame=part, detector=LIVE)
    assert len(fig.axes) == 4  # and the colour bar
    assert fig.axes[3].get_xlabel() == "electrons per tick"
    for plane, ax in enumerate(axes):
        assert len(ax.images) == 1
        assert ax.get_xlim() == part.wires[plane]
        assert ax.get_ylim() == part.ticks
        assert ax.images[0].get_clim() == axes[0].images[0].get_clim()
        assert ax.images[0].get_clim()[0] == 0
        assert not ax.patches  # no dead wires here
        assert ax.texts[0].get_text() == "UVY"[plane]
    rows = [ax.get_subplotspec().rowspan.start for ax in axes]
    assert rows == ([0, 1, 2] if columns == 1 else [0, 0, 0])


def test_a_centimetre_is_as_long_upwards_as_to_the_right(stages):
    fig, axes = views.event(stages, detector=LIVE)
    fig.canvas.draw()
    for ax in axes:
        zero, wire, tick = ax.transData.transform([(0, 0), (1, 0), (0, 1)])
        right, up = (wire - zero)[0] / LIVE.pitch, (tick - zero)[1] / (LIVE.velocity * LIVE.tick)
        assert up == pytest.approx(right, rel=1e-6)
    one, other = (np.ptp(ax.get_window_extent().intervalx) for ax in axes[:2])
    assert one == pytest.approx(other, rel=1e-3)


def test_counts_have_two_colours_around_nothing(stages):
    fig, axes = views.event(stages, what="adc", detector=LIVE)
    low, high = axes[0].images[0].get_clim()
    assert low == -high
    assert np.allclose(axes[0].images[0].cmap(0.5)[:3], 1, atol=0.01)
    assert fig.axes[3].get_xlabel() == "counts above pedestal"
    _, axes = views.event(stages, what="adc", limit=50.0, detector=LIVE)
    assert axes[2].images[0].get_clim() == (-50, 50)


def test_truth_is_drawn_only_if_asked_for(stages):
    _, axes = views.event(stages, detector=LIVE)
    assert [len(ax.lines) for ax in axes] == [0, 0, 1]  # the bar
    assert axes[0].get_legend() is None
    _, axes = views.event(stages, truth=True, detector=LIVE)
    assert [len(ax.lines) for ax in axes] == [2, 2, 3]
    names = [text.get_text() for text in axes[0].get_legend().get_texts()]
    assert names == ["e⁻ 89 MeV", "e⁺ 59 MeV"]
    assert len({line.get_color() for line in axes[0].lines}) == 2


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_paths_lie_on_the_arrivals_and_do_not_jump(stages, plane):
    arrivals, axes = stages["arrivals"], Figure().subplots()
    views.view(axes, stages, plane, truth=True, detector=LIVE)
    first, second = (line.get_xydata() for line in axes.lines)
    mine = arrivals.particle == 0
    assert np.array_equal(first, np.column_stack([arrivals.wire[mine, plane],
                                                  arrivals.tick[mine]]))
    assert len(second) == (arrivals.particle == 1).sum() + 1  # a gap before the blip
    assert np.isnan(second[-2]).all()


def test_bar_is_as_long_as_it_says(stages):
    axes = Figure().subplots()
    views.view(axes, stages, 2, frame=views.around(START, across=60, along=20, detector=LIVE),
               detector=LIVE)
    length = views.bar(axes, detector=LIVE)
    assert length == 10
    assert np.ptp(axes.lines[-1].get_xdata()) * LIVE.pitch == pytest.approx(length)
    assert axes.texts[-1].get_text() == "10 cm"


def test_dead_wires_are_grey():
    dead = np.flatnonzero(wires.dead(detector.MICROBOONE)[2])
    start = np.array([60.0, 0.0, 0.3 * dead[100] - 8.0])
    axes, stages = Figure().subplots(), make(detector.MICROBOONE, start)
    views.view(axes, stages, 2, frame=views.around(start, across=30.0, along=9.0))
    w0, w1 = axes.get_xlim()
    grey = sum(patch.get_width() for patch in axes.patches)
    assert grey == ((dead >= w0) & (dead < w1)).sum() > 0


def test_a_wire_shows_counts_and_charge(stages):
    upper, lower = Figure().subplots(2)
    number = int(wires.places(LIVE, START)[2]) + 20
    views.wire(upper, lower, stages, 2, number, detector=LIVE)
    (counts,), (true, found) = upper.patches, lower.patches
    assert counts.get_data().values.max() > 20
    assert upper.get_xlim() == lower.get_xlim()
    arrived, got = true.get_data().values.sum(), found.get_data().values.sum()
    assert arrived == pytest.approx(got, rel=0.1)
    assert arrived == pytest.approx(2 * 16.9e3, rel=0.1)  # two MIPs on 3 mm


def test_all_that_arrives_is_on_some_wire_in_some_tick(stages):
    part = whole(stages)
    ticks = (part.ticks[0] - 20, part.ticks[1] + 20)
    for plane in (0, 2):
        first, last = part.wires[plane]
        total = sum(views.arrived(stages, plane, wire, ticks).sum()
                    for wire in range(first, last))
        assert total == pytest.approx(stages["arrivals"].charge.sum(), rel=1e-6)


def test_in_space_each_particle_has_its_points_and_near_walls_are_drawn(stages):
    _, axes = views.solid(stages, detector=LIVE)
    assert len(axes.collections) == 2  # no wall within sight
    corners = np.array([START - 8, START + 25])
    _, axes = views.solid(stages, corners=corners, detector=LIVE)
    assert [len(cloud.get_offsets()) for cloud in axes.collections] == [200, 201]
    limits = np.column_stack([axes.get_xlim(), axes.get_ylim(), axes.get_zlim()])
    assert np.allclose(limits, corners[:, [2, 0, 1]])
    far = np.array([[-5.0, -120.0, 350.0], [200.0, 120.0, 420.0]])
    _, axes = views.solid(stages, corners=far, detector=LIVE)
    assert len(axes.collections) == 2 + 3  # the wires' wall, the bottom and the top


@pytest.mark.parametrize(("draw", "words"), [
    (lambda s: views.event(s, columns=2), "columns = 2; wanted 1 or 3"),
    (lambda s: views.event(s, what="light"), "what = 'light'; wanted one of charge, adc"),
    (lambda s: views.frame(s, share=0.0), "share = 0.0; wanted a number > 0, at most 1"),
    (lambda s: views.around(START, across=0.0, along=5.0), r"0.0 cm across .*; wanted both > 0"),
    (lambda s: views.wire(None, None, s, 0, 3), "nothing was kept of wire 3 of U"),
    (lambda s: views.event(s, frame=Frame((10, 20), ((5, 15),) * 3)), "nothing in this part"),
    (lambda s: views.solid(s, corners=[[0, 0, 5], [1, 1, 4]]), "wanted the lower one first"),
])
def test_refusals_in_words(stages, draw, words):
    with pytest.raises(ValueError, match=words):
        draw(stages)


def test_an_event_without_charge_is_refused(stages):
    empty = {name: getattr(stages["arrivals"], name)[:0] for name in
             ("charge", "tick", "wire", "sigma_tick", "sigma_wire", "particle")}
    nothing = traces.Arrivals(event=[0], kind=[0], weight=[1], offsets=[0, 0], **empty)
    with pytest.raises(ValueError, match="no charge in this event"):
        views.frame({"arrivals": nothing})
