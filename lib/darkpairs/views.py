"""Pictures of an event in the chamber: three views, one wire, the whole in space.

In: the stages of one event, as from `chain.display`. Out: figures and axes. Chapter: readout.

The views are those of the experiments: wires to the right, time upwards, in true proportion. Paper
is white where nothing was found, grey where a wire is dead. The colours are those of `show`.

Laws: charge is drawn where it was found, on its wire and tick; all views of an event have one
scale; a centimetre is as long upwards as to the right; truth is drawn only if asked for.
"""

from typing import NamedTuple

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from scipy.special import ndtr

from darkpairs import show, transport, wires
from darkpairs.detector import MICROBOONE, walls

NAMES = {11: "e⁻", -11: "e⁺", 22: "γ", 13: "μ⁻", -13: "μ⁺", 211: "π⁺", -211: "π⁻", 2212: "p"}
COLOURS = (show.RED, show.BLACK, show.GREEN, show.PURPLE, show.ORANGE)  # of true particles
CHARGE = mpl.colors.LinearSegmentedColormap.from_list(
    "charge", ["#c3e2f5", show.SKY, show.BLUE, "#12305f", show.BLACK])
SIGNED = mpl.colors.LinearSegmentedColormap.from_list("signed", [show.RED, "#ffffff", show.BLUE])
LABELS = {"charge": "electrons per tick", "adc": "counts above pedestal"}
DEAD = "#dcdcdc"
_GAP = 0.6  # cm: pieces of a path that are farther apart are not joined
_PAD = 2.0  # cm around what is shown


class Frame(NamedTuple):
    """What part of the three views is shown."""

    ticks: tuple  #: (first, last + 1)
    wires: tuple  #: (first, last + 1) of U, V and Y, as many of each


