"""What a reconstruction says of an event, in one row of plain numbers.

In: arrays. Out: the same arrays, checked once, read-only from then on. Chapter: two-eyes.

Both reconstructions fill the same columns. What is not there is NaN: an event in which nothing was
found is a row like any other. Nothing in `Reco.FEATURES` follows from what really happened; that
is in `Reco.TRUTH` alone, and in ``event``, ``kind`` and ``weight``, which ride along.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from darkpairs.seen import ALGORITHMS
from darkpairs.traces import Rows, concatenate  # noqa: F401 (the verb that joins these, too)

TOPOLOGIES = ("1s0t", "1s1t", "2s0t", "other")  # numbers of showers and of tracks
_RIDES = ("event", "kind", "weight", "algorithm")
_TRUTH = ("truth_particle", "truth_completeness", "truth_purity", "truth_second_particle",
          "truth_second_completeness", "truth_second_purity")
_TYPES = dict(event=np.int64, kind=np.int16, algorithm=np.int8, topology=np.int8) | dict.fromkeys(
    ("showers", "tracks", "points", "hits", "points_leading", "hits_leading", "protons",
     "truth_particle", "truth_second_particle"), np.int32)


@dataclass(frozen=True, eq=False)
class Reco(Rows):
    """One row for each event and algorithm; every column has one number per row.

    The *leading* object is the shower with the most charge, or if there is none the track with the
    most; the *second* is the next one in that order. Angles are in rad, lengths in cm, energies in
    MeV, charges in electrons on the scale of the collection plane.

    Attributes
    ----------
    event, kind, weight : ndarray (n,)
        As in `Truth`.
    algorithm : ndarray (n,) of int8
        Place in `seen.ALGORITHMS`.
    topology : ndarray (n,) of int8
        Place in `TOPOLOGIES`: how many showers and tracks there are.
    showers, tracks : ndarray (n,) of int32
        Numbers of objects that count for the topology.
    points, hits, points_leading, hits_leading : ndarray (n,) of int32
        Numbers of points and of hits (of all planes), in the event and in the leading object.
    energy_showers, energy_tracks : ndarray (n,)
        Sum over all objects of each sort [MeV]; 0 without any.
    energy_leading, energy_second : ndarray (n,)
        Of the two leading objects [MeV].
    asymmetry : ndarray (n,)
        Difference of these two energies over their sum.
    start_x, start_y, start_z : ndarray (n,)
        Where the leading object starts [cm].
    direction_x, direction_y, direction_z : ndarray (n,)
        A unit vector along it.
    angle, opening : ndarray (n,)
        Of the leading object to the beam, and between the two leading objects [rad].
    dedx_leading, dedx_second : ndarray (n,)
        Energy per length in the first 3 cm of both [MeV/cm].
    vertex_x, vertex_y, vertex_z, gap : ndarray (n,)
        Where a track says that all came from, and how far from there the leading shower starts
        [cm].
    prong_angle : ndarray (n,)
        Between the two lines that fit best what lies near the start of the leading object [rad].
    prong_leading, prong_second : ndarray (n,)
        Charge along each of the two [electrons].
    prong_gain, prong_score : ndarray (n,)
        How much nearer two lines come than one (no unit), and the angle times this gain [rad]:
        large if the lines open wide and charge calls for both.
    length, width, second_length, second_width : ndarray (n,)
        Of the two leading objects, as in `Objects` [cm].
    longest_track : ndarray (n,)
        Length of the longest track [cm]; 0 without one.
    behind, cone : ndarray (n,)
        Charge behind the start, and in a narrow cone ahead of it [electrons].
    wall, border : ndarray (n,)
        From the start backwards along the direction to where the chamber ends, and to the nearest
        wall [cm]; 0 from a start outside.
    protons : ndarray (n,) of int32
        Dense tracks that begin or end near the start.
    proton_energy, near : ndarray (n,)
        Energy of these tracks [MeV], and charge near the start that no shower has [electrons].
    pion_mass : ndarray (n,)
        Mass of the two leading showers, taken for photons [MeV].
    charge, unclustered : ndarray (n,)
        Of all hits on the collection plane, and of those that belong to no object [electrons].
    truth_particle, truth_second_particle : ndarray (n,) of int32
        The particle of `Truth` that has left the most charge in each of the two leading objects;
        −1 if nobody has.
    truth_completeness, truth_second_completeness : ndarray (n,)
        Share of the found charge of that particle that the object has.
    truth_purity, truth_second_purity : ndarray (n,)
        Share of the object's charge that is that particle's.
    """

    event: np.ndarray
    kind: np.ndarray
    weight: np.ndarray
    algorithm: np.ndarray
    topology: np.ndarray
    showers: np.ndarray
    tracks: np.ndarray
    points: np.ndarray
    hits: np.ndarray
    points_leading: np.ndarray
    hits_leading: np.ndarray
    energy_showers: np.ndarray
    energy_tracks: np.ndarray
    energy_leading: np.ndarray
    energy_second: np.ndarray
    asymmetry: np.ndarray
    start_x: np.ndarray
    start_y: np.ndarray
    start_z: np.ndarray
    direction_x: np.ndarray
    direction_y: np.ndarray
    direction_z: np.ndarray
    angle: np.ndarray
    opening: np.ndarray
    dedx_leading: np.ndarray
    dedx_second: np.ndarray
    vertex_x: np.ndarray
    vertex_y: np.ndarray
    vertex_z: np.ndarray
    gap: np.ndarray
    prong_angle: np.ndarray
    prong_leading: np.ndarray
    prong_second: np.ndarray
    prong_gain: np.ndarray
    prong_score: np.ndarray
    length: np.ndarray
    width: np.ndarray
    second_length: np.ndarray
    second_width: np.ndarray
    longest_track: np.ndarray
    behind: np.ndarray
    cone: np.ndarray
    wall: np.ndarray
    border: np.ndarray
    protons: np.ndarray
    proton_energy: np.ndarray
    near: np.ndarray
    pion_mass: np.ndarray
    charge: np.ndarray
    unclustered: np.ndarray
    truth_particle: np.ndarray
    truth_completeness: np.ndarray
    truth_purity: np.ndarray
    truth_second_particle: np.ndarray
    truth_second_completeness: np.ndarray
    truth_second_purity: np.ndarray

    SHAPES: ClassVar = dict.fromkeys(__annotations__, "n")
    TYPES: ClassVar = _TYPES
    TRUTH: ClassVar = _TRUTH
    FEATURES: ClassVar = tuple(name for name in SHAPES if name not in _RIDES + _TRUTH)

    def __post_init__(self):
        super().__post_init__()
        for name, words in (("algorithm", ALGORITHMS), ("topology", TOPOLOGIES)):
            number = getattr(self, name)
            if ((number < 0) | (number >= len(words))).any():
                raise ValueError(f"Reco.{name} from {number.min()} to {number.max()}; wanted 0 to "
                                 f"{len(words) - 1}, for {', '.join(words)}")

    def of(self, algorithm):
        """Tell which rows are of one of `seen.ALGORITHMS`, ndarray (n,) of bool."""
        if algorithm not in ALGORITHMS:
            raise ValueError(f"unknown algorithm {algorithm!r}; wanted one of "
                             f"{', '.join(ALGORITHMS)}")
        return self.algorithm == ALGORITHMS.index(algorithm)

    def to_pandas(self):
        """Return a table of pandas with these columns; algorithm and topology by their names."""
        import pandas  # a chapter wants it, the library does not

        columns = {name: np.array(getattr(self, name)) for name in self.SHAPES}
        for name, words in (("algorithm", ALGORITHMS), ("topology", TOPOLOGIES)):
            columns[name] = pandas.Categorical.from_codes(columns[name], words)
        return pandas.DataFrame(columns)
