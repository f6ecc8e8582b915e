// How far a job is, over all of its steps: the service tells a step and the share of it that is
// done. The shares of the whole are rough; what counts is that the bar never goes back.

const PLANS = {
  immunize: [["decode", 1], ["look", 2], ["frame", 2], ["embed", 4], ["add", 2], ["write", 2], ["verify", 8]],
  verify: [["find", 1], ["reveal", 3], ["localize", 4], ["reconstruct", 4], ["uncrop", 4], ["hidden copy", 4]],
};

export class Progress {
  #plan;
  #at = 0; // place in the plan
  #reached = 0;

  constructor(kind) {
    this.#plan = PLANS[kind];
  }

  /** The share of the whole that is done, 0..1, after a job record. */
  after(job) {
    if (job.state !== "running" || !job.step) return this.#reached;
    const next = this.#plan.findIndex(([step], place) => place >= this.#at && step === job.step);
    if (next < 0) return this.#reached; // an extra step, or one that is done again
    this.#at = next;
    const sum = (steps) => steps.reduce((total, [, share]) => total + share, 0);
    const done = sum(this.#plan.slice(0, next)) + this.#plan[next][1] * (job.progress ?? 0);
    this.#reached = Math.max(this.#reached, done / sum(this.#plan));
    return this.#reached;
  }
}
