// Results that survive a reload: in this browser's own database, for this tab, until cleared.
//
// What other tabs left is removed after a day. Where a browser has no database (a private window
// of some), results last as long as the page does.

const DATABASE = "imuge";
const STORE = "results";
const TAB_NAME = "imuge-tab";
const OLD_MS = 24 * 60 * 60 * 1000;

function tab() {
  const id = sessionStorage.getItem(TAB_NAME) ?? crypto.getRandomValues(new Uint32Array(2)).join("-");
  sessionStorage.setItem(TAB_NAME, id);
  return id;
}

function answered(asked) {
  return new Promise((resolve, reject) => {
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}

async function store(mode) {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "id" });
  const database = await answered(opening);
  return database.transaction(STORE, mode).objectStore(STORE);
}

/** Do without what the browser does not offer. */
async function attempt(action, otherwise) {
  try {
    return await action();
  } catch {
    return otherwise;
  }
}

/** Keep one result: { id, file, name, result, files }. */
export const keep = (item) =>
  attempt(async () => {
    const record = { ...item, files: [...item.files], tab: tab(), when: Date.now() };
    await answered((await store("readwrite")).put(record));
  });

/** The results of this tab, oldest first. */
export const kept = () =>
  attempt(async () => {
    const all = await answered((await store("readonly")).getAll());
    const old = all.filter((item) => item.tab !== tab() && Date.now() - item.when > OLD_MS);
    if (old.length > 0) await forget(old.map((item) => item.id));
    return all
      .filter((item) => item.tab === tab())
      .sort((one, other) => one.when - other.when)
      .map((item) => ({ ...item, files: new Map(item.files) }));
  }, []);

/** Forget results by their ids. */
export const forget = (ids) =>
  attempt(async () => {
    const results = await store("readwrite");
    await Promise.all(ids.map((id) => answered(results.delete(id))));
  });
