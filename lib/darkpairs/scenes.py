"""Pictures of what a reconstruction makes of an event: hits and points in the colours of objects.

In: the stages of one event, as from `chain.display`. Out: figures and axes. Chapters: projective,
tomographic, two-eyes.

Object 0, that of the most charge, is blue in every panel, object 1 vermilion and so on; grey is
what belongs to none. A start is a disc for a shower and a square for a track, with an arrow along
its direction. Views are those of `views`; projections of space have centimetres on both axes.

Laws: each hit is drawn on its wire and around its time; each point at its place; an object has one
colour in all panels; both reconstructions of an event are drawn in the same scale.
"""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from darkpairs import show, transport, views, wires
from darkpairs.detector import MICROBOONE, walls
from darkpairs.seen import ALGORITHMS, NONE

COLOURS = (show.BLUE, show.RED, show.GREEN, show.PURPLE, show.ORANGE, show.SKY)  # of objects
NOBODY = "#b0b0b0"
AXES = "xyz"
PANELS = {"U": 0, "V": 1, "Y": 2, "zx": ("z", "x"), "zy": ("z", "y"), "xy": ("x", "y")}
_PAD = 3.0  # cm around the points
_SIZE = 2.5e4  # electrons: a point with as many is drawn with an area of 6 points²


def colours(labels):
    """Return the colour of each object number, a list; grey for those that belong to none."""
    return [NOBODY if label == NONE else COLOURS[label % len(COLOURS)]
            for label in np.asarray(labels).tolist()]


def hits(axes, hits, labels=None, frame=None, *, detector=MICROBOONE):
    """Draw the hits of one event in U, V and Y, in the colours of objects.

    Parameters
    ----------
    axes : sequence (3,) of matplotlib Axes
        One for each plane; None for a plane that is not wanted.
    hits : Hits
        Of one event. Each is a bar on its wire, as long as twice its width.
    labels : array-like (h,) of int
        The object of each hit, such as ``points.hit_object``; if None, all are blue.
    frame : Frame
        What part of the views; if None, all of these hits.
    detector : Detector
        The chamber.
    """
    labels = np.zeros(len(hits.tick), dtype=int) if labels is None else np.asarray(labels)
    _check(hits, labels, "hits")
    part = frame or around(hits, detector=detector)
    for plane, ax in enumerate(axes):
        if ax is None:
            continue
        mine = np.flatnonzero(hits.plane == plane)
        left, low, high = hits.wire[mine], *(
            hits.tick[mine] + side * hits.width[mine] for side in (-1, 1))
        corners = np.array([[left, low], [left + 1, low], [left + 1, high], [left, high]])
        ax.add_collection(mpl.collections.PolyCollection(
            corners.transpose(2, 0, 1), color=colours(labels[mine]), linewidths=0.6, zorder=1))
        views.paper(ax, plane, part, detector=detector)