def frame(stages, *, share=0.9, detector=MICROBOONE):
    """Return the part of the views in which most of an event's charge lies, a `Frame`.

    Parameters
    ----------
    stages : dict
        From `chain.display`.
    share : float
        Of the true charge that has to be inside, in time and in each view, in (0, 1]; of the rest
        one half is before and the other behind.
    detector : Detector
        The chamber.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share = {share}; wanted a number > 0, at most 1")
    arrivals = stages["arrivals"]
    if not len(arrivals.charge):
        raise ValueError("no charge in this event; wanted some to look at")
    ends = [_range(arrivals.wire[:, plane], arrivals.charge, share, _PAD / detector.pitch)
            for plane in range(3)]
    wide = max(last - first for first, last in ends)
    starts = [(first + last - wide) // 2 for first, last in ends]
    ticks = _range(arrivals.tick, arrivals.charge, share, _PAD / step(detector))
    return Frame(ticks, tuple((start, start + wide) for start in starts))


def around(point, *, across, along, detector=MICROBOONE):
    """Return the part of the views around a point, a `Frame`.

    Parameters
    ----------
    point : sequence (3,)
        Its middle, x, y, z [cm].
    across, along : float
        How much is shown across the wires and along the drift [cm], > 0.
    detector : Detector
        The chamber.
    """
    if not (across > 0 and along > 0):  # refuses NaN too
        raise ValueError(f"{across} cm across and {along} cm along the drift; wanted both > 0")
    half = across / detector.pitch / 2
    starts = [round(place - half) for place in wires.places(detector, point)]
    tick, high = detector.trigger + point[0] / step(detector), along / step(detector) / 2
    return Frame((round(tick - high), round(tick + high)),
                 tuple((start, start + round(2 * half)) for start in starts))


def _range(places, charge, share, pad):
    """First and last whole number around the places of most charge."""
    order = np.argsort(places)
    below = np.cumsum(charge[order]) / charge.sum()
    first = places[order[np.searchsorted(below, (1 - share) / 2)]]
    last = places[order[min(np.searchsorted(below, (1 + share) / 2), len(order) - 1)]]
    return int(np.floor(first - pad)), int(np.ceil(last + pad))


_frame = frame  # `frame` is an argument below


def step(detector):
    """How far electrons drift in a tick [cm]."""
    return detector.velocity * detector.tick


def image(stages, plane, frame, *, what="charge", detector=MICROBOONE):
    """Return one view as numbers.

    Parameters
    ----------
    stages : dict
        From `chain.display`.
    plane : int
        0, 1 or 2 for U, V or Y.
    frame : Frame
        What part of it.
    what : str
        ``"charge"``, what was found [electrons per tick]; ``"adc"``, counts above the pedestal.
    detector : Detector
        The chamber.

    Returns
    -------
    ndarray (ticks, wires)
        NaN where nothing was found or kept.
    """
    if what not in LABELS:
        raise ValueError(f"what = {what!r}; wanted one of {', '.join(LABELS)}")
    (t0, t1), (w0, w1) = frame.ticks, frame.wires[plane]
    canvas = np.full((w1 - w0, t1 - t0), np.nan)
    for wire, tick, part in _parts(stages, plane, what, detector):
        a, b = max(wire, w0), min(wire + part.shape[0], w1)
        c, d = max(tick, t0), min(tick + part.shape[1], t1)
        if a < b and c < d:
            canvas[a - w0:b - w0, c - t0:d - t0] = part[a - wire:b - wire, c - tick:d - tick]
    return canvas.T


def _parts(stages, plane, what, detector):
    """Yield first wire, first tick and samples (wires, ticks) of each part of a view."""
    if what == "charge":
        found = stages["charge"]
        for r in np.flatnonzero(found.plane == plane):
            part = found.electrons[found.start[r]:found.start[r + 1]]
            yield found.wire[r], found.tick[r], part[None]
        return
    waves = stages["waveforms"]
    pedestal = detector.pedestal_collection if plane == 2 else detector.pedestal_induction
    for b in np.flatnonzero(waves.plane == plane):
        yield waves.wire[b], waves.tick[b], waves.block(b) - pedestal


def event(stages, *, what="charge", truth=False, columns=1, frame=None, limit=None,
          detector=MICROBOONE):
    """Draw an event in U, V and Y, all in one scale.

    Parameters
    ----------
    stages : dict
        From `chain.display`.
    what : str
        As in `image`.
    truth : bool
        Draw the true paths, too.
    columns : int
        1, the views below each other, as a phone wants them; or 3, side by side.
    frame : Frame
        What part; from `frame` if None.
    limit : float
        Where the colours end; if None, such that one pixel of 200 is beyond.
    detector : Detector
        The chamber.

    Returns
    -------
    figure, axes
        The figure and the three axes.
    """
    if columns not in (1, 3):
        raise ValueError(f"columns = {columns}; wanted 1 or 3")
    part = frame or _frame(stages, detector=detector)
    limit = limit or _limit(stages, part, what, detector)
    up = (part.ticks[1] - part.ticks[0]) * step(detector) / detector.pitch
    shape = up / (part.wires[0][1] - part.wires[0][0])
    width = 5.2 if columns == 1 else 11.0
    height = np.clip((width - 0.8 * columns) / columns * shape, 0.8, 4.0) + 0.3
    fig, axes = plt.subplots(3 // columns, columns, sharey=columns == 3, layout="compressed",
                             figsize=(width, 3 // columns * height + 1.0))
    for plane, ax in enumerate(axes):
        drawn = view(ax, stages, plane, what=what, truth=truth, frame=part, limit=limit,
                     detector=detector)
        ax.set(ylabel="tick" if plane == 0 or columns == 1 else "",
               xlabel="wire" if plane == 2 or columns == 3 else "")
    bar(axes[2], detector=detector)
    if truth:
        axes[0].legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, handlelength=1.2)
    fig.colorbar(drawn, ax=axes, label=LABELS[what], location="bottom", shrink=0.8, aspect=40,
                 extend="both" if what == "adc" else "max")
    return fig, axes


def view(axes, stages, plane, *, what="charge", truth=False, frame=None, limit=None,
         detector=MICROBOONE):
    """Draw one view of an event; arguments as in `event`. Return the image."""
    part = frame or _frame(stages, detector=detector)
    limit = limit or _limit(stages, part, what, detector)
    numbers = image(stages, plane, part, what=what, detector=detector)
    (t0, t1), (w0, w1) = part.ticks, part.wires[plane]
    drawn = axes.imshow(numbers, origin="lower", extent=(w0, w1, t0, t1), interpolation="nearest",
                        cmap=SIGNED if what == "adc" else CHARGE, zorder=1,
                        vmin=-limit if what == "adc" else 0, vmax=limit)
    paper(axes, plane, part, detector=detector)
    if truth:
        _paths(axes, stages, plane)
    return drawn


def paper(axes, plane, frame, *, detector=MICROBOONE):
    """Prepare axes for one view: its part, in true proportion, grey wires and its letter.

    Parameters
    ----------
    axes : matplotlib Axes
        Where to draw.
    plane : int
        0, 1 or 2 for U, V or Y.
    frame : Frame
        What part of the views.
    detector : Detector
        The chamber.
    """
    (t0, t1), (w0, w1) = frame.ticks, frame.wires[plane]
    for first, last in _runs(wires.dead(detector)[plane]):
        if first < w1 and last > w0:
            axes.axvspan(max(first, w0), min(last, w1), color=DEAD, linewidth=0, zorder=2)
    axes.set(xlim=(w0, w1), ylim=(t0, t1), aspect=step(detector) / detector.pitch)
    axes.text(0.02, 0.95, wires.PLANES[plane], transform=axes.transAxes, va="top", fontsize=13)


def _limit(stages, frame, what, detector):
    """Return where the colours end."""
    views = [image(stages, plane, frame, what=what, detector=detector) for plane in range(3)]
    size = np.concatenate([abs(each[np.isfinite(each)]) for each in views])
    if not len(size):
        raise ValueError("nothing in this part of the views; wanted something to look at")
    return float(np.quantile(size, 0.995))


def _runs(mask):
    """Yield first and last + 1 of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return zip(edges[::2], edges[1::2], strict=True)


