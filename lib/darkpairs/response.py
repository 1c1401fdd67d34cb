"""What one electron does to the wires: field ⊗ electronics, calculated once.

In: a `Detector`. Out: samples of the digitiser, per electron, on the wires around its path.
Chapter: readout.

A charge that moves induces charge on all wires. How much, the weighting potential of a wire says:
that of its own set to 1 and all others to 0, without any charge between (Shockley,
https://doi.org/10.1063/1.1710367; Ramo, https://doi.org/10.1109/JRPROC.1939.228757). An electron
that goes from a to b induces w(b) − w(a), whatever its way. Here the wires of all three planes are
parallel, and the calculation is flat: x against the drift and y across the wires. Wires are thin:
each is a line of charge, with an image behind the cathode. Electrons follow the drift field of the
biased wires through U and V to Y; the electronics shapes what they induce.

Time is counted from the moment at which an electron that kept its speed would pass the plane U.
Sample k is the mean over the tick around k, from k − ½ to k + ½. So charge that is spread over
tick j, and a sample in the middle of tick j + k, belong to sample k.

Laws: one electron induces one charge on its collection wire and none on the others, whatever its
path; the response is even across the wires; all electrons end on Y; a short pulse of charge peaks
at the gain, after the shaping time.
"""

from functools import lru_cache
from math import ceil, exp, factorial, floor, pi
from typing import Annotated as Given
from typing import NamedTuple

import numpy as np

from darkpairs.constants import ELEMENTARY_CHARGE
from darkpairs.detector import Detector

FIELDS = ("drift", "field", "velocity", "pitch", "gap", "radius", "bias_u", "bias_v", "bias_y",
          "tick", "shaping", "order", "gain", "amplify", "bits", "swing")  # what matters here
# Mobility against field: Li et al., https://doi.org/10.1016/j.nima.2016.01.073, with the parameters
# of lar.bnl.gov/properties; cm²/(V s), the field in kV/cm
MOBILITY = (551.6, 7158.3, 4440.43, 4.29, 43.63, 0.2053)
_PARTS = 8  # parts of a tick in which charge is followed; our choice
_STEPS = 4  # steps of a path in each part; our choice
_QUIET = 3.0  # pitches above U from where the drift field is even, to e^(−6π)
_TAIL = 5.0  # shaping times after which a pulse is over, to 10⁻⁵ of its peak


class Reach(NamedTuple):
    """How far and how finely the response is followed."""

    wires: Given[float, "", "our choice: wires on each side that a path is seen by"] = 3.0
    height: Given[float, "cm", "our choice: above U, where a path begins to be seen"] = 6.0
    array: Given[float, "", "our choice: wires on each side in the calculation"] = 15.0
    wall: Given[float, "cm", "our choice: a grounded wall behind Y, for the drift field"] = 5.0
    impacts: Given[float, "", "our choice: paths across one pitch; their mean is taken"] = 32.0


REACH = Reach()


class Response(NamedTuple):
    """What one electron does, as a mean over its place within a pitch.

    Attributes
    ----------
    adc : ndarray (3, 2R + 1, L)
        Counts of the digitiser per electron; plane, wire from −R to R, tick.
    start : int
        Tick of the first sample, counted from time zero; negative.
    induced : ndarray (3, 2R + 1, L)
        The same without electronics: charge induced in each tick, in electrons.
    """

    adc: np.ndarray
    start: int
    induced: np.ndarray


def table(detector, reach=REACH):
    """Return the response of a chamber to one electron.

    Parameters
    ----------
    detector : Detector
        The chamber; refused if not all electrons end on the collection wires.
    reach : Reach
        How far and how finely.

    Returns
    -------
    Response
        The sum of ``adc`` over the ticks of wire 0 of Y is the area of `pulse` in ticks, that of
        any other wire is 0.
    """
    if not (reach.wires >= 0 and reach.array >= max(reach.wires, 2) and reach.impacts >= 2
            and reach.height > (_QUIET + 1) * detector.pitch and reach.wall > 0):
        raise ValueError(f"{reach}; wanted wires ≥ 0, array ≥ wires and 2, impacts ≥ 2, wall > 0 "
                         f"and a height above {_QUIET + 1:g} pitches")
    return _table(_matters(detector), Reach(*map(float, reach)))


