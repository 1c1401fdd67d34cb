"""Form factors: a slow Fourier transform, limits, and published radii."""

from math import isclose, pi, sin

import numpy as np
import pytest
from scipy import integrate, special

from darkpairs import nucleus, tables

HBARC = 197.3269804


def slow_form_factor(name, q):
    """Fourier-transform the charge density ρ(r) = Σ aₙ sin(nπr/R)/(nπr/R) on a fine grid."""
    cutoff, coefficients = nucleus.CUTOFF[name], tables.read("charge_densities.csv")[name]
    r = np.linspace(1e-6, cutoff, 20_001)
    density = sum(a * np.sinc(n * r / cutoff) for n, a in enumerate(coefficients, start=1))
    wave = np.sinc(q * r / HBARC / np.pi)
    return np.trapezoid(density * wave * r**2, r) / np.trapezoid(density * r**2, r)


@pytest.mark.parametrize("name", ["Ar40", "C12", "O16", "Si28"])
@pytest.mark.parametrize("q", [1e-3, 5.0, 40.0, 68.9, 137.7, 200.0, 350.0])
def test_fourier_bessel_agrees_with_a_fourier_transform(name, q):
    assert np.isclose(nucleus.form_factor(name, q**2), slow_form_factor(name, q), atol=2e-8)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_no_hole_where_a_wave_fits_the_sphere(n):
    # x = nπ divides zero by zero in the usual form
    q = n * np.pi * HBARC / nucleus.CUTOFF["Ar40"]
    around = nucleus.form_factor("Ar40", np.array([q - 1e-6, q, q + 1e-6]) ** 2)
    assert np.ptp(around) < 1e-7


@pytest.mark.parametrize("name", nucleus.NUCLEI)
@pytest.mark.parametrize("kind", nucleus.FORM_FACTORS)
def test_normalised_and_falling(name, kind):
    q2 = np.linspace(0, 100.0**2, 200)
    values = nucleus.form_factor(name, q2, form_factor=kind)
    assert np.isclose(values[0], 1, atol=1e-14)
    assert (np.diff(values) < 0).all()


def slow_sum(name, x):
    """Add up the terms with the published coefficients, at x = qR > 0.

    Each term is ∫ sin(nπt) sin(xt) dt from 0 to 1 = ½ [sinc(nπ − x) − sinc(nπ + x)], over nπx. In
    this form nothing is divided by zero.
    """
    def sinc(z):
        return sin(z) / z if z else 1.0

    total = norm = 0.0
    for n, a in enumerate(tables.read("charge_densities.csv")[name], start=1):
        total += a * (sinc(n * pi - x) - sinc(n * pi + x)) / (2 * n * pi * x)
        norm -= a * (-1) ** n / (n * pi) ** 2
    return total / norm


def shapes_of(*names, kind="fourier-bessel"):
    """Put shapes below each other as the kernels want them, short ones filled up with zeros."""
    rows = [nucleus.shape_of(name, kind) for name in names]
    table = np.zeros((len(rows), max(map(len, rows))))
    for row, shape in zip(table, rows, strict=True):
        row[:len(shape)] = shape
    return table


def steps():
    """Return x = qR between the terms, on each nπ, very near it, and beyond the last term."""
    on = np.pi * np.arange(1, 41)
    near = [on * (1 + s * 10.0**-k) for k in range(2, 17) for s in (-1, 1)]
    between = np.pi * (np.arange(40) + 0.5)
    return np.concatenate([on, *near, between, np.nextafter(between, 0), between + 1e-9,
                           np.linspace(0.5, 60, 500), [200.0, 1e3, 31_415.9]])


@pytest.mark.parametrize("table", [["Ar40"], ["C12"], ["C12", "Ar40"], ["Ar40", "C12"],
                                   ["Si28", "O16"]], ids=str)
def test_kernel_agrees_with_the_published_sum(table):
    shapes = shapes_of(*table)
    for row, name in enumerate(table):
        for q in steps() / nucleus.CUTOFF[name] * nucleus.MEV_FM:
            x = q * nucleus.CUTOFF[name] / nucleus.MEV_FM
            fast = nucleus._charge(q, shapes, row)
            assert isclose(fast, slow_sum(name, x), rel_tol=0, abs_tol=2e-15), x / pi


