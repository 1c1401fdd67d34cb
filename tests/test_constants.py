"""Constants against independent ways to the same number."""

from math import isclose

import scipy.constants as codata

from darkpairs import constants


def mev(name):
    value, unit, _ = codata.physical_constants[name]
    assert unit == "MeV"
    return value


def test_masses_and_couplings_are_those_of_codata():
    assert isclose(constants.ELECTRON_MASS, mev("electron mass energy equivalent in MeV"),
                   rel_tol=1e-8)
    assert isclose(constants.PROTON_MASS, mev("proton mass energy equivalent in MeV"), rel_tol=1e-8)
    assert isclose(constants.NEUTRON_MASS, mev("neutron mass energy equivalent in MeV"),
                   rel_tol=1e-8)
    assert isclose(constants.ATOMIC_MASS_UNIT,
                   mev("atomic mass constant energy equivalent in MeV"), rel_tol=1e-8)
    assert isclose(constants.MUON_MASS, mev("muon mass energy equivalent in MeV"), rel_tol=1e-7)
    assert isclose(constants.ALPHA, codata.fine_structure, rel_tol=1e-9)


def test_conversions_from_si():
    joule_per_mev = codata.e * 1e6
    hbarc = codata.hbar * codata.c / joule_per_mev * 100  # MeV cm
    assert isclose(constants.HBARC, hbarc, rel_tol=1e-9)
    assert isclose(constants.SPEED_OF_LIGHT, codata.c * 100 / 1e6, rel_tol=1e-12)
    assert constants.AVOGADRO == codata.N_A


def test_electric_charge_in_natural_units():
    assert isclose(constants.ELECTRIC_CHARGE, 0.30282212, rel_tol=1e-7)  # sqrt(4 pi / 137.036)
