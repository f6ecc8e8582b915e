// Work on pixels, in strips, so that a large photo neither fills memory nor stops the page.

const STRIP_PIXELS = 1 << 20;
export const PAPER = "#fff"; // seen through transparent pixels

/** A canvas of this size, ready for being read again and again. */
export function makeCanvas(width, height) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  return canvas;
}

export function context(canvas) {
  return canvas.getContext("2d", { willReadFrequently: true });
}

/** Decode a file into a canvas of its full size, upright. Throws where the browser cannot. */
export async function decode(blob) {
  const bitmap = await createImageBitmap(blob);
  const canvas = makeCanvas(bitmap.width, bitmap.height);
  const drawing = context(canvas);
  drawing.fillStyle = PAPER;
  drawing.fillRect(0, 0, canvas.width, canvas.height);
  drawing.drawImage(bitmap, 0, 0);
  bitmap.close();
  return canvas;
}

/** Call `each(top, rows)` for strips of a picture, letting the page breathe between them. */
export async function inStrips({ width, height }, each) {
  const rows = Math.max(1, Math.floor(STRIP_PIXELS / width));
  for (let top = 0; top < height; top += rows) {
    each(top, Math.min(rows, height - top));
    await new Promise((resolve) => setTimeout(resolve));
  }
}

/**
 * Draw `gain` times the absolute difference of two canvases of one size into `target`.
 *
 * `target` becomes at most `longest` pixels long; averages of differences, not of pixels, are seen.
 */
export async function drawResidual(before, after, target, { gain = 10, longest = 1600 } = {}) {
  const { width, height } = before;
  const scale = Math.min(1, longest / Math.max(width, height));
  Object.assign(target, { width: Math.round(width * scale), height: Math.round(height * scale) });
  const drawing = target.getContext("2d");
  await inStrips(before, (top, rows) => {
    const one = context(before).getImageData(0, top, width, rows);
    const two = context(after).getImageData(0, top, width, rows).data;
    const { data } = one;
    for (let i = 0; i < data.length; i += 4) {
      for (let c = i; c < i + 3; c += 1) data[c] = gain * Math.abs(data[c] - two[c]);
      data[i + 3] = 255;
    }
    const strip = makeCanvas(width, rows);
    strip.getContext("2d").putImageData(one, 0, 0);
    drawing.drawImage(strip, 0, top * scale, width * scale, rows * scale);
  });
}

/** A mask: one byte a pixel, 1 where tampered, and how many of them are. */
export class Mask {
  constructor(width, height) {
    Object.assign(this, { width, height, pixels: new Uint8Array(width * height) });
  }

  get area() {
    let sum = 0;
    for (const pixel of this.pixels) sum += pixel;
    return sum / this.pixels.length;
  }

  /** This mask in a copy of this size, nearest pixel; `map` leads from the copy's pixels to this mask's. */
  transformed({ width, height, map: { a, b, c, d, e, f } }) {
    const made = new Mask(width, height);
    for (let row = 0; row < height; row += 1) {
      for (let column = 0; column < width; column += 1) {
        const [across, down] = [column + 0.5, row + 0.5];
        const x = Math.min(this.width - 1, Math.max(0, Math.floor(a * across + c * down + e)));
        const y = Math.min(this.height - 1, Math.max(0, Math.floor(b * across + d * down + f)));
        made.pixels[row * width + column] = this.pixels[y * this.width + x];
      }
    }
    return made;
  }

  /** What `found`, of the same size, has of this true mask, as shares. */
  overlap(found) {
    let [both, truly, marked] = [0, 0, 0];
    for (let i = 0; i < this.pixels.length; i += 1) {
      truly += this.pixels[i];
      marked += found.pixels[i];
      both += this.pixels[i] & found.pixels[i];
    }
    return { recall: truly ? both / truly : null, precision: marked ? both / marked : null };
  }
}

/** Where two canvases of one size differ at all. */
export async function changedMask(original, edited) {
  const { width, height } = original;
  const mask = new Mask(width, height);
  await inStrips(original, (top, rows) => {
    const one = new Uint32Array(context(original).getImageData(0, top, width, rows).data.buffer);
    const two = new Uint32Array(context(edited).getImageData(0, top, width, rows).data.buffer);
    for (let i = 0, at = top * width; i < one.length; i += 1, at += 1) {
      mask.pixels[at] = one[i] === two[i] ? 0 : 1;
    }
  });
  return mask;
}

/** A mask picture (white where tampered) as a Mask. */
export async function readMask(blob) {
  const canvas = await decode(blob);
  const mask = new Mask(canvas.width, canvas.height);
  await inStrips(canvas, (top, rows) => {
    const { data } = context(canvas).getImageData(0, top, canvas.width, rows);
    for (let i = 0, at = top * canvas.width; i < data.length; i += 4, at += 1) {
      mask.pixels[at] = data[i] > 127 ? 1 : 0;
    }
  });
  return mask;
}

/** Draw a picture with a mask tinted in, at most `longest` pixels long. */
export async function drawMarked(picture, mask, target, { colour = [0, 110, 230], longest = 1200 } = {}) {
  const { width, height } = picture;
  const tint = makeCanvas(width, height);
  await inStrips(picture, (top, rows) => {
    const data = new ImageData(width, rows);
    for (let i = 0, at = top * width; i < data.data.length; i += 4, at += 1) {
      if (mask.pixels[at]) data.data.set([...colour, edge(mask, at) ? 255 : 150], i);
    }
    tint.getContext("2d").putImageData(data, 0, top);
  });
  const scale = Math.min(1, longest / Math.max(width, height));
  Object.assign(target, { width: Math.round(width * scale), height: Math.round(height * scale) });
  const drawing = target.getContext("2d");
  drawing.drawImage(picture, 0, 0, target.width, target.height);
  drawing.drawImage(tint, 0, 0, target.width, target.height);
}

/** Whether a tampered pixel has a neighbour that is not: the outline. */
function edge({ pixels, width }, at) {
  return !(pixels[at - 1] && pixels[at + 1] && pixels[at - width] && pixels[at + width]);
}
