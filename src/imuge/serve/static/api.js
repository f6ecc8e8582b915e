// The service behind this page: requests, jobs, and errors in one shape.
//
// A job is sent, followed, fetched and then deleted, whatever happens, so that the service keeps
// nothing longer than this page needs it. Addresses are relative: the page works under any path.

const POLL_MS = 200;
const SLOWEST_POLL_MS = 1000;
const LOST_POLLS = 4; // answers in a row that may fail to come before a job is given up
const TOKEN_NAME = "imuge-token";

/** What went wrong, for a person; `message` is the service's own sentence where there is one. */
export class ServiceError extends Error {
  constructor({ code, message, status = 0, retryAfterS = null }) {
    super(message);
    Object.assign(this, { code, status, retryAfterS });
  }
}

/** The person cancelled. Not an error to show. */
export const isCancel = (error) => error?.name === "AbortError";

export const token = {
  get: () => sessionStorage.getItem(TOKEN_NAME) ?? "",
  set: (value) =>
    value ? sessionStorage.setItem(TOKEN_NAME, value) : sessionStorage.removeItem(TOKEN_NAME),
};

function credentials() {
  return token.get() ? { Authorization: `Bearer ${token.get()}` } : {};
}

function unreachable() {
  return new ServiceError({
    code: "unreachable",
    message: "The service did not answer.",
  });
}

/** Make a ServiceError of an answer's status, headers and body. */
function failure(status, retryAfter, body) {
  const seconds = Number.parseInt(retryAfter ?? "", 10);
  const retryAfterS = Number.isNaN(seconds) ? null : seconds;
  const told = body?.error ?? {};
  return new ServiceError({
    code: told.code ?? "internal",
    message: told.message ?? `The service answered with status ${status} and no explanation.`,
    status,
    retryAfterS,
  });
}

async function request(path, options = {}) {
  let response;
  try {
    response = await fetch(path, {
      ...options,
      headers: { ...credentials(), ...options.headers },
      credentials: "same-origin",
      cache: "no-store",
    });
  } catch (error) {
    throw isCancel(error) ? error : unreachable();
  }
  if (!response.ok) {
    const body = await response.json().catch(() => null);
    throw failure(response.status, response.headers.get("Retry-After"), body);
  }
  return response;
}

export const health = async () => (await request("health")).json();
export const caller = async () => (await request("v1/caller")).json();
export const keys = async () => (await (await request("v1/keys")).json()).keys;

/** Send a form; XMLHttpRequest, because fetch tells nothing while it sends. */
function send(path, form, { signal, onSent }) {
  return new Promise((resolve, reject) => {
    const cancelled = () => new DOMException("cancelled", "AbortError");
    if (signal.aborted) return void reject(cancelled());
    const sending = new XMLHttpRequest();
    sending.open("POST", path);
    sending.responseType = "json";
    sending.setRequestHeader("Prefer", "respond-async");
    for (const [name, value] of Object.entries(credentials())) {
      sending.setRequestHeader(name, value);
    }
    sending.upload.onprogress = (event) => {
      if (event.lengthComputable) onSent(event.loaded / event.total);
    };
    sending.onload = () => {
      const { status, response } = sending;
      if (status >= 200 && status < 300) resolve(response);
      else reject(failure(status, sending.getResponseHeader("Retry-After"), response));
    };
    sending.onerror = () => reject(unreachable());
    sending.onabort = () => reject(cancelled());
    signal.addEventListener("abort", () => sending.abort(), { once: true });
    sending.send(form);
  });
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        reject(new DOMException("cancelled", "AbortError"));
      },
      { once: true },
    );
  });
}

/** Ask for a job until it has ended. A lost answer or a full service is waited out. */
async function follow(id, { signal, onProgress }) {
  let wait = POLL_MS;
  let lost = 0;
  for (;;) {
    await pause(wait, signal);
    wait = Math.min(wait * 1.2, SLOWEST_POLL_MS);
    let job;
    try {
      job = await (await request(`v1/jobs/${id}`, { signal })).json();
      lost = 0;
    } catch (error) {
      const passing = error.status === 429 || error.code === "unreachable";
      lost += 1;
      if (!passing || lost >= LOST_POLLS) throw error;
      wait = Math.max(SLOWEST_POLL_MS, 1000 * (error.retryAfterS ?? 0));
      continue;
    }
    if (job.state === "done") return job;
    if (job.state === "failed") throw failure(job.error?.status ?? 500, null, { error: job.error });
    if (job.state === "cancelled") throw new DOMException("cancelled", "AbortError");
    onProgress(job);
  }
}

const alive = new Set(); // jobs that the service still holds for this page

function forget(id) {
  alive.delete(id);
  const asked = { method: "DELETE", headers: credentials(), keepalive: true };
  return fetch(`v1/jobs/${id}`, asked).catch(() => {}); // it expires by itself
}

addEventListener("pagehide", () => alive.forEach(forget));

/**
 * Run one job from the form to its files.
 *
 * `kind` is "immunize" or "verify"; `onProgress` gets job records, the first with state "sending".
 * Returns the finished job's `result` and `files`, a Map from name to Blob.
 * Throws ServiceError, or an AbortError when `signal` says so.
 */
export async function runJob(kind, form, { signal, onProgress }) {
  onProgress({ state: "sending", progress: 0 });
  const onSent = (progress) => onProgress({ state: "sending", progress });
  const { id } = await send(`v1/${kind}`, form, { signal, onSent });
  alive.add(id);
  try {
    const job = await follow(id, { signal, onProgress });
    onProgress({ state: "fetching", progress: 1 });
    const files = new Map();
    for (const name of job.files) {
      const response = await request(`v1/jobs/${id}/files/${name}`, { signal });
      files.set(name, await response.blob());
    }
    return { result: job.result, files };
  } finally {
    await forget(id);
  }
}
