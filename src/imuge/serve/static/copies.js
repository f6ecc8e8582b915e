// What saving does to the photo: one affine map, for its pixels, the truth about them and the frame.
//
//   photo ─ cut ─► turned about its middle, cut to what has no corners ─► quarter turns, mirrored ─► scaled

import { context, makeCanvas } from "./pixels.js";

/** A whole, upright copy. `crop` is a rectangle of the photo or null, `turn` in degrees clockwise. */
export const WHOLE = Object.freeze({ crop: null, turn: 0, quarters: 0, mirrored: false });

/**
 * How a copy lies in the photo: its size in pixels, and `map` from its pixels to the photo's.
 *
 * `move` is like `WHOLE`; `scale` is in pixels of the copy for each of the photo's.
 */
export function placed(photo, move, scale = 1) {
  const { x, y, w, h } = move.crop ?? { x: 0, y: 0, w: photo.width, h: photo.height };
  const upright = largestInside(w, h, move.turn);
  const cut = move.quarters % 2 ? { w: upright.h, h: upright.w } : upright;
  const width = Math.max(1, Math.round(cut.w * scale));
  const height = Math.max(1, Math.round(cut.h * scale));
  const map = new DOMMatrix()
    .translate(x + w / 2, y + h / 2)
    .rotate(-(move.turn + 90 * move.quarters))
    .scale(((move.mirrored ? -1 : 1) * cut.w) / width, cut.h / height)
    .translate(-width / 2, -height / 2);
  return { width, height, map };
}

/** The corners of a copy in the photo, in its order: [x, y] each. */
export function cornersOf({ width, height, map }) {
  return [[0, 0], [width, 0], [width, height], [0, height]].map(([x, y]) => {
    const at = map.transformPoint({ x, y });
    return [at.x, at.y];
  });
}

/** The copy as a canvas. */
export function drawn(photo, { width, height, map }) {
  const canvas = makeCanvas(width, height);
  const drawing = context(canvas);
  // Pixels that only change places are copied as they are.
  drawing.imageSmoothingEnabled = !isExact(map);
  drawing.imageSmoothingQuality = "high";
  drawing.setTransform(map.inverse());
  drawing.drawImage(photo.work, 0, 0);
  return canvas;
}

function isExact({ a, b, c, d }) {
  return [a, b, c, d].every((part) => Math.abs(part - Math.round(part)) < 1e-9);
}

/** Sides of the largest upright rectangle in one that is turned: as an editor cuts its corners off. */
function largestInside(w, h, degrees) {
  if (degrees === 0) return { w, h };
  const angle = (degrees * Math.PI) / 180;
  const [sine, cosine] = [Math.abs(Math.sin(angle)), Math.abs(Math.cos(angle))];
  const [longer, shorter] = [Math.max(w, h), Math.min(w, h)];
  let sides;
  if (shorter <= 2 * sine * cosine * longer || Math.abs(sine - cosine) < 1e-9) {
    const [along, across] = [shorter / 2 / sine, shorter / 2 / cosine]; // two corners touch the longer sides
    sides = w >= h ? [along, across] : [across, along];
  } else {
    const double = cosine * cosine - sine * sine;
    sides = [(w * cosine - h * sine) / double, (h * cosine - w * sine) / double];
  }
  return { w: Math.max(1, Math.floor(sides[0])), h: Math.max(1, Math.floor(sides[1])) };
}
