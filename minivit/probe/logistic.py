"""Logistic regression: a linear probe with the loss of a classifier."""

from dataclasses import dataclass, field

import numpy as np

REMEMBERED = 10  # steps from which L-BFGS guesses the curvature


@dataclass
class Logistic:
    """The linear map with the smallest cross-entropy, with small numbers.

        loss  = mean of -log softmax(x w + b)[label] + strength / 2 |w|^2
        dw    = x^T (softmax(x w + b) - y) / n + strength w

    The loss is convex, so there is one minimum. `minimise` finds it without a learning rate.
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

        return minimise(loss_and_gradient, start.ravel(), self.steps).reshape(start.shape)


def _scores(x, w):
    return x @ w[:-1] + w[-1]


def minimise(function, start, steps, tolerance=1e-5):
    """The minimum of a smooth function by L-BFGS, from `start`, a flat array, on.

    function: x -> its value, its gradient. It ends after so many steps, or once no element of the
    gradient is larger than `tolerance`.

    A step is x -= t H g, with H an approximation of the inverse of the second derivatives from the
    last ten changes of x and of g, and t = 1, halved until the value falls enough.

    Source: Nocedal & Wright 2006, "Numerical optimization", algorithms 7.4 and 3.1.
    """
    x, (value, gradient) = start, function(start)
    changes = []  # (change of x, change of g, 1 / their product)
    for _ in range(steps):
        if np.abs(gradient).max() <= tolerance:
            break
        direction = -_curved(gradient, changes)
        slope = gradient @ direction
        t = 1.0 if changes else min(1.0, 1.0 / np.abs(gradient).sum())
        while True:
            there, (lower, new) = x + t * direction, function(x + t * direction)
            if lower <= value + 1e-4 * t * slope or t < 1e-10:
                break
            t /= 2
        moved, turned = there - x, new - gradient
        if moved @ turned > 1e-12:
            changes = [*changes, (moved, turned, 1 / (moved @ turned))][-REMEMBERED:]
        x, value, gradient = there, lower, new
    return x


def _curved(gradient, changes):
    """H g, from the last changes of x and of the gradient."""
    q, parts = gradient.copy(), []
    for moved, turned, rho in reversed(changes):
        parts.append(rho * (moved @ q))
        q -= parts[-1] * turned
    if changes:
        moved, turned, _ = changes[-1]
        q *= (moved @ turned) / (turned @ turned)
    for (moved, turned, rho), part in zip(changes, reversed(parts), strict=True):
        q += (part - rho * (turned @ q)) * moved
    return q
