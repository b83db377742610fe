// Other ways to say where a patch is: layers/grid_positions.py and layers/relative.py.

class GridPositions {
  constructor(rows, columns, dim, prefix) {
    Object.assign(this, { rows, columns, dim, prefix });
  }

  // Call move(place in the tokens, name of the vector, place in it) for every number of a patch.
  each(move) {
    const { rows, columns, dim, prefix } = this,
      half = Math.floor(dim / 2);
    for (let patch = 0; patch < rows * columns; patch++) {
      const at = (prefix + patch) * dim,
        row = Math.floor(patch / columns),
        column = patch % columns;
      for (let i = 0; i < half; i++) move(at + i, "row", row * half + i);
      for (let i = half; i < dim; i++) move(at + i, "column", column * (dim - half) + i - half);
    }
  }

  forward(params, x) {
    const y = x.slice();
    this.each((at, name, from) => {
      y[at] += params[name][from];
    });
    return [y, []];
  }

  backward(dy, cache) {
    const half = Math.floor(this.dim / 2);
    const grads = {
      row: new Float64Array(this.rows * half),
      column: new Float64Array(this.columns * (this.dim - half)),
    };
    this.each((at, name, to) => {
      grads[name][to] += dy[at];
    });
    return [dy, grads];
  }
}

class SincosPositions {
  constructor(rows, columns, dim, prefix) {
    Object.assign(this, { rows, columns, dim, prefix });
  }

  forward(params, x) {
    const { rows, columns, dim, prefix } = this,
      y = x.slice(),
      quarter = Math.ceil(dim / 4);
    const wave = (place, i) => {
      // sines, then cosines
      const angle = place * 10_000 ** (-(i % quarter) / quarter);
      return i < quarter ? Math.sin(angle) : Math.cos(angle);
    };
    for (let patch = 0; patch < rows * columns; patch++) {
      for (let i = 0; i < dim; i++) {
        const place = i < 2 * quarter ? Math.floor(patch / columns) : patch % columns;
        y[(prefix + patch) * dim + i] += wave(place, i % (2 * quarter));
      }
    }
    return [y, []];
  }

  backward(dy, cache) {
    return [dy, {}];
  }
}

class RelativeAttention extends Attention {
  constructor(dim, heads, rows, columns, prefix) {
    super(dim, heads);
    this.index = offset_index(rows, columns, prefix);
    this.offsets = (2 * rows - 1) * (2 * columns - 1) + 3 * prefix;
  }

  // Call move(place in s, place in the bias) for every score of every head.
  each(move) {
    const { heads, index, offsets } = this,
      T = Math.sqrt(index.length);
    for (let j = 0; j < T; j++) {
      for (let h = 0; h < heads; h++) {
        for (let i = 0; i < T; i++) move((j * heads + h) * T + i, h * offsets + index[j * T + i]);
      }
    }
  }

  biased(s, params) {
    this.each((at, offset) => {
      s[at] += params.bias[offset];
    });
    return s;
  }

  bias_grads(ds) {
    const bias = new Float64Array(this.heads * this.offsets),
      scale = Math.sqrt(this.dim / this.heads);
    this.each((at, offset) => {
      bias[offset] += ds[at] * scale;
    });
    return { bias };
  }
}

// The number of each pair's offset, (T keys, T queries). A class token has the last three.
function offset_index(rows, columns, prefix) {
  const T = rows * columns + prefix,
    count = (2 * rows - 1) * (2 * columns - 1);
  const index = new Int32Array(T * T);
  for (let j = 0; j < T; j++) {
    for (let i = 0; i < T; i++) {
      const key_patch = j - prefix,
        query_patch = i - prefix;
      const down = Math.floor(query_patch / columns) - Math.floor(key_patch / columns) + rows - 1;
      const right = (query_patch % columns) - (key_patch % columns) + columns - 1;
      index[j * T + i] = down * (2 * columns - 1) + right;
      if (prefix && i === 0) index[j * T + i] = count;
      if (prefix && j === 0) index[j * T + i] = i === 0 ? count + 2 : count + 1;
    }
  }
  return index;
}

class RelativeBlock extends TransformerBlock {
  constructor(dim, heads, hidden, gelu, eps, rows, columns, prefix) {
    super(dim, heads, hidden, gelu, eps);
    this.attn = new RelativeAttention(dim, heads, rows, columns, prefix);
  }
}