def _paths(axes, stages, plane):
    """Draw where true charge passed, particle by particle."""
    arrivals, deposits = stages["arrivals"], stages["deposits"]
    for number, (who, name) in enumerate(particles(stages).items()):
        mine = deposits.particle == who
        jumps = np.linalg.norm(np.diff(deposits.position[mine], axis=0), axis=1) > _GAP
        after = np.flatnonzero(jumps) + 1
        place = np.insert(arrivals.wire[mine, plane], after, np.nan)
        tick = np.insert(arrivals.tick[mine], after, np.nan)
        axes.plot(place, tick, "-", color=COLOURS[number % len(COLOURS)], linewidth=0.7,
                  marker=".", markersize=1.2, markeredgewidth=0, label=name, zorder=3)


def particles(stages):
    """Return those that left something, a dict from their number to name and kinetic energy."""
    truth, found = stages["truth"], {}
    for who in np.unique(stages["deposits"].particle):
        code = int(truth.pdg[who])
        kinetic = truth.p4[who, 0] - transport.SEEN[code][0]
        found[int(who)] = f"{NAMES[code]} {kinetic:.0f} MeV"
    return found


def bar(axes, *, detector=MICROBOONE):
    """Draw a bar of a round number of cm, at most a fifth of the view; return the number."""
    (w0, w1), (t0, t1) = axes.get_xlim(), axes.get_ylim()
    fits = (w1 - w0) * detector.pitch / 5
    length = max((size for size in (1, 2, 5, 10, 20, 50, 100, 200) if size <= fits), default=0.5)
    left, low = w0 + 0.04 * (w1 - w0), t0 + 0.08 * (t1 - t0)
    axes.plot([left, left + length / detector.pitch], [low, low], "-", color=show.BLACK,
              linewidth=2.5, solid_capstyle="butt", zorder=4)
    axes.text(left + length / detector.pitch / 2, low + 0.03 * (t1 - t0), f"{length:g} cm",
              ha="center", va="bottom", zorder=4)
    return length


