// A picture of the user's own, from a file or dropped on the page, fitted as in Python: the shorter
// side is resized, the square in the middle is kept. Nothing leaves the page.

async function open_own(file) {
  let image;
  try {
    image = await createImageBitmap(file);
  } catch {
    by_id("picture-note").textContent = t("unreadable", { name: file.name });
    return;
  }
  const size = CONFIG.image_size,
    { width, height } = image,
    kept = Math.min(width, height);
  const canvas = make("canvas", { width: size, height: size }),
    pen = canvas.getContext("2d");
  pen.imageSmoothingQuality = "high";
  pen.drawImage(image, (width - kept) / 2, (height - kept) / 2, kept, kept, 0, 0, size, size);
  const seen = pen.getImageData(0, 0, size, size).data,
    channels = CONFIG.channels;
  const pixels = new Uint8Array(size * size * channels);
  for (let i = 0; i < size * size; i++) {
    const [red, green, blue] = seen.subarray(4 * i, 4 * i + 3);
    if (channels === 3) pixels.set([red, green, blue], 3 * i);
    else pixels[i] = Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
  }
  const other = width === size && height === size ? null : [width, height];
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
