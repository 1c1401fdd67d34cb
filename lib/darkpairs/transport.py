"""From what really happened to what is left in argon: every final particle on its way.

In: `Truth`, a `Detector`. Out: `Deposits`. Chapter: shower.

Final particles are the rows of `Truth` that are nobody's parent. Photons, electrons and positrons
go to `shower`, muons, pions and protons to `track`; neutrinos, the dark states, neutrons and nuclei
leave nothing. Whoever starts outside of the argon flies straight to its border, or misses it.

What a particle can leave is its energy, plus m_e for each positive and less m_e for each negative
charge: so much would come free if it turned into light and all atoms stayed neutral. An e⁻ has its
kinetic energy, an e⁺ 2m_e more, a muon or a pion also what its decay sets free. Protons, neutrons
and nuclei remain: theirs is the kinetic energy.

Laws: energy is visible, escaped or unseen, and these sum to `energy_in`; each particle has its own
dice, so events do not depend on threads, order or company; who is outside and flies away leaves
nothing.
"""

import numpy as np

from darkpairs import matter
from darkpairs._jit import apart, spread, within
from darkpairs.constants import (
    CHARGED_PION_MASS,
    ELECTRON_MASS,
    MUON_MASS,
    PROTON_MASS,
)
from darkpairs.detector import MICROBOONE, checked
from darkpairs.rng import _mix, _start, check_seed, stream
from darkpairs.shower import _cascade
from darkpairs.stepping import _entry, world
from darkpairs.traces import Deposits
from darkpairs.track import FATES, MUON, PION, PROTON, _go, _put, _track, slowing

# Mass and charge of what is simulated, by PDG code
SEEN = {22: (0.0, 0), 11: (ELECTRON_MASS, -1), -11: (ELECTRON_MASS, 1), 13: (MUON_MASS, -1),
        -13: (MUON_MASS, 1), 211: (CHARGED_PION_MASS, 1), -211: (CHARGED_PION_MASS, -1),
        2212: (PROTON_MASS, 1)}
NEUTRAL = (12, 14, 16, 5914, 5915, 5921)  # neutrinos and the dark states of `signal`, either sign
NEUTRON, NUCLEI = 2112, 1_000_000_000
FASTEST = (1e4, 1e5)  # MeV; kinetic, of light and of heavy particles: ends of `matter` and `track`
TOLERANCE = 1e-3  # of its energy that a particle may be off its mass shell: rounded files
KINDS = {13: MUON, 211: PION, 2212: PROTON, 22: 3, 11: 4}  # how a particle is treated
LIGHT, UNSEEN = 3, 5  # from here on a cascade; nothing at all
DEPTH = 1000  # particles that a cascade may have waiting, at first; the verb finds more room
ROOM = 1 << 16  # rows of deposits in one buffer, at first


def finals(truth):
    """Return which particles are final, ndarray (m,) of bool: rows that are nobody's parent."""
    counts = np.diff(truth.offsets)
    first = np.repeat(truth.offsets[:-1], counts)
    own = np.arange(len(truth.pdg)) - first
    lost = (truth.parent < -1) | (truth.parent >= np.repeat(counts, counts)) | (truth.parent == own)
    if lost.any():
        row = np.argmax(lost)
        raise ValueError(f"event {truth.event[_event_of(truth)[row]]}: particle {own[row]} comes "
                         f"from {truth.parent[row]}; wanted another one of its event, or −1")
    mothers = (first + truth.parent)[truth.parent >= 0]
    final = np.ones(len(truth.pdg), dtype=bool)
    final[mothers] = False
    return final


def energy_in(truth):
    """Return the energy that the final particles of each event can leave, ndarray (n,) [MeV].

    For γ, e, μ and π their energy, plus m_e if their charge is positive and less m_e if negative;
    for neutrinos and dark states their energy; for protons, neutrons and nuclei the kinetic one.
    Refuses what `deposits` refuses.
    """
    rows = np.flatnonzero(finals(truth))
    return np.bincount(_event_of(truth)[rows], weights=_check(truth, rows)[2],
                       minlength=len(truth))