def around(hits, *, detector=MICROBOONE):
    """Return the part of the views that holds all hits, as many wires in each, a `views.Frame`."""
    if not len(hits.tick):
        raise ValueError("no hits in this event; wanted some to look at")
    pad = int(_PAD / detector.pitch)
    ends = [(hits.wire[hits.plane == plane].min(), hits.wire[hits.plane == plane].max() + 1)
            if (hits.plane == plane).any() else (0, 1) for plane in range(3)]
    wide = max(last - first for first, last in ends) + 2 * pad
    starts = [(first + last - wide) // 2 for first, last in ends]
    rise = int(_PAD / views.step(detector))
    return views.Frame((int(hits.first.min()) - rise, int((hits.first + hits.ticks).max()) + rise),
                       tuple((int(start), int(start + wide)) for start in starts))


def points(axes, points, objects=None, *, pair=("z", "x"), corners=None, labels=None):
    """Draw the points of one event in a projection of space, in the colours of objects.

    Parameters
    ----------
    axes : matplotlib Axes
        Where to draw.
    points : Points
        Of one event; the area of a point grows with its charge.
    objects : Objects
        Of the same event; if given, their starts are marked, and arrows show where they go.
    pair : sequence (2,) of str
        What is to the right and what is upwards: two of "x", "y", "z".
    corners : array-like (2, 3)
        What part is shown, from its lowest to its highest x, y, z [cm]; if None, all points.
    labels : array-like (k,) of int
        What colours them, if not ``points.object``.
    """
    if len(pair) != 2 or pair[0] == pair[1] or not {*pair} <= {*AXES}:
        raise ValueError(f"pair = {tuple(pair)}; wanted two different ones of x, y and z")
    labels = points.object if labels is None else np.asarray(labels)
    _check(points, labels, "points", len(points.charge))
    right, up = (AXES.index(name) for name in pair)
    if corners is None:
        corners = _bounds(points.position)
    order = np.argsort(points.charge, kind="stable")  # the large ones on top
    area = np.clip(6 * points.charge[order] / _SIZE, 1.0, 20.0)
    axes.scatter(points.position[order, right], points.position[order, up], s=area, linewidths=0,
                 color=colours(labels[order]), zorder=1)
    if objects is not None:
        _starts(axes, objects, right, up, np.asarray(corners))
    axes.set(xlim=np.asarray(corners)[:, right], ylim=np.asarray(corners)[:, up], aspect="equal",
             xlabel=f"${pair[0]}$ [cm]", ylabel=f"${pair[1]}$ [cm]")


def _starts(axes, objects, right, up, corners):
    """Mark starts, and draw arrows a sixth of the picture long, shorter if they go into depth."""
    length = np.ptp(corners[:, [right, up]], axis=0).max() / 6
    for number in range(len(objects.charge)):
        start, way = objects.start[number], length * objects.direction[number]
        axes.plot(start[right], start[up], "o" if objects.shower[number] else "s", markersize=6,
                  color=colours([number])[0], markeredgecolor=show.BLACK, zorder=4)
        axes.annotate("", start[[right, up]] + way[[right, up]], start[[right, up]], zorder=3,
                      annotation_clip=False, clip_on=True, arrowprops=dict(
                          arrowstyle="-|>", color=show.BLACK, linewidth=1.3, shrinkA=0, shrinkB=0))


def both(stages, *, algorithms=ALGORITHMS, panels=("Y", "zx", "zy"), share=0.95, truth=False,
         detector=MICROBOONE):
    """Draw an event as each reconstruction sees it, side by side and in the same scale.

    Parameters
    ----------
    stages : dict
        From `chain.display`.
    algorithms : sequence of str
        Whose eyes; a column for each.
    panels : sequence of str
        A row for each: ``"U"``, ``"V"``, ``"Y"`` for hits in a view, ``"zx"``, ``"zy"``, ``"xy"``
        for points in a projection, the first to the right and the second upwards.
    share : float
        Of the true charge that has to be inside, as in `views.frame`.
    truth : bool
        Draw true deposits, too, as small black dots behind the points.
    detector : Detector
        The chamber.

    Returns
    -------
    figure, axes
        The figure and its axes, ndarray (panels, algorithms).
    """
    unknown = [name for name in algorithms if name not in stages["points"]]
    unknown += [name for name in panels if name not in PANELS]
    if unknown or not len(algorithms) or not len(panels):
        raise ValueError(f"unknown {', '.join(map(repr, unknown)) or 'nothing'}; wanted "
                         f"algorithms of {', '.join(stages['points'])} and panels of "
                         f"{', '.join(PANELS)}")
    part = _wider(views.frame(stages, share=share, detector=detector), detector)
    corners = space(stages, part, share=share, detector=detector)
    heights = [_height(name, part, corners, detector) for name in panels]
    width = 3.3 * len(algorithms)
    fig, axes = plt.subplots(
        len(panels), len(algorithms), squeeze=False, layout="constrained", sharex="row",
        sharey="row", height_ratios=heights,
        figsize=(width, min(3.0 * sum(heights) + 0.7 * len(panels), 2.6 * width)))
    for column, name in enumerate(algorithms):
        axes[0, column].set_title(name, fontsize=11)
        for row, panel in enumerate(panels):
            _panel(axes[row, column], stages, name, panel, part, corners, truth, detector)
            axes[row, column].label_outer(remove_inner_ticks=False) if column else None
    return fig, axes


def _panel(axes, stages, name, panel, part, corners, truth, detector):
    """Draw one view or one projection as one reconstruction sees it."""
    found, what = stages["points"][name], PANELS[panel]
    if panel in wires.PLANES:
        three = [axes if plane == what else None for plane in range(3)]
        hits(three, stages["hits"], found.hit_object, part, detector=detector)
        axes.set(xlabel="wire", ylabel="tick")
        return
    if truth:
        position = stages["deposits"].position
        axes.plot(*(position[:, AXES.index(axis)] for axis in what), ".", color=show.BLACK,
                  markersize=1.2, markeredgewidth=0, zorder=0)
    points(axes, found, stages.get("objects", {}).get(name), pair=what, corners=corners)


def story(axes, stages, *, algorithm="tomographic", pair=("z", "x"), size=None,
          detector=MICROBOONE):
    """Draw the points of an event, and behind them what really flew; what is outside is grey.

    Dotted lines are true photons, from where they start to where they leave something first, or
    to the edge of the picture if they never do; dashed ones are other particles that are seen.

    Parameters
    ----------
    axes : matplotlib Axes
        Where to draw.
    stages : dict
        From `chain.display`.
    algorithm : str
        Whose points and objects.
    pair : sequence (2,) of str
        What is to the right and what is upwards: two of "x", "y", "z".
    size : float
        Length of the picture's sides [cm], > 0; if None, such that nearly all energy is inside.
    detector : Detector
        The chamber.
    """
    corners = _square(stages, size)
    points(axes, stages["points"][algorithm], stages["objects"][algorithm], pair=pair,
           corners=corners)
    right, up = (AXES.index(name) for name in pair)
    low, high = walls(detector)
    for spot in ((corners[0][right], low[right]), (high[right], corners[1][right])):
        axes.axvspan(*spot, color=views.DEAD, linewidth=0, zorder=0) if spot[0] < spot[1] else None
    for spot in ((corners[0][up], low[up]), (high[up], corners[1][up])):
        axes.axhspan(*spot, color=views.DEAD, linewidth=0, zorder=0) if spot[0] < spot[1] else None
    truth, reach = stages["truth"], np.linalg.norm(np.ptp(corners, axis=0))
    for row in np.flatnonzero(transport.finals(truth) & np.isin(truth.pdg, list(transport.SEEN))):
        start, far = truth.start[row], _first(stages["deposits"], row, truth.start[row], reach)
        way = truth.p4[row, 1:] / np.linalg.norm(truth.p4[row, 1:])
        end = start + far * way
        axes.plot([start[right], end[right]], [start[up], end[up]], color=show.BLACK,
                  linestyle=":" if truth.pdg[row] == 22 else "--", linewidth=1.1, zorder=2)
    axes.plot(truth.vertex[0, right], truth.vertex[0, up], "+", color=show.BLACK, markersize=9,
              markeredgewidth=1.6, zorder=5)
    return axes


def _first(deposits, row, start, reach):
    """How far from its start a particle leaves something first, `reach` if never [cm]."""
    mine = deposits.position[deposits.particle == row]
    return np.linalg.norm(mine - start, axis=1).min(initial=reach)


def _square(stages, size):
    """Return the corners of a cube around most energy and the vertex, ndarray (2, 3)."""
    place, energy = stages["deposits"].position, stages["deposits"].energy
    if not len(energy):
        raise ValueError("no energy in this event; wanted some to look at")
    seen = place[np.argsort(np.linalg.norm(place - np.median(place, axis=0), axis=1))]
    seen = seen[:max(int(0.95 * len(seen)), 1)]
    both = np.vstack([seen, stages["truth"].vertex]) if len(stages["truth"]) else seen
    low, high = both.min(axis=0), both.max(axis=0)
    half = (size or np.ptp(both, axis=0).max() + 2 * _PAD) / 2
    return np.array([(low + high) / 2 - half, (low + high) / 2 + half])


def _wider(frame, detector):
    """Return a frame with some more around it: starts lie where charge begins."""
    rise, pad = round(_PAD / views.step(detector)), round(_PAD / detector.pitch)
    return views.Frame((frame.ticks[0] - rise, frame.ticks[1] + rise),
                       tuple((first - pad, last + pad) for first, last in frame.wires))


def space(stages, frame, *, share=0.95, detector=MICROBOONE):
    """Return the part of space that a part of the views shows, ndarray (2, 3) [cm].

    x and z are those of the ticks and of the wires of Y; y holds a share of the energy left.
    """
    low, high = np.zeros(3), np.zeros(3)
    low[0], high[0] = wires.depth(detector, frame.ticks)
    low[2], high[2] = np.array(frame.wires[2]) * detector.pitch
    y, energy = stages["deposits"].position[:, 1], stages["deposits"].energy
    order = np.argsort(y, kind="stable")
    below = np.cumsum(energy[order]) / energy.sum()
    ends = np.searchsorted(below, [(1 - share) / 2, (1 + share) / 2])
    low[1], high[1] = y[order[np.minimum(ends, len(y) - 1)]] + [-2 * _PAD, 2 * _PAD]
    return np.array([low, high])


def _bounds(position):
    """Return the corners of a box around points, with some room, ndarray (2, 3)."""
    if not len(position):
        raise ValueError("no points in this event; wanted some to look at, or corners")
    return np.array([position.min(axis=0) - _PAD, position.max(axis=0) + _PAD])


def _height(panel, frame, corners, detector):
    """Height of a panel in parts of its width."""
    if panel in wires.PLANES:
        first, last = frame.wires[2]
        up = np.ptp(frame.ticks) * views.step(detector) / detector.pitch
        return max(up / (last - first), 0.2)
    right, up = (AXES.index(axis) for axis in PANELS[panel])
    size = np.ptp(corners, axis=0)
    return max(size[up] / size[right], 0.2)


def _check(batch, labels, what, rows=None):
    """Refuse several events, or labels of another number than the rows."""
    rows = len(batch.tick) if rows is None else rows
    if len(batch) != 1:
        raise ValueError(f"{what} of {len(batch)} events; wanted those of one")
    if labels.shape != (rows,):
        raise ValueError(f"labels of shape {labels.shape}; wanted one for each of {rows} {what}")
