// One verdict, shown: the sentence, before and after, the places, the numbers, what to download.

import { Addresses, download, fromTemplate, make, pictureSize, stem } from "./dom.js";
import { isCancel } from "./api.js";
import { showAlert } from "./alerts.js";
import { Progress } from "./progress.js";
import { listRegions, lookFirst, showCloseUps } from "./regions.js";
import { Viewer } from "./viewer.js";
import { inWords, showWhereabouts } from "./whereabouts.js";
import { percent, probability, REBUILT, stepInWords, VERDICTS } from "./words.js";

const RECEIVED = "As received";
const MARKED = "Changes marked";
const RECONSTRUCTION = "Reconstruction";
const HIDDEN_COPY = "Hidden copy";

/**
 * Fill `root` with a verdict.
 *
 * `result` is the service's record, `files` its pictures by name, `copy` the file that was sent.
 * `hiddenCopy(signal, onProgress)`, where given, fetches the hidden copy when somebody asks for it.
 * Returns a function that takes everything away again and frees the pictures.
 */
export async function showVerdict(root, { result, files, copy, name, hiddenCopy = null }) {
  const addresses = new Addresses();
  const article = fromTemplate("verdict-template");
  const find = (selector) => article.querySelector(selector);
  const { sign, name: badge, meaning } = VERDICTS[result.verdict];
  article.classList.add(result.verdict);
  find(".verdict-head").classList.add(result.verdict);
  find(".sign").textContent = sign;
  find(".badge .name").textContent = badge;
  find(".sentence").textContent = result.sentence;
  find(".meaning").textContent = files.has("recovered") ? `${meaning} ${REBUILT}` : meaning;
  const warnings = result.warnings ?? [];
  find(".warnings").replaceChildren(...warnings.map((text) => make("li", {}, text)));
  showPublished(find(".published"), result.provenance, files.get("thumbnail"), addresses);
  find(".facts").replaceChildren(...facts(result).flatMap(([term, text]) => [make("dt", {}, term), make("dd", {}, text)]));
  find(".facts-details").hidden = result.schema.startsWith("imuge.verdict-coarse");
  find(".actions").replaceChildren(...downloads(result, files, addresses, stem(name)));
  find(".of-file .file-name").textContent = name;
  const thumbnail = find(".of-file img");
  thumbnail.addEventListener("error", () => thumbnail.remove());
  thumbnail.src = addresses.of(copy);

  root.replaceChildren(article);
  find(".sentence").focus();
  if (result.coarse_mask) await showCoarse(article, result, addresses.of(copy));
  else await new Pictures(article, result, files, addresses, copy).show(hiddenCopy);
  return () => {
    article.remove();
    addresses.release();
  };
}

/** Who published it, in the service's own sentences; nothing where it asks nobody. */
function showPublished(root, provenance, thumbnail, addresses) {
  root.hidden = !provenance;
  if (!provenance) return;
  root.querySelector(".published-text").replaceChildren(...provenance.sentences.map((text) => make("p", {}, text)));
  const picture = root.querySelector("img");
  if (thumbnail) picture.src = addresses.of(thumbnail);
  else picture.remove();
}

function downloads(result, files, addresses, name) {
  const json = new Blob([JSON.stringify(result, null, 2)], { type: "application/json" });
  const wanted = [
    ["report", "Download the report", `${name}.report.html`],
    ["recovered", "Download the reconstruction", `${name}.recovered.png`],
    ["mask", "Download the mask", `${name}.mask.png`],
    ["json", "Download the result as JSON", `${name}.verdict.json`],
  ];
  const all = new Map([...files, ["json", json]]);
  return wanted
    .filter(([file]) => all.has(file))
    .map(([file, words, as]) => {
      const link = make("a", { className: file === "report" ? "button primary" : "button" }, words);
      download(link, addresses.of(all.get(file)), as);
      return link;
    });
}

/** The copy, the reconstruction and the hidden copy under one pointer, and each place close up. */
class Pictures {
  #article;
  #result;
  #files;
  #addresses;
  #copy;
  #viewer = null;
  #rights = []; // what can stand right of the handle

  constructor(article, result, files, addresses, copy) {
    this.#article = article;
    this.#result = result;
    this.#files = files;
    this.#addresses = addresses;
    this.#copy = copy;
  }

