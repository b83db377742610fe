"""Mistakes planted in the kernels, one at a time: the comparison with the plain layers finds each.

As tests/layers/test_mutations.py does it for Python: a test that never fails proves nothing.
"""

import numpy as np
import pytest
from cases import KEY, draw, redrawn
from cuda_emulator import compiled, install, needs_compiler
from test_fused_layers import agree, pairs, there_and_back

from minivit.cuda import kernels
from minivit.cuda.fast import fused_layer

MISTAKES = [
    ("layernorm", "+ T(eps)", ""),
    ("layernorm", "held[i] += other[i] * scale;", "held[i] += other[i];"),
    ("layernorm", "row < rows; row += gridDim.x * 8LL", "row < rows; row += 8LL"),
    ("layernorm", "j < 8; j++) total += parts[warp]", "j < 7; j++) total += parts[warp]"),
    ("layernorm", "- xhat[i] * mean_dxhat_xhat", ""),
    ("gelu", "T(3 * 0.044715)", "T(0.044715)"),
    ("gelu", "sum += dx;\n    }\n  }", "sum += g[i];\n    }\n  }"),
    ("attention", "bias ? bias[d + n] : T(0)", "T(0)"),
    ("attention", "p[i * S::SCORES + j] *= dp - mean_dp[i];", "p[i * S::SCORES + j] *= dp;"),
    ("attention", "for (int n = 0; n < 4; n++) value.v[n] *= T(scale);", ""),
    ("attention", "= top + log(sum);", "= log(sum);"),
    ("sums", "for (; row < stop; row += 8) sum[0]", "for (; row < stop - 8; row += 8) sum[0]"),
    ("sums", "keep ? c * keep[row / tokens] : c", "keep ? c * keep[row % tokens] : c"),
]


@needs_compiler
@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_mistake_is_found(number, monkeypatch, tmp_path, ready):
    file, code, broken = MISTAKES[number]
    source = kernels.source(file)
    assert source.count(code) == 1, f"{file}.cu has {code!r} not once any more"
    monkeypatch.setattr(kernels, "source", lambda _: source.replace(code, broken))
    own = [key for key in ready if key[0] == file and "double" in key[1]]
    install(monkeypatch, tmp_path, {**ready, **compiled(own, tmp_path)})
    with np.errstate(all="ignore"), pytest.raises(AssertionError):
        for name in ("block with drop path", "LayerNorm of rows"):
            plain, shape = pairs[name]
            params, x = redrawn(plain), draw(shape)
            want = there_and_back(plain, params, x, np, KEY, np.float64)
            agree(there_and_back(fused_layer(plain), params, x, np, KEY, np.float64), want, 1e-12)
