"""Mistakes in LayerNorm, dropout, patchify and the position embedding."""

TWO_TERMS = """dx = dxhat - mean_dxhat
        dx -= xhat * mean_dxhat_xhat"""
PIXELS = "grid = dy.reshape(-1, h // p, w // q, p, q, c)"
POS = '{"pos": dy.sum(axis=0)}'

MISTAKES = {  # exercise: [(code, broken code, what it means), ...]
    "layernorm": [
        (
            "dx = dxhat - mean_dxhat",
            "dx = dxhat",
            "the mean's dependence on x is forgotten: mean(dxhat) is not subtracted",
        ),
        (
            "dx -= xhat * mean_dxhat_xhat",
            "pass",
            "the variance's dependence on x is forgotten: the term with xhat is missing",
        ),
        (
            TWO_TERMS,
            "dx = dxhat",
            "mean and rstd are taken for constants; both depend on x",
        ),
        ("dx *= rstd", "pass", "the factor rstd is missing"),
        ("dxhat = dy * gamma", "dxhat = dy.copy()", "dxhat is dy; it must be dy * gamma"),
        (
            "dxhat = dy * gamma",
            "gamma = gamma * 0 + 1; dxhat = dy * gamma",
            "gamma is missing: dxhat = dy * gamma, also in both means",
        ),
        (
            "mean_dxhat = feature_mean(dxhat)",
            "mean_dxhat = feature_mean(dy)",
            "the mean that is subtracted is that of dy, not of dxhat = dy * gamma",
        ),
        (
            "mean_dxhat = feature_mean(dxhat)",
            "mean_dxhat = feature_mean(dxhat) * self.dim",
            "the sum of dxhat is subtracted, not its mean",
        ),
        (
            "feature_mean(dy_xhat, gamma)",
            "feature_mean(dy_xhat)",
            "the mean beside xhat is that of dy * xhat, not of dxhat * xhat",
        ),
        (
            "feature_mean(dy_xhat, gamma)",
            "feature_mean(dy_xhat * gamma, gamma)",
            "the mean beside xhat has gamma twice",
        ),
        (
            "feature_mean(dy_xhat, gamma)",
            "feature_mean(dy_xhat, gamma) * self.dim",
            "beside xhat is the sum of dxhat * xhat, not its mean",
        ),
        (
            '{"gamma": dgamma, "beta": dbeta}',
            '{"gamma": dbeta, "beta": dgamma}',
            "dgamma and dbeta are exchanged",
        ),
        ("dgamma = token_sum(dy_xhat)", "dgamma = token_sum(dy)", "dgamma lacks the factor xhat"),
        (
            "dgamma = token_sum(dy_xhat)",
            "dgamma = token_sum(dy_xhat) / dy[..., 0].size",
            "dgamma is a mean over tokens; it must be their sum",
        ),
        (
            "dbeta = token_sum(dy)",
            "dbeta = token_sum(dy) / dy[..., 0].size",
            "dbeta is a mean over tokens; it must be their sum",
        ),
    ],
    "dropout": [
        ("dx *= scale", "pass", "the scale 1 / (1 - rate) is missing"),
        ("dx *= scale", "dx /= scale", "it is divided by the scale, not multiplied"),
        ("dx = dy * mask\n", "dx = dy * ~mask\n", "the mask is inverted: what was dropped passes"),
        ("dx = dy * mask\n", "dx = dy.copy()\n", "the mask is missing: y is 0 there whatever x is"),
        (
            "dx = dy * mask\n        dx *= scale",
            "dx = dy.copy()",
            "dx is dy, as in evaluation; in training mask and scale act on the way back too",
        ),
    ],
    "patchify": [
        (
            "return grid.transpose(0, 1, 3, 2, 4, 5).reshape(-1, h, w, c), {}",
            "return grid.reshape(-1, h, w, c), {}",
            "the numbers stay in the order of patches: the axes are not exchanged back",
        ),
        (
            PIXELS,
            "grid = dy.reshape(-1, w // q, h // p, p, q, c).swapaxes(1, 2)",
            "patches are numbered column by column; they are numbered row by row",
        ),
        (
            PIXELS,
            "grid = dy.reshape(-1, h // p, w // q, q, p, c).swapaxes(3, 4)",
            "rows and columns inside a patch are exchanged",
        ),
        (
            PIXELS,
            "grid = dy.reshape(-1, h // p, w // q, c, p, q).transpose(0, 1, 2, 4, 5, 3)",
            "the channel is taken for the slowest axis of a patch; it is the fastest",
        ),
    ],
    "position": [
        (POS, '{"pos": 0 * dy.sum(axis=0)}', "dpos is zero: the positions would never be trained"),
        (POS, '{"pos": dy[0]}', "dpos is that of the first image; it must be the sum over images"),
        (POS, '{"pos": dy.mean(axis=0)}', "dpos is a mean over images; it must be their sum"),
        (
            POS,
            '{"pos": dy.sum(axis=0).sum(axis=0) + 0 * dy[0]}',
            "dpos is summed over tokens too; each position has its own vector",
        ),
        (
            'return dy, {"pos"',
            'return dy.sum(axis=0) + 0 * dy, {"pos"',
            "dx is summed over images; an image influences its own y only",
        ),
    ],
}
