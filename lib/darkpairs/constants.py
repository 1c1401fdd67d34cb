"""Constants of nature, in MeV, cm, µs and their products, each with its source.

Chapter: notation.

Sources: CODATA 2022 (Mohr et al., arXiv:2409.03787) and PDG, Review of Particle Physics 2024
(Navas et al., Phys. Rev. D 110, 030001).
"""

from math import pi, sqrt

ALPHA = 1 / 137.035999177  # fine-structure constant at Q² = 0, CODATA 2022
ELECTRIC_CHARGE = sqrt(4 * pi * ALPHA)  # e in natural units, 0.3028
HBARC = 197.3269804e-13  # MeV cm, CODATA 2022 (exact)
SPEED_OF_LIGHT = 2.99792458e4  # cm/µs, SI (exact)
ELEMENTARY_CHARGE = 1.602176634e-4  # fC, SI (exact)
AVOGADRO = 6.02214076e23  # 1/mol, SI (exact)

FERMI_CONSTANT = 1.1663788e-11  # 1/MeV², PDG 2024
Z_MASS = 91188.0  # MeV, PDG 2024
W_MASS = 80369.2  # MeV, PDG 2024
WEAK_MIXING = 1 - (W_MASS / Z_MASS) ** 2  # sin²θ_W on shell, 0.2232

ELECTRON_MASS = 0.51099895069  # MeV, CODATA 2022
MUON_MASS = 105.6583755  # MeV, PDG 2024
CHARGED_PION_MASS = 139.57039  # MeV, PDG 2024
NEUTRAL_PION_MASS = 134.9768  # MeV, PDG 2024
CHARGED_KAON_MASS = 493.677  # MeV, PDG 2024
ATOMIC_MASS_UNIT = 931.49410372  # MeV, CODATA 2022
PROTON_MASS = 938.27208943  # MeV, CODATA 2022
NEUTRON_MASS = 939.56542194  # MeV, CODATA 2022

# Molar masses of the natural elements, PDG 2024, "Atomic and nuclear properties"
ARGON_MOLAR_MASS = 39.948  # g/mol
CARBON_MOLAR_MASS = 12.011  # g/mol
HYDROGEN_MOLAR_MASS = 1.008  # g/mol
OXYGEN_MOLAR_MASS = 15.999  # g/mol
SILICON_MOLAR_MASS = 28.0855  # g/mol
