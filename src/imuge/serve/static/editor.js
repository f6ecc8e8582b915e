// The editor: one canvas to see, tools, a pointer or a keyboard cursor.
//
// Pieces that are moved, pasted or written float above the photo until they are put down. Every
// tool works with the pointer and with the keyboard: arrow keys move the cursor, the piece or the
// corner of the selection, Enter acts, Escape gives up.

import {
  blur,
  clamped,
  EditedPhoto,
  fillFromBorder,
  paint,
  pieceOf,
  textPiece,
} from "./canvas_edits.js";
import { cornersOf, placed, WHOLE } from "./copies.js";

const LONGEST_VIEW = 2000; // pixels of the canvas that is seen
const SHADE = "rgb(0 0 0 / 0.62)"; // over what a copy will not show
const LEAST_CROP = 16; // pixels of the photo, of a side; a smaller frame was a slip
const GRIP = 22; // pixels of the screen around a frame's corner, by which it is drawn

export class Editor extends EventTarget {
  #view;
  #marks;
  #scale = 1;
  #cursor = { x: 0, y: 0 };
  #penDown = false;
  #dragged = null; // what the pointer does now
  #corner = null; // of a selection that is drawn with the keyboard
  tool = "brush";
  colour = "#c81e1e";
  brushShare = 0.06; // of the shorter edge
  photo = null;
  floating = null; // { piece, x, y, w, h }
  selection = null; // { x, y, w, h }
  move = WHOLE; // how the copy that is saved is cut, turned and mirrored

