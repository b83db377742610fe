"""Muon: for a matrix, take a step of the same size along all of its directions."""

import math
from dataclasses import dataclass

from ..arrays.backend import array_module

# Five rounds of x -> a x + b x^3 + c x^5 bring any singular value in 0.002..1 close to 1 (0.68 to
# 1.2). Jordan et al. chose a, b and c for a steep rise at 0, not for exactness.
ROUNDS, A, B, C = 5, 3.4445, -4.7750, 2.0315


@dataclass(frozen=True)
class Muon:
    """Momentum made orthogonal, for matrices only. It updates `vector` and m in place.

        m = momentum * m + g
        u = g + momentum * m                              Nesterov: momentum one step ahead
        o = u with all of its singular values set to 1    approximately, see `orthogonal`
        vector -= lr * decay * vector
        vector -= lr * 0.2 * sqrt(max(rows, columns)) * o

    A gradient matrix has a few strong directions and many weak ones. Adam scales each element,
    which does not change that; o has the same size along all directions. The factor makes the step
    as large as AdamW's, so both can use one learning rate (Muon for matrices, AdamW for the rest).

    Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers"; the factor: Liu et al. 2025,
    arXiv:2502.16982, eq. 4.
    """

    momentum: float = 0.95
    whole_matrices = True

    def update(self, vector, gradient, state, lr, step, decay):
        """One step of a matrix (rows, columns), in place. Of `state` it uses m only."""
        m = state["m"]
        m *= self.momentum
        m += gradient
        u = gradient + self.momentum * m
        o = orthogonal(u)
        vector *= 1 - lr * decay
        vector -= lr * 0.2 * math.sqrt(max(vector.shape)) * o


def orthogonal(matrix):
    """Approximately the nearest matrix with all singular values 1, by Newton-Schulz iteration.

    With x = U S V^T, the polynomial a x + b (x x^T) x + c (x x^T)^2 x is
    U (a S + b S^3 + c S^5) V^T: it changes the singular values only, and needs only products.
    Dividing by the norm first brings them into 0..1.
    """
    if matrix.shape[0] > matrix.shape[1]:  # x x^T would be the larger of the two squares
        return orthogonal(matrix.T).T
    x = matrix / (array_module(matrix).sqrt((matrix * matrix).sum()) + 1e-7)
    for _ in range(ROUNDS):
        square = x @ x.T
        polynomial = B * square + C * (square @ square)
        x = A * x + polynomial @ x
    return x
