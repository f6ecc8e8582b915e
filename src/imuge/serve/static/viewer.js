// One or two pictures of one size under one pointer: a handle between them, zoom, and moving about.
//
// At "fit" a drag moves the handle; closer, a drag moves the pictures, and the handle is dragged by
// itself. Both pictures, and the boxes over them, always show the same place at the same scale.
// The handle is a slider for pointer, touch, keyboard and screen reader.

import { make } from "./dom.js";

const STEP = 2; // per cent, of an arrow key at the handle
const LEAP = 10; // of Page Up and Page Down
const MOVE = 40; // CSS pixels, of an arrow key at the picture
const MOST_SCALE = 4; // CSS pixels a picture's pixel
const ZOOM_STEP = 1.5;
const CLOSE_UP = 0.6; // of the view, that a region fills

export class Viewer {
  boxes = make("div", { className: "boxes" });
  #root = make("div", { className: "slider", tabIndex: 0 });
  #handle = make("div", { className: "handle", tabIndex: 0 });
  #left = make("img", { draggable: false, className: "left" });
  #right = make("img", { draggable: false, className: "right" });
  #names = { left: make("span", { className: "tag" }), right: make("span", { className: "tag end" }) };
  #shown = make("output", { className: "scale" });
  #view = { zoom: 1, x: 0, y: 0 }; // zoom 1 fits; x and y: the upper left corner, CSS pixels

  /** Fill `root`. `left` and `right` are { src, alt, name }; without `right` there is no handle. */
  constructor(root, { left, right = null, label, start = 50 }) {
    this.boxes.setAttribute("aria-hidden", "true");
    const attributes = {
      role: "slider",
      "aria-label": label,
      "aria-orientation": "horizontal",
      "aria-valuemin": 0,
      "aria-valuemax": 100,
    };
    for (const [name, value] of Object.entries(attributes)) this.#handle.setAttribute(name, value);
    this.#root.setAttribute("role", "group");
    this.#root.setAttribute("aria-label", "The picture; plus and minus zoom, arrow keys move it when it is zoomed");
    // Names are cut where their picture is, so that none stands over the other picture.
    const layer = (side) => make("div", { className: `layer ${side}` }, this.#names[side]);
    const plane = (side, ...content) => make("div", { className: `plane ${side}` }, make("div", { className: "moved" }, ...content));
    this.#root.append(
      plane("right", this.#right), plane("left", this.#left), plane("marks", this.boxes),
      layer("left"), layer("right"), this.#handle,
    );
    root.replaceChildren(this.#root, this.#zoomButtons());
    this.#left.addEventListener("load", () => {
      this.#root.style.aspectRatio = `${this.#left.naturalWidth} / ${this.#left.naturalHeight}`;
      this.#place();
    });
    this.setLeft(left);
    this.setRight(right);
    this.#listen();
    this.value = start;
  }

  get value() {
    return Number(this.#handle.getAttribute("aria-valuenow"));
  }

  set value(percent) {
    const value = Math.min(100, Math.max(0, Math.round(percent)));
    this.#root.style.setProperty("--split", `${value}%`);
    this.#handle.setAttribute("aria-valuenow", value);
    this.#handle.setAttribute(
      "aria-valuetext",
      `${value} % ${this.#names.left.textContent}, ${100 - value} % ${this.#names.right.textContent}`,
    );
  }

