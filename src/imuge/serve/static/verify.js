// The panel "Verify": a suspicious copy in, a verdict out.

import { checkFile, checkSize, dropZone } from "./drop.js";
import { byId, pictureSize, Addresses } from "./dom.js";
import { JobPanel } from "./jobs.js";
import { showVerdict } from "./verdict.js";

/** The form of a verification. */
export function verifyForm(file, name, { hiddenCopy = false } = {}) {
  const form = new FormData();
  form.append("file", file, name);
  form.append("recover", "true");
  form.append("hidden_copy", String(hiddenCopy));
  return form;
}

/** Set the panel up. Returns `accept(file)`, for pictures that come another way. */
export function setUpVerify() {
  const drop = byId("verify").querySelector(".drop");
  const jobs = new JobPanel(byId("verify-job"), { onCancel: () => drop.querySelector("input").focus() });
  let clear = () => {};

  async function accept(file) {
    jobs.stop();
    clear();
    clear = () => {};
    const address = new Addresses();
    try {
      checkFile(file);
      const size = await pictureSize(address.of(file));
      if (size) checkSize(size);
    } catch (error) {
      jobs.show(error);
      if (error.code === undefined) throw error;
      return;
    } finally {
      address.release();
    }
    drop.classList.add("used");
    const name = file.name || "pasted.png";
    const form = () => verifyForm(file, name, { hiddenCopy: byId("hidden-copy").checked });
    await jobs.run("verify", form, async (finished) => {
      clear = await showVerdict(byId("verify-result"), { ...finished, copy: file, name });
    });
  }

  dropZone(drop, accept);
  return accept;
}
