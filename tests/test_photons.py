"""The photons of a π⁰: energy left, fates by a slow loop, a chamber of two sizes, bad input."""

from types import SimpleNamespace

import numpy as np
import pytest

from darkpairs import background, batches, chain, gun, photons, transport
from darkpairs.photons import BOTH, FATES, LEAVES, MERGED, NEITHER, RULES, SOFT

INDEX = {word: k for k, word in enumerate(FATES)}


@pytest.fixture(scope="module")
def some():
    truth = background.generate("pi0", 60, seed=3, tilt=0.5)
    deposits = transport.deposits(truth, seed=5)
    return truth, deposits, photons.left(truth, deposits), chain.reconstruct(truth, seed=5)


def rows(truth, event, first, second):
    """Rows of a record as far as this room looks."""
    return SimpleNamespace(event=np.asarray(event), truth_particle=np.asarray(first),
                           truth_second_particle=np.asarray(second))


def test_energy_left_sums_to_the_deposits(some):
    truth, deposits, left, _ = some
    event = np.repeat(np.arange(len(truth)), np.diff(truth.offsets))
    for i in range(len(truth)):
        total = deposits.energy[deposits.rows(i)].sum()
        assert left[event == i].sum() == pytest.approx(total, rel=1e-12)
    k = deposits.offsets[7]
    mine = deposits.particle[deposits.rows(7)] == deposits.particle[k]
    assert left[truth.offsets[7] + deposits.particle[k]] == pytest.approx(
        deposits.energy[deposits.rows(7)][mine].sum(), rel=1e-12)
    assert (left[truth.pdg == 22] <= truth.p4[truth.pdg == 22, 0] + 2).all()
    assert not left[np.isin(truth.pdg, [111, 14, -14, 12, -12, 2112])].any()


def test_fates_by_a_slow_loop(some):
    truth, _, left, reco = some
    found = photons.fates(truth, reco, left)
    for k in range(len(reco.event)):
        i = int(np.flatnonzero(truth.event == reco.event[k])[0])
        lost = []
        for row in range(truth.offsets[i], truth.offsets[i + 1]):
            if truth.pdg[row] == 22 and row - truth.offsets[i] not in (
                    reco.truth_particle[k], reco.truth_second_particle[k]):
                lost.append(row)
        if len(lost) != 1:
            word = NEITHER if lost else BOTH
        elif truth.p4[lost[0], 0] < 50:
            word = SOFT
        else:
            word = LEAVES if left[lost[0]] < 0.5 * truth.p4[lost[0], 0] else MERGED
        assert FATES[found[k]] == word
    assert len(np.unique(found)) == 5  # all of them happen


def test_the_first_reason_counts():
    truth = gun.pion(150.0, n=30, seed=1)
    energy = truth.p4[truth.pdg == 22, 0].reshape(-1, 2)
    i = int(np.argmax(energy.min(axis=1) < 60))
    one = batches.select(truth, [i])
    weak = 1 + int(np.argmin(energy[i]))
    strong = 3 - weak
    kept = np.array([0.0, *energy[i]])
    event, size = one.event, energy[i].min()
    seen = rows(one, event, [strong], [-1])
    for soft, share, wanted in ((size + 1, 0.5, SOFT), (size - 1, 0.5, MERGED)):
        rules = RULES._replace(soft=soft, share=share)
        assert FATES[photons.fates(one, seen, kept, rules=rules)[0]] == wanted
    kept[weak] = 0.4 * size
    rules = RULES._replace(soft=size - 1)
    assert FATES[photons.fates(one, seen, kept, rules=rules)[0]] == LEAVES
    for pair, wanted in (([weak, strong], BOTH), ([0, -1], NEITHER), ([strong, strong], LEAVES)):
        row = rows(one, event, pair[:1], pair[1:])
        assert FATES[photons.fates(one, row, kept, rules=rules)[0]] == wanted


def test_photons_that_start_at_a_wall_leave():
    """Of pions in the middle none leaves; of those 1 cm before the far wall most forward ones."""
    shares = []
    for z in (500.0, 1035.8):
        truth = gun.pion(300.0, start=(128, 0, z), n=60, seed=2)
        deposits = transport.deposits(truth, seed=2)
        left = photons.left(truth, deposits)
        reco = rows(truth, truth.event, np.full(60, -1), np.full(60, -1))
        assert (photons.fates(truth, reco, left) == INDEX[NEITHER]).all()
        forward = rows(truth, truth.event, np.ones(60, int), np.full(60, -1))
        fate = photons.fates(truth, forward, left, rules=RULES._replace(soft=0.0))
        shares.append((fate == INDEX[LEAVES]).mean())
    assert shares[0] < 0.05
    assert shares[1] > 0.7


def test_a_table_of_pandas_will_do(some):
    truth, _, left, reco = some
    assert np.array_equal(photons.fates(truth, reco.to_pandas(), left),
                          photons.fates(truth, reco, left))


def test_one_photon_of_three_is_soft_or_near_as_background_says(some):
    """Where `background.lost` sees no danger, the chamber loses few photons for these reasons."""
    truth, _, left, reco = some
    fate = photons.fates(truth, reco, left)[reco.of("tomographic")]
    danger = background.lost(truth)
    gone = np.isin(fate, [INDEX[SOFT], INDEX[LEAVES]])
    assert gone[danger].mean() > gone[~danger].mean() + 0.2


def test_refusals(some):
    truth, deposits, left, reco = some
    with pytest.raises(ValueError, match="wanted deposits of the same events"):
        photons.left(batches.select(truth, [0, 1]), deposits)
    with pytest.raises(ValueError, match="has 1 photons; wanted one π⁰ and its two photons"):
        photons.fates(gun.shoot(22, 100.0), reco, left)
    with pytest.raises(ValueError, match="wanted rows of its events"):
        photons.fates(batches.select(truth, [0, 1]), reco, left)
    with pytest.raises(ValueError, match="wanted each event once, in order"):
        photons.fates(batches.select(truth, [1, 0]), reco, left)
