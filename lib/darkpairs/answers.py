"""Answers: what the whole chain says of each pair that was ever simulated, in one small file.

In: pairs, and the bins of the searches that they came to. Out: `Answers`, to disk and back.
Chapter: verdict.

A chain of a thousand steps answers one question of each pair: which bin of which search? Nothing
else of it is needed to weigh the pairs of one model for another, as `weights` does. So the file
holds the pairs of the cocktail themselves, not a histogram of them: two momenta, a place, how much
each stands for, and its answers. Beside them stands what each search expects without a signal.

The file has a format number and a seal over every byte of its arrays. Another format, a missing
array, a flipped bit or values that make no sense are refused, never silently used.

Laws: what was written is read back bit for bit; the same content gives the same bytes; whatever is
changed in a file is noticed; a write that fails leaves the old file as it was.
"""

import hashlib
import json
import os
import zipfile
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from darkpairs.batches import Template
from darkpairs.constants import ELECTRON_MASS
from darkpairs.density import pairs as _pairs

FORMAT = 1
FILE = Path(__file__).parent / "answers.npz"
REMAKE = "python -m darkpairs.distil"
_TYPES = dict(momenta=np.float32, start=np.float32, zprime=np.float32, recoil=np.int32,
              scale=np.float32, bins=np.int8)


@dataclass(frozen=True, eq=False)
class Prediction:
    """What one search expects to see in its bins if there is no signal.

    Attributes
    ----------
    name : str
        Of the search.
    variable : str
        What is binned, in words.
    pot : float
        Protons on target that all numbers are for.
    edges : ndarray (n+1,)
        Of the bins.
    kinds : tuple of str
        Names of the backgrounds.
    background : ndarray (kinds, n)
        Events of each kind.
    sources : tuple of str
        Names of the errors.
    covariances : ndarray (sources, n, n)
        What each of them contributes [events²].
    """

    name: str
    variable: str
    pot: float
    edges: np.ndarray
    kinds: tuple
    background: np.ndarray
    sources: tuple
    covariances: np.ndarray

    def __post_init__(self):
        for name in ("edges", "background", "covariances"):
            object.__setattr__(self, name, _frozen(getattr(self, name), np.float64))
        wanted = (len(self.sources), *2 * (len(self.edges) - 1,))
        if self.covariances.shape != wanted or len(self.kinds) != len(self.background) or not (
                0 < self.pot < np.inf and self.sources):
            raise ValueError(
                f"search {self.name!r}: covariances of shape {self.covariances.shape}, kinds "
                f"{self.kinds} for {len(self.background)} rows, {self.pot} protons; wanted "
                f"{wanted}, a name for each row, one source at least and a number > 0")
        self.template()

    def __len__(self):
        return len(self.edges) - 1

    @property
    def covariance(self):
        """All errors together, ndarray (n, n) [events²]."""
        return self.covariances.sum(axis=0)

    def template(self, signal=None):
        """Return the `Template` with signal events per bin, none if not given."""
        signal = np.zeros(len(self)) if signal is None else signal
        return Template(self.edges, signal, self.background, covariance=self.covariance)


@dataclass(frozen=True, eq=False)
class Answers:
    """Pairs that were simulated, and what became of each.

    Attributes
    ----------
    momenta : ndarray (n, 2, 3) of float32
        Of e⁻ and e⁺ [MeV].
    start : ndarray (n, 3) of float32
        Where they begin [cm].
    zprime : ndarray (n,) of float32
        Mass of the Z′ if it was real, else 0 [MeV].
    recoil : ndarray (n,) of int32
        PDG code of what recoiled.
    scale : ndarray (n,) of float32
        What a pair counts, over how dense the source of the sample puts pairs there: times the
        `density.of` of any model it is the expected events per POT that the row stands for.
    bins : ndarray (searches, n) of int8
        Bin of each search; −1 if it did not select the pair.
    predictions : tuple of Prediction
        One for each search.
    about : dict of str to str
        Where all this comes from.
    """

    momenta: np.ndarray
    start: np.ndarray
    zprime: np.ndarray
    recoil: np.ndarray
    scale: np.ndarray
    bins: np.ndarray
    predictions: tuple
    about: dict

    def __post_init__(self):
        for name, dtype in _TYPES.items():
            object.__setattr__(self, name, _frozen(getattr(self, name), dtype))
        n, most = len(self.scale), np.array([len(each) for each in self.predictions])
        shapes = dict(momenta=(n, 2, 3), start=(n, 3), zprime=(n,), recoil=(n,), scale=(n,),
                      bins=(len(most), n))
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape or not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"{name} of shape {getattr(self, name).shape}; wanted {shape}, "
                                 "all numbers finite")
        if not n or not len(most) or not (self.scale > 0).all() or (self.zprime < 0).any():
            raise ValueError(f"{n} pairs for {len(most)} searches; wanted one at least of each, "
                             "scales > 0 and masses ≥ 0")
        if (self.bins < -1).any() or (self.bins >= most[:, None]).any():
            raise ValueError(f"bins from {self.bins.min()} to {self.bins.max()}; wanted −1 or "
                             f"those of searches with {most.tolist()} bins")

    def __len__(self):
        return len(self.scale)

    @property
    def searches(self):
        """Names of the searches, a tuple of str."""
        return tuple(each.name for each in self.predictions)

    def pairs(self):
        """Return what the pairs tell, ndarray (n, 13) as `density.pairs`.

        Energies follow from the momenta: so each pair is one that nature could make.
        """
        p3 = self.momenta.astype(np.float64)
        energy = np.sqrt(ELECTRON_MASS**2 + (p3**2).sum(axis=2))
        p4 = np.concatenate([energy[..., None], p3], axis=2)  # (n, 2, 4)
        return np.column_stack([p4.reshape(-1, 8), self.start, self.zprime, self.recoil])


