// A photograph to try with, and a change to it as somebody might make one.

import { ServiceError } from "./api.js";
import { decode } from "./pixels.js";

const ADDRESS = "static/sample.jpg";
const PATCH = { x: 0.5, y: 0, from: 0.1, width: 0.36, height: 0.36 }; // shares: sky over the palm leaf
const QUALITY = 0.85;

/** The sample as it is in the package: © 2008 Nevit Dilmen, CC BY 3.0. */
export async function sample() {
  const answer = await fetch(ADDRESS).catch(() => null);
  if (!answer?.ok) throw new ServiceError({ code: "unreachable", message: "The sample could not be loaded." });
  return new File([await answer.blob()], "sample.jpg", { type: "image/jpeg" });
}

/** A copy with one part covered by another, saved as JPEG. */
export async function changed(file, name) {
  const canvas = await decode(file);
  const { width, height } = canvas;
  const size = [PATCH.width * width, PATCH.height * height];
  const drawing = canvas.getContext("2d");
  drawing.drawImage(canvas, PATCH.from * width, PATCH.y * height, ...size, PATCH.x * width, PATCH.y * height, ...size);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
  return new File([blob], name, { type: "image/jpeg" });
}
