// Edits of a canvas, and a history of them. Everything at the photo's full size.
//
// The history keeps the rectangle that an edit touched, before and after, not whole pictures.

import { context, makeCanvas } from "./pixels.js";

const MOST_HISTORY_BYTES = 256e6;

/** The smallest rectangle around both; null is no rectangle. */
export function union(one, two) {
  if (!one || !two) return one ?? two;
  const x = Math.min(one.x, two.x);
  const y = Math.min(one.y, two.y);
  return {
    x,
    y,
    w: Math.max(one.x + one.w, two.x + two.w) - x,
    h: Math.max(one.y + one.h, two.y + two.h) - y,
  };
}

/** `rect` with whole numbers, inside a picture of this size; null where nothing is left. */
export function clamped({ x, y, w, h }, { width, height }) {
  const left = Math.max(0, Math.floor(x));
  const top = Math.max(0, Math.floor(y));
  const right = Math.min(width, Math.ceil(x + w));
  const bottom = Math.min(height, Math.ceil(y + h));
  return right > left && bottom > top ? { x: left, y: top, w: right - left, h: bottom - top } : null;
}

/** A photo that is edited: `original` never changes, `work` is what is seen. */
export class EditedPhoto {
  #committed; // `work` after the last commit
  #undo = [];
  #redo = [];
  #dirty = null;

  constructor(original) {
    this.original = original;
    this.width = original.width;
    this.height = original.height;
    this.work = copyOf(original);
    this.drawing = context(this.work);
    this.#committed = copyOf(original);
  }

  get canUndo() {
    return this.#undo.length > 0;
  }

  get canRedo() {
    return this.#redo.length > 0;
  }

  /** How many edits there are. */
  get edits() {
    return this.#undo.length;
  }

  /** Say that an edit has touched `rect`; it belongs to the next commit. */
  touch(rect) {
    const inside = clamped(rect, this);
    this.#dirty = union(this.#dirty, inside);
    return inside;
  }

  /** Take back what was touched since the last commit. Returns the rectangle. */
  revert() {
    const rect = this.#dirty;
    this.#dirty = null;
    if (rect) this.#copy(this.#committed, this.drawing, rect);
    return rect;
  }

  /** Make what was touched one step of the history. */
  commit() {
    const rect = this.#dirty;
    this.#dirty = null;
    if (!rect) return;
    const { x, y, w, h } = rect;
    const before = context(this.#committed).getImageData(x, y, w, h);
    const after = this.drawing.getImageData(x, y, w, h);
    this.#copy(this.work, context(this.#committed), rect);
    this.#undo.push({ rect, before, after });
    this.#redo = [];
    const size = (steps) => steps.reduce((sum, step) => sum + 8 * step.rect.w * step.rect.h, 0);
    while (this.#undo.length > 1 && size(this.#undo) > MOST_HISTORY_BYTES) this.#undo.shift();
  }

  undo() {
    return this.#step(this.#undo, this.#redo, "before");
  }

  redo() {
    return this.#step(this.#redo, this.#undo, "after");
  }

  #step(from, to, which) {
    const step = from.pop();
    if (!step) return null;
    to.push(step);
    for (const drawing of [this.drawing, context(this.#committed)]) {
      drawing.putImageData(step[which], step.rect.x, step.rect.y);
    }
    return step.rect;
  }

  #copy(from, drawing, { x, y, w, h }) {
    drawing.drawImage(from, x, y, w, h, x, y, w, h);
  }
}

function copyOf(canvas) {
  const made = makeCanvas(canvas.width, canvas.height);
  context(made).drawImage(canvas, 0, 0);
  return made;
}

/** A piece of the picture as a canvas of its own. */
export function pieceOf(canvas, { x, y, w, h }) {
  const piece = makeCanvas(w, h);
  context(piece).drawImage(canvas, x, y, w, h, 0, 0, w, h);
  return piece;
}

/** Paint from one point to another; points are { x, y }. */
export function paint(photo, from, to, { size, colour }) {
  const { drawing } = photo;
  Object.assign(drawing, { strokeStyle: colour, lineWidth: size, lineCap: "round" });
  drawing.beginPath();
  drawing.moveTo(from.x, from.y);
  drawing.lineTo(to.x, to.y + (from.x === to.x && from.y === to.y ? 0.01 : 0)); // a dot, too
  drawing.stroke();
  return photo.touch(around(from, to, size / 2 + 2));
}

/** Blur from one point to another: dabs that are scaled down and up again. */
export function blur(photo, from, to, { size }) {
  const steps = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / (size / 4)));
  for (let step = 1; step <= steps; step += 1) {
    const share = step / steps;
    blurDab(photo, from.x + share * (to.x - from.x), from.y + share * (to.y - from.y), size);
  }
  return photo.touch(around(from, to, size / 2 + 2));
}

