"""The two sizes in which every chapter runs.

In: the ``profile`` parameter of a chapter. Out: one number of the two that the chapter names.

``quick`` is for Binder and for a first look, ``full`` is what the website shows. They differ in
sample sizes and in nothing else.
"""

PROFILES = ("quick", "full")


def check(profile):
    """Return `profile`, or refuse it in words."""
    if profile not in PROFILES:
        raise ValueError(f"unknown profile {profile!r}; wanted one of {', '.join(PROFILES)}")
    return profile


def choose(profile, *, quick, full):
    """Return `quick` or `full`, whichever `profile` names.

    Parameters
    ----------
    profile : str
        ``"quick"`` or ``"full"``; anything else is refused with a ValueError.
    quick, full : object
        What to return for each.
    """
    return {"quick": quick, "full": full}[check(profile)]