def wire(upper, lower, stages, plane, number, *, detector=MICROBOONE):
    """Draw what one wire told, above, and what was made of it, below; around its largest charge.

    Parameters
    ----------
    upper, lower : matplotlib Axes
        For the counts, and for the charge: what arrived in grey, what was found as a line.
    stages : dict
        From `chain.display`.
    plane, number : int
        Which wire.
    detector : Detector
        The chamber.
    """
    waves = stages["waveforms"]
    mine = np.flatnonzero((waves.plane == plane) & (waves.wire <= number)
                          & (number < waves.wire + waves.wires))
    if not len(mine):
        raise ValueError(f"nothing was kept of wire {number} of {wires.PLANES[plane]}; wanted a "
                         "wire near charge")
    loudest = max(mine, key=lambda b: np.ptp(waves.block(b)[number - waves.wire[b]].astype(int)))
    first, end = waves.tick[loudest], waves.tick[loudest] + waves.ticks[loudest]
    part, edges = Frame((first, end), ((number, number + 1),) * 3), np.arange(first, end + 1)
    counts, found = (image(stages, plane, part, what=what, detector=detector)[:, 0]
                     for what in ("adc", "charge"))
    upper.stairs(counts, edges, baseline=None, color=show.BLUE, linewidth=1.5)
    upper.axhline(0, color=show.GREY, linewidth=0.8, linestyle="-", zorder=0)
    lower.stairs(arrived(stages, plane, number, part.ticks), edges, fill=True, color="#c4c4c4",
                 label="arrived")
    lower.stairs(np.nan_to_num(found), edges, baseline=None, color=show.BLUE, linewidth=1.5,
                 label="found")
    upper.set(xlim=(first, end), ylabel=LABELS["adc"])
    lower.set(xlim=(first, end), ylabel=LABELS["charge"], xlabel="tick")


def arrived(stages, plane, number, ticks):
    """Return the true charge on one wire in each tick of a range, ndarray (last − first,)."""
    clouds, edges = stages["arrivals"], np.arange(ticks[0], ticks[1] + 1)
    across = np.subtract.outer(clouds.wire[:, plane], [number, number + 1])
    across /= np.maximum(clouds.sigma_wire, 1e-6)[:, None]
    share = -np.diff(ndtr(across), axis=1)[:, 0] * clouds.charge
    some = share > 0
    along = np.subtract.outer(edges, clouds.tick[some])
    return np.diff(ndtr(along / np.maximum(clouds.sigma_tick[some], 1e-6)), axis=0) @ share[some]


def solid(stages, *, corners=None, detector=MICROBOONE):
    """Draw the deposits of an event in space, each particle in its colour, with the walls near.

    Parameters
    ----------
    stages : dict
        From `chain.display`.
    corners : array-like (2, 3)
        What part is shown, from its lowest to its highest x, y, z [cm]; if None, where on each axis
        nine tenths of the energy lie. Walls that lie there are drawn.
    detector : Detector
        The chamber.

    Returns
    -------
    figure, axes
    """
    deposits = stages["deposits"]
    if not len(deposits.energy):
        raise ValueError("no energy in this event; wanted some to look at")
    low, high = corners if corners is not None else np.transpose(
        [_range(column, deposits.energy, 0.9, _PAD) for column in deposits.position.T])
    low, high = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    if not (low < high).all():
        raise ValueError(f"corners {low.tolist()} and {high.tolist()}; wanted the lower one first")
    inside = ((deposits.position >= low) & (deposits.position <= high)).all(axis=1)
    fig = plt.figure(figsize=(5.2, 4.0))
    axes = fig.add_subplot(projection="3d", computed_zorder=False)
    for number, (who, name) in enumerate(particles(stages).items()):
        mine = inside & (deposits.particle == who)
        x, y, z = deposits.position[mine].T
        axes.scatter(z, x, y, s=6 * deposits.energy[mine] + 0.3, linewidths=0, depthshade=False,
                     color=COLOURS[number % len(COLOURS)], label=name)
    for corners in _walls_near(low, high, detector):
        axes.add_collection3d(Poly3DCollection([corners], color=show.GREY, alpha=0.2))
    axes.set(xlabel="$z$ [cm]", ylabel="$x$ [cm]", zlabel="$y$ [cm]",
             xlim=(low[2], high[2]), ylim=(low[0], high[0]), zlim=(low[1], high[1]))
    axes.locator_params(nbins=4)
    axes.xaxis.labelpad = 8
    axes.set_box_aspect((high - low)[[2, 0, 1]], zoom=0.95)
    axes.view_init(25, -75)
    axes.legend(loc="upper left", markerscale=2)
    return fig, axes


def _walls_near(low, high, detector):
    """Yield the corners (z, x, y) of those parts of walls that lie between two points."""
    for axis in range(3):
        for place in np.array(walls(detector))[:, axis]:
            if not low[axis] <= place <= high[axis]:
                continue
            a, b = (k for k in range(3) if k != axis)
            corners = np.full((4, 3), place)
            corners[:, a] = np.array([low, high])[[0, 1, 1, 0], a]
            corners[:, b] = np.array([low, high])[[0, 0, 1, 1], b]
            yield corners[:, [2, 0, 1]]
