// The panel "Playground": tamper with an immunized photo, save it, and see what imuge finds.

import { isCancel, runJob, ServiceError } from "./api.js";
import { clearAlert, showAlert } from "./alerts.js";
import { checkFile, checkSize, dropZone } from "./drop.js";
import { announce, byId, download, make, stem } from "./dom.js";
import { drawn, placed, WHOLE } from "./copies.js";
import { Editor } from "./editor.js";
import { JobPanel } from "./jobs.js";
import { changedMask, decode, drawMarked, readMask } from "./pixels.js";
import { showVerdict } from "./verdict.js";
import { verifyForm } from "./verify.js";
import { bytes, count, percent } from "./words.js";

const FORMATS = { "image/jpeg": "JPEG", "image/webp": "WebP", "image/png": "PNG" };
const ENDINGS = { "image/jpeg": "jpg", "image/webp": "webp", "image/png": "png" };
const ENCODE_AFTER_MS = 400; // without an edit
const PREVIEW = 320; // pixels of the longer side, of the copy as it will be

const MOVES = "arrow keys move the cursor by 1 % of the picture, with Shift by one pixel.";
const HELP = {
  brush: `Paint with the pointer, or the keyboard: ${MOVES} Enter puts the brush down and lifts it.`,
  blur: `Blur with the pointer, or the keyboard: ${MOVES} Enter puts the brush down and lifts it.`,
  select: `Draw a rectangle, then move or remove what is in it. With the keyboard: fill in the numbers, or ${MOVES} Enter sets its corners.`,
  crop: `Draw a frame; then move it, or draw it by its corners. With the keyboard: fill in the numbers, or ${MOVES} Enter sets its corners, Escape takes it away.`,
  scroll: "The photo can be scrolled past. Choose another tool to change it.",
  paste: "Drag the piece, or use the keyboard: arrow keys move it, with Shift by one pixel; Enter puts it down.",
  text: "Place the text, then drag it, or use the keyboard: arrow keys move it, with Shift by one pixel; Enter puts it down.",
};

/**
 * Set the panel up. `toImmunize(file)` opens a photo there that is not protected.
 *
 * Returns `accept(file, { pasted })`.
 */
export function setUpPlayground({ toImmunize }) {
  const editor = new Editor(byId("view"), byId("marks"));
  const play = new Playground(editor);
  byId("play-immunize").addEventListener("click", () => toImmunize(play.file));
  dropZone(byId("play-drop"), (file) => play.open(file));
  return (file, { pasted = false } = {}) => {
    const patch = pasted && editor.photo && !byId("editor").hidden;
    return patch ? play.paste(file) : play.open(file);
  };
}

class Playground {
  #editor;
  #jobs = new JobPanel(byId("play-job"), { onCancel: () => byId("play-verify").focus() });
  #name = "photo";
  #clear = () => {};
  #encodeSoon = null;
  #encoded = null; // promise of the copy as it would be saved now
  #looking = null; // AbortController of the look for protection
  file = null; // as it was opened

