// Where a picture comes in: dropped, chosen or pasted. A drop zone is a real file input.

import { service } from "./state.js";
import { ServiceError } from "./api.js";
import { bytes } from "./words.js";

const ENDINGS = /\.(jpe?g|png|webp|tiff?|avif|hei[cf]|gif|bmp)$/i;

/**
 * Call `onFile` with the picture that is dropped on or chosen in `zone` (a .drop element).
 *
 * With `several` it gets an array of all of them.
 */
export function dropZone(zone, onFile, { several = false } = {}) {
  const input = zone.querySelector("input[type=file]");
  input.multiple = several;
  const give = (files) => {
    if (files.length > 0) onFile(several ? files : files[0]);
  };
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = ""; // the same file may be chosen again
    give(files);
  });
  let inside = 0; // elements of the zone that the pointer is over
  const over = (step) => (event) => {
    event.preventDefault();
    inside += step;
    zone.classList.toggle("over", inside > 0);
  };
  zone.addEventListener("dragenter", over(1));
  zone.addEventListener("dragleave", over(-1));
  zone.addEventListener("dragover", (event) => event.preventDefault());
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    inside = 0;
    zone.classList.remove("over");
    give([...event.dataTransfer.files]);
  });
}

/** The picture in a clipboard, or null. */
export function pastedPicture(event) {
  const items = [...(event.clipboardData?.files ?? [])];
  return items.find((file) => file.type.startsWith("image/")) ?? null;
}

/** Throw a ServiceError, as the service would, for a file that it would refuse after the upload. */
export function checkFile(file) {
  const isPicture = file.type.startsWith("image/") || ENDINGS.test(file.name);
  if (!isPicture) {
    throw new ServiceError({
      code: "unsupported_media",
      message: `Expected a photo, got “${file.name}”${file.type && ` (${file.type})`}; choose a JPEG, PNG, WebP, TIFF, AVIF or HEIC file.`,
    });
  }
  const most = service.limits.max_bytes;
  if (file.size > most) {
    throw new ServiceError({
      code: "too_large",
      message: `Expected a file of at most ${bytes(most)}, got ${bytes(file.size)}; save it smaller or use the command line.`,
    });
  }
}

/** The same for the number of pixels, where this browser can tell it. */
export function checkSize({ width, height }) {
  const most = service.limits.max_pixels;
  if (width * height > most) {
    throw new ServiceError({
      code: "too_large",
      message: `Expected at most ${(most / 1e6).toFixed(1)} megapixels, got ${width} × ${height}; use the command line for larger pictures.`,
    });
  }
}
