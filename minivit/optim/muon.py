"""Muon: for a matrix, step in all of its directions by the same amount."""

import math
from dataclasses import dataclass

from ..arrays.backend import array_module

# Five rounds of x -> a x + b x^3 + c x^5 take any singular value in 0.002..1 to about 1 (0.68 to
# 1.2). Jordan et al. chose a, b, c for a steep rise at 0 rather than for exactness.
ROUNDS, A, B, C = 5, 3.4445, -4.7750, 2.0315


@dataclass(frozen=True)
class Muon:
    """Momentum, made orthogonal; for matrices only, written over `vector` and m.

        m = momentum * m + g
        u = g + momentum * m                              Nesterov: m as the next step will see it
        o = u with all of its singular values set to 1    nearly, see `orthogonal`
        vector -= lr * decay * vector
        vector -= lr * 0.2 * sqrt(max(rows, columns)) * o

    A gradient matrix is a few strong directions and many weak ones. Adam scales its elements one by
    one, which leaves it so; o steps along all directions alike. The factor gives a step the size of
    AdamW's, so that one learning rate serves both (matrices by Muon, the rest by AdamW).

    Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers"; the factor: Liu et al. 2025,
    arXiv:2502.16982, eq. 4.
    """

    momentum: float = 0.95
    whole_matrices = True

    def update(self, vector, gradient, state, lr, step, decay):
        """One step in place of a matrix (rows, columns); of `state` only m is used."""
        m = state["m"]
        m *= self.momentum
        m += gradient
        u = gradient + self.momentum * m
        o = orthogonal(u)
        vector *= 1 - lr * decay
        vector -= lr * 0.2 * math.sqrt(max(vector.shape)) * o


def orthogonal(matrix):
    """About the nearest matrix whose singular values are all 1, by Newton-Schulz iteration.

    Writing x as U S V^T, the polynomial a x + b (x x^T) x + c (x x^T)^2 x is
    U (a S + b S^3 + c S^5) V^T: it acts on the singular values alone, and needs only products.
    Dividing by the norm first brings them all into 0..1.
    """
    x = matrix / (array_module(matrix).sqrt((matrix * matrix).sum()) + 1e-7)
    if x.shape[0] > x.shape[1]:  # of the two, x x^T is then the smaller square
        return orthogonal(matrix.T).T
    for _ in range(ROUNDS):
        square = x @ x.T
        polynomial = B * square + C * (square @ square)
        x = A * x + polynomial @ x
    return x