  constructor(editor) {
    this.#editor = editor;
    editor.addEventListener("change", () => this.#show());
    editor.addEventListener("say", ({ detail }) => (byId("stage-status").textContent = detail));
    editor.addEventListener("write", () => this.#write());
    this.#wireTools();
    this.#wireSaving();
  }

  async open(file) {
    clearAlert(byId("play-alert"));
    try {
      checkFile(file);
      const canvas = await decode(file).catch(() => {
        throw new ServiceError({
          code: "unsupported_media",
          message: "This browser cannot open that file for editing; choose a JPEG, PNG or WebP, or immunize into one of them.",
        });
      });
      checkSize(canvas);
      this.#forgetResult();
      this.file = file;
      this.#lookForProtection(file);
      this.#name = file.name || "pasted.png";
      byId("editor").hidden = false;
      byId("play-drop").classList.add("used");
      byId("stage").style.setProperty("--ratio", canvas.width / canvas.height);
      byId("stage").style.setProperty("--natural", `${canvas.width}px`);
      this.#editor.open(canvas);
      this.#showTool();
      announce(`Opened ${this.#name} for editing.`);
      byId("marks").focus({ preventScroll: true });
      byId("editor").scrollIntoView({ block: "start" });
    } catch (error) {
      showAlert(byId("play-alert"), error);
      if (error.code === undefined) throw error;
    }
  }

  /** Say early that a photo is not protected; an error says nothing, verifying will. */
  async #lookForProtection(file) {
    this.#looking?.abort();
    const { signal } = (this.#looking = new AbortController());
    byId("play-unprotected").hidden = true;
    try {
      const form = verifyForm(file, file.name || "pasted.png", { recover: false, hiddenCopy: "false" });
      const { result } = await runJob("verify", form, { signal, onProgress: () => {} });
      if (!signal.aborted) byId("play-unprotected").hidden = result.verdict !== "unprotected";
    } catch (error) {
      if (!isCancel(error) && error.code === undefined) throw error;
    }
  }

  async paste(file) {
    clearAlert(byId("play-alert"));
    try {
      checkFile(file);
      const picture = await decode(file).catch(() => {
        throw new ServiceError({ code: "unsupported_media", message: "This browser cannot open that file; choose another." });
      });
      document.querySelector("input[name=tool][value=paste]").checked = true;
      this.#editor.use("paste");
      this.#showTool();
      this.#editor.paste(picture);
    } catch (error) {
      showAlert(byId("play-alert"), error);
      if (error.code === undefined) throw error;
    }
  }

  // Tools

  #wireTools() {
    const editor = this.#editor;
    for (const radio of document.querySelectorAll("input[name=tool]")) {
      radio.addEventListener("change", () => {
        // While the page is scrolled by touch, the photo takes no touches.
        byId("stage").classList.toggle("still", radio.value === "scroll");
        if (radio.value !== "scroll") editor.use(radio.value);
        this.#showTool();
      });
    }
    byId("colour").addEventListener("input", () => (editor.colour = byId("colour").value));
    byId("brush-size").addEventListener("input", () => {
      editor.brushShare = byId("brush-size").value / 100;
      this.#show();
    });
    byId("place-text").addEventListener("click", () => this.#write());
    byId("patch-file").addEventListener("change", () => {
      const [file] = byId("patch-file").files;
      byId("patch-file").value = "";
      if (file) this.paste(file);
    });
    const number = (id) => Math.round(byId(id).valueAsNumber) || 0;
    for (const side of ["x", "y", "w", "h"]) {
      byId(`select-${side}`).addEventListener("change", () =>
        editor.select({ x: number("select-x"), y: number("select-y"), w: number("select-w"), h: number("select-h") }),
      );
    }
    for (const side of ["x", "y", "w"]) {
      byId(`float-${side}`).addEventListener("change", () => editor.arrange({ [side]: number(`float-${side}`) }));
    }
    for (const side of ["left", "top", "right", "bottom"]) byId(`crop-${side}`).addEventListener("change", () => this.#cropByNumbers());
    byId("turn").addEventListener("input", () => editor.moveCopy({ turn: byId("turn").valueAsNumber }));
    const turnQuarter = (by) => editor.moveCopy({ quarters: (editor.move.quarters + by) % 4 });
    const buttons = {
      "turn-left": () => turnQuarter(3),
      "turn-right": () => turnQuarter(1),
      mirror: () => editor.moveCopy({ mirrored: !editor.move.mirrored }),
      "crop-none": () => editor.moveCopy(WHOLE),
      "lift-cut": () => editor.lift({ cut: true }),
      "lift-copy": () => editor.lift({ cut: false }),
      fill: () => editor.fill(),
      "float-apply": () => editor.putDown(),
      "float-discard": () => editor.discard(),
      undo: () => editor.undo(),
      redo: () => editor.redo(),
      reset: () => editor.reset(),
    };
    for (const [id, action] of Object.entries(buttons)) byId(id).addEventListener("click", action);
    byId("editor").addEventListener("keydown", (event) => this.#shortcut(event));
  }

  #cropByNumbers() {
    const { photo } = this.#editor;
    const off = (name) => Math.max(0, Math.round(byId(`crop-${name}`).valueAsNumber) || 0);
    const [x, y] = [off("left"), off("top")];
    this.#editor.crop({ x, y, w: photo.width - off("right") - x, h: photo.height - off("bottom") - y });
  }

  #shortcut(event) {
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    if (event.target.matches("input[type=text], input[type=number]")) return; // their own undo
    const key = event.key.toLowerCase();
    if (key !== "z" && key !== "y") return;
    event.preventDefault();
    if (key === "y" || event.shiftKey) this.#editor.redo();
    else this.#editor.undo();
  }

  #write() {
    this.#editor.write(byId("words").value, { heightShare: byId("text-size").valueAsNumber / 100 });
  }

  #showTool() {
    const tool = document.querySelector("input[name=tool]:checked").value;
    for (const part of byId("tool-options").querySelectorAll("[data-for]")) {
      part.hidden = !part.dataset.for.split(" ").includes(tool);
    }
    byId("stage-help").textContent = HELP[tool];
    this.#show();
  }

