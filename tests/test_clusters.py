"""clusters."""

from darkpairs import clusters


def test_papers_are_floats():
    assert all(isinstance(x, float) for x in clusters.NEARNESS)
