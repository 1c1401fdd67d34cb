"""Hits: what goes in is kept, pulses are told apart, and long ones are cut."""

import numpy as np

from darkpairs import hits, traces


def test_no_events_are_a_result():
    none = np.zeros(0)
    batch = traces.Charge(event=none, kind=none, weight=none, offsets=[0], plane=none, wire=none,
                          tick=none, ticks=none, noise=none, start=[0], electrons=none,
                          owner_start=[0], owner=none, fraction=none)
    assert len(hits.find(batch).plane) == 0