  /** Bring buttons and numbers in line with the editor, and encode the copy anew. */
  #show() {
    const { photo, floating, selection, brushSize } = this.#editor;
    byId("undo").disabled = !photo.canUndo;
    byId("redo").disabled = !photo.canRedo;
    byId("reset").disabled = !photo.canUndo && isWhole(this.#editor.move);
    byId("edit-count").textContent = photo.edits ? count(photo.edits, "edit") : "No edits yet";
    byId("brush-size-value").textContent = `${brushSize} px`;
    for (const id of ["lift-cut", "lift-copy", "fill"]) byId(id).disabled = !selection;
    if (selection) fillIn("select", selection); // else somebody may be filling in the numbers
    byId("floating").hidden = !floating;
    if (floating) fillIn("float", floating);
    this.#showMove();
    this.#encodeLater();
  }

  #showMove() {
    const { photo, move } = this.#editor;
    const { x, y, w, h } = move.crop ?? { x: 0, y: 0, w: photo.width, h: photo.height };
    fillIn("crop", { left: x, top: y, right: photo.width - x - w, bottom: photo.height - y - h });
    byId("turn").value = move.turn;
    byId("turn-value").textContent = `${move.turn}°`;
    byId("mirror").setAttribute("aria-pressed", String(move.mirrored));
    byId("crop-none").disabled = isWhole(move);
    byId("geometry-note").hidden = !move.crop && !move.turn && this.#scale() === 1;
  }

  // Saving

  #wireSaving() {
    const select = byId("save-format");
    for (const [type, name] of Object.entries(FORMATS)) {
      // A browser that cannot encode a type gives a PNG instead.
      document.createElement("canvas").toBlob((blob) => {
        if (blob?.type === type) select.append(make("option", { value: type }, name));
        select.value = "image/jpeg";
      }, type);
    }
    const form = byId("save-form");
    form.addEventListener("input", () => {
      byId("quality-value").textContent = byId("quality").value;
      byId("scale-value").textContent = `${byId("scale").value} %`;
      byId("quality").disabled = select.value === "image/png";
      this.#showMove();
      this.#encodeLater();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#verify();
    });
    byId("play-save").addEventListener("click", () => this.#save());
  }

  #scale() {
    return byId("scale").value / 100;
  }

  #encodeLater() {
    this.#encoded = null;
    clearTimeout(this.#encodeSoon);
    this.#encodeSoon = setTimeout(() => this.#encode().then(() => {}, () => {}), ENCODE_AFTER_MS);
  }

  /** The copy as it would be saved now: { blob, canvas, lies }, with how it lies in the photo. */
  #encode() {
    clearTimeout(this.#encodeSoon);
    this.#encoded ??= this.#makeCopy();
    return this.#encoded;
  }

  async #makeCopy() {
    const { photo, move } = this.#editor;
    const lies = placed(photo, move, this.#scale());
    const canvas = drawn(photo, lies);
    const type = byId("save-format").value || "image/png";
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, type, byId("quality").value / 100));
    byId("save-size").textContent = `The copy: ${canvas.width} × ${canvas.height} pixels, ${bytes(blob.size)}.`;
    drawSmall(canvas, byId("save-preview"));
    return { blob, canvas, lies };
  }

  async #save() {
    this.#editor.finish();
    const { blob } = await this.#encode();
    const link = make("a");
    const address = URL.createObjectURL(blob);
    download(link, address, this.#copyName(blob));
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000); // the browser has it by then
  }

  #copyName(blob) {
    return `${stem(this.#name)}.edited.${ENDINGS[blob.type] ?? "png"}`;
  }

  // Verifying

  #forgetResult() {
    this.#jobs.stop();
    this.#clear();
    this.#clear = () => {};
  }

  async #verify() {
    this.#forgetResult();
    this.#editor.finish();
    const { photo } = this.#editor;
    const { blob, canvas, lies } = await this.#encode();
    const whole = await changedMask(photo.original, photo.work);
    const truth = whole.transformed(lies);
    const name = this.#copyName(blob);
    await this.#jobs.run("verify", () => verifyForm(blob, name), async (finished) => {
      const root = byId("play-result");
      this.#clear = await showVerdict(root, { ...finished, copy: blob, name });
      root.querySelector(".look").before(await compared(canvas, truth, finished));
    });
  }
}

