// Colours, heat maps, histograms and curves. The scales are safe for colour-blind eyes: blue and
// orange for signs, and one that only grows brighter (or darker) for sizes.

const SIGNED = {
  light: [
    [16, 74, 148],
    [88, 146, 206],
    [247, 246, 243],
    [230, 150, 76],
    [152, 66, 0],
  ],
  dark: [
    [150, 200, 255],
    [62, 116, 186],
    [26, 30, 37],
    [176, 92, 24],
    [255, 196, 130],
  ],
};
const SIZES = {
  light: [
    [250, 249, 245],
    [253, 218, 141],
    [240, 132, 62],
    [168, 50, 80],
    [66, 16, 80],
  ],
  dark: [
    [22, 22, 34],
    [86, 24, 92],
    [176, 54, 84],
    [244, 140, 66],
    [255, 240, 180],
  ],
};

function is_dark() {
  return document.documentElement.dataset.scheme === "dark";
}

// A colour scale as 256 colours [red, green, blue]; what: SIGNED or SIZES.
const scales = new Map();
function scale_of(what, scheme = is_dark() ? "dark" : "light") {
  const anchors = what[scheme];
  if (!scales.has(anchors)) {
    scales.set(
      anchors,
      Array.from({ length: 256 }, (_, i) => {
        const place = (i / 255) * (anchors.length - 1),
          low = Math.min(Math.floor(place), anchors.length - 2);
        return anchors[low].map((value, c) =>
          Math.round(value + (anchors[low + 1][c] - value) * (place - low)),
        );
      }),
    );
  }
  return scales.get(anchors);
}

// The size that a scale ends at: nearly all numbers are within, so one outlier cannot hide the rest.
function reach(x) {
  const every = Math.ceil(x.length / 2000);
  const sizes = new Float64Array(Math.ceil(x.length / every)).map((_, i) => Math.abs(x[i * every])).sort();
  return (
    sizes[Math.floor(0.995 * (sizes.length - 1))] || x.reduce((a, b) => Math.max(a, Math.abs(b)), 0) || 1
  );
}

// Paint an array (rows, cols) into a canvas, a pixel a number.
function paint(canvas, x, rows, cols, { what = SIGNED, most = reach(x), scheme } = {}) {
  canvas.width = cols;
  canvas.height = rows;
  const image = new ImageData(cols, rows),
    pixels = new Uint32Array(image.data.buffer);
  const colours = Uint32Array.from(
    scale_of(what, scheme),
    ([red, green, blue]) => (255 << 24) | (blue << 16) | (green << 8) | red,
  );
  const factor = 255 / (what === SIGNED ? 2 * most : most),
    start = what === SIGNED ? 128 : 0.5;
  for (let i = 0; i < pixels.length; i++) {
    pixels[i] = colours[Math.max(0, Math.min(255, Math.floor(x[i] * factor + start)))];
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

const unpainted = [];
let painting = 0;

// Paint a canvas soon: a few at a time, those that are in sight first.
function paint_soon(canvas, draw) {
  unpainted.push({ canvas, draw });
  if (!painting) painting = setTimeout(paint_some);
}

function paint_some() {
  const end = performance.now() + 12;
  const seen = ({ canvas }) => {
    const box = canvas.getBoundingClientRect();
    return box.bottom > 0 && box.top < innerHeight;
  };
  const order = [...unpainted.filter(seen), ...unpainted.filter((each) => !seen(each))];
  unpainted.length = 0;
  while (order.length && performance.now() < end) {
    const { canvas, draw } = order.shift();
    if (canvas.isConnected) draw();
  }
  unpainted.push(...order);
  painting = unpainted.length ? setTimeout(paint_some) : 0;
}

// A picture (0..255) into a canvas, a pixel a pixel; grey: the share of its colour that is taken away.
function paint_picture(canvas, pixels, grey = 0) {
  const channels = CONFIG.channels,
    image = new ImageData(WIDTH, HEIGHT);
  Object.assign(canvas, { width: WIDTH, height: HEIGHT });
  for (let i = 0; i < WIDTH * HEIGHT; i++) {
    const of = (c) => pixels[i * channels + (channels === 3 ? c : 0)];
    const light = 0.3 * of(0) + 0.59 * of(1) + 0.11 * of(2);
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = of(c) + (light - of(c)) * grey;
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes = {}, text = "") {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  return element;
}

// How often each size occurs, as bars.
function histogram(x) {
  const plot = svg("svg", { class: "histogram", viewBox: "0 0 61 20", preserveAspectRatio: "none" });
  const most = reach(x) * 1.2,
    counts = new Float64Array(61);
  for (const value of x) counts[Math.max(0, Math.min(60, Math.round((value / most + 1) * 30)))]++;
  const top = counts.reduce((a, b) => Math.max(a, b)),
    colours = scale_of(SIGNED);
  counts.forEach((count, i) => {
    const height = count ? Math.max(0.5, 19 * Math.sqrt(count / top)) : 0;
    const strong = colours[i < 30 ? 60 : 195];
    const fill = i === 30 ? "var(--soft)" : `rgb(${strong})`;
    plot.append(svg("rect", { x: i + 0.1, y: 20 - height, width: 0.8, height, fill }));
  });
  return plot;
}

// An empty plot with axes, as wide as `place`: its letters are as large as others. box: {x: [low, high], y: [low, high]}; ticks: {x: [[value, text]], y}.
function plot_frame(place, label, box, ticks) {
  const letters = parseFloat(getComputedStyle(document.documentElement).fontSize) / 15;
  const width = Math.max(260, Math.round(place.clientWidth / letters) || 480),
    height = 292,
    left = 62,
    bottom = 34,
    top = 26,
    right = 12;
  const root = svg("svg", {
    class: "plot",
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    "aria-label": label,
  });
  const x = (v) => left + ((v - box.x[0]) / (box.x[1] - box.x[0])) * (width - left - right);
  const y = (v) => height - bottom - ((v - box.y[0]) / (box.y[1] - box.y[0])) * (height - top - bottom);
  for (const [value, text] of ticks.y) {
    root.append(svg("line", { class: "axis", x1: left, x2: width - right, y1: y(value), y2: y(value) }));
    root.append(svg("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, text));
  }
  for (const [value, text] of ticks.x) {
    root.append(svg("text", { x: x(value), y: height - bottom + 18, "text-anchor": "middle" }, text));
  }
  return { root, x, y, left, right: width - right, top, bottom: height - bottom };
}

// A curve through points [[x, y], ...], where they are finite and within the frame.
function curve(frame, points, name) {
  const inside = points.filter(([, b]) => Number.isFinite(b));
  const at = inside.map(
    ([a, b]) =>
      `${frame.x(a).toFixed(1)},${Math.max(frame.top, Math.min(frame.bottom, frame.y(b))).toFixed(1)}`,
  );
  frame.root.append(svg("polyline", { class: name, points: at.join(" ") }));
}

// The names of curves, above a plot.
function key(frame, names) {
  names.forEach(([name, text], i) => {
    const y = 8,
      at = frame.left + 140 * i;
    frame.root.append(svg("line", { class: name, x1: at, x2: at + 24, y1: y, y2: y }));
    frame.root.append(svg("text", { class: "key", x: at + 30, y: y + 4 }, text));
  });
}
