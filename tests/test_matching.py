"""matching."""

from darkpairs import matching


def test_papers_are_floats():
    assert all(isinstance(x, float) for x in matching.RULES)
