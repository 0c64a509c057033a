// The page: what the user can do, and which parts show it.

import { models, properties } from './api.js';
import { answer } from './answer.js';
import { Composer } from './composer.js';
import { add, create, path } from './conversation.js';
import { SettingsDialog, askForKey } from './dialogs.js';
import { announce, clearAnnouncements, el, icon } from './dom.js';
import { Messages } from './messages.js';
import { notice, hideNotice } from './notice.js';
import { problem } from './settings.js';
import { Sidebar } from './sidebar.js';
import { Store, Tab, browserStorage } from './store.js';
import { isDark, toggle } from './theme.js';

const SAVE_EVERY = 2000; // milliseconds, while an answer grows
const NO_ROOM = 'The browser has no room for this conversation: it is lost with the page. Delete others to keep it.';

const byId = id => document.getElementById(id);
for (const button of document.querySelectorAll('[data-icon]')) button.prepend(icon(button.dataset.icon));

const store = new Store(browserStorage('localStorage'));
const tab = new Tab(browserStorage('sessionStorage'));
const running = new Map(); // conversation to { index, controller, saved }
const server = { models: [], contextSize: 0, defaults: {}, told: '' }; // told: the model that the rest is of
let shown = store.conversations.get(tab.shown) ?? create(store.settings);

const settings = new SettingsDialog(changed => {
  store.settings = changed;
  if (shown.messages.length > 0) save(shown);
}, connect);
const composer = new Composer({ send, stop, editLast });
const messages = new Messages(byId('messages'), byId('latest'), { retry, edited, chosen });
const sidebar = new Sidebar({ begin, open, remove });

byId('open-settings').addEventListener('click', () => settings.open(shown.settings, server.defaults));
byId('theme').addEventListener('click', () => {
  toggle();
  byId('theme').setAttribute('aria-pressed', isDark());
});
byId('theme').setAttribute('aria-pressed', isDark());
byId('model').addEventListener('change', e => {
  shown.settings.model = e.target.value;
  store.settings = shown.settings;
  if (shown.messages.length > 0) save(shown);
  showModel();
});
addEventListener('keydown', e => {
  if (e.key === 'Escape' && !document.querySelector('dialog[open]') && running.has(shown)) stop();
});
addEventListener('pagehide', () => {
  for (const conversation of running.keys()) store.save(conversation);
});
addEventListener('storage', e => {
  const id = e.key && !running.has(store.conversations.get(e.key.split('.').at(-1))) ? store.reload(e.key) : null;
  if (id === shown.id && store.conversations.has(id)) open(store.conversations.get(id));
  else if (id) showList();
});

show();
composer.focus();
connect();

function begin() {
  open(create(store.settings));
}

function open(conversation) {
  shown = conversation;
  tab.shown = conversation.id;
  hideNotice();
  show();
  composer.focus();
}

function remove(conversation) {
  running.get(conversation)?.controller.abort();
  store.remove(conversation.id);
  if (conversation === shown) begin();
  else showList();
  notice('The conversation was deleted.', 'Undo', () => {
    save(conversation);
    open(conversation);
  });
}

function send(text) {
  if (!ready()) return false;
  generate(add(shown, shown.leaf, { role: 'user', content: text }));
  return true;
}

function stop() {
  running.get(shown)?.controller.abort();
}

function retry(index) {
  if (ready()) generate(shown.messages[index].parent);
  composer.focus();
}

// A question is answered once more; an answer is as the user wants it.
function edited(index, content) {
  if (!ready()) return;
  const { role, parent, json } = shown.messages[index];
  const added = add(shown, parent, role === 'user' ? { role, content } : { role, content, json, end: 'stop' });
  if (role === 'user') generate(added);
  else {
    save(shown);
    show();
  }
  composer.focus();
}

function editLast() {
  const last = path(shown).findLast(i => shown.messages[i].role === 'user');
  if (last !== undefined && !running.has(shown)) messages.edit(last);
}

function chosen() {
  save(shown);
  show();
}

// Whether a request can be made now.
function ready() {
  if (running.has(shown)) return false;
  const wrong = problem(shown.settings);
  if (wrong) settings.open(shown.settings, server.defaults);
  return !wrong;
}

async function generate(parent) {
  const conversation = shown;
  tab.shown = conversation.id;
  const index = add(conversation, parent, { role: 'assistant', content: '', json: conversation.settings.json === true });
  const message = conversation.messages[index];
  const run = { index, controller: new AbortController(), saved: performance.now() };
  running.set(conversation, run);
  hideNotice();
  clearAnnouncements();
  announce('Answering');
  save(conversation);
  show();
  await answer(conversation, index, run.controller.signal, () => {
    messages.update(conversation, index);
    if (conversation === shown) composer.show(used());
    if (performance.now() - run.saved < SAVE_EVERY) return;
    run.saved = performance.now();
    save(conversation);
  });
  delete message.live;
  if (server.contextSize === 0) server.told = ''; // a model that was not loaded is now
  running.delete(conversation);
  messages.end(conversation, index);
  if (store.conversations.has(conversation.id)) save(conversation);
  announce(message.end === 'error' ? message.error : 'The answer has ended');
  show();
  if (message.status === 401 && conversation === shown && await askForKey()) {
    await connect();
    retry(index);
  }
}

function save(conversation) {
  if (!store.save(conversation)) notice(NO_ROOM);
  showList();
}

function show() {
  messages.show(shown, running.get(shown)?.index);
  composer.answering = running.has(shown);
  composer.show(used());
  byId('welcome').hidden = shown.messages.length > 0;
  document.title = shown.title ? `${shown.title} - Edge.Llm` : 'Edge.Llm';
  showModel();
  showList();
}

function showList() {
  sidebar.show(store.list(), shown, conversation => running.has(conversation));
}

function used() {
  const last = path(shown).map(i => shown.messages[i]).findLast(({ role, stats, live }) => role === 'assistant' && (stats?.prompt || live));
  if (!last) return { used: 0, size: server.contextSize };
  const { prompt = 0, completion = 0 } = last.stats ?? {};
  return { used: prompt && prompt + completion, size: server.contextSize, rate: last.live?.rate, pieces: last.live?.completion };
}

// Asks what models there are, and for a key where they are only told with one.
async function connect() {
  try {
    server.models = await models();
  } catch (e) {
    if (e.status === 401 && await askForKey()) return connect();
    notice(e.message, 'Try again', connect);
  }
  showModel();
}

async function showModel() {
  const names = server.models;
  if (names.length > 0 && !names.includes(shown.settings.model)) shown.settings.model = names[0];
  const { model } = shown.settings;
  byId('model').replaceChildren(...(names.length > 0 ? names : ['No model']).map(name => el('option', { value: name, selected: name === model }, name)));
  byId('model').disabled = names.length === 0;
  if (names.length > 0 && server.told !== model) {
    server.told = model;
    Object.assign(server, { contextSize: 0, defaults: {} }, await properties(model).catch(() => ({})));
  }
  composer.show(used());
}