def deposits(truth, detector=MICROBOONE, *, seed, steps=matter.STEPS, fates=FATES):
    """Let all final particles go through the argon.

    Parameters
    ----------
    truth : Truth
        Any number of events. A final particle with a code other than those of `SEEN`, a neutrino,
        a dark state, a neutron or a nucleus is refused with a ValueError; so is a seen one without
        kinetic energy, far off its mass shell or beyond the tables (10 GeV for γ and e, 100 GeV
        for others), NaN anywhere, and a parent that its event does not have.
    detector : Detector
        Its active volume and jacket, and its density.
    seed : int
        From 0 to 2⁶³ − 1.
    steps : matter.Steps
        Lengths of steps and thresholds.
    fates : track.Fates
        How tracks step and end. In both, what is not > 0 is refused with a ValueError; infinity
        switches a process off, but scattering must have a width.

    Returns
    -------
    Deposits
        Those of event i depend on the seed, on its number and on its particles alone. ``particle``
        is the place of the final particle among the rows of its event.
    """
    check_seed(seed)
    detector = checked(detector)
    for name, value in (steps._asdict() | fates._asdict()).items():
        if not value > 0:  # refuses NaN too
            raise ValueError(f"{name} = {value}; wanted a number > 0")
    if steps.highland == np.inf:
        raise ValueError("highland = inf; wanted a finite width of scattering")
    rows = np.flatnonzero(finals(truth))
    movers, event = _movers(truth, rows), _event_of(truth)[rows]
    cuts = np.searchsorted(event, np.arange(len(truth) + 1))
    share = (np.uint64(seed), np.uint64(stream("transport")), truth.event, cuts, movers,
             world(detector), matter.argon(detector=detector, steps=steps), steps,
             slowing(detector), fates)
    pieces = [piece for part in spread(_run, len(truth), *share) for piece in part]
    out = np.concatenate([np.empty((0, 7)), *(piece[0] for piece in pieces)])
    sums = np.concatenate([np.empty((0, 3)), *(piece[1] for piece in pieces)])
    return Deposits(event=truth.event, kind=truth.kind, weight=truth.weight,
                    offsets=np.concatenate([[0], np.cumsum(sums[:, 0])]).astype(np.int64),
                    escaped=sums[:, 1], unseen=sums[:, 2], position=out[:, :3],
                    energy=out[:, 3], dx=out[:, 4], time=out[:, 5],
                    particle=out[:, 6].astype(np.int32))


def _event_of(truth):
    """Place of the event of each particle."""
    return np.repeat(np.arange(len(truth)), np.diff(truth.offsets))


def _check(truth, rows):
    """Return mass, charge and what each final particle can leave [MeV]; refuse bad ones."""
    pdg, p4 = truth.pdg[rows], truth.p4[rows]
    seen = np.isin(pdg, list(SEEN))
    neutral = np.isin(np.abs(pdg), NEUTRAL)
    kept = (pdg == NEUTRON) | (pdg > NUCLEI)
    _refuse(truth, rows, ~(seen | neutral | kept), "cannot be simulated; wanted γ, e, μ, π±, p, "
            "or neutrinos, dark states, neutrons and nuclei, which leave nothing")
    numbers = np.column_stack([p4, truth.start[rows], truth.time[rows]])
    _refuse(truth, rows, ~np.isfinite(numbers).all(axis=1),
            "has NaN or infinity; wanted finite energy, momentum, start and time")
    energy, momentum = p4[:, 0], np.sqrt(np.square(p4[:, 1:]).sum(axis=1))
    mass, charge = np.array([SEEN.get(code, (0.0, 0)) for code in pdg.tolist()]).reshape(-1, 2).T
    _refuse(truth, rows, seen & ~((energy > mass) & (momentum > 0)),
            "has no kinetic energy; wanted energy above its mass, and a momentum")
    shell = np.sqrt(momentum**2 + mass**2)
    _refuse(truth, rows, seen & (np.abs(shell - energy) > TOLERANCE * energy),
            "is off its mass shell; wanted E² = p² + m² within a thousandth of E")
    most = np.where(mass > ELECTRON_MASS, FASTEST[1], FASTEST[0])
    _refuse(truth, rows, seen & (energy - mass > most * (1 + 1e-9)),
            "is faster than argon's tables; wanted up to 10 GeV for γ and e, 100 GeV for others")
    _refuse(truth, rows, energy < 0, "has less than no energy; wanted 0 or more")
    own = np.sqrt(np.maximum((energy - momentum) * (energy + momentum), 0))  # mass of nuclei
    recoil = momentum**2 / np.where(energy > 0, energy + own, 1)  # E − m, which would cancel
    stays = np.where(pdg == 2212, mass, -charge * ELECTRON_MASS)
    return mass, charge, np.where(kept, recoil, energy - stays)


