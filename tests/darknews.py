"""Three model points for which DarkNews 0.4.8 (arXiv:2207.04137) was run, and its charge."""

from darkpairs import model

CHARGE = 0.30861802  # g sin θ_W, which DarkNews takes for the electric charge
HEAVY = dict(g_d=2, epsilon=8e-4, umu4=0, umu5=1e-4, ud4=0.5**0.5, ud5=0.5**0.5)
BENCH = {
    "H1_fig3": model.three_plus_two(m5=210, m4=107, m_zprime=800, **HEAVY),
    "H3_delta3": model.three_plus_two(m5=200, m4=50, m_zprime=1250, **HEAVY),
    "L1_m140": model.three_plus_one(m4=140, m_zprime=30, alpha_d=0.25, umu4=9e-7**0.5,
                                    epsilon=model.epsilon_from(2e-10)),
}