@pytest.mark.parametrize("name", ["Ar40", "C12"])
def test_where_a_wave_fits_the_sphere_one_coefficient_is_left(name):
    a = np.array(tables.read("charge_densities.csv")[name])
    n = np.arange(1, len(a) + 1)
    norm = -((-1.0) ** n * a / (n * pi) ** 2).sum()
    shapes, step = shapes_of(name), pi * nucleus.MEV_FM / nucleus.CUTOFF[name]
    for k in range(1, len(a) + 10):  # behind the last term the wave sees nothing
        left = a[k - 1] / (2 * (k * pi) ** 2) / norm if k <= len(a) else 0.0
        assert np.isclose(nucleus._charge(k * step, shapes, 0), left, rtol=1e-9, atol=1e-15)


def ball(x):
    """Fourier-transform an even ball of radius 1, slowly."""
    return integrate.quad(lambda t: 3 * t**2 * special.spherical_jn(0, x * t), 0, 1,
                          epsabs=1e-13)[0]


@pytest.mark.parametrize("kind", ["helm", "engel"])
def test_a_ball_folded_with_a_gaussian(kind):
    shapes = shapes_of("C12", "Ar40", kind=kind)
    for row, (_, radius, width) in enumerate(shapes):
        for q in [1e-6, 0.1, 0.7, 1.2, 30.0, 150.0, 400.0]:
            wanted = ball(q / HBARC * radius) * np.exp(-((q / HBARC * width) ** 2) / 2)
            assert np.isclose(nucleus._charge(q, shapes, row), wanted, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("name", "kind", "radius"), [
    ("Ar40", "fourier-bessel", 3.423), ("C12", "fourier-bessel", 2.464),  # de Vries et al. 1987
    ("O16", "fourier-bessel", 2.737), ("Si28", "fourier-bessel", 3.085),
    ("Ar40", "engel", np.sqrt(0.6) * 1.2 * 40 ** (1 / 3)),  # sphere and Gaussian: √(3/5) R
    ("C12", "engel", np.sqrt(0.6) * 1.2 * 12 ** (1 / 3)),
])
def test_slope_at_zero_is_the_charge_radius(name, kind, radius):
    q = 0.5
    slope = (1 - nucleus.form_factor(name, q**2, form_factor=kind)) * 6 * (HBARC / q) ** 2
    assert np.isclose(np.sqrt(slope), radius, rtol=5e-4)


def test_helm_agrees_where_the_rate_is():
    q2 = np.linspace(0, 80.0**2, 50)
    helm = nucleus.form_factor("Ar40", q2, form_factor="helm")
    assert np.allclose(helm, nucleus.form_factor("Ar40", q2), rtol=0.01)


def test_proton_at_rest_has_charge_one_and_its_anomalous_moment():
    f1, f2 = nucleus._proton(0.0)
    assert (f1, f2) == (1.0, nucleus.PROTON_MOMENT - 1)
    f1, f2 = nucleus._proton(3e5)
    tau = 3e5 / (4 * nucleus.PROTON_MASS**2)
    dipole = nucleus.form_factor("H1", 3e5)
    assert np.isclose(f1 - tau * f2, dipole)  # Sachs' electric form factor
    assert np.isclose(f1 + f2, nucleus.PROTON_MOMENT * dipole)  # and the magnetic one


def test_masses_of_bare_nuclei():
    assert abs(nucleus.nucleus("Ar40").mass - 37215.53) < 0.02
    assert abs(nucleus.nucleus("C12").mass - 11174.86) < 0.01
    assert abs(nucleus.nucleus("O16").mass - 14895.08) < 0.01
    assert abs(nucleus.nucleus("Si28").mass - 26053.19) < 0.01


@pytest.mark.parametrize(("call", "message"), [
    (lambda: nucleus.nucleus("Xe131"), "unknown nucleus 'Xe131'; wanted one of Ar40, C12, H1"),
    (lambda: nucleus.form_factor("Ar40", -1.0), "Q² must be ≥ 0 MeV²; got -1.0"),
    (lambda: nucleus.form_factor("Ar40", np.nan), "Q² must be ≥ 0 MeV²; got nan"),
    (lambda: nucleus.form_factor("Ar40", 1.0, form_factor="fermi"), "unknown form factor 'fermi'"),
])
def test_bad_input_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call()
