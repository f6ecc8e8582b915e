// What the page says in words: sizes, probabilities, fidelity, steps, verdicts. No verdict says
// "authentic".

export function bytes(count) {
  if (count < 1000) return `${count}\u00a0bytes`; // no line ends before the unit
  if (count < 1e6) return `${Math.round(count / 1000)}\u00a0kB`;
  return `${(count / 1e6).toFixed(1)}\u00a0MB`;
}

/** A share as per cent with two digits that tell something, as in the report. */
export function percent(fraction) {
  if (!(fraction > 0)) return "0 %";
  const digits = Math.max(0, 1 - Math.floor(Math.log10(100 * fraction)));
  return `${(100 * fraction).toFixed(Math.min(digits, 4))} %`;
}

export function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

/** A p-value for a person: `0.04`, `3.2 × 10⁻¹²`. */
export function probability(value) {
  if (value === null || value === undefined) return "not computed";
  if (value <= 1e-300) return "below 10⁻³⁰⁰";
  if (value >= 0.001) return value < 0.995 ? String(Number(value.toPrecision(2))) : "1";
  const [digits, exponent] = value.toExponential(1).split("e-");
  const raised = exponent.replace(/\d/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]);
  return `${digits} × 10⁻${raised}`;
}

const STRENGTHS = [[10000, "very strong"], [100, "strong"], [10, "moderate"]]; // from so many to one

/** How strong evidence is, of the natural logarithm of its odds, as in the report; null where not weighed. */
export function evidence(odds) {
  if (odds === null || odds === undefined) return null;
  return STRENGTHS.find(([least]) => odds >= Math.log(least))?.[1] ?? "weak";
}

/** How visible a change of this PSNR is. */
export function visibility(psnrDb) {
  if (psnrDb >= 42) return "invisible to the eye";
  if (psnrDb >= 38) return "hard to see even side by side";
  if (psnrDb >= 34) return "faint in smooth areas";
  return "visible in smooth areas";
}

const STEPS = {
  encode: "Describing the picture",
  embed: "Hiding the description in it",
  reveal: "Reading the protection",
  localize: "Looking for changes",
  recover: "Reconstructing what was there",
  write: "Writing the files",
  report: "Writing the report",
  decode: "Opening the picture",
  look: "Looking for earlier protection",
  frame: "Describing the picture",
  add: "Adding it to the picture",
  verify: "Reading it back",
  find: "Looking for the protection",
  reconstruct: "Reconstructing what was there",
  uncrop: "Rendering what was cut away",
  "hidden copy": "Rendering the hidden copy",
};

/** What a job is doing. */
export function stepInWords(job) {
  if (job.state === "queued") {
    const before = (job.position ?? 1) - 1; // 1 is the next
    return before > 0 ? `Waiting; ${count(before, "picture")} before it` : "Waiting for its turn";
  }
  return STEPS[job.step] ?? "Working on the picture";
}

/** Belongs to every reconstruction that is shown. */
export const REBUILT =
  "What is shown in their place is a reconstruction from the hidden description, not the photo itself.";

export const VERDICTS = {
  intact: {
    sign: "=",
    name: "No change found",
    meaning:
      "The protection is there, and nothing was found that was changed since, beyond ordinary re-saving. Small changes can be missed. That does not prove that the picture is true: what it shows was in it when it was protected, no more.",
  },
  tampered: {
    sign: "!",
    name: "Tampered",
    meaning:
      "Somebody changed the picture after it was immunized, in the places marked below.",
  },
  degraded: {
    sign: "~",
    name: "Degraded",
    meaning:
      "The picture was immunized, but so much was done to it since that nobody can say whether or where it was changed.",
  },
  foreign: {
    sign: "≠",
    name: "Foreign",
    meaning:
      "The protection fits another picture than the one you see: it was moved here, or the picture was pieced together.",
  },
  unprotected: {
    sign: "?",
    name: "Unprotected",
    meaning:
      "Nobody immunized this picture with a key of this service, or its protection was lost. Ask for the copy as it was published, at its full size.",
  },
};

/** Which ninth of the picture a box's middle lies in. */
export function place([left, top, right, bottom], width, height) {
  const row = ["top", "", "bottom"][Math.min(2, Math.floor((1.5 * (top + bottom)) / height))];
  const column = ["left", "", "right"][Math.min(2, Math.floor((1.5 * (left + right)) / width))];
  const words = `${row} ${column}`.trim() || "centre";
  return words[0].toUpperCase() + words.slice(1);
}
