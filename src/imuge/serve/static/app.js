// The page: tabs, the service's state, the token, the clipboard. Each panel is a module.

import { clearAlert, showAlert } from "./alerts.js";
import * as api from "./api.js";
import { byId, make } from "./dom.js";
import { pastedPicture } from "./drop.js";
import { setUpImmunize, showKeys } from "./immunize.js";
import { setUpPlayground } from "./playground.js";
import { sample } from "./sample.js";
import { service } from "./state.js";
import { setUpVerify } from "./verify.js";
import { VERDICTS } from "./words.js";

const tabs = [...document.querySelectorAll("[role=tab]")];
const panelOf = (tab) => byId(tab.getAttribute("aria-controls"));

function select(tab, { focus = false } = {}) {
  for (const each of tabs) {
    const selected = each === tab;
    each.setAttribute("aria-selected", selected);
    each.tabIndex = selected ? 0 : -1;
    panelOf(each).hidden = !selected;
  }
  if (focus) tab.focus();
  history.replaceState(null, "", `#${panelOf(tab).id}`);
  dispatchEvent(new CustomEvent("panel-shown", { detail: panelOf(tab).id }));
}

function open(id) {
  const tab = tabs.find((each) => panelOf(each).id === id && !each.hidden);
  if (tab) select(tab);
}

for (const tab of tabs) {
  tab.addEventListener("click", () => select(tab));
  tab.addEventListener("keydown", ({ key }) => {
    const shown = tabs.filter((each) => !each.hidden);
    const at = shown.indexOf(tab);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[key];
    if (to !== undefined) select(shown.at(to % shown.length), { focus: true });
  });
}
addEventListener("hashchange", () => open(location.hash.slice(1)));

const accept = {};
accept.verify = setUpVerify();
accept.playground = setUpPlayground({
  toImmunize: (file) => {
    open("immunize");
    accept.immunize(file);
  },
});
accept.immunize = setUpImmunize({
  toPlayground: (blob, name) => {
    open("playground");
    accept.playground(new File([blob], name, { type: blob.type }));
  },
  toVerify: (file) => {
    open("verify");
    accept.verify(file);
  },
});
for (const { sign, name, meaning } of Object.values(VERDICTS)) {
  byId("help-verdicts").append(make("dt", {}, `${sign} ${name}`), make("dd", {}, meaning));
}
byId("immunize-sample").addEventListener("click", async () => {
  try {
    await accept.immunize(await sample());
  } catch (error) {
    showAlert(byId("immunize-job"), error);
  }
});
open(location.hash.slice(1));

document.addEventListener("paste", (event) => {
  const picture = pastedPicture(event);
  if (!picture) return; // text for a field
  event.preventDefault();
  const shown = tabs.find((tab) => tab.getAttribute("aria-selected") === "true");
  accept[panelOf(shown).id]?.(picture, { pasted: true });
});
// A picture dropped beside the zones must not replace this page.
for (const type of ["dragover", "drop"]) document.addEventListener(type, (event) => event.preventDefault());

function askForToken() {
  byId("token-form").hidden = false;
  byId("token-form").classList.remove("settled");
  byId("token").focus();
}

addEventListener("token-needed", askForToken);
byId("token-change").addEventListener("click", askForToken);
byId("token-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  api.token.set(byId("token").value.trim());
  byId("token").value = "";
  await meetService();
});

/** Leave out what the caller may not do; it would only be refused. */
function showWhatIsAllowed(role) {
  const immunizes = role === "immunize";
  byId("tab-immunize").hidden = !immunizes;
  byId("verify-sample").hidden = !immunizes;
  byId("play-immunize").hidden = !immunizes;
  if (!immunizes && byId("tab-immunize").getAttribute("aria-selected") === "true") open("verify");
}

/** Where pictures are recorded, say so; and leave out samples, which would be recorded, too. */
function showWhatIsKept({ registry }) {
  if (!registry) return;
  byId("immunize-kept").textContent =
    `What you immunize is recorded in the registry ${registry}: hashes, ids, date and a grid of 64 × 64 averages, and a small picture where the operator chose so. The picture itself is forgotten as soon as this page has the result.`;
  for (const sample of document.querySelectorAll(".sample")) sample.hidden = true;
}

/** Ask what the service is and may do, and say so. */
async function meetService() {
  clearAlert(byId("service-alert"));
  try {
    Object.assign(service, await api.health());
    showWhatIsKept(service);
    byId("about").textContent = `imuge ${service.version}, model ${service.model}`;
    if (service.auth === "token") {
      byId("token-form").hidden = false;
      byId("token-state").textContent = api.token.get() ? "" : "No token yet.";
      if (!api.token.get()) return;
    }
    const { role } = await api.caller();
    showWhatIsAllowed(role);
    if (role !== "verify-coarse") showKeys(await api.keys());
    if (service.auth === "token") {
      byId("token-state").textContent = "The token was accepted.";
      byId("token-form").classList.add("settled");
    }
  } catch (error) {
    if (error.code === undefined) throw error;
    if (error.code === "unauthorized") {
      api.token.set("");
      byId("token-state").textContent = "The service does not know this token.";
      askForToken();
    } else if (error.code !== "forbidden") {
      showAlert(byId("service-alert"), error, { retry: meetService });
    }
  }
}

await meetService();
document.documentElement.dataset.ready = "yes";
