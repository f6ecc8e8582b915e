// Two pictures of one size, one over the other, with a handle between them.
//
// The handle is a slider for pointer, touch, keyboard and screen reader. Left of it the left
// picture is seen, right of it the right one.

import { make } from "./dom.js";

const STEP = 2; // per cent, of an arrow key
const LEAP = 10; // of Page Up and Page Down

export class Slider {
  #root;
  #handle;
  #left;
  #right;
  #names;
  boxes;

  /** Fill `root`. `left` and `right` are { src, alt, name }; `name` stands in the corner. */
  constructor(root, { left, right, label, start = 50 }) {
    this.#left = make("img", { draggable: false, className: "left" });
    this.#right = make("img", { draggable: false, className: "right" });
    this.#names = { left: make("span", { className: "tag" }), right: make("span", { className: "tag end" }) };
    this.boxes = make("div", { className: "boxes" });
    this.boxes.setAttribute("aria-hidden", "true");
    this.#handle = make("div", { className: "handle", tabIndex: 0 });
    for (const [name, value] of Object.entries({
      role: "slider",
      "aria-label": label,
      "aria-orientation": "horizontal",
      "aria-valuemin": 0,
      "aria-valuemax": 100,
    })) {
      this.#handle.setAttribute(name, value);
    }
    this.#root = make("div", { className: "slider" });
    // Names are cut where their picture is, so that none stands over the other picture.
    const layer = (side) => make("div", { className: `layer ${side}` }, this.#names[side]);
    this.#root.append(this.#right, this.#left, this.boxes, layer("left"), layer("right"), this.#handle);
    root.replaceChildren(this.#root);
    this.setRight(right);
    this.setLeft(left);
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

  setRight({ src, alt, name }) {
    Object.assign(this.#right, { src, alt });
    this.#names.right.textContent = name;
  }

  #listen() {
    const follow = (event) => {
      const { left, width } = this.#root.getBoundingClientRect();
      this.value = (100 * (event.clientX - left)) / width;
    };
    this.#root.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.#root.setPointerCapture(event.pointerId);
      this.#handle.focus({ preventScroll: true });
      event.preventDefault(); // no picture is dragged, no text selected
      follow(event);
    });
    this.#root.addEventListener("pointermove", (event) => {
      if (this.#root.hasPointerCapture(event.pointerId)) follow(event);
    });
    this.#handle.addEventListener("keydown", (event) => {
      const moves = {
        ArrowLeft: this.value - STEP,
        ArrowDown: this.value - STEP,
        ArrowRight: this.value + STEP,
        ArrowUp: this.value + STEP,
        PageDown: this.value - LEAP,
        PageUp: this.value + LEAP,
        Home: 0,
        End: 100,
      };
      if (!(event.key in moves) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      this.value = moves[event.key];
    });
  }
}
