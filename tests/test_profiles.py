"""The two profiles, and the refusal of a third."""

import pytest

from darkpairs import profiles


def test_choose_returns_the_named_size():
    assert profiles.choose("quick", quick=10, full=1000) == 10
    assert profiles.choose("full", quick=10, full=1000) == 1000


def test_unknown_profile_is_refused_by_name():
    with pytest.raises(ValueError, match=r"unknown profile 'medium'; wanted one of quick, full"):
        profiles.choose("medium", quick=1, full=2)
