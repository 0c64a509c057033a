// A conversation is a tree of messages: another answer and an edited message stand beside the old ones. A message names its parent by index
// and comes after it; `leaf` is the last message of the branch that is shown.

export function create(settings) {
  return { id: Date.now().toString(36) + Math.random().toString(36).slice(2, 8), title: '', updated: Date.now(), settings: { ...settings }, messages: [], leaf: -1 };
}

/** Indices of the messages from the first to one of them, or to the leaf. */
export function path(conversation, to = conversation.leaf) {
  const indices = [];
  for (let i = to; i >= 0; i = conversation.messages[i].parent) indices.push(i);
  return indices.reverse();
}

/** Puts a message after another, -1 for the first, and shows its branch. Gives its index. */
export function add(conversation, parent, message) {
  conversation.leaf = conversation.messages.push({ ...message, parent }) - 1;
  conversation.updated = Date.now();
  if (!conversation.title && message.role === 'user') conversation.title = message.content.trim().slice(0, 80).replace(/\s+/g, ' ');
  return conversation.leaf;
}

/** The messages that may stand in the place of one, itself among them. */
export function versions(conversation, index) {
  const { parent } = conversation.messages[index];
  return conversation.messages.flatMap((message, i) => (message.parent === parent ? [i] : []));
}

/** Shows the newest branch that has a message. */
export function choose(conversation, index) {
  const has = i => i === index || (i > index && has(conversation.messages[i].parent));
  conversation.leaf = conversation.messages.findLastIndex((_, i) => has(i));
}

/** The conversation of a text that was stored, or null for anything else. */
export function read(text) {
  try {
    const { id, title, updated, settings, messages, leaf } = JSON.parse(text);
    const valid = (message, i) => ['user', 'assistant'].includes(message.role) && typeof message.content === 'string'
      && Number.isInteger(message.parent) && message.parent >= -1 && message.parent < i;
    if (typeof id !== 'string' || typeof title !== 'string' || !Number.isFinite(updated) || typeof settings !== 'object') return null;
    if (!Array.isArray(messages) || !messages.every(valid) || !Number.isInteger(leaf) || leaf < -1 || leaf >= messages.length) return null;
    return { id, title, updated, settings: { ...settings }, messages, leaf };
  } catch {
    return null;
  }
}
