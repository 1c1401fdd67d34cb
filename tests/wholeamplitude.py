"""The whole chain ν N → (ν_h → ν_h' e⁺e⁻) N as one trace, with plain γ-matrices: a slow twin."""

import numpy as np

ONE, ZERO = np.eye(2), np.zeros((2, 2))
PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
GAMMA = np.array([np.block([[ONE, ZERO], [ZERO, -ONE]])]
                 + [np.block([[ZERO, s], [-s, ZERO]]) for s in PAULI])
FIFTH = 1j * GAMMA[0] @ GAMMA[1] @ GAMMA[2] @ GAMMA[3]
METRIC = np.diag([1.0, -1.0, -1.0, -1.0])
LEFT = (np.eye(4) - FIFTH) / 2


def slash(p):
    return np.einsum("m,mij->ij", METRIC @ p, GAMMA)


def dot(a, b):
    return a @ METRIC @ b


def hadrons(k2, k4, f1, f2, mass):
    """Tensor of a Dirac particle of that mass with form factors, spins summed; upper indices."""
    q = k4 - k2
    sigma = 0.5j * (np.einsum("mij,njk->mnik", GAMMA, GAMMA)
                    - np.einsum("nij,mjk->mnik", GAMMA, GAMMA))
    vertex = f1 * GAMMA + 0.5j / mass * f2 * np.einsum("mnij,n->mij", sigma, METRIC @ q)
    bar = np.einsum("ij,mkj,kl->mil", GAMMA[0], vertex.conj(), GAMMA[0])
    left, right = slash(k4) + mass * np.eye(4), slash(k2) + mass * np.eye(4)
    return np.einsum("ij,mjk,kl,nli->mn", left, vertex, right, bar)


def leptons(a, b, mass):
    """Tensor of e⁻e⁺, spins summed."""
    return np.einsum("ij,mjk,kl,nli->mn", slash(a) + mass * np.eye(4), GAMMA,
                     slash(b) - mass * np.eye(4), GAMMA)


def whole(k1, k3, daughter, had, lep):
    """Tr[k' γ^b k₃ γ^a k₁ γ^c k₃ γ^d P_L] H_ac l_bd: the spin of ν_h is carried on."""
    low_h, low_l = METRIC @ had @ METRIC, METRIC @ lep @ METRIC
    first = np.einsum("ij,bjk,kl->bil", slash(daughter), GAMMA, slash(k3))
    middle = np.einsum("aij,jk,ckl,ac->il", GAMMA, slash(k1), GAMMA, low_h)
    last = np.einsum("ij,djk,kl->dil", slash(k3), GAMMA, LEFT)
    return np.einsum("bil,lm,dmi,bd->", first, middle, last, low_l).real


def apart(k1, k3, daughter, had, lep):
    """The same with the spin of ν_h forgotten: making it times its decay."""
    low_h, low_l = METRIC @ had @ METRIC, METRIC @ lep @ METRIC
    made = np.einsum("ij,ajk,kl,cli,ac->", slash(k3), GAMMA, slash(k1), GAMMA, low_h)
    decays = np.einsum("ij,bjk,kl,dli,bd->", slash(daughter), GAMMA, slash(k3), GAMMA, low_l)
    return (made * decays).real
