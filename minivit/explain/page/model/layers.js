// The layers of a block, under the names that they have in Python: forward(params, x) -> [y, cache],
// backward(dy, cache) -> [dx, grads]. One picture, so a token is a row: x is (T, D), row by row.

class Linear {
  constructor(d_in, d_out) {
    Object.assign(this, { d_in, d_out });
  }

  forward(params, x) {
    const { w, b } = params,
      rows = x.length / this.d_in;
    const y = matmul(x, w, rows, this.d_in, this.d_out);
    for (let i = 0; i < y.length; i++) y[i] += b[i % this.d_out];
    return [y, [x, w]];
  }

  backward(dy, cache) {
    const [x, w] = cache,
      { d_in, d_out } = this,
      rows = x.length / d_in;
    const dx = matmul(dy, transposed(w, d_in, d_out), rows, d_out, d_in);
    const dw = matmul(transposed(x, rows, d_in), dy, d_in, rows, d_out);
    return [dx, { w: dw, b: token_sum(dy, d_out) }];
  }
}

class LayerNorm {
  constructor(dim, eps) {
    Object.assign(this, { dim, eps });
  }

  forward(params, x) {
    const { gamma, beta } = params,
      D = this.dim,
      rows = x.length / D;
    const y = new Float64Array(x.length),
      xhat = new Float64Array(x.length);
    const rstd = new Float64Array(rows);
    for (let t = 0; t < rows; t++) {
      const at = t * D;
      let mean = 0,
        variance = 0;
      for (let i = 0; i < D; i++) mean += x[at + i] / D;
      for (let i = 0; i < D; i++) variance += (x[at + i] - mean) ** 2 / D;
      rstd[t] = 1 / Math.sqrt(variance + this.eps);
      for (let i = 0; i < D; i++) {
        xhat[at + i] = (x[at + i] - mean) * rstd[t];
        y[at + i] = gamma[i] * xhat[at + i] + beta[i];
      }
    }
    return [y, [xhat, rstd, gamma]];
  }

  backward(dy, cache) {
    const [xhat, rstd, gamma] = cache,
      D = this.dim,
      dx = new Float64Array(dy.length);
    for (let t = 0; t < rstd.length; t++) {
      const at = t * D;
      let mean_dxhat = 0,
        mean_dxhat_xhat = 0;
      for (let i = 0; i < D; i++) {
        const dxhat = dy[at + i] * gamma[i];
        mean_dxhat += dxhat / D;
        mean_dxhat_xhat += (dxhat * xhat[at + i]) / D;
      }
      for (let i = 0; i < D; i++) {
        const dxhat = dy[at + i] * gamma[i];
        dx[at + i] = rstd[t] * (dxhat - mean_dxhat - xhat[at + i] * mean_dxhat_xhat);
      }
    }
    return [dx, { gamma: token_sum(multiply(dy, xhat), D), beta: token_sum(dy, D) }];
  }
}

const ROOT = Math.sqrt(2 / Math.PI),
  CUBIC = 0.044715;

class Gelu {
  forward(params, x) {
    const y = new Float64Array(x.length);
    for (let i = 0; i < x.length; i++) y[i] = x[i] * this.gate(x[i]);
    return [y, [x]];
  }

  backward(dy, cache) {
    const [x] = cache,
      dx = new Float64Array(dy.length);
    for (let i = 0; i < dy.length; i++) {
      const s = this.gate(x[i]),
        slope_u = ROOT * (1 + 3 * CUBIC * x[i] * x[i]);
      dx[i] = dy[i] * (s + x[i] * 2 * s * (1 - s) * slope_u);
    }
    return [dx, {}];
  }

  // s = (1 + tanh(u)) / 2, the logistic function of 2u
  gate(x) {
    return 1 / (1 + Math.exp(-2 * ROOT * (x + CUBIC * x * x * x)));
  }
}

class GeluErf {
  forward(params, x) {
    const y = new Float64Array(x.length),
      phi = new Float64Array(x.length);
    for (let i = 0; i < x.length; i++) {
      phi[i] = (1 + erf(x[i] * Math.SQRT1_2)) / 2;
      y[i] = x[i] * phi[i];
    }
    return [y, [x, phi]];
  }

  backward(dy, cache) {
    const [x, phi] = cache,
      dx = new Float64Array(dy.length),
      density = Math.sqrt(0.5 / Math.PI);
    for (let i = 0; i < dy.length; i++) {
      dx[i] = dy[i] * (phi[i] + x[i] * density * Math.exp((-x[i] * x[i]) / 2));
    }
    return [dx, {}];
  }
}

class Relu {
  forward(params, x) {
    return [x.map((value) => Math.max(value, 0)), x.map((value) => (value > 0 ? 1 : 0))];
  }

  backward(dy, cache) {
    return [multiply(dy, cache), {}];
  }
}

class Mlp {
  constructor(dim, hidden, gelu) {
    Object.assign(this, { fc1: new Linear(dim, hidden), gelu, fc2: new Linear(hidden, dim) });
  }

  forward(params, x) {
    const cache = {};
    let h, y;
    [h, cache.fc1] = this.fc1.forward(params.fc1, x);
    [h, cache.gelu] = this.gelu.forward({}, h);
    [y, cache.fc2] = this.fc2.forward(params.fc2, h);
    return [y, cache];
  }

  backward(dy, cache) {
    const grads = {};
    let dh, dx;
    [dh, grads.fc2] = this.fc2.backward(dy, cache.fc2);
    [dh] = this.gelu.backward(dh, cache.gelu);
    [dx, grads.fc1] = this.fc1.backward(dh, cache.fc1);
    return [dx, grads];
  }
}

class TransformerBlock {
  constructor(dim, heads, hidden, gelu, eps) {
    this.norm1 = new LayerNorm(dim, eps);
    this.attn = new Attention(dim, heads);
    this.norm2 = new LayerNorm(dim, eps);
    this.mlp = new Mlp(dim, hidden, gelu);
  }

  forward(params, x) {
    const cache = {};
    let h;
    [h, cache.norm1] = this.norm1.forward(params.norm1, x);
    [h, cache.attn] = this.attn.forward(params.attn, h);
    x = add(x, h);
    [h, cache.norm2] = this.norm2.forward(params.norm2, x);
    [h, cache.mlp] = this.mlp.forward(params.mlp, h);
    return [add(x, h), cache];
  }

  backward(dy, cache) {
    const grads = {};
    let dh;
    [dh, grads.mlp] = this.mlp.backward(dy, cache.mlp);
    [dh, grads.norm2] = this.norm2.backward(dh, cache.norm2);
    const dx = add(dy, dh);
    [dh, grads.attn] = this.attn.backward(dx, cache.attn);
    [dh, grads.norm1] = this.norm1.backward(dh, cache.norm1);
    return [add(dx, dh), grads];
  }
}
