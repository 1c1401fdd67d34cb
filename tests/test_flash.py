"""Light: in time with the beam only, at the middle of the energy, blurred."""

import numpy as np
import pytest

from darkpairs import batches, cosmic, flash, gun, traces, transport
from darkpairs.flash import EYES

SHARP = EYES._replace(blur=0.0)
BEAM = gun.shoot(22, 300.0, n=400)


@pytest.fixture(scope="module")
def deposits():
    return transport.deposits(BEAM, seed=2)


def columns(batch):
    return {name: getattr(batch, name) for name in batch.SHAPES}


def test_the_middle_by_a_slow_loop(deposits):
    found = flash.look(deposits, seed=1, eyes=SHARP)
    for i in range(20):
        total = y = z = 0.0
        for k in range(deposits.offsets[i], deposits.offsets[i + 1]):
            if 0 <= deposits.time[k] <= 1.6:
                total += deposits.energy[k]
                y += deposits.energy[k] * deposits.position[k, 1]
                z += deposits.energy[k] * deposits.position[k, 2]
        assert found[i] == pytest.approx([y / total, z / total], rel=1e-12)
    # showers of 300 MeV have their middle some 40 cm behind the start of the photon
    assert np.median(found[:, 1]) - gun.MIDDLE[2] == pytest.approx(40, abs=15)


def test_what_comes_early_or_late_changes_nothing(deposits):
    covered = cosmic.overlay(BEAM, seed=3)
    over = transport.deposits(batches.select(covered, slice(0, 40)), seed=2)
    found = flash.look(over, seed=1)
    plain = flash.look(deposits, seed=1)[:40]
    late = [not ((over.time[over.rows(i)] >= 0) & (over.time[over.rows(i)] <= 1.6)
                 & (over.particle[over.rows(i)] > 0)).any() for i in range(40)]
    assert np.sum(late) > 35  # 1.6 µs of 8 ms: a muon in one event of 170
    assert np.array_equal(found[late], plain[late])
    later = traces.Deposits(**columns(deposits) | {"time": deposits.time + 2.0})
    assert np.isnan(flash.look(later, seed=1)).all()
    early = traces.Deposits(**columns(deposits) | {"time": deposits.time - 0.1})
    assert np.isnan(flash.look(early, seed=1)).all()


def test_the_blur_has_its_width(deposits):
    off = flash.look(deposits, seed=1) - flash.look(deposits, seed=1, eyes=SHARP)
    assert off.std(axis=0) == pytest.approx([15, 15], rel=4 / np.sqrt(800))
    assert np.abs(off.mean(axis=0)).max() < 4 * 15 / np.sqrt(400)
    assert abs(np.corrcoef(off.T)[0, 1]) < 4 / np.sqrt(400)


def test_an_event_does_not_depend_on_its_companions(deposits):
    few = flash.look(transport.deposits(batches.select(BEAM, [7, 3]), seed=2), seed=1)
    assert np.array_equal(few, flash.look(deposits, seed=1)[[7, 3]])
    assert not np.array_equal(few, flash.look(deposits, seed=2)[[7, 3]])


def test_too_little_light_is_not_noticed():
    weak = transport.deposits(gun.shoot(11, 8.0, n=3), seed=1)
    assert np.isnan(flash.look(weak, seed=1)).all()
    assert np.isfinite(flash.look(weak, seed=1, eyes=EYES._replace(least=1.0))).all()
    outside = transport.deposits(gun.shoot(11, 8.0, start=(-90, 0, 90)), seed=1)
    assert np.isnan(flash.look(outside, seed=1, eyes=EYES._replace(least=0.0))).all()


def test_refusals(deposits):
    with pytest.raises(ValueError, match="wanted numbers ≥ 0"):
        flash.look(deposits, seed=1, eyes=EYES._replace(blur=np.nan))
    with pytest.raises(ValueError, match="seed"):
        flash.look(deposits, seed=-1)
