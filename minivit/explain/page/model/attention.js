// Multi-head self-attention, as layers/attention.py.

class Attention {
  constructor(dim, heads) {
    Object.assign(this, { dim, heads, qkv: new Linear(dim, 3 * dim), proj: new Linear(dim, dim) });
  }

  // (T, 3D) -> q, k, v, each (heads, T, K)
  split_qkv(qkv) {
    const { dim, heads } = this,
      K = dim / heads,
      T = qkv.length / (3 * dim);
    const parts = [0, 1, 2].map(() => new Float64Array(T * dim));
    for (let part = 0; part < 3; part++) {
      for (let h = 0; h < heads; h++) {
        for (let t = 0; t < T; t++) {
          const from = t * 3 * dim + part * dim + h * K,
            to = (h * T + t) * K;
          for (let i = 0; i < K; i++) parts[part][to + i] = qkv[from + i];
        }
      }
    }
    return parts;
  }

  // k q^T / sqrt(K) of every head: two (heads, T, K) -> (T keys, heads, T queries)
  scores(k, q) {
    const { dim, heads } = this,
      K = dim / heads,
      T = k.length / dim,
      scale = 1 / Math.sqrt(K);
    const s = new Float64Array(T * heads * T);
    for (let h = 0; h < heads; h++) {
      const qT = transposed(q, T, K, h * T * K);
      for (let i = 0; i < qT.length; i++) qT[i] *= scale;
      product(k, qT, T, K, T, s, { aAt: h * T * K, outAt: h * T, outStep: heads * T });
    }
    return s;
  }

  // What is added to the scores, and its gradient: nothing here, see RelativeAttention.
  biased(s, params) {
    return s;
  }

  bias_grads(ds) {
    return {};
  }

  forward(params, x) {
    const { dim, heads } = this,
      K = dim / heads,
      T = x.length / dim,
      cache = {};
    let qkv, y;
    [qkv, cache.qkv] = this.qkv.forward(params.qkv, x);
    const [q, k, v] = this.split_qkv(qkv);
    const p = softmax(this.biased(this.scores(k, q), params), T);
    const o = new Float64Array(T * dim);
    for (let h = 0; h < heads; h++) {
      const pT = transposed(p, T, T, h * T, heads * T); // (T queries, T keys)
      product(pT, v, T, T, K, o, { bAt: h * T * K, outAt: h * K, outStep: dim });
    }
    [y, cache.proj] = this.proj.forward(params.proj, o);
    cache.heads = [q, k, v, p, o];
    return [y, cache];
  }

  backward(dy, cache) {
    const { dim, heads } = this,
      K = dim / heads,
      T = dy.length / dim,
      grads = {};
    const [q, k, v, p, o] = cache.heads,
      row = heads * T,
      scale = 1 / Math.sqrt(K);
    let dx,
      do_,
      dqkv = new Float64Array(T * 3 * dim);
    [do_, grads.proj] = this.proj.backward(dy, cache.proj);
    const do_heads = new Float64Array(T * dim); // (heads, T, K)
    const mean_dp = new Float64Array(row); // (heads, T queries), divided by sqrt(K) as ds
    for (let t = 0; t < T; t++) {
      for (let c = 0; c < dim; c++) {
        const h = Math.floor(c / K),
          number = do_[t * dim + c];
        do_heads[(h * T + t) * K + (c % K)] = number;
        mean_dp[h * T + t] += number * o[t * dim + c] * scale;
      }
    }
    const ds = this.scores(v, do_heads); // dp / sqrt(K), then ds / sqrt(K)
    for (let i = 0; i < ds.length; i++) ds[i] = p[i] * (ds[i] - mean_dp[i % row]);
    Object.assign(grads, this.bias_grads(ds));
    for (let h = 0; h < heads; h++) {
      const at = h * T * K,
        to = { bAt: at, outStep: 3 * dim },
        keys = { aAt: h * T, aStep: row };
      const dsT = transposed(ds, T, T, h * T, row);
      product(dsT, k, T, T, K, dqkv, { ...to, outAt: h * K });
      product(ds, q, T, T, K, dqkv, { ...to, ...keys, outAt: dim + h * K });
      product(p, do_heads, T, T, K, dqkv, { ...to, ...keys, outAt: 2 * dim + h * K });
    }
    [dx, grads.qkv] = this.qkv.backward(dqkv, cache.qkv);
    return [dx, grads];
  }
}

// Over the keys, the first axis of (T keys, ...), written over s.
function softmax(s, T) {
  const row = s.length / T,
    most = s.slice(0, row),
    total = new Float64Array(row);
  for (let i = row, c = 0; i < s.length; i++, c = c + 1 === row ? 0 : c + 1) {
    if (s[i] > most[c]) most[c] = s[i];
  }
  for (let i = 0, c = 0; i < s.length; i++, c = c + 1 === row ? 0 : c + 1) {
    total[c] += s[i] = Math.exp(s[i] - most[c]);
  }
  for (let i = 0, c = 0; i < s.length; i++, c = c + 1 === row ? 0 : c + 1) s[i] /= total[c];
  return s;
}
