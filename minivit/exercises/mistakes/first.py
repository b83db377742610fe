"""Mistakes in Linear, the cross-entropy and GELU."""

B_LINEAR = '"b": token_sum(rows)}'
SLOPE = "x_slope_s *= two_x_slope_u"
TWO_X_SLOPE = """two_x_slope_u = xp.multiply(u, 6.0, out=u)
        two_x_slope_u -= xp.multiply(near, 4 * ROOT, out=near)"""

MISTAKES = {  # exercise: [(code, broken code, what it means), ...]
    "linear": [
        (B_LINEAR, '"b": rows.mean(axis=0)}', "db is a mean over tokens; it must be their sum"),
        (B_LINEAR, '"b": rows[-1].copy()}', "db is that of the last token; it must be the sum"),
        (
            "dw = x.reshape(-1, self.d_in).T @ rows",
            "dw = x.reshape(-1, self.d_in).T @ rows / len(rows)",
            "dw is a mean over tokens; it must be their sum",
        ),
        (
            "dw = x.reshape(-1, self.d_in).T @ rows",
            "dw = x.reshape(-1, self.d_in)[-1:].T @ rows[-1:]",
            "dw is that of the last token; it must be the sum over all of them",
        ),
        (
            "dx = rows @ w.T",
            "dx = rows.sum(axis=0) @ w.T + 0 * x.reshape(-1, self.d_in)",
            "dx is summed over tokens; a token influences its own y only",
        ),
    ],
    "cross_entropy": [
        (
            "dlogits *= dloss / p.shape[0]",
            "dlogits *= dloss",
            "the loss is a mean over the batch, and the division by B is missing",
        ),
        ("dlogits *= dloss / p.shape[0]", "dlogits *= 1 / p.shape[0]", "dloss is ignored"),
        (
            "dlogits *= dloss / p.shape[0]",
            "dlogits *= dloss / p.size",
            "it is divided by the number of classes too; the loss is a mean over images only",
        ),
        (
            "p * q.sum(axis=1, keepdims=True)",
            "p * 1.0",
            "the rows of q are taken to sum to 1; p must be multiplied by their sum",
        ),
        (
            "dlogits -= q",
            "dlogits -= (q == q.max(axis=1, keepdims=True))",
            "1 is subtracted at the largest class of the target, instead of q at every class",
        ),
        ("dlogits -= q", "dlogits += q", "q has the wrong sign"),
        ("dlogits -= q", "pass", "the target q is missing"),
    ],
    "gelu": [
        (
            "xp.add(s, x_slope_s, out=slope_piece)",
            "slope_piece[...] = s",
            "s is taken for a constant; it depends on x too, so x * s' is missing",
        ),
        (
            "xp.add(s, x_slope_s, out=slope_piece)",
            "pass",
            "of the product rule only x * s' is there; s is missing",
        ),
        (SLOPE, "x_slope_s *= 2.0 * x_piece", "s is derived by u instead of x: u' is missing"),
        (
            SLOPE,
            "x_slope_s *= 0.5 * two_x_slope_u",
            "s is the logistic function of 2u, not of u: s' lacks a factor 2",
        ),
        (
            SLOPE,
            "x_slope_s *= 2.0 * ROOT * x_piece",
            "u' is that of the linear term only; the cubic term of u depends on x too",
        ),
        (
            TWO_X_SLOPE,
            "two_x_slope_u = xp.multiply(u, 2.0, out=u)",
            "the derivative of x^3 is 3 x^2: in u' the 3 is missing",
        ),
        ("x_slope_s *= s\n", "pass\n", "s' has the factor s * (1 - s), and the s is missing"),
    ],
}
