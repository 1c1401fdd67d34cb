"""The Poisson likelihood with pulls, minimised by scipy: slow, and independent of the library."""

import numpy as np
from scipy import optimize, special, stats


def chi2(x, mu, template, data, shifts, centre):
    """Twice the negative logarithm of the likelihood ratio, with the price of the pulls."""
    rates = mu * template.signal + template.total + x @ shifts
    if not (rates > 0).all():
        return np.inf
    counts = rates - data + special.xlogy(data, data) - special.xlogy(data, rates)
    return 2 * counts.sum() + ((x - centre) ** 2).sum()


def slopes(x, mu, template, data, shifts, centre):
    rates = mu * template.signal + template.total + x @ shifts
    return 2 * shifts @ (1 - data / rates) + 2 * (x - centre)


def profile(mu, template, data, shifts, centre=0.0):
    """Return the smallest χ² over the pulls, and the pulls."""
    x = np.zeros(len(shifts))
    if not len(shifts):
        return chi2(x, mu, template, data, shifts, centre), x
    for _ in range(3):  # begin again where it stopped
        x = optimize.minimize(chi2, x, (mu, template, data, shifts, centre), "Nelder-Mead",
                              options=dict(xatol=1e-5, fatol=1e-9, maxiter=4000)).x
    found = optimize.root(slopes, x, (mu, template, data, shifts, centre), tol=1e-13)
    assert found.success
    return chi2(found.x, mu, template, data, shifts, centre), found.x


def best(template, data, shifts, centre=0.0, *, high):
    """Return the strength in [0, high] with the smallest χ², and that χ²."""
    def value(mu):
        return profile(mu, template, data, shifts, centre)[0]

    found = optimize.minimize_scalar(value, bounds=(0, high), method="bounded",
                                     options=dict(xatol=1e-9 * high))
    ends = [(value(0.0), 0.0), (value(high), high), (found.fun, found.x)]
    return min(ends)[::-1]


def cls(template, data, mu, shifts):
    """Return CLs observed and expected of arXiv:1007.1727, Sec. 3.7, step by step."""
    top = profile(mu, template, data, shifts)[0]
    strength, bottom = best(template, data, shifts, high=mu)
    q = 0.0 if strength > mu * (1 - 1e-7) else top - bottom
    pulls = profile(0.0, template, data, shifts)[1]
    asimov = template.total + pulls @ shifts
    q_a = profile(mu, template, asimov, shifts, pulls)[0]
    if q <= q_a:
        seen = stats.norm.sf(np.sqrt(q)) / stats.norm.cdf(np.sqrt(q_a) - np.sqrt(q))
    else:
        seen = stats.norm.sf((q + q_a) / (2 * np.sqrt(q_a))) / stats.norm.sf(
            (q - q_a) / (2 * np.sqrt(q_a)))
    expected = [stats.norm.cdf(n - np.sqrt(q_a)) / stats.norm.cdf(n) for n in range(-2, 3)]
    return seen, np.array(expected)
