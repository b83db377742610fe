// The curves of a nudge: the change of the loss over its size, and the V of the gradient check.

let sweep = null; // what the curves show so far, and the timer that goes on with it

function draw_curve(points, gradient, h) {
  const ys = [...points.map(([, y]) => y), gradient * h, -gradient * h].map(Math.abs);
  const most = ys.reduce((a, b) => Math.max(a, b), 1e-300) * 1.05;
  const frame = plot_frame(
    by_id("curve"),
    t("curve_title"),
    { x: [-h, h], y: [-most, most] },
    {
      x: [-h, -h / 2, 0, h / 2, h].map((v) => [v, short(v)]),
      y: [-most / 1.05, 0, most / 1.05].map((v) => [v, short(v)]),
    },
  );
  frame.root.append(
    svg("line", { class: "axis", x1: frame.x(0), x2: frame.x(0), y1: frame.top, y2: frame.bottom }),
  );
  curve(
    frame,
    [
      [-h, -gradient * h],
      [h, gradient * h],
    ],
    "two",
  );
  curve(frame, points, "one");
  key(frame, [
    ["one", t("forward_again")],
    ["two", t("tangent")],
  ]);
  by_id("curve").replaceChildren(frame.root);
}

function draw_v(curves) {
  const log = (v) => Math.log10(Math.max(v, 1e-13));
  const frame = plot_frame(
    by_id("v"),
    t("v_title"),
    { x: [-10, 1], y: [-12, 1] },
    {
      x: [-10, -8, -6, -4, -2, 0].map((v) => [v, v ? `1e${v}`.replace("-", "−") : "1"]),
      y: [-12, -9, -6, -3, 0].map((v) => [v, v ? `1e${v}`.replace("-", "−") : "1"]),
    },
  );
  const at = frame.x(state.log_size);
  frame.root.append(svg("line", { class: "here", x1: at, x2: at, y1: frame.top, y2: frame.bottom }));
  curve(
    frame,
    curves.double.map(([h, e]) => [h, log(e)]),
    "one",
  );
  curve(
    frame,
    curves.single.map(([h, e]) => [h, log(e)]),
    "two",
  );
  key(frame, [
    ["one", "float64"],
    ["two", "float32"],
  ]);
  by_id("v").replaceChildren(frame.root);
}

// What is still to be computed: a generator, so that the page answers in between.
function* sweeping(curves) {
  const { nudge, log_size } = state,
    h = 10 ** log_size,
    gradient = arrays_of(nudge)[1][nudge.index];
  for (let i = 0; i <= 16; i++) {
    const by = h * (i / 8 - 1);
    curves.points.push([by, by ? nudger(false).loss(nudge, by) - state.walked.loss : 0]);
    yield;
  }
  if (curves.double.length) return;
  for (let e = 1; e >= -10; e -= 0.5) {
    for (const kind of ["double", "single"]) {
      const size = 10 ** e,
        run = nudger(kind === "single");
      const slope = (run.loss(nudge, size) - run.loss(nudge, -size)) / (2 * size);
      curves[kind].push([e, Math.abs(slope - gradient) / Math.abs(gradient)]);
      yield;
    }
  }
}

function start_sweep(anew) {
  const old = sweep && !anew && !sweep.left ? sweep.curves : null;
  if (sweep) clearTimeout(sweep.timer);
  const gradient = arrays_of(state.nudge)[1][state.nudge.index];
  if (!gradient) {
    sweep = null;
    by_id("curve").textContent = by_id("v").textContent = t("flat");
    return;
  }
  const curves = { points: [], double: old?.double || [], single: old?.single || [] },
    work = sweeping(curves);
  sweep = { curves, left: true, timer: 0 };
  const mine = sweep;
  const go = () => {
    const { done } = work.next();
    draw_curve(curves.points, gradient, 10 ** state.log_size);
    draw_v(curves);
    mine.left = !done;
    if (!done) mine.timer = setTimeout(go, 0);
  };
  mine.timer = setTimeout(go, 250);
}

draws(["walked", "nudge", "language", "scheme"], () => start_sweep(true), true);
draws(["log_size"], () => start_sweep(false));
