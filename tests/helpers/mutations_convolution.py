"""Planted mistakes in `minivit/convolution/`: (code, broken code) by file, as in mutations.py."""

TABLE = {
    # padding before for after; the stride of rows for that of pixels
    "minivit/convolution/windows.py": [
        ("return total // 2, total - total // 2", "return total - total // 2, total // 2"),
        ("y[:, before : before + h, before : before + w] = x", "y[:, :h, :w] = x"),
        ("stride * row, stride * pixel", "stride * row, pixel"),
        ("value, dtype=x.dtype)", "value)"),
        ("value, dtype=x.dtype)", "0.0, dtype=x.dtype)"),
        ("return xp.ascontiguousarray(x)", "return x"),
    ],
    # the bias of one window; pieces that are not added, or cut short; shared pixels overwritten;
    # the border handed back; another order of the kernel
    "minivit/convolution/convolution.py": [
        ('y += params["b"]', "pass"),
        ("dw += rows.T @ dy_rows", "dw[...] = rows.T @ dy_rows"),
        ("dy_rows @ w.T)", "dy_rows @ w.T * 1.00001)"),
        ("+= dwindows[:, i::apart, j::apart]", "= dwindows[:, i::apart, j::apart]"),
        ("dview[:, i::apart, j::apart] +=", "dview[:, j::apart, i::apart] +="),
        ("apart = -(-self.size // self.stride)", "apart = self.size // self.stride"),
        ("before : before + height, before : before + width]", ":height, :width]"),
        ("range(0, h, lines)", "range(0, max(1, h - lines), lines)"),
        ("range(0, b, images)", "range(images, b, images)"),
        ('"b": token_sum(dy)}', '"b": dy[0, 0, 0].copy()}'),
        ('"b": token_sum(dy)}', '"b": token_sum(dy) / len(dy)}'),
        ("yield piece, view[piece]", "yield piece, view[piece].swapaxes(-1, -2)"),
        ("return self.padding or same_padding", "return same_padding"),
    ],
    # windows not turned, or around another pixel; pieces that are not added
    "minivit/convolution/turned.py": [
        ("[::-1].transpose(0, 2, 1)", ".transpose(0, 2, 1)"),
        ("[::-1].transpose(0, 2, 1)", "[::-1]"),
        ("size - 1 - before, size - 1 - after)", "size - 1 - after, size - 1 - before)"),
        ("dturned += rows.T", "dturned[...] = rows.T"),
        (
            "x = grown[:, before : before + height, before : before + width]",
            "x = grown[:, :height, :width]",
        ),
        ("max(conv.sides) < conv.size", "True"),
        ("conv.stride == 1", "True"),
        ('"b": token_sum(dy)} if', '"b": token_sum(dy) / len(dy)} if'),
    ],
    # variance of n - 1; eps in the root, or nowhere; each of the terms of dw; w standardised twice
    "minivit/convolution/standardised.py": [
        ("centred = w - w.mean(axis=0)", "centred = w"),
        ("centred = w - w.mean(axis=0)", "centred = w - w.mean()"),
        ("(centred * centred).mean(axis=0)", "(centred * centred).sum(axis=0) / (len(w) - 1)"),
        ("return centred / (std + self.eps), std", "return centred / std, std"),
        ("divisor = std + self.eps", "divisor = std"),
        ("dw_hat - w_hat * (divisor / safe_std * mean)", "dw_hat"),
        ("(dw_hat * w_hat).mean(axis=0)", "(dw_hat * w_hat).sum(axis=0)"),
        ("dcentred - dcentred.mean(axis=0)", "dcentred"),
        ("(grown, w_hat, shape)", "(grown, w, shape)"),
        ("xp.where(std > 0, std, xp.ones_like(std))", "std"),
        ("return y, (w, grown, shape)", "return y, (w_hat, grown, shape)"),
    ],
    # channels of other groups; one group; the mean over images; each of the terms of dx
    "minivit/convolution/groupnorm.py": [
        ("reshape(b, self.groups, -1).sum(axis=2)", "reshape(b, -1, self.groups).sum(axis=1)"),
        ("* (self.groups / (h * w * c))", "* (1 / (h * w * c))"),
        ("self.group_mean(squares) + self.eps", "self.group_mean(squares)"),
        ("centred = x - self.group_mean(x)", "centred = x * 1.0"),
        ("dx -= mean_dxhat\n", "pass\n"),
        ("dx -= xhat * mean_dxhat_xhat", "pass"),
        ("dx *= rstd", "pass"),
        ("self.group_mean(dy, gamma)", "self.group_mean(dy)"),
        ("self.group_mean(dy_xhat, gamma)", "self.group_mean(dy_xhat)"),
        ("dx = dy * gamma", "dy *= gamma; dx = dy"),
        ('{"gamma": dgamma, "beta": dbeta}', '{"gamma": dbeta, "beta": dgamma}'),
        ("return y, (xhat, rstd", "return y, (y, rstd"),
        ("or self.channels % self.groups", ""),
        ("zeros if self.zero else ones", "ones"),
    ],
    # a border that may win; the last of equals; gradients of one window for those of all
    "minivit/convolution/maxpool.py": [
        ("value=-math.inf", "value=0.0"),
        ("(view > y)", "(view >= y)"),
        ("view += dy * (place == number)", "view[...] = dy * (place == number)"),
        ("view += dy * (place == number)", "view += dy"),
        ("before : before + height, before : before + width]", ":height, :width]"),
        ("np.ndindex(self.size, self.size)", "np.ndindex(self.size, self.size - 1)"),
        ("xp.zeros(view.shape, dtype=xp.uint8)", "xp.zeros(view.shape)"),
    ],
    "minivit/convolution/relu.py": [
        ("maximum(x, 0.0), x > 0", "maximum(x, 0.0), x > -0.5"),
        ("maximum(x, 0.0), x > 0", "maximum(x, 0.0), x < 0"),
        ("maximum(x, 0.0), x > 0", "maximum(x, 0.01), x > 0.01"),
        ("return dy * cache, {}", "return dy * 1.0, {}"),
    ],
    "minivit/convolution/chain.py": [
        ("at(key, name))", "None)"),
        ("reversed(self.layers)", "self.layers"),
        ("cache.pop(name)", "cache[name]"),
        ("grads[name] = own", "pass"),
    ],
    # the shortcut forgotten here or there; no stride on one way; norms that all begin at 1
    "minivit/convolution/residual.py": [
        ("h = xp.add(h, same, out=h)", "pass"),
        ("return dx + dsame,", "return dx,"),
        ("return dx + dsame,", "dx += dsame; return dx + dsame,"),
        ("self.branch.backward(dsum,", "self.branch.backward(dy,"),
        ("self.shortcut.backward(dsum,", "self.shortcut.backward(dy,"),
        ("zero=True", "zero=False"),
        ("self.stride > 1 or self.c_in != c_out", "self.c_in != c_out"),
        ("Relu().forward({}, h)", "h, h > 0"),
    ],
}
