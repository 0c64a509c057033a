// One line above the composer about something that has happened, with something to do about it.

import { el } from './dom.js';

const root = document.getElementById('notice');
root.querySelector('[data-icon="close"]').addEventListener('click', hideNotice);

export function notice(text, action, onAction) {
  root.querySelector('.action')?.remove();
  root.querySelector('span').textContent = text;
  root.hidden = false;
  if (!action) return;
  root.lastElementChild.before(el('button', { type: 'button', class: 'action', onclick: () => {
    hideNotice();
    onAction();
  } }, action));
}

export function hideNotice() {
  root.hidden = true;
}
