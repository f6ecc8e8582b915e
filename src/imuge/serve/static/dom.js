// Small helpers for the document: elements, announcements, addresses of blobs.

export const byId = (id) => document.getElementById(id);

/** Make an element: `make("p", { className: "hint" }, "text", otherElement)`. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** A fresh copy of the one element inside a <template>. */
export function fromTemplate(id) {
  return byId(id).content.firstElementChild.cloneNode(true);
}

let spoken = "";

/** Say something to people who use a screen reader, once. */
export function announce(text) {
  if (text === spoken) return;
  spoken = text;
  byId("announcer").textContent = text;
}

/** Addresses of blobs that are given back together, so that no picture stays in memory. */
export class Addresses {
  #made = [];

  of(blob) {
    const address = URL.createObjectURL(blob);
    this.#made.push(address);
    return address;
  }

  release() {
    this.#made.forEach((address) => URL.revokeObjectURL(address));
    this.#made = [];
  }
}

/** Whether this browser can show the picture at `address`: its size, or null. */
export async function pictureSize(address) {
  const image = new Image();
  image.src = address;
  try {
    await image.decode();
  } catch {
    return null;
  }
  return { width: image.naturalWidth, height: image.naturalHeight };
}

/** Show a file for saving under `name` when the link is followed. */
export function download(link, address, name) {
  link.href = address;
  link.download = name;
}

/** The name of a file without its ending. */
export function stem(name) {
  return name.replace(/\.[^.]*$/, "") || "picture";
}
