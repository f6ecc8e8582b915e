// The panel "Immunize": choose a photo, follow the job, look at what was made, download it.

import { checkFile, checkSize, dropZone } from "./drop.js";
import { Addresses, byId, download, make, pictureSize, stem } from "./dom.js";
import { JobPanel } from "./jobs.js";
import { decode, drawResidual } from "./pixels.js";
import { Viewer } from "./viewer.js";
import { bytes, visibility } from "./words.js";

const ENDINGS = {
  "image/jpeg": "jpg",
  "image/png": "png",
  "image/webp": "webp",
  "image/tiff": "tif",
  "image/avif": "avif",
  "image/heic": "heic",
  "image/heif": "heif",
};

/**
 * Set the panel up.
 *
 * `toPlayground(blob, name)` opens an immunized photo there, `toVerify(file)` a photo in Verify.
 * Returns `accept(file)`, for pictures that come another way.
 */
export function setUpImmunize({ toPlayground, toVerify }) {
  const panel = byId("immunize");
  const form = byId("immunize-form");
  const result = byId("immunize-result");
  const chosenAddresses = new Addresses();
  const resultAddresses = new Addresses();
  const jobs = new JobPanel(byId("immunize-job"), { onCancel: () => form.querySelector(".primary").focus() });
  let file = null;
  let shownAt = null; // address of the photo as chosen, where the browser can show it

  async function accept(picture) {
    jobs.stop();
    clearResult();
    chosenAddresses.release();
    form.hidden = true;
    file = null;
    try {
      checkFile(picture);
      const address = chosenAddresses.of(picture);
      const size = await pictureSize(address);
      if (size) checkSize(size);
      file = picture;
      shownAt = size ? address : null;
      byId("immunize-chosen").replaceChildren(...described(picture, size, shownAt));
      form.hidden = false;
      panel.querySelector(".drop").classList.add("used");
      form.querySelector(".primary").focus();
    } catch (error) {
      jobs.show(error);
      if (error.code === undefined) throw error;
    }
  }

  function clearResult() {
    result.hidden = true;
    resultAddresses.release();
    byId("immunize-slider").replaceChildren();
  }

  function filled() {
    const filledIn = new FormData();
    filledIn.append("file", file);
    filledIn.append("strength", byId("strength").value);
    filledIn.append("detail", byId("detail").value);
    filledIn.append("metadata", byId("metadata").value);
    filledIn.append("replace", byId("replace").checked);
    if (byId("format").value) filledIn.append("format", byId("format").value);
    if (byId("key").value) filledIn.append("key", byId("key").value);
    return filledIn;
  }

  const done = (picture) => async ({ result: record, files }) => {
    const made = files.get("immunized");
    const name = `${stem(picture.name)}.immunized.${ENDINGS[made.type] ?? "jpg"}`;
    const address = resultAddresses.of(made);
    const words = visibility(record.psnr_db);
    byId("immunize-sentence").textContent =
      `Protected with key ${record.key_name ?? record.key_id}; the change is ${words} ` +
      `(PSNR ${record.psnr_db.toFixed(1)} dB).`;
    byId("immunize-id").textContent = record.image_id;
    byId("immunize-warnings").replaceChildren(...record.warnings.map((text) => make("li", {}, text)));
    download(byId("immunize-download"), address, name);
    byId("immunize-download").textContent = `Download (${bytes(made.size)})`;
    const { log_index: number } = record;
    download(byId("immunize-receipt"), resultAddresses.of(files.get("receipt")), `${name}.receipt.json`);
    byId("immunize-record").textContent = number === null ? "" : `It is record ${number} of this service’s registry.`;
    byId("immunize-play").onclick = () => toPlayground(made, name);
    result.hidden = false;
    byId("immunize-sentence").focus();
    await compare(picture, made, address);
  };

  async function compare(picture, made, address) {
    const slider = byId("immunize-slider");
    byId("residual-figure").hidden = true;
    if (shownAt === null || !(await pictureSize(address))) {
      slider.replaceChildren(
        make("p", { className: "note" }, "This browser cannot show files of this kind. Yours is complete; download it."),
      );
      return;
    }
    new Viewer(slider, {
      left: { src: shownAt, alt: "The photo as you chose it", name: "Before" },
      right: { src: address, alt: "The immunized photo", name: "Immunized" },
      label: "Before and after",
    });
    const [before, after] = await Promise.all([decode(picture), decode(made)]);
    await drawResidual(before, after, byId("residual"));
    byId("residual-figure").hidden = false;
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearResult();
    const more = (error) => (error.code === "protection" ? protectedAlready(file) : []);
    jobs.run("immunize", filled, done(file), { more });
  });

  function protectedAlready(picture) {
    const button = make("button", { type: "button" }, "Verify it instead");
    button.addEventListener("click", () => toVerify(picture));
    return [button];
  }

  byId("strength").addEventListener("input", () => {
    byId("strength-value").textContent = Number(byId("strength").value).toFixed(1);
  });
  dropZone(panel.querySelector(".drop"), accept);
  return accept;
}

/** The photo chosen, small, with its name and size. */
function described(file, size, address) {
  const facts = [bytes(file.size)];
  if (size) facts.unshift(`${size.width} × ${size.height} pixels`);
  else facts.push("this browser cannot show it; it can be sent all the same");
  const text = make("p", {}, make("strong", {}, file.name || "Pasted picture"), make("br"), facts.join(", "));
  return address ? [make("img", { src: address, alt: "The photo chosen" }), text] : [text];
}

/** Fill the list of keys; one key needs no choice. */
export function showKeys(keys) {
  const usable = keys.filter((key) => key.can_immunize);
  byId("key").replaceChildren(
    ...usable.map((key) => make("option", { value: key.id }, `${key.name} (${key.id})`)),
  );
  byId("key-field").hidden = usable.length < 2;
}
