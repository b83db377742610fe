// The picture, what is laid over it, and the token that is pointed at.

const stage = by_id("stage");
const plain = document.createElement("canvas");

// What lies over the picture: {values, side}, or null.
function overlay() {
  const { steps } = state.walked;
  if (state.overlay === "pixels")
    return { values: row_norms(steps.patchify.dx, CONFIG.channels), side: CONFIG.image_size };
  if (state.overlay === "patches") {
    const norms = row_norms(steps[`block${state.block}`].dy, CONFIG.dim);
    return { values: norms.subarray(PREFIX), side: GRID };
  }
  if (state.overlay === "attention") return { values: attention_map(state.block, state.head), side: GRID };
  return null;
}

function draw_stage() {
  const pen = stage.getContext("2d"),
    size = stage.width,
    laid = overlay();
  paint_picture(plain, DATA.pictures[state.picture].pixels, laid ? 0.8 : 0);
  pen.imageSmoothingEnabled = false;
  pen.globalAlpha = 1;
  pen.drawImage(plain, 0, 0, size, size);
  if (laid) {
    pen.fillStyle = "rgb(16 18 26 / 30%)";
    pen.fillRect(0, 0, size, size);
    const most = laid.values.reduce((a, b) => Math.max(a, b), 1e-30),
      colours = scale_of(SIZES, "dark");
    const side = size / laid.side;
    laid.values.forEach((value, i) => {
      const share = value / most,
        colour = colours[Math.round(255 * share)] || colours[0];
      pen.globalAlpha = 0.92 * Math.sqrt(share);
      pen.fillStyle = `rgb(${colour})`;
      pen.fillRect((i % laid.side) * side, Math.floor(i / laid.side) * side, side, side);
    });
  }
  pen.globalAlpha = 1;
  if (state.token >= PREFIX) {
    const patch = state.token - PREFIX,
      side = size / GRID;
    const box = [(patch % GRID) * side, Math.floor(patch / GRID) * side, side, side];
    pen.lineWidth = 7;
    pen.strokeStyle = "#12151a";
    pen.strokeRect(...box);
    pen.lineWidth = 3;
    pen.strokeStyle = "#ffffff";
    pen.strokeRect(...box);
  }
  draw_pointed(laid);
}

function draw_pointed(laid) {
  const where = where_of(state.token),
    patch = state.token - PREFIX;
  const known = laid && laid.side === GRID && patch >= 0;
  by_id("pointed").textContent = known
    ? t("pointed_value", { where, value: short(laid.values[patch]) })
    : where;
  stage.setAttribute("aria-label", `${DATA.pictures[state.picture].name}: ${where}`);
  const key_of =
    { attention: `attention_${state.direction}_words` }[state.overlay] || `${state.overlay}_words`;
  by_id("overlay-words").textContent = t(key_of, { block: `block${state.block}`, head: state.head });
}

// The pixel of the boxed patch whose gradient is largest, as a nudge.
function steepest_pixel() {
  const patch = Math.max(0, state.token - PREFIX),
    { patch_size: P, image_size: size, channels: C } = CONFIG;
  const { dx } = state.walked.steps.patchify,
    first = (Math.floor(patch / GRID) * size + (patch % GRID)) * P * C;
  let index = first;
  for (let row = 0; row < P; row++) {
    for (let i = first + row * size * C; i < first + row * size * C + P * C; i++) {
      if (Math.abs(dx[i]) > Math.abs(dx[index])) index = i;
    }
  }
  return { kind: "pixel", name: "patchify", leaf: "x", index };
}

function draw_buttons() {
  by_id("class-token").hidden = !PREFIX;
  by_id("class-token").setAttribute("aria-pressed", String(state.token < PREFIX));
  by_id("nudge-pixel").disabled = state.token < PREFIX;
}

by_id("class-token").addEventListener("click", () => change({ token: 0, held: true }));
by_id("nudge-pixel").addEventListener("click", () => go_nudge(steepest_pixel()));

function draw_overlays() {
  const names = ["none", "pixels", "patches", "attention"];
  segments(
    "overlays",
    names.map((name) => [name, t(name)]),
    () => state.overlay,
    (overlay_) => change({ overlay: overlay_ }),
  );
}

function patch_at(event) {
  const box = stage.getBoundingClientRect();
  const cell = (at, start, length) =>
    Math.max(0, Math.min(GRID - 1, Math.floor(((at - start) / length) * GRID)));
  return PREFIX + cell(event.clientY, box.top, box.height) * GRID + cell(event.clientX, box.left, box.width);
}

function move_token(down, right) {
  if (state.token < PREFIX) return change({ token: PREFIX, held: true });
  const patch = state.token - PREFIX,
    row = Math.floor(patch / GRID) + down,
    column = (patch % GRID) + right;
  if (PREFIX && row < 0) return change({ token: 0, held: true });
  if (row < 0 || column < 0 || row >= GRID || column >= GRID) return null;
  return change({ token: PREFIX + row * GRID + column, held: true });
}

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

stage.addEventListener("pointermove", (event) => {
  const token = patch_at(event);
  if (!state.held && event.pointerType === "mouse" && token !== state.token) change({ token });
});
stage.addEventListener("click", (event) => {
  const token = patch_at(event);
  change({ token, held: !(state.held && token === state.token) });
});
stage.addEventListener("keydown", (event) => {
  if (ARROWS[event.key]) move_token(...ARROWS[event.key]);
  else if (event.key === "Enter") change({ held: !state.held });
  else return;
  event.preventDefault();
});

draws(["walked", "token", "overlay", "direction", "block", "head", "scheme", "language"], draw_stage);
draws(["overlay", "language"], draw_overlays);
draws(["token"], draw_buttons);
