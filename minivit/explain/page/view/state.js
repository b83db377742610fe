// What the page shows, in one object; whoever draws says which of its values it depends on.

const DATA = JSON.parse(document.getElementById("data").textContent);
const CONFIG = DATA.config;
const [HEIGHT, WIDTH] = pair(CONFIG.image_size); // of a picture, in pixels
const PATCH = pair(CONFIG.patch_size); // height and width
const [ROWS, COLUMNS] = [HEIGHT / PATCH[0], WIDTH / PATCH[1]]; // of patches
const PREFIX = CONFIG.pool === "class" ? 1 : 0;
const TOKENS = ROWS * COLUMNS + PREFIX;
const BLOCKS = Array.from({ length: CONFIG.depth }, (_, i) => i);
const HEADS = Array.from({ length: CONFIG.heads }, (_, i) => i);

const state = {
  picture: 0, // number among DATA.pictures
  params: null, // a tree of Float64Array
  walked: null, // see `walk`
  token: PREFIX + Math.floor(ROWS / 2) * COLUMNS + Math.floor(COLUMNS / 2),
  held: false,
  overlay: "attention", // "none" | "pixels" | "patches" | "attention"
  direction: "to", // attention: "to" | "by"
  block: Math.floor(CONFIG.depth / 2),
  head: 0,
  open: new Set(), // names of layers
  chosen: {}, // {name of a layer: the pair of arrays that its detail shows}
  nudge: null, // see `Nudged`
  log_size: -0.5, // of the nudge
  rule: "adamw",
  log_lr: -3,
  steps: 0, // optimizer steps taken
  sources: new Set(), // source texts that are open: "block0.attn forward"
  scheme: "auto",
};

const drawers = [];
const waiting = new Set(); // what is drawn after the answer to the user is on the screen
let scheduled = false;

// draw() is called when one of these values of the state changes; later: not at once.
function draws(keys, draw, later = false) {
  drawers.push({ keys, draw, later });
}

function change(values) {
  Object.assign(state, values);
  const due = drawers.filter(({ keys }) => keys.some((key) => key in values));
  for (const { draw, later } of due) if (later) waiting.add(draw);
  for (const { draw, later } of due) {
    if (later) continue;
    waiting.delete(draw); // it need not be drawn twice
    draw();
  }
  if (waiting.size && !scheduled) {
    scheduled = true;
    requestAnimationFrame(() => setTimeout(draw_waiting)); // after the next picture on the screen
  }
}

// One at a time, so that the page answers in between.
function draw_waiting() {
  const [draw] = waiting;
  waiting.delete(draw);
  draw?.();
  scheduled = waiting.size > 0;
  if (scheduled) setTimeout(draw_waiting);
}

function bytes_of(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

// The trained parameters: a tree of Float64Array.
function trained_params() {
  const flat = new Float32Array(bytes_of(DATA.weights).buffer);
  let at = 0;
  return tree_from(
    Object.entries(DATA.shapes).map(([name, shape]) => {
      const size = shape.reduce((a, b) => a * b, 1);
      return [name, Float64Array.from(flat.subarray(at, (at += size)))];
    }),
  );
}

// Pixels (0..255) as the model takes them, rounded to float32 as NumPy does.
function normalised(pixels) {
  return Float64Array.from(pixels, (value, i) => {
    const c = i % CONFIG.channels;
    return Math.fround((value / 255 - DATA.mean[c]) / DATA.std[c]);
  });
}

function show_picture(number) {
  const picture = DATA.pictures[number];
  const given = picture.label ?? (number === 0 ? DATA.label : null);
  change({ picture: number, walked: walk(CONFIG, state.params, normalised(picture.pixels), given) });
}

function follow_label(label) {
  change({ walked: walk_back(state.walked.forward, label) });
}

// The weights of a head's attention on the patches, from or to the token.
function attention_map(block, head) {
  const p = state.walked.forward.steps[`block${block}.attn`].cache.heads[3]; // (T keys, heads, T queries)
  const map = new Float64Array(TOKENS - PREFIX);
  for (let i = 0; i < map.length; i++) {
    const [key, query] = state.direction === "to" ? [i + PREFIX, state.token] : [state.token, i + PREFIX];
    map[i] = p[(key * CONFIG.heads + head) * TOKENS + query];
  }
  return map;
}

// The length of each row of an array.
function row_norms(x, width) {
  const norms = new Float64Array(x.length / width);
  for (let i = 0; i < x.length; i++) norms[Math.floor(i / width)] += x[i] * x[i];
  return norms.map(Math.sqrt);
}

function norm(x) {
  return row_norms(x, x.length)[0];
}

function row_of(x, width, row) {
  return x.subarray(row * width, (row + 1) * width);
}

// A number in three digits, in the way of the page.
function short(number) {
  const size = Math.abs(number);
  if (!number) return "0";
  if (!Number.isFinite(number)) return String(number);
  const text = size >= 1e-3 && size < 1e4 ? number.toPrecision(3) : number.toExponential(2);
  const plain = size >= 100 && size < 1e4 ? String(Math.round(number)) : text;
  return plain.replace("-", "−").replace("e+", "e");
}

function percent(share) {
  return `${(100 * share).toFixed(1)}%`;
}

function where_of(token) {
  if (token < PREFIX) return t("pointed_class");
  const patch = token - PREFIX;
  return t("pointed", { row: Math.floor(patch / COLUMNS), column: patch % COLUMNS, token });
}

// An element: make("button", {class: "x", onclick}, "text" or children).
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function by_id(id) {
  return document.getElementById(id);
}

// A row of buttons, one of which is pressed. They stay the same elements, so the focus stays.
function segments(id, options, current, choose) {
  const box = by_id(id);
  if (!box.children.length) {
    box.append(
      ...options.map(([value]) => make("button", { "data-value": value, onclick: () => choose(value) })),
    );
  }
  options.forEach(([value, text], i) => {
    box.children[i].textContent = text;
    box.children[i].setAttribute("aria-pressed", String(value === current()));
  });
}