function blurDab({ work, drawing, ...photo }, x, y, size) {
  const rect = clamped({ x: x - size / 2, y: y - size / 2, w: size, h: size }, photo);
  if (!rect) return;
  const coarse = Math.max(2, Math.round(size / 8));
  const small = makeCanvas(Math.max(2, Math.round(rect.w / coarse)), Math.max(2, Math.round(rect.h / coarse)));
  const shrinking = context(small);
  shrinking.imageSmoothingQuality = "high";
  shrinking.drawImage(work, rect.x, rect.y, rect.w, rect.h, 0, 0, small.width, small.height);
  drawing.save();
  drawing.beginPath();
  drawing.arc(x, y, size / 2, 0, 2 * Math.PI);
  drawing.clip();
  drawing.imageSmoothingQuality = "high";
  drawing.drawImage(small, rect.x, rect.y, rect.w, rect.h);
  drawing.restore();
}

function around(one, two, margin) {
  const x = Math.min(one.x, two.x) - margin;
  const y = Math.min(one.y, two.y) - margin;
  return { x, y, w: Math.abs(one.x - two.x) + 2 * margin, h: Math.abs(one.y - two.y) + 2 * margin };
}

/**
 * Fill a rectangle from its border, so that what was there is gone.
 *
 * Each pixel is the mean of the four border pixels in its row and column, weighted by nearness.
 */
export function fillFromBorder(photo, rect) {
  const { x, y, w, h } = rect;
  const left = Math.max(0, x - 1);
  const top = Math.max(0, y - 1);
  const right = Math.min(photo.width - 1, x + w);
  const bottom = Math.min(photo.height - 1, y + h);
  const strip = (...box) => photo.drawing.getImageData(...box).data;
  const [west, east] = [strip(left, y, 1, h), strip(right, y, 1, h)];
  const [north, south] = [strip(x, top, w, 1), strip(x, bottom, w, 1)];
  const filled = new ImageData(w, h);
  for (let row = 0; row < h; row += 1) {
    for (let column = 0; column < w; column += 1) {
      const near = [1 / (column + 1), 1 / (w - column), 1 / (row + 1), 1 / (h - row)];
      const sum = near[0] + near[1] + near[2] + near[3];
      const at = 4 * (row * w + column);
      for (let c = 0; c < 3; c += 1) {
        filled.data[at + c] =
          (near[0] * west[4 * row + c] + near[1] * east[4 * row + c] + near[2] * north[4 * column + c] + near[3] * south[4 * column + c]) / sum;
      }
      filled.data[at + 3] = 255;
    }
  }
  photo.drawing.putImageData(filled, x, y);
  return photo.touch(rect);
}

/** Words as a canvas just large enough for them. */
export function textPiece(words, { height, colour }) {
  const font = `700 ${height}px system-ui, sans-serif`;
  const measure = context(makeCanvas(1, 1));
  measure.font = font;
  const margin = Math.ceil(height / 8);
  const piece = makeCanvas(Math.ceil(measure.measureText(words).width) + 2 * margin, Math.ceil(1.3 * height));
  const drawing = context(piece);
  Object.assign(drawing, { font, fillStyle: colour, textBaseline: "middle" });
  drawing.fillText(words, margin, piece.height / 2);
  return piece;
}
