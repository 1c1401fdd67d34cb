"""Do weighted pairs tell the truth? Five models that no pair was thrown for, simulated anew.

``python benchmarks/closure.py`` sends pairs of each through the whole chain, asks both searches,
trained on the full samples, and compares how many are selected with what `verdict` says without a
simulation. It needs the full samples, and takes some minutes. The exit status is 1 if any of the
searches is off by more than 3.5 standard deviations, or all together by more than chance allows.
"""

import argparse
import sys
import warnings

import numpy as np
from scipy.stats import chi2

from darkpairs import answers, distil, lineup, model, verdict, weights

# No ν_h of these masses is in the cocktail; real and virtual Z′, both kinds of model
POINTS = {
    "3+2, real": model.broad(m5=50.0, delta=1.0, m_zprime=30.0, vmu5=1e-4),
    "3+2, real, heavy": model.broad(m5=450.0, delta=0.8, m_zprime=100.0, vmu5=1e-4),
    "3+2, virtual": model.broad(m5=150.0, delta=2.0, m_zprime=650.0, vmu5=1e-2),
    "3+2, virtual, heavy": model.broad(m5=350.0, delta=0.7, m_zprime=1000.0, vmu5=1e-2),
    "3+1, real": model.focused(m4=250.0, umu4_squared=1e-8),
}


def compare(point, looks, table, events, seed):
    """Return rows (search, share here, share there, deviation in σ) of one model."""
    own = distil.simulate(point, events, looks, table.predictions, seed=seed)
    rows = []
    for k, found in enumerate(verdict.signals(point, answers=table)):
        share = float((own.bins[k] >= 0).mean())
        scatter = np.hypot(found.error / found.pairs, np.sqrt(share * (1 - share) / events))
        rows.append((found.search, found.efficiency, share, (found.efficiency - share) / scatter))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--events", type=int, default=3000, help="of each model")
    parser.add_argument("--seed", type=int, default=77)
    options = parser.parse_args()
    table = answers.load()
    print(distil.stale(table) or "answers of the code and samples of today", flush=True)
    looks = distil.ask(lineup.gather("full"))
    looks = {each.name: looks[each.name]._replace(edges=each.edges) for each in table.predictions}
    away = []
    print(f"{'model':22}{'search':10}{'weighted':>10}{'simulated':>11}{'σ':>7}", flush=True)
    for name, point in POINTS.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", weights.TooFew)
            for search, mine, share, sigma in compare(point, looks, table, options.events,
                                                      options.seed):
                print(f"{name:22}{search:10}{mine:10.3f}{share:11.3f}{sigma:7.2f}", flush=True)
                away.append(sigma)
    chance = chi2.sf(np.square(away).sum(), len(away))
    print(f"all together: p = {chance:.3f}")
    return int(max(map(abs, away)) > 3.5 or chance < 1e-3)


if __name__ == "__main__":
    sys.exit(main())