  #find(selector) {
    return this.#article.querySelector(selector);
  }

  async show(hiddenCopy) {
    const { regions, verdict } = this.#result;
    const address = this.#addresses.of(this.#copy);
    const canShow = (await pictureSize(address)) !== null;
    const overlay = regions.length > 0 ? this.#files.get("overlay") : null;
    const received = canShow ? { src: address, alt: "The copy as it was received", name: RECEIVED } : null;
    const marked = overlay && { src: this.#addresses.of(overlay), alt: "The copy with its regions marked", name: MARKED };
    const first = marked ?? received;
    const uncropped = this.#files.has("uncropped") ? this.#addresses.of(this.#files.get("uncropped")) : null;
    showWhereabouts(this.#find(".whereabouts"), this.#result.geometry, { copy: canShow ? address : null, uncropped });
    this.#find(".places").hidden = regions.length === 0;
    this.#find(".look-controls").hidden = !(marked && received);
    if (first === null) {
      const note = "This browser cannot show files of this kind; the verdict holds all the same.";
      this.#find(".look-slider").replaceChildren(make("p", { className: "note" }, note));
      return;
    }
    this.#viewer = new Viewer(this.#find(".look-slider"), { left: first, label: "As received, and what is compared with it", start: firstSplit(this.#result) });
    if (this.#files.has("recovered") && verdict === "tampered") this.#offer("recovered", RECONSTRUCTION, "The copy with a reconstruction in place of each change");
    if (this.#files.has("hidden-copy")) this.#offerHiddenCopy(this.#files.get("hidden-copy"));
    else if (hiddenCopy && verdict !== "unprotected") this.#askForHiddenCopy(hiddenCopy);
    this.#choose(this.#rights[0] ?? null);
    wireMarks(this.#article, (on) => this.#viewer.setLeft(on ? marked : received));
    this.#find(".look-first").textContent = lookFirst(this.#result);
    listRegions(this.#article, this.#result, this.#viewer);
    await this.#showCloseUps();
  }

  #showCloseUps() {
    const pictures = new Map([...this.#files, ["received", this.#copy]]);
    return showCloseUps(this.#article, this.#result, this.#viewer, pictures);
  }

  #offer(file, name, alt) {
    this.#rights.push({ src: this.#addresses.of(this.#files.get(file)), alt, name });
  }

  #offerHiddenCopy(blob) {
    this.#files.set("hidden-copy", blob);
    this.#offer("hidden-copy", HIDDEN_COPY, "The whole picture as its hidden description alone tells it");
  }

  /** Put a picture right of the handle, and say which others could stand there. */
  #choose(right) {
    this.#viewer.setRight(right);
    this.#find("figcaption").textContent = CAPTIONS[right?.name ?? RECEIVED];
    const choices = this.#rights.length > 1 ? this.#rights : [];
    this.#find(".rights").replaceChildren(
      ...choices.map((each) => {
        const button = make("button", { type: "button" }, each.name);
        button.setAttribute("aria-pressed", String(each === right));
        button.addEventListener("click", () => {
          this.#choose(each);
          this.#find(".rights [aria-pressed=true]").focus();
        });
        return button;
      }),
    );
  }

  #askForHiddenCopy(fetchIt) {
    const root = this.#find(".hidden-copy");
    const button = make("button", { type: "button", className: "ask-hidden-copy" }, "Show the hidden copy");
    const hint = make("p", { className: "hint" }, "The whole picture as its hidden description alone tells it: rough. The copy is sent again for it.");
    root.replaceChildren(button, hint);
    button.addEventListener("click", async () => {
      const ending = new AbortController();
      const bar = make("progress", { max: 1 });
      bar.setAttribute("aria-label", "Progress");
      const cancel = make("button", { type: "button" }, "Cancel");
      cancel.addEventListener("click", () => ending.abort());
      root.replaceChildren(make("p", { className: "step" }, "Rendering the hidden copy …"), bar, cancel);
      cancel.focus();
      const whole = new Progress("verify");
      const onProgress = (job) => {
        root.querySelector(".step").textContent = job.state === "sending" ? "Sending the copy" : stepInWords(job);
        bar.value = whole.after(job);
      };
      try {
        const picture = await fetchIt(ending.signal, onProgress);
        if (picture === null) {
          root.replaceChildren(make("p", { className: "hint" }, "This copy is too damaged to show its hidden copy."));
          return;
        }
        root.replaceChildren();
        this.#offerHiddenCopy(picture);
        this.#choose(this.#rights.at(-1));
        await this.#showCloseUps();
        this.#article.querySelector(".handle").focus();
      } catch (error) {
        this.#askForHiddenCopy(fetchIt);
        if (!isCancel(error)) showAlert(root, error, { retry: () => this.#askForHiddenCopy(fetchIt) });
        else root.querySelector("button").focus();
        if (!isCancel(error) && error.code === undefined) throw error;
      }
    });
  }
}

const CAPTIONS = {
  [RECEIVED]: "As received. Zoom with the buttons, with + and −, or with Ctrl and the wheel; then drag it, or use the arrow keys.",
  [RECONSTRUCTION]:
    "Left of the handle the copy as received, right of it a reconstruction of what was there. Drag it, or use the arrow keys.",
  [HIDDEN_COPY]:
    "Left of the handle the copy as received, right of it the hidden copy: the whole picture as its hidden description alone tells it, a rough reconstruction.",
};

/** Where the handle starts: in the middle of the first region, as in the report. */
function firstSplit({ regions, width }) {
  if (regions.length === 0) return 50;
  const [left, , right] = regions[0].box;
  return Math.min(85, Math.max(15, (50 * (left + right)) / width));
}

let toggles = 0; // checkboxes need ids of their own

function wireMarks(article, apply) {
  const toggle = article.querySelector(".marks-toggle");
  toggles += 1;
  toggle.id = `marks-${toggles}`;
  article.querySelector(".marks-label").htmlFor = toggle.id;
  toggle.checked = true;
  toggle.addEventListener("change", () => apply(toggle.checked));
}

/** What people with a coarse token see: blocks in three steps, no numbers. */
async function showCoarse(article, result, address) {
  article.querySelector(".places").hidden = true;
  article.querySelector(".look-controls").hidden = true;
  const { block, levels, rows } = result.coarse_mask;
  const canvas = make("canvas", { width: result.width, height: result.height });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "The copy; blocks that changed are tinted");
  const drawing = canvas.getContext("2d");
  const image = make("img", { src: address });
  await image.decode().then(() => drawing.drawImage(image, 0, 0, canvas.width, canvas.height), () => {});
  rows.forEach((row, y) =>
    row.forEach((level, x) => {
      drawing.fillStyle = `rgb(214 0 98 / ${(0.6 * level) / (levels - 1)})`;
      drawing.fillRect(x * block, y * block, block, block);
    }),
  );
  article.querySelector(".look-slider").replaceChildren(canvas);
  article.querySelector("figcaption").textContent =
    `Tinted blocks of ${block} × ${block} pixels changed; the darker, the surer. Your token shows no more than this.`;
}

const side = (result) => Math.ceil(Math.sqrt(result.minimum_area));

function facts(result) {
  const told = [
    ["Key", result.key_name && `${result.key_name} (${result.key_id})`],
    ["Image id", result.image_id],
    ["Size", `${result.width} × ${result.height} pixels`],
    ["Area that changed", result.tampered_area === undefined ? null : result.tampered_area === null ? "could not be judged" : percent(result.tampered_area)],
    ["Chance that a picture without protection looks as protected", probability(result.presence_p)],
    ["Chance of a signed message this good", probability(result.tag_p)],
    ["Chance of both at once", probability(result.identity_p)],
    ["Chance of a layout this fitting", probability(result.layout_p)],
    ["Hidden copy", result.hidden_copy && `${result.hidden_copy}${result.hidden_copy_agreement === null ? "" : ` (correlation ${result.hidden_copy_agreement?.toFixed(2)})`}`],
    ["Smallest change that would be seen here", result.minimum_area && `about ${side(result)} × ${side(result)} pixels`],
    ["This copy in what was published", result.geometry && inWords(result.geometry)],
    ["Model", result.model && `${result.model}, SHA-256 ${result.model_sha256}`],
    ["SHA-256 of the copy", result.input_sha256],
    ["imuge", result.tool_version],
  ];
  return told.filter(([, text]) => text);
}