def collect(truth, made, bins, predictions, **about):
    """Return `Answers` from signal events.

    Parameters
    ----------
    truth : Truth
        Signal events.
    made : ndarray (n,)
        How dense the pairs of their source lie there, as from `weights.density`.
    bins : array-like (searches, n) of int
        What each search says of each event.
    predictions : sequence of Prediction
        One for each search.
    **about : str
        Where all this comes from.
    """
    made = np.asarray(made, dtype=np.float64)
    if made.shape != (len(truth),) or not (made > 0).all():
        raise ValueError(f"densities of shape {made.shape} for {len(truth)} events; wanted one "
                         "number > 0 for each")
    seen = _pairs(truth)
    momenta = np.stack([seen[:, 1:4], seen[:, 5:8]], axis=1)
    return Answers(momenta, seen[:, 8:11], seen[:, 11], seen[:, 12], truth.weight / made, bins,
                   tuple(predictions), {name: str(word) for name, word in about.items()})


@cache
def load():
    """Return the answers that ship with the package."""
    return read(FILE)


def read(path):
    """Return the `Answers` of a file, or refuse it.

    Raises
    ------
    ValueError
        If the file is absent, damaged, of another format or not one of ours; says which.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"no answers in {path}; `{REMAKE}` makes them from the samples")
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        about = json.loads(arrays.pop("about").tobytes())
        if about["format"] != FORMAT:
            raise ValueError(f"format {about['format']}; wanted {FORMAT}")
        if about.pop("seal") != _seal(arrays, about):
            raise ValueError("its content does not match its seal")
        return _answers(arrays, about)
    except (OSError, EOFError, KeyError, TypeError, ValueError, NotImplementedError,
            zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path.name} is damaged or no file of answers ({error}); `{REMAKE}` "
                         "makes it anew from the samples") from error


def write(answers, path=FILE):
    """Write answers in one step: a temporary file first, then a rename."""
    path = Path(path)
    arrays = {name: getattr(answers, name) for name in _TYPES}
    about = dict(format=FORMAT, about=answers.about, predictions=[])
    for k, each in enumerate(answers.predictions):
        about["predictions"].append({name: getattr(each, name) for name in
                                     ("name", "variable", "pot", "kinds", "sources")})
        arrays |= {f"{name}_{k}": getattr(each, name)
                   for name in ("edges", "background", "covariances")}
    about = json.loads(json.dumps(about))  # tuples become lists, as they will when read
    text = json.dumps(about | {"seal": _seal(arrays, about)}, allow_nan=False)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(temporary, "wb") as file:
            np.savez_compressed(file, about=np.frombuffer(text.encode(), np.uint8), **arrays)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _answers(arrays, about):
    """Return `Answers` from what a file holds."""
    predictions = tuple(
        Prediction(**{name: tuple(value) if isinstance(value, list) else value
                      for name, value in each.items()},
                   **{name: arrays[f"{name}_{k}"]
                      for name in ("edges", "background", "covariances")})
        for k, each in enumerate(about["predictions"]))
    return Answers(**{name: arrays[name] for name in _TYPES}, predictions=predictions,
                   about=about["about"])


def _seal(arrays, about):
    """Digest names, types, shapes and bytes of arrays, and all that is said beside them."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode() + array.tobytes())
    return digest.hexdigest()


def _frozen(array, dtype):
    array = np.array(array, dtype=dtype)
    array.flags.writeable = False
    return array
