"""Pictures: one style for the whole book, and the few figures that are drawn more than once.

In: axes from matplotlib and plain arrays. Out: the same axes, drawn on. Chapter: every one.

The colours are those of Okabe and Ito ("Color Universal Design", 2008), which readers with any
colour vision can tell apart; lines also differ in style.
"""

import sys
from dataclasses import dataclass
from itertools import pairwise

import matplotlib as mpl
import numpy as np

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, RED, PURPLE = (
    "#000000", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
GREY = "#8a8a8a"


def style():
    """Set the book's defaults: letters that can be read on a phone, numbers without a tail."""
    if "IPython" in sys.modules and (shell := sys.modules["IPython"].get_ipython()):
        shell.display_formatter.formatters["text/plain"].float_precision = "%.6g"
    mpl.rcParams.update({
        "figure.figsize": (5.2, 3.5), "figure.dpi": 200, "savefig.facecolor": "white",
        "figure.constrained_layout.use": True,
        "font.size": 11, "axes.labelsize": 11, "legend.fontsize": 10.5, "legend.frameon": False,
        "axes.spines.top": False, "axes.spines.right": False, "lines.linewidth": 1.8,
        "axes.prop_cycle": mpl.cycler(
            color=[BLUE, RED, GREEN, ORANGE, PURPLE, SKY],
            linestyle=["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2))]),
    })


@dataclass(frozen=True)
class Number:
    """A number for the prose: its text is shown, its full value is kept for the checks."""

    value: float
    text: str

    def _repr_mimebundle_(self, **_):
        return {"text/plain": self.text,
                "application/vnd.darkpairs.number+json": {"value": self.value}}


def number(value, layout=".3g"):
    """Return a number that a chapter can glue into its prose.

    Parameters
    ----------
    value : float
        The full value; the build compares it with its reference.
    layout : str
        How the prose shows it, a Python format such as ``".1f"``. The form ``"e"`` with digits,
        ``".2e"``, comes out as 5.07×10¹¹.
    """
    value = float(value)
    if not np.isfinite(value):
        raise ValueError(f"cannot glue {value}; wanted a finite number")
    text = format(value, layout).replace("-", "−")
    if "e" in text:
        digits, _, power = text.partition("e")
        sign = "⁻" if power.startswith("−") else ""
        small = power.lstrip("+−0").translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
        text = f"{digits}×10{sign}{small or '⁰'}"
    return Number(value, text)


def band(axes, edges, middle, error, **style):
    """Draw a step histogram with its error as a band.

    Parameters
    ----------
    axes : matplotlib Axes
        Where to draw.
    edges : array-like (n+1,)
        Bin edges.
    middle, error : array-like (n,)
        Height and half-width of the band.
    **style
        Colour and label, as matplotlib takes them.
    """
    middle, error = np.asarray(middle), np.asarray(error)
    colour = style.pop("color", BLUE)
    label = style.pop("label", None)
    axes.stairs(middle, edges, color=colour, **style)
    axes.stairs(middle + error, edges, baseline=middle - error, fill=True, color=colour,
                alpha=0.25, linewidth=0, label=label)
    return axes


def points(axes, edges, values, errors, **style):
    """Draw data as points, with the error upwards and the bin sideways."""
    edges = np.asarray(edges)
    look = {"color": BLACK, "fmt": "o", "markersize": 3.5, "linewidth": 1.2, **style}
    axes.errorbar((edges[:-1] + edges[1:]) / 2, values, yerr=errors, xerr=np.diff(edges) / 2,
                  **look)
    return axes


def matrix(axes, values, *, breaks=(), names=(), label=""):
    """Draw a correlation matrix from −1 (orange) over 0 (white) to 1 (blue).

    Parameters
    ----------
    axes : matplotlib Axes
        Where to draw.
    values : array-like (n, n)
        The matrix.
    breaks : sequence of int
        Where a block ends; a line is drawn before each of these rows and columns.
    names : sequence of str
        One word for each block, written along both axes.
    label : str
        What the colours mean.
    """
    colours = mpl.colors.LinearSegmentedColormap.from_list("signed", [RED, "#ffffff", BLUE])
    picture = axes.imshow(values, cmap=colours, vmin=-1, vmax=1, interpolation="nearest")
    for place in breaks:
        axes.axhline(place - 0.5, color=BLACK, linewidth=1, linestyle="-")
        axes.axvline(place - 0.5, color=BLACK, linewidth=1, linestyle="-")
    ends = [0, *breaks, len(values)]
    middles = [(low + high - 1) / 2 for low, high in pairwise(ends)]
    axes.set_xticks(middles[:len(names)], names)
    axes.set_yticks(middles[:len(names)], names, rotation=90, va="center")
    axes.tick_params(length=0)
    axes.figure.colorbar(picture, ax=axes, label=label, shrink=0.85)
    return axes


def regions(axes, plane, delta, *, levels=(2.30, 6.18, 11.83), color=BLUE, label=None):
    """Draw where Δχ² stays below some levels, the widest region palest, on axes of powers of ten.

    Parameters
    ----------
    axes : matplotlib Axes
        Where to draw.
    plane : planes.Plane
        Masses, along x, and squared couplings, along y.
    delta : array-like (a, b)
        Δχ² for a masses and b squared couplings.
    levels : sequence of float
        1, 2 and 3σ for two parameters.
    color, label : str
        As matplotlib takes them.
    """
    delta = np.asarray(delta, dtype=np.float64)
    if delta.shape != (len(plane.masses), len(plane.squares)):
        raise ValueError(f"delta of shape {delta.shape}; wanted one number for each of "
                         f"{len(plane.masses)} masses and {len(plane.squares)} couplings")
    for level in sorted(levels, reverse=True):
        axes.contourf(plane.masses, plane.squares, delta.T, levels=[-np.inf, level],
                      colors=[color], alpha=0.35)
    axes.fill([], [], color=color, alpha=0.6, linewidth=0, label=label)
    axes.set(xscale="log", yscale="log")
    return axes
