// One job at a time in a panel: progress, Cancel, and errors with a way to try again.

import { isCancel, runJob } from "./api.js";
import { clearAlert, showAlert } from "./alerts.js";
import { announce, fromTemplate } from "./dom.js";
import { Progress } from "./progress.js";
import { stepInWords } from "./words.js";

export class JobPanel {
  #root;
  #onCancel;
  #running = null; // AbortController of the job that runs

  /** `root` is an empty element; `onCancel` is called after the person cancelled. */
  constructor(root, { onCancel = () => {} } = {}) {
    this.#root = root;
    this.#onCancel = onCancel;
  }

  /** Stop what runs, without a word: another picture was chosen. */
  stop() {
    this.#running?.abort();
    this.#running = null;
    clearAlert(this.#root);
  }

  show(error, options) {
    showAlert(this.#root, error, options);
  }

  /**
   * Run a job and give its result and files to `done`.
   *
   * `form` makes the form anew for every try. `more(error)` may give further buttons for an error,
   * `failed(error)` hears of one.
   */
  async run(kind, form, done, { more = () => [], failed = () => {} } = {}) {
    this.stop();
    const running = new AbortController();
    this.#running = running;
    const card = fromTemplate("job-template");
    const bar = card.querySelector("progress");
    card.querySelector(".cancel").addEventListener("click", () => running.abort());
    this.#root.replaceChildren(card);
    // Whoever started it with the keyboard finds Cancel at hand.
    card.querySelector(".cancel").focus({ preventScroll: true });
    card.scrollIntoView({ block: "nearest" });
    const whole = new Progress(kind);
    const onProgress = (job) => showProgress(card.querySelector(".step"), bar, job, whole);
    try {
      const finished = await runJob(kind, await form(), { signal: running.signal, onProgress });
      if (this.#running !== running) return;
      this.#root.replaceChildren();
      await done(finished);
    } catch (error) {
      if (this.#running !== running) return; // another job has the panel
      this.#root.replaceChildren();
      if (isCancel(error)) {
        announce("Cancelled. Nothing was kept.");
        this.#onCancel();
      } else {
        const retry = () => this.run(kind, form, done, { more, failed });
        failed(error);
        showAlert(this.#root, error, { retry, more: more(error) });
        if (error.code === "unauthorized") dispatchEvent(new CustomEvent("token-needed"));
        if (error.code === undefined) throw error; // a mistake of this page, for its console
      }
    } finally {
      if (this.#running === running) this.#running = null;
    }
  }
}

function showProgress(step, bar, job, whole) {
  const words =
    { sending: "Sending the picture", fetching: "Fetching the result" }[job.state] ??
    stepInWords(job);
  const share = job.state === "sending" ? job.progress : whole.after(job);
  const known = share > 0 && ["sending", "running"].includes(job.state);
  step.textContent = known ? `${words}: ${Math.round(100 * share)} %` : `${words} …`;
  if (known) bar.value = share;
  else bar.removeAttribute("value");
  announce(words);
}
