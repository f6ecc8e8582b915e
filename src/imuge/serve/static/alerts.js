// Errors, as a person meets them: what happened, what to do, and a way to try again.

import { announce, fromTemplate, make } from "./dom.js";

const TITLES = {
  unreachable: "The service cannot be reached",
  unauthorized: "A token is needed",
  forbidden: "This token does not allow that",
  too_large: "The picture is too large",
  unsupported_media: "This is not a picture that imuge takes",
  busy: "The service is busy",
  timeout: "It took too long",
  internal: "Something went wrong in the service",
  not_found: "The result is gone",
  protection: "This picture cannot be immunized as asked",
};

const ADVICE = {
  unreachable: "Check that it is running and that you are connected, then try again.",
  unauthorized: "Enter a valid token above, then try again.",
  forbidden: "Use another token above, or ask the people who run this service.",
  busy: "Nothing of your picture was kept.",
  unavailable: "Try again in a minute.",
  internal: "Nothing of your picture was kept. Try again; if it stays so, tell the people who run this service.",
  timeout: "Try again, or try a smaller picture.",
  not_found: "Results are forgotten after a while. Send the picture again.",
};

// What may go differently the next time; the rest needs another picture or another wish.
const PASSING = new Set(["unreachable", "unauthorized", "forbidden", "busy", "unavailable", "timeout", "internal", "not_found"]);

// Hints in the service's sentences that are meant for programs, in the words of this page.
const FOR_PEOPLE = [
  ["pass --replace (replace=True)", "tick “Replace protection that is there already” under More options"],
  ["try --strength", "under More options, try strength"],
  ["; send it as Authorization: Bearer TOKEN", ""],
];

/** Take away what `root` says. */
export function clearAlert(root) {
  root.replaceChildren();
}

/**
 * Show an error in `root`.
 *
 * `retry` is called when the person asks to try again, where that can help. After
 * a 429 the button can be used once the service's Retry-After is over. `more` are further buttons.
 */
export function showAlert(root, error, { retry = null, more = [] } = {}) {
  const box = fromTemplate("alert-template");
  root.replaceChildren(box);
  box.querySelector(".alert-title").textContent = TITLES[error.code] ?? "That did not work";
  box.querySelector(".alert-text").textContent = sentence(error.message);
  box.querySelector(".alert-advice").textContent = ADVICE[error.code] ?? "";
  const row = box.querySelector(".row");
  if (retry && PASSING.has(error.code ?? "internal")) {
    const button = make("button", { type: "button", className: "retry" }, "Try again");
    button.addEventListener("click", () => {
      clearAlert(root);
      retry();
    });
    row.append(button);
    if (error.status === 429) countDown(button, error.retryAfterS ?? 0);
  }
  row.append(...more);
}

function sentence(text) {
  const said = FOR_PEOPLE.reduce((words, [from, to]) => words.replace(from, to), text);
  const shown = said.charAt(0).toUpperCase() + said.slice(1);
  return /[.!?]$/.test(shown) ? shown : `${shown}.`;
}

function countDown(button, seconds) {
  if (!button.isConnected) return;
  button.disabled = seconds > 0;
  button.textContent = seconds > 0 ? `Try again in ${seconds} s` : "Try again";
  if (seconds > 0) setTimeout(countDown, 1000, button, seconds - 1);
  else announce("You can try again now.");
}
