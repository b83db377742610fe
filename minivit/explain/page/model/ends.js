// The layers between the picture and the blocks, and between the blocks and the loss.

class Patchify {
  // shape: rows, columns and channels of the picture
  constructor(height, width, shape) {
    Object.assign(this, { height, width, overlap: 0, shape });
  }

  // Call move(place in the picture, place in the patches) for every number of every patch.
  each(move) {
    const { height: P, width: Q, overlap: O } = this,
      [H, W, C] = this.shape;
    let to = 0;
    for (let i = 0; i < H / P; i++) {
      for (let j = 0; j < W / Q; j++) {
        for (let r = i * P - O; r < (i + 1) * P + O; r++) {
          for (let s = j * Q - O; s < (j + 1) * Q + O; s++, to += C) {
            if (r < 0 || s < 0 || r >= H || s >= W) continue; // padding: zeros
            for (let c = 0; c < C; c++) move((r * W + s) * C + c, to + c);
          }
        }
      }
    }
    return to;
  }

  forward(params, x) {
    const y = new Float64Array(this.each(() => {}));
    this.each((from, to) => {
      y[to] = x[from];
    });
    return [y, []];
  }

  backward(dy, cache) {
    const dx = new Float64Array(this.shape[0] * this.shape[1] * this.shape[2]);
    this.each((from, to) => {
      dx[from] += dy[to];
    });
    return [dx, {}];
  }
}

class OverlappingPatches extends Patchify {
  constructor(height, width, overlap, shape) {
    super(height, width, shape);
    this.overlap = overlap;
  }
}

class ClassToken {
  constructor(dim) {
    this.dim = dim;
  }

  forward(params, x) {
    const y = new Float64Array(this.dim + x.length);
    y.set(params.cls);
    y.set(x, this.dim);
    return [y, []];
  }

  backward(dy, cache) {
    return [dy.slice(this.dim), { cls: dy.slice(0, this.dim) }];
  }
}

class PositionEmbedding {
  forward(params, x) {
    return [add(x, params.pos), []];
  }

  backward(dy, cache) {
    return [dy, { pos: dy.slice() }];
  }
}

class ClassPool {
  constructor(dim) {
    this.dim = dim;
  }

  forward(params, x) {
    return [x.slice(0, this.dim), [x.length]];
  }

  backward(dy, cache) {
    const dx = new Float64Array(cache[0]);
    dx.set(dy);
    return [dx, {}];
  }
}

class MeanPool {
  constructor(dim) {
    this.dim = dim;
  }

  forward(params, x) {
    const tokens = x.length / this.dim;
    return [token_sum(x, this.dim).map((sum) => sum / tokens), [x.length]];
  }

  backward(dy, cache) {
    const dx = new Float64Array(cache[0]),
      tokens = dx.length / this.dim;
    for (let i = 0; i < dx.length; i++) dx[i] = dy[i % this.dim] / tokens;
    return [dx, {}];
  }
}

class SequencePool {
  constructor(dim) {
    this.dim = dim;
  }

  forward(params, x) {
    const D = this.dim,
      T = x.length / D,
      { w } = params;
    const p = softmax(matmul(x, w, T, D, 1), T);
    return [matmul(p, x, 1, T, D), [x, p, w]];
  }

  backward(dy, cache) {
    const [x, p, w] = cache,
      D = this.dim,
      T = p.length,
      dx = new Float64Array(x.length);
    const dp = matmul(x, dy, T, D, 1),
      mean_dp = dp.reduce((sum, value, t) => sum + p[t] * value, 0);
    const ds = dp.map((value, t) => p[t] * (value - mean_dp));
    for (let i = 0; i < dx.length; i++)
      dx[i] = p[Math.floor(i / D)] * dy[i % D] + ds[Math.floor(i / D)] * w[i % D];
    return [dx, { w: matmul(ds, x, 1, T, D) }];
  }
}

class PreLogits {
  constructor(dim, hidden) {
    this.linear = new Linear(dim, hidden);
  }

  forward(params, x) {
    const [h, cache] = this.linear.forward(params, x),
      y = h.map(Math.tanh);
    return [y, [cache, y.map((value) => 1 - value * value)]];
  }

  backward(dy, cache) {
    const [of_linear, slope] = cache;
    return this.linear.backward(multiply(dy, slope), of_linear);
  }
}

class HeadHidden {
  constructor(dim, hidden, gelu) {
    Object.assign(this, { linear: new Linear(dim, hidden), gelu });
  }

  forward(params, x) {
    const cache = {};
    let h, y;
    [h, cache.linear] = this.linear.forward(params, x);
    [y, cache.gelu] = this.gelu.forward({}, h);
    return [y, cache];
  }

  backward(dy, cache) {
    const [dh] = this.gelu.backward(dy, cache.gelu);
    return this.linear.backward(dh, cache.linear);
  }
}

class CrossEntropy {
  // label: the number of the class. y is the loss, an array of one number.
  forward(logits, label) {
    const most = logits.reduce((a, b) => Math.max(a, b));
    const exp_shifted = logits.map((z) => Math.exp(z - most));
    const total = exp_shifted.reduce((a, b) => a + b);
    const p = exp_shifted.map((e) => e / total);
    const loss = Math.log(total) - (logits[label] - most);
    return [new Float64Array([loss]), [p, label]];
  }

  backward(dloss, cache) {
    const [p, label] = cache;
    return p.map((value, c) => dloss * (value - (c === label ? 1 : 0)));
  }
}
