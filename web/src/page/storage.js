/**
 * A person's work, kept in the browser as it changes and there again after a reload or a crash
 * (IndexedDB). Nothing leaves the machine.
 *
 * @typedef {import("./document.js").Document} Document
 * @typedef {import("./computing.js").Answer} Answer
 *
 * @typedef {object} Work
 * @property {Document} document
 * @property {Map<string, Blob>} photographs bytes, by photograph
 * @property {Map<string, import("./runs.js").Runs>} starts masks that objects start from
 * @property {Map<string, Answer>} answers masks, by object
 */

import { InputError } from "../engine/segmenter.js";

const NAME = "fctsfn";
// Another form of what is kept gets another number, and what has an unknown one is left alone.
const VERSION = 1;
const STORES = ["photographs", "starts", "answers"];
const LOCK_TIME = 1500; // milliseconds
const WORK = "work"; // holds the document under this key, too

export class Storage {
  #database;
  #kept = Object.fromEntries(STORES.map((store) => [store, new Map()]));
  #wanted = null; // the work to be kept next
  #isWriting = false;
  #on;

  /** Use `Storage.open`. */
  constructor(database, on) {
    this.#database = database;
    this.#on = on;
  }

  /**
   * @param {{failed: (error: Error) => void}} on what could not be kept; it is tried again with the
   *   next change
   * @returns {Promise<Storage>} rejects where the browser keeps nothing
   */
  static async open(on) {
    await hold();
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => {
      for (const store of [...STORES, WORK]) request.result.createObjectStore(store);
    };
    return new Storage(await settled(request), on);
  }

  /** @returns {Promise<Work | null>} null where there is none */
  async load() {
    const transaction = this.#database.transaction([...STORES, WORK]);
    const document = await settled(transaction.objectStore(WORK).get(WORK));
    if (document === undefined) return null;
    const maps = {};
    for (const name of STORES) {
      const store = transaction.objectStore(name);
      const [ids, values] = await Promise.all([
        settled(store.getAllKeys()),
        settled(store.getAll()),
      ]);
      maps[name] = new Map(ids.map((id, i) => [id, values[i]]));
      this.#kept[name] = new Map(maps[name]);
    }
    return { document, ...maps };
  }

  /** Keep this; of several that come while one is written, the latest. @param {Work} work */
  async save(work) {
    this.#wanted = work;
    if (this.#isWriting) return;
    this.#isWriting = true;
    while (this.#wanted !== null) {
      const next = this.#wanted;
      this.#wanted = null;
      try {
        await this.#write(next);
      } catch (error) {
        this.#on.failed(error);
      }
    }
    this.#isWriting = false;
  }

  get isIdle() {
    return !this.#isWriting;
  }

  /** All of it at once, or nothing: a crash in between leaves the work as it was before. */
  async #write(work) {
    const transaction = this.#database.transaction([...STORES, WORK], "readwrite");
    transaction.objectStore(WORK).put(work.document, WORK);
    const needed = idsOf(work.document);
    for (const name of STORES) {
      const [store, kept] = [transaction.objectStore(name), this.#kept[name]];
      for (const id of kept.keys()) if (!needed[name].has(id)) store.delete(id);
      const next = new Map();
      for (const id of needed[name]) {
        const value = work[name].get(id);
        if (value === undefined) continue;
        if (kept.get(id) !== value) store.put(value, id);
        next.set(id, value);
      }
      this.#kept[name] = next;
    }
    try {
      await new Promise((resolve, reject) => {
        transaction.oncomplete = resolve;
        transaction.onabort = transaction.onerror = () => reject(transaction.error);
      });
    } catch (error) {
      // What is there now is not known: all is written anew next time.
      for (const name of STORES) this.#kept[name] = new Map();
      throw error;
    }
  }
}

/**
 * Two tabs that keep their work would overwrite each other's. The page that is left by a reload lets
 * go of the lock in a moment.
 */
async function hold() {
  if (!navigator.locks) return;
  const signal = AbortSignal.timeout(LOCK_TIME);
  await new Promise((resolve, reject) => {
    navigator.locks
      .request(NAME, { signal }, () => {
        resolve();
        return new Promise(() => {}); // held until the page is left
      })
      .catch(() =>
        reject(
          new InputError(
            "This page is open in another tab, which keeps your work. What you do here is not kept.",
          ),
        ),
      );
  });
}

/** What a document refers to: {photographs, starts, answers}, each a set of ids. */
export function idsOf({ photographs }) {
  const items = photographs.flatMap(({ items }) => items);
  return {
    photographs: new Set(photographs.map(({ id }) => id)),
    starts: new Set(items.map(({ start }) => start).filter((start) => start !== null)),
    answers: new Set(items.map(({ id }) => id)),
  };
}

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("Another tab holds an older version of the page."));
  });
}
