// The list of conversations: a column beside them, or a drawer above them where the window is narrow.

import { el, iconButton, visible } from './dom.js';

const narrow = matchMedia('(max-width: 50rem)');

export class Sidebar {
  #root = document.getElementById('sidebar');
  #list = document.getElementById('conversations');
  #menu = document.getElementById('menu');
  #scrim = document.getElementById('scrim');
  #page = document.getElementById('page');
  #actions;
  #isOpen = false;

  /** @param actions begin(), open(conversation), remove(conversation) */
  constructor(actions) {
    this.#actions = actions;
    this.#root.querySelector('#new').addEventListener('click', () => {
      if (narrow.matches) this.#open(false);
      actions.begin();
    });
    this.#menu.addEventListener('click', () => this.#open(!this.#isOpen, true));
    this.#scrim.addEventListener('click', () => this.#open(false, true));
    this.#root.addEventListener('keydown', e => {
      if (e.key === 'Escape' && narrow.matches) this.#open(false, true);
    });
    narrow.addEventListener('change', () => this.#open(!narrow.matches));
    this.#open(!narrow.matches);
  }

  show(conversations, shown, isAnswering) {
    const focused = this.#list.contains(document.activeElement) ? document.activeElement.dataset.id : null;
    this.#list.replaceChildren(...conversations.map(conversation => this.#entry(conversation, conversation === shown, isAnswering(conversation))));
    if (focused) this.#list.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
  }

  #entry(conversation, isShown, isAnswering) {
    const title = visible(conversation.title || 'New conversation');
    const open = el('button', { type: 'button', class: 'title', dir: 'auto', 'data-id': conversation.id, 'aria-current': isShown && 'page', onclick: () => {
      if (narrow.matches) this.#open(false);
      this.#actions.open(conversation);
    } }, title, isAnswering && el('span', { class: 'pulse', role: 'img', 'aria-label': 'answering' }));
    return el('li', {}, open, iconButton('trash', `Delete "${title}"`, () => this.#actions.remove(conversation)));
  }

  #open(isOpen, moveFocus = false) {
    const over = isOpen && narrow.matches;
    this.#isOpen = isOpen;
    document.documentElement.dataset.sidebar = isOpen ? 'open' : 'closed';
    this.#menu.setAttribute('aria-expanded', isOpen);
    this.#root.inert = !isOpen;
    this.#page.inert = over;
    this.#scrim.hidden = !over;
    if (moveFocus && narrow.matches) (isOpen ? this.#root.querySelector('#new') : this.#menu).focus();
  }
}
