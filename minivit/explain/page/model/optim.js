// One optimizer step, as minivit/optim: update(vector, gradient, state, lr, step, decay), in place.

class SGD {
  constructor(momentum = 0.9) {
    this.momentum = momentum;
  }

  update(vector, gradient, state, lr, step, decay) {
    const { m } = state;
    for (let i = 0; i < vector.length; i++) {
      m[i] = this.momentum * m[i] + gradient[i];
      vector[i] *= 1 - lr * decay;
      vector[i] -= lr * m[i];
    }
  }
}

class AdamW {
  constructor(beta1 = 0.9, beta2 = 0.999, eps = 1e-8) {
    Object.assign(this, { beta1, beta2, eps });
  }

  update(vector, gradient, state, lr, step, decay) {
    const { m, v } = state,
      { beta1, beta2, eps } = this;
    const root = Math.sqrt(1 - beta2 ** step),
      rate = lr / (1 - beta1 ** step);
    for (let i = 0; i < vector.length; i++) {
      const g = gradient[i];
      m[i] = beta1 * m[i] + (1 - beta1) * g;
      v[i] = beta2 * v[i] + (1 - beta2) * g * g;
      vector[i] *= 1 - lr * decay;
      vector[i] -= (rate * m[i]) / (Math.sqrt(v[i]) / root + eps);
    }
  }
}

class Muon {
  constructor(momentum = 0.95) {
    this.momentum = momentum;
  }

  // vector: a matrix (rows, cols)
  update(vector, gradient, state, lr, step, decay, rows) {
    const { m } = state,
      cols = vector.length / rows,
      u = new Float64Array(vector.length);
    for (let i = 0; i < u.length; i++) {
      m[i] = this.momentum * m[i] + gradient[i];
      u[i] = gradient[i] + this.momentum * m[i];
    }
    const o = orthogonal(u, rows, cols),
      rate = lr * 0.2 * Math.sqrt(Math.max(rows, cols));
    for (let i = 0; i < u.length; i++) {
      vector[i] *= 1 - lr * decay;
      vector[i] -= rate * o[i];
    }
  }
}

// About the nearest matrix with all singular values 1, by Newton-Schulz iteration.
function orthogonal(matrix, rows, cols) {
  if (rows > cols) return transposed(orthogonal(transposed(matrix, rows, cols), cols, rows), cols, rows);
  const rounds = 5,
    a = 3.4445,
    b = -4.775,
    c = 2.0315;
  const norm = Math.sqrt(matrix.reduce((sum, value) => sum + value * value, 0)) + 1e-7;
  let x = matrix.map((value) => value / norm);
  for (let round = 0; round < rounds; round++) {
    const square = matmul(x, transposed(x, rows, cols), rows, cols, rows);
    const fourth = matmul(square, square, rows, rows, rows);
    const polynomial = square.map((value, i) => b * value + c * fourth[i]);
    const change = matmul(polynomial, x, rows, rows, cols);
    x = x.map((value, i) => a * value + change[i]);
  }
  return x;
}

// {name: [rule for the matrices of the blocks, rule for all else]}, as training/update.py
const OPTIMIZERS = {
  sgd: [new SGD(), new SGD()],
  adamw: [new AdamW(), new AdamW()],
  muon: [new Muon(), new AdamW()],
};

// New parameters after one step; `state` is {leaf: {m, v}} and is changed. shapes: {leaf: [rows, ...]}.
function optimizer_step(params, grads, state, shapes, { rule, lr, decay, step }) {
  const [matrix_rule, other_rule] = OPTIMIZERS[rule];
  return tree_from(
    leaves(params).map(([name, old]) => {
      const vector = old.slice(),
        size = vector.length;
      state[name] ??= { m: new Float64Array(size), v: new Float64Array(size) };
      const is_weight = name.endsWith(".w"),
        chosen = is_weight && name.startsWith("block");
      (chosen ? matrix_rule : other_rule).update(
        vector,
        leaf_of(grads, name),
        state[name],
        lr,
        step,
        is_weight ? decay : 0,
        shapes[name][0],
      );
      return [name, vector];
    }),
  );
}
