// The panel "Verify": suspicious copies in, a list of them with their verdicts out.

import { runJob } from "./api.js";
import { checkFile, checkSize, dropZone } from "./drop.js";
import { announce, byId, make, pictureSize, Addresses } from "./dom.js";
import { JobPanel } from "./jobs.js";
import { forget, keep, kept } from "./kept.js";
import { changed, sample } from "./sample.js";
import { showVerdict } from "./verdict.js";
import { VERDICTS } from "./words.js";

/** The form of a verification. */
export function verifyForm(file, name, { recover = true, hiddenCopy = "tampered" } = {}) {
  const form = new FormData();
  form.append("file", file, name);
  form.append("recover", String(recover));
  form.append("search", byId("search").value);
  form.append("hidden_copy", hiddenCopy);
  form.append("uncrop", String(recover)); // of parts alone, and seen by holders of the full key
  return form;
}

const STATES = { waiting: "Waits for its turn", working: "Being verified …", stopped: "Not verified" };

/** Set the panel up. Returns `accept(file)`, for pictures that come another way. */
export function setUpVerify() {
  const copies = new Copies(byId("verify").querySelector(".drop"));
  dropZone(byId("verify").querySelector(".drop"), (files) => copies.add(files), { several: true });
  byId("verify-clear").addEventListener("click", () => copies.clear());
  byId("verify-sample").addEventListener("click", () => copies.trySample());
  copies.restore();
  return (file) => copies.add([file]);
}

class Copies {
  #drop;
  #items = []; // { id, file, name, state, result, files, error, button }
  #shown = null; // the item whose verdict is to be seen
  #takeAway = () => {};
  #thumbnails = new Addresses();
  #running = false;
  #jobs;

  constructor(drop) {
    this.#drop = drop;
    this.#jobs = new JobPanel(byId("verify-job"), { onCancel: () => this.#cancelled() });
  }

  /** Take in files, and verify them one after the other. */
  async add(files) {
    this.#jobs.stop();
    this.#running = false;
    this.#items.filter((item) => item.state === "working").forEach((item) => (item.state = "stopped"));
    const added = files.map((file) => ({
      id: `${Date.now()}-${crypto.getRandomValues(new Uint32Array(1))[0]}`,
      file,
      name: file.name || "pasted.png",
      state: "waiting",
    }));
    this.#items.push(...added);
    this.#drop.classList.add("used");
    this.#list();
    this.#show(added[0]);
    await this.#work();
  }

  async #work() {
    if (this.#running) return;
    this.#running = true;
    for (;;) {
      const item = this.#items.find((each) => each.state === "waiting");
      if (!item) break;
      await this.#verify(item);
      if (!this.#running) return; // another file was chosen, or somebody cancelled
    }
    this.#running = false;
  }

  async #verify(item) {
    item.state = "working";
    this.#list();
    const more = { failed: (error) => this.#failed(item, error) };
    try {
      await checked(item.file);
    } catch (error) {
      this.#failed(item, error);
      if (this.#shown === item) this.#jobs.show(error);
      if (error.code === undefined) throw error;
      return;
    }
    await this.#jobs.run("verify", () => verifyForm(item.file, item.name), (finished) => this.#done(item, finished), more);
  }

  async #done(item, { result, files }) {
    Object.assign(item, { state: "done", result, files });
    this.#list();
    const { id, file, name } = item;
    if (this.#shown === item) await this.#show(item);
    await keep({ id, file, name, result, files });
  }

  #failed(item, error) {
    Object.assign(item, { state: "failed", error });
    this.#list();
  }

  #cancelled() {
    this.#running = false;
    for (const item of this.#items) if (item.state !== "done" && item.state !== "failed") item.state = "stopped";
    this.#list();
    this.#drop.querySelector("input").focus();
  }

  /** Show the verdict of one copy, or why there is none. */
  async #show(item) {
    this.#takeAway();
    this.#takeAway = () => {};
    this.#shown = item;
    this.#list();
    if (item.state === "done") {
      const { result, files, file: copy, name } = item;
      const hiddenCopy = (signal, onProgress) => this.#hiddenCopy(item, signal, onProgress);
      this.#takeAway = await showVerdict(byId("verify-result"), { result, files, copy, name, hiddenCopy });
    } else if (item.error && !this.#running) {
      this.#jobs.show(item.error, { retry: () => this.#again(item) });
    }
  }

  #again(item) {
    Object.assign(item, { state: "waiting", error: null });
    this.#show(item);
    this.#work();
  }

  /** The hidden copy of a copy that was verified, as a blob. */
  async #hiddenCopy(item, signal, onProgress) {
    const form = verifyForm(item.file, item.name, { recover: false, hiddenCopy: "true" });
    const { files } = await runJob("verify", form, { signal, onProgress });
    const picture = files.get("hidden-copy") ?? null;
    if (picture) {
      item.files.set("hidden-copy", picture);
      const { id, file, name, result } = item;
      await keep({ id, file, name, result, files: item.files });
    }
    return picture;
  }

  #list() {
    const list = byId("verify-list");
    byId("verify-kept-note").hidden = this.#items.length === 0;
    for (const item of this.#items) item.button ??= this.#button(item);
    list.replaceChildren(...this.#items.map((item) => make("li", {}, item.button)));
    for (const item of this.#items) {
      const verdict = item.result && VERDICTS[item.result.verdict];
      const words = verdict ? `${verdict.sign} ${verdict.name}` : item.state === "failed" ? "Not verified: see why" : STATES[item.state];
      item.button.querySelector(".state").textContent = words;
      item.button.className = `copy ${item.result?.verdict ?? ""}`;
      item.button.setAttribute("aria-current", String(item === this.#shown));
    }
  }

  #button(item) {
    const picture = make("img", { src: this.#thumbnails.of(item.file), alt: "", loading: "lazy" });
    picture.addEventListener("error", () => picture.replaceWith(make("span", { className: "blank", ariaHidden: "true" }, "▧")));
    const text = make("span", {}, make("strong", {}, item.name), make("span", { className: "state" }));
    const button = make("button", { type: "button" }, picture, text);
    button.addEventListener("click", () => this.#show(item));
    return button;
  }

  /** Bring back what this tab showed before it was loaded again. */
  async restore() {
    const found = await kept();
    if (found.length === 0 || this.#items.length > 0) return;
    this.#items = found.map((item) => ({ ...item, state: "done" }));
    this.#drop.classList.add("used");
    await this.#show(this.#items.at(-1));
  }

  async clear() {
    this.#jobs.stop();
    this.#running = false;
    this.#takeAway();
    this.#takeAway = () => {};
    const ids = this.#items.map((item) => item.id);
    this.#items = [];
    this.#shown = null;
    this.#thumbnails.release();
    this.#drop.classList.remove("used");
    this.#list();
    this.#drop.querySelector("input").focus();
    await forget(ids);
    announce("Cleared. This browser keeps nothing of them.");
  }

  /** Protect the sample, change it here, and verify what came of it. */
  async trySample() {
    const form = async () => {
      const made = new FormData();
      made.append("file", await sample(), "sample.jpg");
      return made;
    };
    await this.#jobs.run("immunize", form, async ({ files }) => {
      const copy = await changed(files.get("immunized"), "sample.changed.jpg");
      queueMicrotask(() => this.add([copy]));
    });
  }
}

/** Throw a ServiceError for a file that the service would refuse after the upload. */
async function checked(file) {
  const addresses = new Addresses();
  try {
    checkFile(file);
    const size = await pictureSize(addresses.of(file));
    if (size) checkSize(size);
  } finally {
    addresses.release();
  }
}
