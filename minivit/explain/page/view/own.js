// A picture of the user's own, from a file or dropped on the page, fitted as in Python: the largest
// part in the middle that has the model's shape, without the margin that the model leaves out, is
// resized. Nothing leaves the page.

async function open_own(file) {
  let image;
  try {
    image = await createImageBitmap(file);
  } catch {
    by_id("picture-note").textContent = t("unreadable", { name: file.name });
    return;
  }
  const { width, height } = image,
    scale = Math.min(width / WIDTH, height / HEIGHT) * DATA.kept;
  const part = [WIDTH * scale, HEIGHT * scale],
    canvas = make("canvas", { width: WIDTH, height: HEIGHT });
  const pen = canvas.getContext("2d");
  pen.imageSmoothingQuality = "high";
  pen.drawImage(image, (width - part[0]) / 2, (height - part[1]) / 2, ...part, 0, 0, WIDTH, HEIGHT);
  const seen = pen.getImageData(0, 0, WIDTH, HEIGHT).data,
    channels = CONFIG.channels;
  const pixels = new Uint8Array(WIDTH * HEIGHT * channels);
  for (let i = 0; i < WIDTH * HEIGHT; i++) {
    const [red, green, blue] = seen.subarray(4 * i, 4 * i + 3);
    if (channels === 3) pixels.set([red, green, blue], 3 * i);
    else pixels[i] = Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
  }
  const other = width === WIDTH && height === HEIGHT && DATA.kept === 1 ? null : [width, height];
  DATA.pictures.push({ name: file.name, size: other, here: true, label: null, pixels });
  show_picture(DATA.pictures.length - 1);
}

by_id("own").addEventListener("change", (event) => {
  if (event.target.files[0]) open_own(event.target.files[0]);
  event.target.value = "";
});
by_id("own-label").addEventListener("keydown", (event) => {
  if (event.key === "Enter" || event.key === " ") by_id("own").click();
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  by_id("drop").hidden = false;
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) by_id("drop").hidden = true;
});
addEventListener("drop", (event) => {
  event.preventDefault();
  by_id("drop").hidden = true;
  if (event.dataTransfer.files[0]) open_own(event.dataTransfer.files[0]);
});
