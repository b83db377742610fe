// The picture, what is laid over it, and the token that is pointed at.

const stage = by_id("stage");
const plain = document.createElement("canvas");

stage.height = Math.round((stage.width * HEIGHT) / WIDTH);
document.documentElement.style.setProperty("--shape", `${WIDTH} / ${HEIGHT}`);

// What lies over the picture: {values, columns}, or null.
function overlay() {
  const { walked } = state;
  if (state.overlay === "pixels")
    return { values: row_norms(walked.steps.patchify.dx, CONFIG.channels), columns: WIDTH };
  if (state.overlay === "patches") {
    const norms = row_norms(walked.steps[`block${state.block}`].dy, CONFIG.dim);
    return { values: norms.subarray(PREFIX), columns: COLUMNS };
  }
  if (state.overlay === "attention")
    return { values: attention_map(state.block, state.head), columns: COLUMNS };
  return null;
}

function draw_stage() {
  const pen = stage.getContext("2d"),
    { width, height } = stage,
    laid = overlay();
  paint_picture(plain, DATA.pictures[state.picture].pixels, laid ? 0.8 : 0);
  pen.imageSmoothingEnabled = false;
  pen.globalAlpha = 1;
  pen.drawImage(plain, 0, 0, width, height);
  if (laid) {
    pen.fillStyle = "rgb(16 18 26 / 30%)";
    pen.fillRect(0, 0, width, height);
    const most = laid.values.reduce((a, b) => Math.max(a, b), 1e-30),
      colours = scale_of(SIZES, "dark");
    const { columns } = laid,
      cell = [width / columns, (height * columns) / laid.values.length];
    laid.values.forEach((value, i) => {
      const share = value / most,
        colour = colours[Math.round(255 * share)] || colours[0];
      pen.globalAlpha = 0.92 * Math.sqrt(share);
      pen.fillStyle = `rgb(${colour})`;
      pen.fillRect((i % columns) * cell[0], Math.floor(i / columns) * cell[1], ...cell);
    });
  }
  pen.globalAlpha = 1;
  if (state.token >= PREFIX) {
    const patch = state.token - PREFIX,
      cell = [width / COLUMNS, height / ROWS];
    const box = [(patch % COLUMNS) * cell[0], Math.floor(patch / COLUMNS) * cell[1], ...cell];
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
  const known = laid && state.overlay !== "pixels" && patch >= 0;
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
    { channels: C } = CONFIG,
    [P, Q] = PATCH;
  const { dx } = state.walked.steps.patchify,
    first = (Math.floor(patch / COLUMNS) * P * WIDTH + (patch % COLUMNS) * Q) * C;
  let index = first;
  for (let row = 0; row < P; row++) {
    for (let i = first + row * WIDTH * C; i < first + (row * WIDTH + Q) * C; i++) {
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
  const cell = (share, count) => Math.max(0, Math.min(count - 1, Math.floor(share * count)));
  const row = cell((event.clientY - box.top) / box.height, ROWS);
  return PREFIX + row * COLUMNS + cell((event.clientX - box.left) / box.width, COLUMNS);
}

function move_token(down, right) {
  if (state.token < PREFIX) return change({ token: PREFIX, held: true });
  const patch = state.token - PREFIX,
    row = Math.floor(patch / COLUMNS) + down,
    column = (patch % COLUMNS) + right;
  if (PREFIX && row < 0) return change({ token: 0, held: true });
  if (row < 0 || column < 0 || row >= ROWS || column >= COLUMNS) return null;
  return change({ token: PREFIX + row * COLUMNS + column, held: true });
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