  setLeft({ src, alt, name }) {
    Object.assign(this.#left, { src, alt });
    this.#names.left.textContent = name;
  }

  /** Put a picture under the right side, or with null leave the left one alone. */
  setRight(picture) {
    this.#root.classList.toggle("alone", picture === null);
    if (picture === null) return;
    Object.assign(this.#right, { src: picture.src, alt: picture.alt });
    this.#names.right.textContent = picture.name;
    this.value = this.value; // says the new name
  }

  /** Show a box of the picture, [left, top, right, bottom] in its pixels, as large as is sensible. */
  closeUp([left, top, right, bottom]) {
    const { width, height } = this.#root.getBoundingClientRect();
    const scale = width / this.#left.naturalWidth;
    const wanted = CLOSE_UP * Math.min(width / ((right - left) * scale), height / ((bottom - top) * scale));
    this.#view.zoom = Math.min(this.#mostZoom, Math.max(1, wanted));
    this.#view.x = ((left + right) / 2) * scale * this.#view.zoom - width / 2;
    this.#view.y = ((top + bottom) / 2) * scale * this.#view.zoom - height / 2;
    this.#place();
    this.value = 50;
  }

  get #mostZoom() {
    return Math.max(2, (MOST_SCALE * this.#left.naturalWidth) / this.#root.clientWidth);
  }

  #zoomButtons() {
    const button = (words, label, action) => {
      const made = make("button", { type: "button", className: "zoom" }, words);
      made.setAttribute("aria-label", label);
      made.addEventListener("click", action);
      return made;
    };
    const natural = () => this.#left.naturalWidth / this.#root.clientWidth;
    return make(
      "div",
      { className: "row zooms" },
      button("−", "Zoom out", () => this.#zoom(this.#view.zoom / ZOOM_STEP)),
      button("+", "Zoom in", () => this.#zoom(this.#view.zoom * ZOOM_STEP)),
      button("100 %", "Show the picture's own pixels", () => this.#zoom(Math.max(1, natural()))),
      button("200 %", "Show the picture's pixels twice as large", () => this.#zoom(Math.max(1, 2 * natural()))),
      button("Fit", "Show the whole picture", () => this.#zoom(1)),
      this.#shown,
    );
  }

  /** Zoom and keep the place at (x, y) of the view, CSS pixels, where it is. */
  #zoom(zoom, { x, y } = { x: this.#root.clientWidth / 2, y: this.#root.clientHeight / 2 }) {
    const view = this.#view;
    const next = Math.min(this.#mostZoom, Math.max(1, zoom));
    view.x = ((view.x + x) * next) / view.zoom - x;
    view.y = ((view.y + y) * next) / view.zoom - y;
    view.zoom = next;
    this.#place();
  }

  #place() {
    const { clientWidth: width, clientHeight: height } = this.#root;
    const view = this.#view;
    view.x = Math.min(width * (view.zoom - 1), Math.max(0, view.x));
    view.y = Math.min(height * (view.zoom - 1), Math.max(0, view.y));
    this.#root.style.setProperty("--move", `translate(${-view.x}px, ${-view.y}px) scale(${view.zoom})`);
    this.#root.classList.toggle("zoomed", view.zoom > 1);
    const scale = (view.zoom * width) / (this.#left.naturalWidth || width);
    this.#root.classList.toggle("pixels", scale >= 2);
    this.#shown.textContent = `${Math.round(100 * scale)} %`;
  }

  #listen() {
    const root = this.#root;
    let drag = null; // "handle", or where the last movement was
    const follow = (event) => {
      if (drag === "handle") {
        const { left, width } = root.getBoundingClientRect();
        this.value = (100 * (event.clientX - left)) / width;
        return;
      }
      this.#view.x -= event.clientX - drag.x;
      this.#view.y -= event.clientY - drag.y;
      drag = { x: event.clientX, y: event.clientY };
      this.#place();
    };
    root.addEventListener("pointerdown", (event) => {
      const zoomed = this.#view.zoom > 1;
      const alone = root.classList.contains("alone");
      if (event.button !== 0 || (alone && !zoomed)) return;
      root.setPointerCapture(event.pointerId);
      const atHandle = !alone && (!zoomed || event.target === this.#handle);
      drag = atHandle ? "handle" : { x: event.clientX, y: event.clientY };
      (atHandle ? this.#handle : root).focus({ preventScroll: true });
      event.preventDefault(); // no picture is dragged, no text selected
      follow(event);
    });
    root.addEventListener("pointermove", (event) => {
      if (root.hasPointerCapture(event.pointerId) && drag) follow(event);
    });
    root.addEventListener("dblclick", (event) => {
      if (event.target === this.#handle) return;
      const { left, top } = root.getBoundingClientRect();
      const at = { x: event.clientX - left, y: event.clientY - top };
      const natural = Math.max(2, this.#left.naturalWidth / root.clientWidth);
      this.#zoom(this.#view.zoom > 1 ? 1 : natural, at);
    });
    root.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
      event.preventDefault();
      const { left, top } = root.getBoundingClientRect();
      const at = { x: event.clientX - left, y: event.clientY - top };
      this.#zoom(this.#view.zoom * (event.deltaY < 0 ? ZOOM_STEP : 1 / ZOOM_STEP), at);
    }, { passive: false });
    root.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#place()).observe(root);
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = (event.target === this.#handle ? this.#handleKeys() : this.#viewKeys())[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  #handleKeys() {
    const to = (value) => () => (this.value = value);
    return {
      ...this.#zoomKeys(),
      ArrowLeft: to(this.value - STEP),
      ArrowDown: to(this.value - STEP),
      ArrowRight: to(this.value + STEP),
      ArrowUp: to(this.value + STEP),
      PageDown: to(this.value - LEAP),
      PageUp: to(this.value + LEAP),
      Home: to(0),
      End: to(100),
    };
  }

  #viewKeys() {
    if (this.#view.zoom === 1) return this.#zoomKeys(); // arrow keys scroll the page
    const by = (x, y) => () => {
      this.#view.x += x;
      this.#view.y += y;
      this.#place();
    };
    return {
      ...this.#zoomKeys(),
      ArrowLeft: by(-MOVE, 0),
      ArrowRight: by(MOVE, 0),
      ArrowUp: by(0, -MOVE),
      ArrowDown: by(0, MOVE),
    };
  }

  #zoomKeys() {
    return {
      "+": () => this.#zoom(this.#view.zoom * ZOOM_STEP),
      "=": () => this.#zoom(this.#view.zoom * ZOOM_STEP), // the same key without Shift
      "-": () => this.#zoom(this.#view.zoom / ZOOM_STEP),
      0: () => this.#zoom(1),
      1: () => this.#zoom(Math.max(1, this.#left.naturalWidth / this.#root.clientWidth)),
    };
  }
}
