"""Logistic regression: a linear probe with the loss of a classifier."""

from dataclasses import dataclass, field

import numpy as np

from ..errors import BackendError

SOLVED = 1e-5  # the largest element of the gradient at the minimum


@dataclass
class Logistic:
    """The linear map with the smallest cross-entropy, with small numbers.

        loss  = mean of -log softmax(x w + b)[label] + strength / 2 |w|^2
        dw    = x^T (softmax(x w + b) - y) / n + strength w

    The loss is convex, so there is one minimum. SciPy's L-BFGS finds it without a learning rate:
    from the last changes of w and of dw it guesses the second derivatives. Raises BackendError
    without SciPy.

    Source: Nocedal & Wright 2006, "Numerical optimization", section 7.2.
    """

    strengths: tuple = (1e-1, 1e-2, 1e-3, 1e-4)
    steps: int = 100
    strength: float = field(init=False, default=0.0)

    def fit(self, x, labels, classes, held_out):
        """x (n, D), labels (n,); held_out: as many bool, which decide the strength -> self.

        From the largest strength to the smallest, each begins where the one before it ended.
        """
        w, best = np.zeros((x.shape[1] + 1, classes)), -1.0
        for strength in self.strengths:
            w = self._solved(x[~held_out], labels[~held_out], w, strength)
            right = (_scores(x[held_out], w).argmax(1) == labels[held_out]).mean()
            if right > best:
                best, self.strength, start = right, strength, w
        self.weights = self._solved(x, labels, start, self.strength)
        return self

    def scores(self, x):
        """x (n, D) -> logits (n, classes)."""
        return _scores(x, self.weights)

    def _solved(self, x, labels, start, strength):
        """w (D + 1, classes), whose last row is b, from `start` on."""
        rows = np.arange(len(labels))

        def loss_and_gradient(flat):
            w = flat.reshape(start.shape)
            logits = _scores(x, w)
            logits -= logits.max(axis=1, keepdims=True)
            p = np.exp(logits)
            total = p.sum(axis=1, keepdims=True)
            loss = (np.log(total[:, 0]) - logits[rows, labels]).mean()
            p /= total
            p[rows, labels] -= 1
            p /= len(labels)
            dw = np.concatenate([x.T @ p, p.sum(axis=0, keepdims=True)])
            dw[:-1] += strength * w[:-1]
            return loss + strength / 2 * (w[:-1] ** 2).sum(), dw.ravel()

        options = {"maxiter": self.steps, "gtol": SOLVED, "ftol": 0}
        found = minimiser()(
            loss_and_gradient, start.ravel(), jac=True, method="L-BFGS-B", options=options
        )
        return found.x.reshape(start.shape)


def _scores(x, w):
    return x @ w[:-1] + w[-1]


def minimiser():
    """SciPy's `minimize`. Raises BackendError without SciPy."""
    try:
        from scipy.optimize import minimize
    except ImportError:
        raise BackendError("logistic regression needs SciPy: pip install scipy") from None
    return minimize