  /** `view` and `marks` are canvases, one over the other; `marks` takes pointer and keys. */
  constructor(view, marks) {
    super();
    this.#view = view;
    this.#marks = marks;
    marks.addEventListener("pointerdown", (event) => this.#press(event));
    marks.addEventListener("pointermove", (event) => this.#drag(event));
    marks.addEventListener("pointerup", () => this.#release());
    marks.addEventListener("pointercancel", () => this.#release());
    marks.addEventListener("keydown", (event) => this.#key(event));
    for (const type of ["focus", "blur"]) marks.addEventListener(type, () => this.#drawMarks());
  }

  /** Start with a photo, a canvas of its full size. */
  open(original) {
    this.photo = new EditedPhoto(original);
    const { width, height } = original;
    this.#scale = Math.min(1, LONGEST_VIEW / Math.max(width, height));
    for (const canvas of [this.#view, this.#marks]) {
      canvas.width = Math.round(width * this.#scale);
      canvas.height = Math.round(height * this.#scale);
    }
    this.#cursor = { x: Math.round(width / 2), y: Math.round(height / 2) };
    this.move = WHOLE;
    this.#forget();
    this.#draw({ x: 0, y: 0, w: width, h: height });
    this.#changed();
  }

  get brushSize() {
    return Math.max(2, Math.round(this.brushShare * Math.min(this.photo.width, this.photo.height)));
  }

  use(tool) {
    this.putDown();
    this.tool = tool;
    this.#forget();
    this.#drawMarks();
    this.#changed();
  }

  undo() {
    this.discard();
    this.#draw(this.photo.undo());
    this.#changed();
  }

  redo() {
    this.discard();
    this.#draw(this.photo.redo());
    this.#changed();
  }

  reset() {
    this.open(this.photo.original);
  }

  select(rect) {
    this.selection = rect && clamped(rect, this.photo);
    this.#drawMarks();
    this.#changed();
  }

  /** Cut the copy to a rectangle of the photo; null leaves it whole. */
  crop(rect) {
    const inside = rect && clamped(rect, this.photo);
    if (rect && !(Math.min(inside?.w, inside?.h) >= LEAST_CROP)) return void this.#changed();
    const whole = inside?.w === this.photo.width && inside.h === this.photo.height;
    this.moveCopy({ crop: whole ? null : inside });
  }

  /** Turn or mirror the copy: changes to `move`. */
  moveCopy(changes) {
    this.move = { ...this.move, ...changes };
    this.#drawMarks();
    this.#changed();
  }

  /** Lift the selection as a piece; `cut` fills its place from the border. */
  lift({ cut }) {
    const rect = this.selection;
    if (!rect) return;
    const piece = pieceOf(this.photo.work, rect);
    this.selection = null;
    if (cut) this.#draw(fillFromBorder(this.photo, rect));
    this.#float({ piece, ...rect });
    this.#say("Lifted. Arrow keys move it, Enter puts it down, Escape discards it.");
  }

  /** Remove what is selected. */
  fill() {
    if (!this.selection) return;
    this.#draw(fillFromBorder(this.photo, this.selection));
    this.selection = null;
    this.#commit();
    this.#say("Removed.");
  }

  /** Let a picture float over the middle, a third of the photo wide. */
  paste(picture) {
    this.putDown();
    const w = Math.max(1, Math.round(Math.min(this.photo.width / 3, (this.photo.height / 2) * (picture.width / picture.height))));
    const h = Math.max(1, Math.round((w * picture.height) / picture.width));
    this.#float({ piece: picture, w, h, ...this.#centred(w, h) });
    this.#say("Pasted. Arrow keys move it, Enter puts it down, Escape discards it.");
  }

  /** Let words float over the cursor. */
  write(words, { heightShare }) {
    this.putDown();
    if (!words.trim()) return;
    const height = Math.max(4, heightShare * this.photo.height);
    const piece = textPiece(words, { height, colour: this.colour });
    this.#float({ piece, w: piece.width, h: piece.height, ...this.#centred(piece.width, piece.height) });
    this.#say("Text placed. Arrow keys move it, Enter puts it down, Escape discards it.");
  }

  /** Move or resize the floating piece; it keeps its proportions. */
  arrange({ x, y, w }) {
    const { floating } = this;
    if (!floating) return;
    const width = Math.max(1, w ?? floating.w);
    Object.assign(floating, {
      x: x ?? floating.x,
      y: y ?? floating.y,
      w: width,
      h: Math.max(1, Math.round((width * floating.piece.height) / floating.piece.width)),
    });
    this.#drawMarks();
    this.#changed();
  }

  /** Make the floating piece part of the photo. */
  putDown() {
    const { floating } = this;
    if (!floating) return;
    this.floating = null;
    const { piece, x, y, w, h } = floating;
    this.photo.drawing.imageSmoothingQuality = "high";
    this.photo.drawing.drawImage(piece, x, y, w, h);
    this.#draw(this.photo.touch({ x, y, w, h }));
    this.#commit();
    this.#say("Put down.");
  }

  /** Give the floating piece up, and the hole it left. */
  discard() {
    this.floating = null;
    this.#penDown = false;
    if (this.photo) this.#draw(this.photo.revert());
    this.#drawMarks();
    this.#changed();
  }

  #centred(w, h) {
    return { x: Math.round(this.#cursor.x - w / 2), y: Math.round(this.#cursor.y - h / 2) };
  }

  #float(piece) {
    this.floating = piece;
    this.#marks.focus({ preventScroll: true });
    this.#drawMarks();
    this.#changed();
  }

  #forget() {
    Object.assign(this, { floating: null, selection: null });
    this.#penDown = false;
    this.#corner = null;
    this.#dragged = null;
  }

  #commit() {
    this.photo.commit();
    this.#drawMarks();
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  #say(words) {
    this.dispatchEvent(new CustomEvent("say", { detail: words }));
  }

  #stroke(from, to) {
    const tool = this.tool === "blur" ? blur : paint;
    this.#draw(tool(this.photo, from, to, { size: this.brushSize, colour: this.colour }));
  }

  // Pointer

  #at(event) {
    const { left, top, width, height } = this.#marks.getBoundingClientRect();
    return {
      x: ((event.clientX - left) * this.photo.width) / width,
      y: ((event.clientY - top) * this.photo.height) / height,
    };
  }

  #press(event) {
    if (event.button !== 0 || !this.photo) return;
    this.#marks.setPointerCapture(event.pointerId);
    const at = this.#at(event);
    this.#cursor = { x: Math.round(at.x), y: Math.round(at.y) };
    if (this.floating) {
      const { x, y, w, h } = this.floating;
      const inside = at.x >= x && at.x < x + w && at.y >= y && at.y < y + h;
      if (!inside) this.arrange(this.#centred(w, h));
      this.#dragged = { kind: "float", dx: at.x - this.floating.x, dy: at.y - this.floating.y };
    } else if (this.tool === "brush" || this.tool === "blur") {
      this.#dragged = { kind: "stroke", last: at };
      this.#stroke(at, at);
    } else if (this.tool === "select") {
      this.#dragged = { kind: "select", from: at };
      this.select(null);
    } else if (this.tool === "crop") {
      this.#dragged = this.#grasped(at);
    }
    this.#drawMarks();
  }

  #drag(event) {
    if (!this.#dragged) return;
    const at = this.#at(event);
    const { kind } = this.#dragged;
    if (kind === "float") {
      this.arrange({ x: Math.round(at.x - this.#dragged.dx), y: Math.round(at.y - this.#dragged.dy) });
    } else if (kind === "stroke") {
      this.#cursor = { x: Math.round(at.x), y: Math.round(at.y) };
      this.#stroke(this.#dragged.last, at);
      this.#dragged.last = at;
    } else if (kind === "crop") {
      this.crop(spanned(this.#dragged.from, at));
    } else if (kind === "shift") {
      this.#shiftCrop(Math.round(at.x - this.#dragged.dx), Math.round(at.y - this.#dragged.dy));
    } else {
      this.select(spanned(this.#dragged.from, at));
    }
  }

  /** What a press does to the frame of the crop: a corner is drawn, its inside moved, else a new one begun. */
  #grasped(at) {
    const frame = this.move.crop;
    if (frame === null) return { kind: "crop", from: at };
    const reach = (GRIP * this.photo.width) / this.#marks.getBoundingClientRect().width;
    const [right, bottom] = [frame.x + frame.w, frame.y + frame.h];
    for (const [x, acrossX] of [[frame.x, right], [right, frame.x]]) {
      for (const [y, acrossY] of [[frame.y, bottom], [bottom, frame.y]]) {
        if (Math.hypot(at.x - x, at.y - y) < reach) return { kind: "crop", from: { x: acrossX, y: acrossY } };
      }
    }
    const inside = at.x > frame.x && at.x < right && at.y > frame.y && at.y < bottom;
    return inside ? { kind: "shift", dx: at.x - frame.x, dy: at.y - frame.y } : { kind: "crop", from: at };
  }

  /** Move the frame of the crop, as it is, to this corner or as near as the photo lets it. */
  #shiftCrop(left, top) {
    const { w, h } = this.move.crop;
    const x = Math.min(Math.max(0, left), this.photo.width - w);
    const y = Math.min(Math.max(0, top), this.photo.height - h);
    this.crop({ x, y, w, h });
  }

  #release() {
    if (this.#dragged?.kind === "stroke") this.#commit();
    this.#dragged = null;
  }

  // Keyboard

  #key(event) {
    if (!this.photo || event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const acts = { Enter: () => this.#act(), " ": () => this.#act(), Escape: () => this.#giveUp() }[event.key];
    if (!arrow && !acts) return;
    event.preventDefault();
    if (acts) return void acts();
    const step = event.shiftKey ? 1 : Math.max(1, Math.round(Math.max(this.photo.width, this.photo.height) / 100));
    this.#nudge(arrow[0] * step, arrow[1] * step);
  }

  #nudge(dx, dy) {
    if (this.floating) {
      this.arrange({ x: this.floating.x + dx, y: this.floating.y + dy });
      return;
    }
    const from = this.#cursor;
    const { width, height } = this.photo;
    this.#cursor = {
      x: Math.min(width, Math.max(0, from.x + dx)),
      y: Math.min(height, Math.max(0, from.y + dy)),
    };
    if (this.#penDown) this.#stroke(from, this.#cursor);
    if (this.#corner) this.#frame(spanned(this.#corner, this.#cursor));
    this.#drawMarks();
    this.#say(`${this.#cursor.x}, ${this.#cursor.y}`);
  }

  #act() {
    if (this.floating) {
      this.putDown();
    } else if (this.tool === "select" || this.tool === "crop") {
      this.#corner = this.#corner ? null : this.#cursor;
      if (this.#corner) this.#frame(null);
      this.#say(this.#corner ? "First corner set; move and press Enter again." : { select: "Selected.", crop: "Cropped." }[this.tool]);
    } else if (this.tool === "text") {
      this.dispatchEvent(new Event("write"));
    } else if (this.tool !== "paste") {
      this.#penDown = !this.#penDown;
      if (this.#penDown) this.#stroke(this.#cursor, this.#cursor);
      else this.#commit();
      this.#say(this.#penDown ? "Brush down." : "Brush up.");
    }
    this.#drawMarks();
  }

  /** Set the rectangle that the tool draws. */
  #frame(rect) {
    if (this.tool === "crop") this.crop(rect);
    else this.select(rect);
  }

  #giveUp() {
    this.#corner = null;
    this.selection = null;
    if (this.tool === "crop") this.crop(null);
    this.discard();
    this.#say("Given up.");
  }

  /** Finish a stroke that was begun with the keyboard, and put down what floats. */
  finish() {
    if (this.#penDown) this.#act();
    this.putDown();
  }

  // Drawing

  #draw(rect) {
    if (!rect) return;
    const { x, y, w, h } = rect;
    const scale = this.#scale;
    const drawing = this.#view.getContext("2d");
    drawing.drawImage(this.photo.work, x, y, w, h, x * scale, y * scale, w * scale, h * scale);
  }

  #drawMarks() {
    const drawing = this.#marks.getContext("2d");
    drawing.clearRect(0, 0, this.#marks.width, this.#marks.height);
    if (!this.photo) return;
    const scale = this.#scale;
    if (this.floating) {
      const { piece, x, y, w, h } = this.floating;
      drawing.imageSmoothingQuality = "high";
      drawing.drawImage(piece, x * scale, y * scale, w * scale, h * scale);
    }
    this.#drawCrop(drawing, scale);
    const framed = this.floating ?? this.selection;
    if (framed) frame(drawing, framed, scale, this.#marks.width);
    if (document.activeElement === this.#marks && !this.floating) this.#drawCursor(drawing, scale);
  }

  /** What the copy will not show, shaded; with the tool, the frame and its corners. */
  #drawCrop(drawing, scale) {
    const { crop, turn } = this.move;
    const { width } = this.#marks;
    if (crop || turn) {
      drawing.beginPath();
      drawing.rect(0, 0, width, this.#marks.height);
      cornersOf(placed(this.photo, this.move)).forEach(([x, y], i) => drawing[i ? "lineTo" : "moveTo"](x * scale, y * scale));
      drawing.closePath();
      drawing.fillStyle = SHADE;
      drawing.fill("evenodd");
    }
    if (!crop || this.tool !== "crop") return;
    frame(drawing, crop, scale, width);
    const side = Math.max(5, width / 70);
    Object.assign(drawing, { fillStyle: "#fff", strokeStyle: "#000", lineWidth: Math.max(1, width / 500) });
    for (const x of [crop.x, crop.x + crop.w]) {
      for (const y of [crop.y, crop.y + crop.h]) {
        const box = [x * scale - side / 2, y * scale - side / 2, side, side];
        drawing.fillRect(...box);
        drawing.strokeRect(...box);
      }
    }
  }

  #drawCursor(drawing, scale) {
    const { x, y } = this.#cursor;
    const brush = this.tool === "brush" || this.tool === "blur";
    const radius = brush ? (this.brushSize / 2) * scale : 0;
    const arm = radius + Math.max(6, this.#marks.width / 60);
    for (const [colour, width] of [["#000", 3], ["#fff", 1]]) {
      Object.assign(drawing, { strokeStyle: colour, lineWidth: (width * this.#marks.width) / 700 });
      drawing.setLineDash([]);
      drawing.beginPath();
      drawing.moveTo(x * scale - arm, y * scale);
      drawing.lineTo(x * scale + arm, y * scale);
      drawing.moveTo(x * scale, y * scale - arm);
      drawing.lineTo(x * scale, y * scale + arm);
      drawing.stroke();
      if (!brush) continue;
      drawing.beginPath();
      drawing.arc(x * scale, y * scale, radius, 0, 2 * Math.PI);
      drawing.stroke();
    }
  }
}

function spanned(one, two) {
  return { x: Math.min(one.x, two.x), y: Math.min(one.y, two.y), w: Math.abs(one.x - two.x), h: Math.abs(one.y - two.y) };
}

/** A dashed frame, dark on light, visible on any picture. */
function frame(drawing, { x, y, w, h }, scale, width) {
  const line = Math.max(1, width / 500);
  for (const [colour, dash] of [["#fff", []], ["#000", [4 * line, 4 * line]]]) {
    Object.assign(drawing, { strokeStyle: colour, lineWidth: line });
    drawing.setLineDash(dash);
    drawing.strokeRect(x * scale, y * scale, w * scale, h * scale);
  }
  drawing.setLineDash([]);
}
