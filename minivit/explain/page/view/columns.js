// Forward down the left, backward up the right: a row a layer, which opens.

// Rows and columns of an array of a step: what: "x", "y", "dx", "dy", or the name of a parameter.
function matrix_of(name, what, size) {
  const shape = DATA.shapes[`${name}.${what}`] || DATA.shapes[`${name.split(".")[0]}.${what}`];
  if (shape) return shape.length === 2 && shape[1] > 1 ? shape : [1, size];
  const out = what === "y" || what === "dy",
    top = name.split(".")[0];
  if (name === "patchify" && !out) return [HEIGHT, WIDTH * CONFIG.channels];
  const one = ["pre_logits", "head_hidden", "head", "loss"].includes(top) || (top === "pool" && out);
  const patches = top === "patchify" || top === "patch" || (top === "class_token" && !out);
  const rows = one ? 1 : patches ? ROWS * COLUMNS : TOKENS;
  return [rows, size / rows];
}

function shape_text(name, what, size) {
  if (name === "patchify" && (what === "x" || what === "dx"))
    return `${HEIGHT} × ${WIDTH} × ${CONFIG.channels}`;
  const [rows, cols] = matrix_of(name, what, size);
  return rows === 1 ? String(cols) : `${rows} × ${cols}`;
}

// The pairs of arrays that a step's detail can show: {name: [forward, backward or null]}.
function pairs_of(step) {
  const pairs = { x: [step.x, step.dx], y: [step.y, step.dy] };
  if (step.layer instanceof Attention) {
    ["q", "k", "v", "p", "o"].forEach((name, i) => {
      pairs[name] = [step.cache.heads[i], null];
    });
  }
  if (step.layer instanceof SequencePool) pairs.p = [step.cache[1], null];
  if (step.layer instanceof LayerNorm) pairs.xhat = [step.cache[0], null];
  for (const [name, leaf] of leaves(step.params)) {
    if (!name.includes(".")) pairs[name] = [leaf, step.grads[name]];
  }
  return pairs;
}

function cache_matrix(step, pair, size) {
  if (step.name === "pool" && pair === "p") return [1, TOKENS];
  if (pair === "p") return [TOKENS, CONFIG.heads * TOKENS];
  if (pair === "q" || pair === "k" || pair === "v") return [CONFIG.heads * TOKENS, CONFIG.dim / CONFIG.heads];
  if (pair === "o" || pair === "xhat") return [size / CONFIG.dim, CONFIG.dim];
  return matrix_of(step.name, pair, size);
}

function children_of(name) {
  return Object.keys(state.walked.steps).filter(
    (other) => other.startsWith(`${name}.`) && !other.slice(name.length + 1).includes("."),
  );
}

function strip(step, what, back) {
  const x = step[what],
    canvas = make("canvas"),
    [rows, cols] = matrix_of(step.name, what, x.length);
  paint_soon(canvas, () => paint(canvas, x, rows, cols));
  const shape = shape_text(step.name, what, x.length);
  const words = back
    ? t("summary_back", { shape, norm: short(norm(x)) })
    : t("summary", { shape, rms: short(norm(x) / Math.sqrt(x.length)) });
  return make("span", { class: back ? "strip back" : "strip" }, canvas, make("span", {}, words));
}

function layer_row(name) {
  const step = state.walked.steps[name],
    open = state.open.has(name),
    inside = children_of(name);
  const last = name.split(".").pop(),
    kind = step.layer.constructor.name;
  const head = make(
    "button",
    {
      class: "head",
      "aria-expanded": String(open),
      "data-layer": name,
      onclick: () => toggle(name),
    },
    strip(step, "y", false),
    make("span", { class: "name" }, make("b", {}, last), make("span", {}, kind)),
    strip(step, "dx", true),
  );
  const row = make("div", { class: "layer", "data-open": String(open), "data-row": name }, head);
  if (open) {
    row.append(detail(step));
    if (inside.length) row.append(make("div", { class: "inside" }, ...inside.map(layer_row)));
  }
  return row;
}

// Only this row is drawn anew: what is open elsewhere stays as it is.
function toggle(name) {
  if (!state.open.delete(name)) state.open.add(name);
  document.querySelector(`[data-row="${name}"]`)?.replaceWith(layer_row(name));
  document.querySelector(`[data-layer="${name}"]`)?.focus();
  draw_unfold();
}

function top_layers() {
  return Object.keys(state.walked.steps).filter((name) => !name.includes("."));
}

function draw_columns() {
  const focused = document.activeElement?.dataset?.layer;
  by_id("columns").replaceChildren(...top_layers().map(layer_row));
  if (focused) by_id("columns").querySelector(`[data-layer="${focused}"]`)?.focus();
  draw_unfold();
}

function draw_unfold() {
  const all = BLOCKS.every((b) => state.open.has(`block${b}`));
  by_id("unfold").textContent = t(all ? "fold" : "unfold");
}

function draw_legend() {
  const bar_ = make("canvas");
  paint(
    bar_,
    Float64Array.from({ length: 101 }, (_, i) => i - 50),
    1,
    101,
  );
  by_id("legend").replaceChildren(t("negative"), bar_, t("positive"));
}

by_id("unfold").addEventListener("click", () => {
  const names = BLOCKS.map((b) => `block${b}`),
    open = new Set(state.open);
  const all = names.every((name) => open.has(name));
  for (const name of names)
    if (all) open.delete(name);
    else open.add(name);
  change({ open });
});
draws(["open"], draw_columns);
draws(["walked", "scheme", "language"], draw_columns, true);
draws(["scheme", "language"], draw_legend);
