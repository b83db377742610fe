// Matrix products and sums on Float64Array, row by row. Everything here is one picture: no batch.

// out = a b for a (rows, inner) and b (inner, cols). at, step: where a matrix begins in its array,
// and how far apart its rows are; so a head of attention is multiplied where it lies.
// Two rows of a and four of b at a time: each number that is loaded is then used several times.
function product(a, b, rows, inner, cols, out, place = {}) {
  const { aAt = 0, aStep = inner, bAt = 0, bStep = cols, outAt = 0, outStep = cols } = place;
  for (let t = 0; t < rows; t += 2) {
    const two = t + 1 < rows;
    const a0 = aAt + t * aStep,
      a1 = two ? a0 + aStep : a0;
    const y0 = outAt + t * outStep,
      y1 = two ? y0 + outStep : y0;
    for (let j = 0; j < cols; j++) out[y0 + j] = out[y1 + j] = 0;
    let i = 0;
    for (; i + 3 < inner; i += 4) {
      const p = a[a0 + i],
        q = a[a0 + i + 1],
        r = a[a0 + i + 2],
        s = a[a0 + i + 3];
      const p1 = a[a1 + i],
        q1 = a[a1 + i + 1],
        r1 = a[a1 + i + 2],
        s1 = a[a1 + i + 3];
      const b0 = bAt + i * bStep,
        b1 = b0 + bStep,
        b2 = b1 + bStep,
        b3 = b2 + bStep;
      if (!two) {
        for (let j = 0; j < cols; j++) {
          out[y0 + j] += p * b[b0 + j] + q * b[b1 + j] + r * b[b2 + j] + s * b[b3 + j];
        }
        continue;
      }
      for (let j = 0; j < cols; j++) {
        const u = b[b0 + j],
          v = b[b1 + j],
          w = b[b2 + j],
          z = b[b3 + j];
        out[y0 + j] += p * u + q * v + r * w + s * z;
        out[y1 + j] += p1 * u + q1 * v + r1 * w + s1 * z;
      }
    }
    for (; i < inner; i++) {
      const p = a[a0 + i],
        p1 = a[a1 + i],
        b0 = bAt + i * bStep;
      for (let j = 0; j < cols; j++) {
        out[y0 + j] += p * b[b0 + j];
        if (two) out[y1 + j] += p1 * b[b0 + j];
      }
    }
  }
  return out;
}

function matmul(a, b, rows, inner, cols) {
  return product(a, b, rows, inner, cols, new Float64Array(rows * cols));
}

// (rows, cols) -> (cols, rows)
function transposed(a, rows, cols, at = 0, step = cols) {
  const out = new Float64Array(rows * cols);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < cols; j++) out[j * rows + i] = a[at + i * step + j];
  }
  return out;
}

// Sum over all tokens: (T, D) -> (D)
function token_sum(x, width) {
  const sum = new Float64Array(width);
  for (let at = 0; at < x.length; at += width) {
    for (let j = 0; j < width; j++) sum[j] += x[at + j];
  }
  return sum;
}

function add(x, y) {
  const sum = new Float64Array(x.length);
  for (let i = 0; i < x.length; i++) sum[i] = x[i] + y[i];
  return sum;
}

function multiply(x, y) {
  const result = new Float64Array(x.length);
  for (let i = 0; i < x.length; i++) result[i] = x[i] * y[i];
  return result;
}

// erf to the last digits, by a series of positive terms (Abramowitz & Stegun 1964, 7.1.6).
function erf(x) {
  const size = Math.abs(x);
  if (size > 6) return Math.sign(x);
  let term = size,
    sum = size;
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= (2 * size * size) / (2 * n + 1);
    sum += term;
  }
  return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * Math.exp(-size * size) * sum;
}
