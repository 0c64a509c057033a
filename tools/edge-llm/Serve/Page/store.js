// Conversations in the browser's storage, each under its own name. What does not fit is kept as long as the page.

import { read } from './conversation.js';

const PREFIX = 'edge-llm.conversation.';
const SETTINGS = 'edge-llm.settings';
const SHOWN = 'edge-llm.shown';

export class Store {
  /** By id. */
  conversations = new Map();
  /** Ids of conversations that the storage has not taken. */
  unsaved = new Set();
  #storage;

  /** @param storage like localStorage; null where the browser allows none. */
  constructor(storage) {
    this.#storage = storage;
    for (const name of Object.keys(storage ?? {})) this.reload(name);
  }

  /** The newest first. */
  list() {
    return [...this.conversations.values()].sort((a, b) => b.updated - a.updated);
  }

  /** Reads what another page has written under a name. Gives the id of the conversation that it concerns. */
  reload(name) {
    if (!name.startsWith(PREFIX)) return null;
    const id = name.slice(PREFIX.length);
    const conversation = read(this.#storage.getItem(name));
    if (conversation?.id === id) this.conversations.set(id, conversation);
    else this.conversations.delete(id);
    return id;
  }

  /** Whether the storage has taken it. */
  save(conversation) {
    this.conversations.set(conversation.id, conversation);
    const saved = this.#write(PREFIX + conversation.id, conversation);
    if (saved) this.unsaved.delete(conversation.id);
    else this.unsaved.add(conversation.id);
    return saved;
  }

  /** Forgets a conversation; the room may be enough for one that did not fit. */
  remove(id) {
    this.conversations.delete(id);
    this.unsaved.delete(id);
    this.#storage?.removeItem(PREFIX + id);
    for (const other of this.unsaved) this.save(this.conversations.get(other));
  }

  /** What new conversations begin with. */
  get settings() {
    try {
      return { ...JSON.parse(this.#storage?.getItem(SETTINGS) ?? '{}') };
    } catch {
      return {};
    }
  }

  set settings(settings) {
    this.#write(SETTINGS, settings);
  }

  #write(name, value) {
    try {
      this.#storage.setItem(name, JSON.stringify(value));
      return true;
    } catch {
      return false;
    }
  }
}

/** What one tab remembers when it is loaded again: the conversation that it shows. */
export class Tab {
  #storage;

  constructor(storage) {
    this.#storage = storage;
  }

  get shown() {
    return this.#storage?.getItem(SHOWN) ?? '';
  }

  set shown(id) {
    try {
      this.#storage?.setItem(SHOWN, id);
    } catch {
      // It shows a new one then.
    }
  }
}

/** A storage of the browser by its name, or null where the browser does not allow it. */
export function browserStorage(name) {
  try {
    globalThis[name].getItem(SETTINGS);
    return globalThis[name];
  } catch {
    return null;
  }
}