function fillIn(prefix, rect) {
  for (const [side, value] of Object.entries(rect)) {
    const field = byId(`${prefix}-${side}`);
    if (field && document.activeElement !== field) field.value = value;
  }
}

function isWhole({ crop, turn, quarters, mirrored }) {
  return !crop && !turn && !quarters && !mirrored;
}

/** A canvas, seen small in another one. */
function drawSmall(canvas, target) {
  const scale = Math.min(1, PREVIEW / Math.max(canvas.width, canvas.height));
  Object.assign(target, { width: Math.round(canvas.width * scale), height: Math.round(canvas.height * scale) });
  const drawing = target.getContext("2d");
  drawing.imageSmoothingQuality = "high";
  drawing.drawImage(canvas, 0, 0, target.width, target.height);
}

/** What was really changed beside what imuge found. */
async function compared(canvas, truth, { files }) {
  const found = files.has("mask") ? await readMask(files.get("mask")) : null;
  const truly = make("canvas");
  truly.setAttribute("role", "img");
  truly.setAttribute("aria-label", "The copy with what you changed tinted blue");
  await drawMarked(canvas, truth, truly);
  const pair = make("div", { className: "pair" }, make("figure", {}, truly, make("figcaption", {}, "What you changed")));
  let words = `You changed ${percent(truth.area)} of the picture.`;
  if (found && found.width === truth.width && found.height === truth.height) {
    const seen = make("canvas");
    seen.setAttribute("role", "img");
    seen.setAttribute("aria-label", "The copy with what imuge found tinted red");
    await drawMarked(canvas, found, seen, { colour: [214, 0, 98] });
    pair.append(make("figure", {}, seen, make("figcaption", {}, "What imuge found")));
    words += ` ${overlapInWords(truth.overlap(found))}`;
  }
  return make("section", { className: "compared" }, make("h3", {}, "What you changed, and what imuge found"), make("p", { id: "overlap" }, words), pair);
}

function overlapInWords({ recall, precision }) {
  if (recall === null) return precision === null ? "imuge marked nothing." : "What imuge marked had not been changed.";
  if (precision === null) return "imuge marked nothing of it.";
  return `imuge marked ${percent(recall)} of that; ${percent(precision)} of what it marked had been changed.`;
}
