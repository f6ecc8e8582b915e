// One verdict, shown: the sentence, before and after, the places, the numbers, what to download.

import { Addresses, download, fromTemplate, make, pictureSize, stem } from "./dom.js";
import { Slider } from "./slider.js";
import { count, percent, place, probability, REBUILT, VERDICTS } from "./words.js";

const MOST_REGIONS = 50; // as the service numbers in its overlay
const RECEIVED = "As received";
const MARKED = "Changes marked";
const RECONSTRUCTION = "Reconstruction";

/**
 * Fill `root` with a verdict.
 *
 * `result` is the service's record, `files` its pictures by name, `copy` the file that was sent.
 * Returns a function that takes everything away again and frees the pictures.
 */
export async function showVerdict(root, { result, files, copy, name }) {
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
  find(".facts").replaceChildren(...facts(result).flatMap(([term, text]) => [make("dt", {}, term), make("dd", {}, text)]));
  find(".facts-details").hidden = result.schema.startsWith("imuge.verdict-coarse");
  find(".actions").replaceChildren(...downloads(files, addresses, stem(name)));
  showHiddenCopy(find(".hidden-copy"), files, addresses);

  root.replaceChildren(article);
  find(".sentence").focus();
  if (result.coarse_mask) await showCoarse(article, result, addresses.of(copy));
  else await showPictures(article, result, files, addresses, copy);
  return () => {
    article.remove();
    addresses.release();
  };
}

function downloads(files, addresses, name) {
  const wanted = [
    ["report", "Download the report", `${name}.report.html`],
    ["recovered", "Download the reconstruction", `${name}.recovered.png`],
    ["mask", "Download the mask", `${name}.mask.png`],
  ];
  return wanted
    .filter(([file]) => files.has(file))
    .map(([file, words, as]) => {
      const link = make("a", { className: file === "report" ? "button primary" : "button" }, words);
      download(link, addresses.of(files.get(file)), as);
      return link;
    });
}

function showHiddenCopy(figure, files, addresses) {
  figure.hidden = !files.has("hidden-copy");
  if (!figure.hidden) figure.querySelector("img").src = addresses.of(files.get("hidden-copy"));
}

/** Slider and list of regions, or the one picture there is. */
async function showPictures(article, result, files, addresses, copy) {
  const find = (selector) => article.querySelector(selector);
  const copyAddress = addresses.of(copy);
  const canShow = (await pictureSize(copyAddress)) !== null;
  const marked = files.has("overlay") && result.regions.length > 0 ? addresses.of(files.get("overlay")) : null;
  const received = canShow ? { src: copyAddress, alt: "The copy as it was received", name: RECEIVED } : null;
  const withMarks = marked && { src: marked, alt: "The copy with the changed regions marked", name: MARKED };
  const first = withMarks ?? received;
  find(".places").hidden = result.regions.length === 0;
  find(".look-controls").hidden = !(withMarks && received);
  if (first === null) {
    const note = "This browser cannot show files of this kind; the verdict holds all the same.";
    find(".look-slider").replaceChildren(make("p", { className: "note" }, note));
    return;
  }
  const recovered = files.get("recovered");
  if (result.verdict === "tampered" && recovered) {
    const right = { src: addresses.of(recovered), alt: "The copy with a reconstruction in place of each change", name: RECONSTRUCTION };
    const slider = new Slider(find(".look-slider"), { left: first, right, label: "As received and reconstruction", start: firstSplit(result) });
    find("figcaption").textContent =
      "Left of the handle the copy as received, right of it a reconstruction of what was there. Drag it, or use the arrow keys.";
    wireMarks(article, (on) => slider.setLeft(on ? withMarks : received));
    listRegions(article, result, slider.boxes);
  } else {
    const image = make("img", first);
    const boxes = make("div", { className: "boxes" });
    find(".look-slider").replaceChildren(make("div", { className: "single" }, image, boxes));
    find("figcaption").textContent = RECEIVED;
    wireMarks(article, (on) => Object.assign(image, on ? withMarks : received));
    listRegions(article, result, boxes);
  }
}

/** Where the handle starts: in the middle of the largest change, as in the report. */
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

function listRegions(article, { regions, width, height }, boxes) {
  const shown = regions.slice(0, MOST_REGIONS);
  const items = shown.map((region, index) => {
    const [left, top, right, bottom] = region.box;
    const box = make("div", { className: "box" });
    Object.assign(box.style, {
      left: `${(100 * left) / width}%`,
      top: `${(100 * top) / height}%`,
      width: `${(100 * (right - left)) / width}%`,
      height: `${(100 * (bottom - top)) / height}%`,
    });
    boxes.append(box);
    const button = make(
      "button",
      { type: "button", className: "region" },
      make("span", { className: "number" }, String(index + 1)),
      make("span", {}, make("strong", {}, place(region.box, width, height)),
        make("small", {}, `${right - left} × ${bottom - top} pixels at x ${left}, y ${top}`),
        make("small", {}, `${percent(region.area)} of the picture, probability ${region.mean_probability.toFixed(2)}`)),
    );
    button.setAttribute("aria-pressed", "false");
    const light = (on) => box.classList.toggle("lit", on || button.getAttribute("aria-pressed") === "true");
    button.addEventListener("pointerenter", () => light(true));
    button.addEventListener("pointerleave", () => light(false));
    button.addEventListener("focus", () => light(true));
    button.addEventListener("blur", () => light(false));
    button.addEventListener("click", () => {
      const pressed = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(pressed));
      light(pressed);
    });
    return make("li", {}, button);
  });
  article.querySelector(".regions").replaceChildren(...items);
  const rest = regions.length - shown.length;
  article.querySelector(".more-regions").textContent = rest > 0 ? `${count(rest, "smaller region")} in the report.` : "";
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

function facts(result) {
  const told = [
    ["Key", result.key_name && `${result.key_name} (${result.key_id})`],
    ["Image id", result.image_id],
    ["Size", `${result.width} × ${result.height} pixels`],
    ["Area that changed", result.tampered_area === undefined ? null : percent(result.tampered_area)],
    ["Protection this strong by chance", probability(result.presence_p)],
    ["Signed message this good by chance", probability(result.tag_p)],
    ["Both at once by chance", probability(result.identity_p)],
    ["Layout this fitting by chance", probability(result.layout_p)],
    ["Hidden copy", result.hidden_copy && `${result.hidden_copy}${result.hidden_copy_agreement === null ? "" : ` (correlation ${result.hidden_copy_agreement?.toFixed(2)})`}`],
    ["Smallest region reported", result.minimum_area && count(result.minimum_area, "pixel")],
    ["Model", result.model && `${result.model}, SHA-256 ${result.model_sha256}`],
    ["SHA-256 of the copy", result.input_sha256],
    ["imuge", result.tool_version],
  ];
  return told.filter(([, text]) => text);
}
