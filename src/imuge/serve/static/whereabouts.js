// Where a copy lies in what was published: in words, and as a drawing of its outline there.
//
// The whole published picture is a frame, the copy stands in its place in it, turned and cut as it
// came. Who may see it can have what was cut away shown around it.

import { make } from "./dom.js";
import { percent } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const LONGER = 480; // units of the drawing, of the published picture's longer side
const RIM = 4;
const TOLD =
  "Around this copy a rough reconstruction of the rest, from the hidden description that this copy still holds; hatched where none is left.";

/** How a copy lies in what was published: `shows 62 % of what was published, mirrored`. */
export function inWords({ share, mirrored, turn, stretch, within }) {
  const told = [share < 1 ? `shows ${percent(share)} of what was published` : "shows all of what was published"];
  if (mirrored) told.push("mirrored");
  if (turn) told.push(`turned by ${Math.abs(turn)}°${Math.abs(turn) === 180 ? "" : turn > 0 ? " clockwise" : " anticlockwise"}`);
  if (stretch !== 1) told.push(`stretched by ${Math.max(stretch, 1 / stretch).toFixed(2)}`);
  if (within) told.push("inside a larger picture, of whose rest nothing is said");
  return told.join(", ");
}

/** Whether a copy covers what was published, upright: then a drawing would show nothing. */
function isWhole({ share, mirrored, turn, within }) {
  return share >= 1 && !mirrored && !turn && !within;
}

/**
 * Draw into `root` where a copy lies, unless it is whole and upright.
 *
 * `copy` and `uncropped` are addresses of the copy and of the whole picture with what was cut away;
 * either may be null.
 */
export function showWhereabouts(root, geometry, { copy, uncropped }) {
  if (!geometry || isWhole(geometry)) return;
  const { svg, rest } = drawing(geometry, copy, uncropped);
  const hint = make("p", { className: "hint" }, TOLD);
  const caption = make("figcaption", {}, "Dashed: the whole published picture. Outlined: this copy in its place. Cutting, turning and scaling are no tampering.");
  const parts = [make("h4", {}, "Where this copy lies"), make("p", {}, `This copy ${inWords(geometry)}.`)];
  if (rest) {
    const box = make("input", { type: "checkbox" });
    const show = () => {
      rest.toggleAttribute("hidden", !box.checked);
      hint.hidden = !box.checked;
    };
    box.addEventListener("change", show);
    show();
    parts.push(make("label", { className: "look-controls" }, box, "Show what was cut away"));
  }
  root.replaceChildren(...parts, make("figure", {}, svg, caption), ...(rest ? [hint] : []));
}

function drawing({ frame, outline }, copy, uncropped) {
  const [width, height] = frame.map((side) => (LONGER * side) / Math.max(...frame));
  const corners = outline.map(([x, y]) => [x * width, y * height]);
  const [xs, ys] = [0, 1].map((axis) => [0, [width, height][axis], ...corners.map((corner) => corner[axis])]);
  const [left, top] = [Math.min(...xs) - RIM, Math.min(...ys) - RIM];
  const [across, down] = [Math.max(...xs) + RIM - left, Math.max(...ys) + RIM - top];
  const [[x, y], [x1, y1], , [x2, y2]] = corners;
  const points = corners.map((corner) => corner.join(",")).join(" ");
  const rest = uncropped && drawn("image", { class: "rest", href: uncropped, width, height, preserveAspectRatio: "none" });
  const place = `matrix(${[x1 - x, y1 - y, x2 - x, y2 - y, x, y].join(" ")})`;
  const svg = drawn(
    "svg",
    { role: "img", viewBox: [left, top, across, down].join(" "), "aria-label": "The copy inside the outline of the published picture" },
    drawn("rect", { class: "published", width, height }),
    ...(copy ? [drawn("image", { href: copy, width: 1, height: 1, preserveAspectRatio: "none", transform: place })] : []),
    ...(rest ? [rest] : []),
    drawn("polygon", { class: "outline", points }),
  );
  return { svg, rest };
}

function drawn(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