def _refuse(truth, rows, bad, words):
    """Refuse the first bad final particle by the number of its event and by its code."""
    if bad.any():
        row = rows[np.argmax(bad)]
        number = truth.event[np.searchsorted(truth.offsets, row, side="right") - 1]
        p4 = ", ".join(f"{x:g}" for x in truth.p4[row])
        raise ValueError(f"event {number}: particle {truth.pdg[row]} with (E, p) = ({p4}) MeV "
                         f"{words}")


def _movers(truth, rows):
    """Return what the kernel needs of each final particle, ndarray (m, 13).

    How it is treated, mass, charge, its place within the event, what it can leave, then start,
    direction, kinetic energy and time.
    """
    mass, charge, energy = _check(truth, rows)
    p = truth.p4[rows, 1:]
    size = np.sqrt(np.square(p).sum(axis=1, keepdims=True))
    pdg = truth.pdg[rows]
    kind = [KINDS[abs(code)] if code in SEEN else UNSEEN for code in pdg.tolist()]
    return np.column_stack([
        kind, mass, charge, rows - truth.offsets[_event_of(truth)[rows]], energy,
        truth.start[rows], p / np.where(size > 0, size, 1), truth.p4[rows, 0] - mass,
        truth.time[rows]])


def _run(first, last, *share):
    """Run the events first … last − 1; return pairs of deposits and of sums by event."""
    pieces, room, depth = [], ROOM, DEPTH
    while first < last:
        out, sums = np.empty((room, 7)), np.empty((last - first, 3))
        done, rows, full = _events(first, last, out, sums, np.empty((depth, 9)), *share)
        pieces.append((out[:rows].copy(), sums[:done - first]))
        if done == first:  # not even one event fits: come again with more room
            room, depth = (room, 2 * depth) if full else (2 * room, depth)
        first = done
    return pieces


@apart
def _events(first, last, out, sums, stack, seed, stream, number, cuts, movers, world, argon,
            papers, liquid, fates):
    """Run events until one does not fit; say which, how many rows are good, if a stack was full.

    ``sums`` takes the number of deposits, the escaped and the unseen energy of each event.
    """
    n = np.int64(0)  # a plain 0 is a type of its own, for which all kernels would compile again
    tally, scratch = np.empty(3), np.empty(8)
    for i in range(first, last):
        begin = n
        for k in range(3):
            tally[k] = 0.0
        for row in range(cuts[i], cuts[i + 1]):
            one = movers[row]
            dice = _start(seed, _mix(stream + np.uint64(one[3])), np.uint64(number[i]))
            n = _one(dice, one, scratch, stack, out, n, tally, world, argon, papers, liquid, fates)
            if n < 0 or n > len(out):
                return i, begin, n < 0
        sums[i - first, 0], sums[i - first, 1], sums[i - first, 2] = n - begin, tally[1], tally[2]
    return last, n, False


@within
def _one(state, one, mover, stack, out, n, tally, world, argon, papers, liquid, fates):
    """Run one particle; return the rows so far, −1 for a full stack."""
    kind, mass, charge, place, energy = one[0], one[1], one[2], one[3], one[4]
    if kind == UNSEEN:
        tally[2] += energy
        return n
    for k in range(8):
        mover[k] = one[5 + k]
    way = _entry(world, mover[0], mover[1], mover[2], mover[3], mover[4], mover[5])
    if way < 0:
        tally[1] += energy
        return n
    _go(mover, way, mass)
    if kind < LIGHT:
        state, n = _track(state, int(kind), charge, mover, stack, out, n, tally, world, argon,
                          papers, liquid, fates, place)
        return n
    top = _put(stack, charge, mover, (mover[3], mover[4], mover[5]), mover[6])
    state, n = _cascade(state, stack, top, out, n, tally, world, argon, papers, place)
    return n
