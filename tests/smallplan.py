"""A plan small enough to be produced in a test many times over, and the bytes it leaves."""

from darkpairs import plans

PLAN = (plans.Entry("pi0", "pi0", 9, 2, tilt=0.5, chunk=2),
        plans.Entry("signal", "signal", 4, 1, chunk=2))


def content(directory):
    """Return the bytes of each file of a production, a dict from its path."""
    return {str(path.relative_to(directory)): path.read_bytes()
            for path in directory.rglob("*") if path.is_file()}
