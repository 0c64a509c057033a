// The dialogs: settings, and the key that a server asks for.

import { key } from './api.js';
import { el } from './dom.js';
import { NUMBERS, problem } from './settings.js';

const TEXTS = ['system', 'stop', 'schema'];

export class SettingsDialog {
  #dialog = document.getElementById('settings');
  #form = this.#dialog.querySelector('form');
  #settings = {};
  #changed;

  /** @param changed is given the settings whenever they change, keyChanged is called when the key does. */
  constructor(changed, keyChanged) {
    this.#changed = changed;
    document.getElementById('numbers').append(...NUMBERS.map(numberField));
    this.#form.addEventListener('input', e => {
      if (e.target.name === 'key' || e.target.name === 'keep') {
        key.set(this.#field('key').value.trim(), this.#field('keep').checked);
        return;
      }
      this.#read();
    });
    this.#field('key').addEventListener('change', keyChanged);
    this.#form.querySelector('#reset').addEventListener('click', () => {
      for (const name of [...TEXTS, ...NUMBERS.map(({ name }) => name)]) this.#field(name).value = '';
      this.#field('json').checked = false;
      this.#read();
    });
    closeByBackdrop(this.#dialog);
  }

  /** @param defaults what the server uses where nothing is set. */
  open(settings, defaults) {
    this.#settings = settings;
    for (const { name, fallback } of NUMBERS) {
      const own = fallback ? null : defaults[name];
      this.#field(name).value = settings[name] ?? '';
      this.#field(name).placeholder = Number.isFinite(own) ? String(Number(own.toFixed(4))) : fallback ?? 'default';
    }
    for (const name of TEXTS) this.#field(name).value = settings[name] ?? '';
    this.#field('json').checked = settings.json === true;
    this.#field('key').value = key.get();
    this.#field('keep').checked = key.kept();
    this.#showProblem();
    this.#dialog.showModal();
    const wrong = problem(settings);
    if (wrong) this.#field(wrong.name).focus();
  }

  #field(name) {
    return this.#form.elements[name];
  }

  #read() {
    for (const name of TEXTS) this.#settings[name] = this.#field(name).value;
    // A number that cannot be read has no value: it stays wrong until it is mended.
    for (const { name } of NUMBERS) this.#settings[name] = this.#field(name).validity.badInput ? 'x' : this.#field(name).value;
    this.#settings.json = this.#field('json').checked;
    this.#showProblem();
    this.#changed(this.#settings);
  }

  #showProblem() {
    const wrong = problem(this.#settings);
    for (const { name } of [...NUMBERS, { name: 'schema' }]) {
      this.#field(name).setAttribute('aria-invalid', wrong?.name === name);
    }
    document.getElementById('problem').textContent = wrong?.message ?? '';
    document.getElementById('schema-field').hidden = !this.#field('json').checked;
  }
}

function numberField({ name, label, hint, min, max, step }) {
  return el('label', { class: 'field' }, label,
    el('input', { type: 'number', name, min, max, step: 'any', inputmode: step === 1 ? 'numeric' : 'decimal', 'aria-describedby': `hint-${name}` }),
    el('span', { class: 'hint', id: `hint-${name}` }, hint));
}

/** Asks for the key. Gives whether the user has entered one. */
export function askForKey() {
  const dialog = document.getElementById('ask-key');
  const form = dialog.querySelector('form');
  form.reset();
  form.elements.keep.checked = key.kept();
  form.querySelector('.cancel').onclick = () => dialog.close();
  if (!dialog.open) dialog.showModal();
  return new Promise(resolve => dialog.addEventListener('close', () => {
    const entered = dialog.returnValue === 'ok';
    dialog.returnValue = '';
    if (entered) key.set(form.elements.key.value.trim(), form.elements.keep.checked);
    resolve(entered);
  }, { once: true }));
}

function closeByBackdrop(dialog) {
  dialog.addEventListener('click', e => {
    if (e.target === dialog) dialog.close();
  });
}