@lru_cache(maxsize=16)
def spectrum(detector, n, reach=REACH):
    """Return the Fourier transform of the response over n ticks, time zero at sample 0.

    Parameters
    ----------
    detector, reach
        As in `table`.
    n : int
        Length of the circle of ticks; at least that of the response.

    Returns
    -------
    ndarray (3, 2R + 1, n // 2 + 1) of complex128
        As ``numpy.fft.rfft``; what comes before time zero is at the end of the circle.
    """
    response = table(detector, reach)
    length = response.adc.shape[2]
    if n < length:
        raise ValueError(f"n = {n}; wanted at least the {length} ticks of the response")
    circle = np.zeros((*response.adc.shape[:2], n))
    circle[..., :length] = response.adc
    return _sealed(np.fft.rfft(np.roll(circle, response.start, axis=2)))


def sampled(detector, n, reach=REACH):
    """Return the Fourier transform of the response at n ticks, however few, ndarray as `spectrum`.

    The same function of frequency, at fewer frequencies; in ticks, what is longer comes round.
    """
    times = -(-table(detector, reach).adc.shape[2] // n)  # so many times longer holds all
    return spectrum(detector, times * n, reach)[..., ::times]


@lru_cache(maxsize=16)
def electronics(detector, n):
    """Return the Fourier transform of `pulse` at n ticks, ndarray (n // 2 + 1) of complex128."""
    return _sealed(np.fft.rfft(pulse(detector, np.arange(n) * detector.tick)))


def pulse(detector, time):
    """Return what the electronics makes of one electron that comes at time 0 [ADC].

    A semi-Gaussian shaper CR-(RC)ⁿ, (t/t_p)ⁿ exp(n − n t/t_p): 1 at its peak at the shaping time
    t_p (Radeka, Annu. Rev. Nucl. Part. Sci. 38 (1988) 217).

    Parameters
    ----------
    detector : Detector
        The chamber.
    time : ndarray (...)
        After the charge [µs].

    Returns
    -------
    ndarray (...)
    """
    late = np.maximum(np.asarray(time, dtype=np.float64) / detector.shaping, 0.0)
    return (late * np.exp(1 - late)) ** detector.order / electrons_per_count(detector)


def electrons_per_count(detector):
    """Return the electrons of a short pulse whose peak is one count: 181 (arXiv 1705.07341)."""
    millivolt = 2**detector.bits / detector.swing  # counts
    return 1 / (ELEMENTARY_CHARGE * detector.gain * detector.amplify * millivolt)


def area(detector):
    """Return the sum over ticks that one collected electron makes [ADC]: the area of `pulse`."""
    n = detector.order
    ticks = detector.shaping / detector.tick * exp(n) * factorial(int(n)) / n ** (n + 1)
    return ticks / electrons_per_count(detector)


def weighting(detector, plane, x, y, reach=REACH):
    """Return the weighting potential of the wire at y = 0 of a plane.

    Parameters
    ----------
    detector : Detector
        The chamber.
    plane : int
        0, 1 or 2 for U, V or Y.
    x, y : ndarray (...)
        Points [cm]: height above U, and place across the wires.
    reach : Reach
        How many wires.

    Returns
    -------
    ndarray (...)
        Within a wire, its value on the surface.
    """
    x, y = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
    basis = _lines(detector, x, y, int(reach.array))
    return basis.reshape(*x.shape, -1) @ _charges(_matters(detector), int(reach.array))[plane]


def paths(detector, reach=REACH):
    """Return where electrons are at each part of a tick, and on which plane they end.

    Parameters
    ----------
    detector, reach
        As in `table`.

    Returns
    -------
    time : ndarray (k)
        From time zero [µs].
    x, y : ndarray (k, impacts)
        Height above U and place across the wires [cm]; at the end, on a wire.
    ends : ndarray (impacts) of int
        0, 1 or 2; −1 for who is still under way.
    """
    part, speed = detector.tick / _PARTS, detector.velocity
    first = detector.tick * (floor(0.5 - reach.height / speed / detector.tick) - 0.5)
    even = int((-_QUIET * detector.pitch / speed - first) / part)  # parts in the even field
    start, _ = _starts(detector, reach)
    places = [1j * start - speed * (first + part * k) for k in range(even + 1)]
    lines, ends = _biases(detector, reach), np.full(len(start), -1)
    while (ends < 0).any() and len(places) < 3 * even:
        place, ends = _part(detector, lines, places[-1], ends)
        places.append(place)
    places = np.array(places)
    return first + part * np.arange(len(places)), places.real, places.imag, ends


def _sealed(array):
    """Return an array that cannot be written into."""
    array.flags.writeable = False
    return array


def _matters(detector):
    """Return the default detector with only those fields changed that matter here."""
    return Detector(**{name: getattr(detector, name) for name in FIELDS})


def _starts(detector, reach):
    """Return where paths begin across a pitch, and their shares: two ndarrays (impacts,).

    They lie closer in the middle and at the edges, where electrons come late: some pass the points
    without field before and behind a wire, others those between two wires of Y.
    """
    half = int(reach.impacts) // 2
    edges = detector.pitch / 2 * np.sin(pi / 4 * np.linspace(-2, 2, 2 * half + 1)) ** 2
    edges[:half] *= -1
    return (edges[1:] + edges[:-1]) / 2, np.diff(edges) / detector.pitch


def _part(detector, lines, place, ends):
    """Move electrons through one part of a tick; who has come to a wire stays."""
    step = detector.tick / _PARTS / _STEPS
    wires = _planes(detector)
    for _ in range(_STEPS):
        a = _drift(detector, lines, place)  # the classical rule of Runge and Kutta
        b = _drift(detector, lines, place + step / 2 * a)
        c = _drift(detector, lines, place + step / 2 * b)
        d = _drift(detector, lines, place + step * c)
        moved = place + step / 6 * (a + 2 * b + 2 * c + d)
        place = np.where(ends < 0, moved, place)
        near = abs(place - wires[:, None]) <= detector.radius  # (3, impacts)
        ends = np.where((ends < 0) & near.any(axis=0), near.argmax(axis=0), ends)
    return place, ends


def _planes(detector):
    return -detector.gap * np.arange(3.0)


def _biases(detector, reach):
    """Return the charges of the wires of U, V and Y, and an even field: ndarray (4,).

    A row of equal lines is −ln |2 sinh(πw/p)| with w = x + iy; far from it that is −π|x|/p. The
    slope of the potential far above is minus the drift field, and behind Y it is that of the
    grounded wall. The fifth unknown is the potential where all others are 0.
    """
    planes, p = _planes(detector), detector.pitch
    apart = planes[:, None] - planes + np.diag(np.full(3, 1j * detector.radius))
    system = np.zeros((5, 5))
    system[:3, :3] = -np.log(abs(2 * np.sinh(pi * apart / p)))
    system[:3, 3], system[:3, 4] = planes, 1.0
    system[3], system[4] = [-pi / p] * 3 + [1.0, 0.0], [pi / p] * 3 + [1.0, 0.0]
    wanted = [detector.bias_u, detector.bias_v, detector.bias_y, -detector.field,
              detector.bias_y / reach.wall]
    return np.linalg.solve(system, wanted)[:4]


def _drift(detector, lines, place):
    """Return the velocity of electrons at x + iy as vx + i vy [cm/µs]."""
    p = detector.pitch
    waves = 1 / np.tanh(pi / p * (place - _planes(detector)[:, None]))
    slope = lines[3] - pi / p * np.conj(lines[:3] @ waves)  # ∇φ, which pulls electrons
    strength = abs(slope)
    speed = detector.velocity * _speed(strength) / _speed(detector.field)
    return slope / strength * speed


def _speed(field):
    """Return mobility times field, in arbitrary units."""
    a0, a1, a2, a3, a4, a5 = MOBILITY
    above = a0 + field * (a1 + a2 * np.sqrt(field) + a3 * field * np.sqrt(field))
    return field * above / (1 + field * (a1 / a0 + field * (a4 + field * a5)))


def _lines(detector, x, y, wide):
    """Return −ln(r/r_image) of a unit charge on each wire, ndarray (..., 3, 2 wide + 1)."""
    wires = detector.pitch * np.arange(-wide, wide + 1)
    planes = _planes(detector)[:, None]
    across = (y[..., None, None] - wires) ** 2
    square = np.maximum((x[..., None, None] - planes) ** 2 + across, detector.radius**2)
    image = (2 * detector.drift - planes - x[..., None, None]) ** 2 + across
    return 0.5 * np.log(image / square)


@lru_cache(maxsize=16)
def _charges(detector, wide):
    """Return the charges of all wires that set wire 0 of a plane to 1, ndarray (3, 3 (2 wide + 1)).

    All other wires are at 0.
    """
    count = 2 * wide + 1
    x = np.repeat(_planes(detector), count)
    y = np.tile(detector.pitch * np.arange(-wide, wide + 1), 3)
    system = _lines(detector, x, y, wide).reshape(3 * count, 3 * count)
    ones = np.zeros((3 * count, 3))
    ones[wide + count * np.arange(3), np.arange(3)] = 1.0
    return _sealed(np.linalg.solve(system, ones).T)


@lru_cache(maxsize=8)
def _table(detector, reach):
    """Follow the paths and shape what they induce."""
    time, x, y, ends = paths(detector, reach)
    if (ends != 2).any():
        raise ValueError(f"biases {detector.bias_u}, {detector.bias_v}, {detector.bias_y} kV at "
                         f"{detector.field} kV/cm: {(ends != 2).sum()} of {len(ends)} paths do "
                         "not end on Y; wanted all")
    seen = _seen(detector, reach, x, y)  # (3, wires, parts + 1)
    late = detector.tick / _PARTS * np.arange(ceil(_TAIL * detector.shaping / detector.tick
                                                   * _PARTS))
    ticks = ceil((len(time) + len(late)) / _PARTS)
    charge = np.zeros((*seen.shape[:2], ticks * _PARTS))
    charge[..., :len(time) - 1] = np.diff(seen)
    wave = np.fft.rfft(pulse(detector, late), 2 * charge.shape[2])
    shaped = np.fft.irfft(np.fft.rfft(charge, 2 * charge.shape[2]) * wave)
    # charge of a part comes at its middle; mean over the tick
    adc = shaped[..., :charge.shape[2]].reshape(*seen.shape[:2], ticks, _PARTS).mean(axis=3)
    induced = charge.reshape(*seen.shape[:2], ticks, _PARTS).sum(axis=3)
    start = round(time[0] / detector.tick + 0.5)
    return Response(_sealed(adc), start, _sealed(induced))


def _seen(detector, reach, x, y):
    """Return the mean weighting potential along paths, ndarray (3, 2R + 1, times).

    It fades in from 0 over the upper half of the height from where paths are seen, and ends at 1
    on the collection wire, at 0 on all others.
    """
    wires, wide = int(reach.wires), int(reach.array)
    basis = _lines(detector, x, y, wide + wires)  # (times, impacts, 3, all wires)
    charges = _charges(detector, wide)
    fade = np.sin(pi / 2 * np.clip(2 - 2 * x / reach.height, 0.0, 1.0)) ** 2
    landed = abs(x + 1j * y - _planes(detector)[2]) <= detector.radius
    _, shares = _starts(detector, reach)
    seen = np.empty((3, 2 * wires + 1, len(x)))
    for k in range(2 * wires + 1):  # the wires around wire k − R
        part = basis[..., k:k + 2 * wide + 1].reshape(*x.shape, -1)
        potential = (part @ charges.T) * fade[..., None]
        potential[landed] = (0.0, 0.0, 1.0 if k == wires else 0.0)
        seen[:, k] = np.einsum("tip,i->pt", potential, shares)
    return seen
