// The regions of a verdict: which to look at first and why, a list of them, and each close up.

import { make } from "./dom.js";
import { decode } from "./pixels.js";
import { count, evidence, percent, place } from "./words.js";

const MOST_REGIONS = 50; // as the service numbers in its overlay
const MOST_CLOSE_UPS = 8; // as in the report
const CLOSE_UP_SIDE = 480; // pixels of a close-up's canvas
const CLOSE_UP_MARGIN = 0.3; // around a region, of its longer side

const KINDS = {
  changed: { className: "", words: "changed" },
  "protected again": { className: "again", words: "changed, protected again" },
  "protection lost": { className: "lost", words: "protection lost, content as published: no tampering" },
};

const counts = ({ kind }) => kind !== "protection lost";
const inWords = ({ found_by: by, kind }) => (by === "reference" ? "differs from the registry’s record" : KINDS[kind].words);

/** Which region to look at first and why; nothing where none counts as changed. */
export function lookFirst({ regions, width, height }) {
  const counting = regions.filter(counts);
  if (counting.length === 0) return "";
  const [first] = counting;
  const alone = counting.length === 1;
  const strength = evidence(first.odds);
  const reasons = [inWords(first), strength && `${strength} evidence`, `${percent(first.area)} of the picture`, !strength && !alone && "the largest"];
  const where = place(first.box, width, height).toLowerCase();
  return `Look ${alone ? "at" : "first at"} region 1, ${where}: ${reasons.filter(Boolean).join(", ")}.`;
}

/** List the regions beside the viewer, in the order in which to look at them. */
export function listRegions(article, { regions, width, height }, viewer) {
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
    viewer.boxes.append(box);
    const button = make(
      "button",
      { type: "button", className: "region" },
      numbered(region, index),
      make("span", {}, make("strong", {}, `${place(region.box, width, height)}: ${KINDS[region.kind].words}`),
        make("small", {}, `${right - left} × ${bottom - top} pixels at x ${left}, y ${top}`),
        make("small", {}, `${percent(region.area)} of the picture; ${foundBy(region)}`),
        make("small", {}, witnesses(region))),
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
  article.querySelector(".more-regions").textContent = rest > 0 ? `${count(rest, "more region")} in the result as JSON.` : "";
}

/**
 * Show the first regions close up: copy, reconstruction and hidden copy, one place at one zoom.
 *
 * `pictures` are files by name: "received", "recovered", "hidden-copy"; what is missing is left out
 * with a word why.
 */
export async function showCloseUps(article, { regions, width, height }, viewer, pictures) {
  const names = ["received", "recovered", "hidden-copy"];
  const decoded = await Promise.all(names.map((name) => pictures.has(name) && decode(pictures.get(name)).catch(() => null)));
  const [received, recovered, hidden] = decoded;
  const shown = regions.slice(0, MOST_CLOSE_UPS);
  const root = article.querySelector(".close-ups");
  root.hidden = shown.length === 0;
  const items = shown.map((region, index) => {
    const looks = [
      { name: "As received", picture: received, without: "not shown by this browser" },
      { name: "Reconstruction", ...reconstruction(region, recovered) },
      { name: "Hidden copy", picture: hidden, without: "not rendered" },
    ];
    const seen = looks.filter(({ picture }) => picture);
    const closer = make("button", { type: "button", className: "closer" }, ...seen.map(({ picture, name }) => closeUp(picture, region.box, name)));
    closer.setAttribute("aria-label", `Look closer at region ${index + 1}`);
    closer.addEventListener("click", () => {
      viewer.closeUp(region.box);
      article.querySelector(".slider").scrollIntoView({ block: "nearest" });
    });
    const missing = looks.filter(({ picture }) => !picture).map(({ name, without }) => `${name}: ${without}.`);
    return make(
      "li",
      {},
      make("p", {}, numbered(region, index), make("span", {}, `${place(region.box, width, height)}: ${inWords(region)}`)),
      ...(seen.length > 0 ? [closer] : []),
      ...(missing.length > 0 ? [make("small", {}, missing.join(" "))] : []),
    );
  });
  root.querySelector("ol").replaceChildren(...items);
  const rest = regions.length - shown.length;
  root.querySelector(".more-close-ups").textContent = rest > 0 ? `${count(rest, "more region")} in the list, not shown close up.` : "";
}

/** The reconstruction of a region, or why there is none: what was not replaced shows the copy. */
function reconstruction(region, picture) {
  if (!counts(region)) return { picture: null, without: "none, what is seen there is what was published" };
  if (region.found_by === "reference") return { picture: null, without: "none, only the registry tells that this place differs" };
  return { picture, without: "not made" };
}

const numbered = ({ kind }, index) => make("span", { className: `number ${KINDS[kind].className}` }, String(index + 1));

/** How strong the evidence is, and what the template and the content say of a region. */
function witnesses(region) {
  const { template_agreement: template, content_agreement: agreeing, content } = region;
  const told = [];
  if (counts(region) && evidence(region.odds)) told.push(`${evidence(region.odds)} evidence`);
  if (template !== null) told.push(`template agrees ${percent(template)}`);
  if (content === "not checked") told.push("content not checked");
  else if (agreeing !== null) told.push(`content agrees ${percent(agreeing)}`);
  return told.join("; ") || "content not checked";
}

/** What says that a region changed: the mark in the pixels, or the registry's record. */
function foundBy({ found_by: by, mean_probability: score }) {
  if (by === "reference") return "not what the registry recorded, and protected again";
  return `the network’s score ${score.toFixed(2)} of 1`;
}

/** One region of a picture with some of its surroundings, as a figure. */
function closeUp(picture, [left, top, right, bottom], name) {
  const margin = CLOSE_UP_MARGIN * Math.max(right - left, bottom - top);
  const x = Math.max(0, left - margin);
  const y = Math.max(0, top - margin);
  const width = Math.min(picture.width, right + margin) - x;
  const height = Math.min(picture.height, bottom + margin) - y;
  const scale = CLOSE_UP_SIDE / Math.max(width, height);
  const canvas = make("canvas", { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) });
  canvas.getContext("2d").drawImage(picture, x, y, width, height, 0, 0, canvas.width, canvas.height);
  return make("span", { className: "close-up" }, canvas, make("small", {}, name));
}
