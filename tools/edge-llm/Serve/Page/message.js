// One message on the page.

import { announce, copyButton, el, iconButton, visible } from './dom.js';
import { Prose, codeBlock } from './prose.js';
import { versions } from './conversation.js';

const SHOWN = 4000; // characters of a long question that are shown until the rest is asked for

const ENDS = { length: 'The answer reached the limit of its length.', stopped: 'Stopped.', error: '', interrupted: 'The answer was interrupted.' };

/** Shows a message. `actions` has edit, retry and choose, each given the index of the message. */
export class MessageView {
  element;
  #message;
  #body = el('div', { class: 'prose' });
  #thoughts = el('div', { class: 'prose' });
  #summary = el('summary');
  #reasoning = el('details', { class: 'reasoning', hidden: true }, this.#summary, this.#thoughts);
  #note = el('div', { class: 'note', hidden: true });
  #stats = el('span', { class: 'stats' });
  #foot;
  #prose;
  #thinking;
  #actions;
  #index;

  constructor(conversation, index, actions) {
    this.#message = conversation.messages[index];
    this.#actions = actions;
    this.#index = index;
    const { role, content } = this.#message;
    this.#foot = el('footer', {}, this.#versionNavigation(conversation),
      copyButton('Copy message', () => this.#message.content),
      iconButton('edit', 'Edit message', () => actions.edit(index)),
      role === 'assistant' && iconButton('retry', 'Answer again', () => actions.retry(index)),
      this.#stats);
    this.element = el('article', { class: `message ${role}`, 'aria-label': role === 'user' ? 'You' : 'Answer' },
      role === 'assistant' && this.#reasoning, this.#body, this.#note, this.#foot);
    if (role === 'user') this.#showQuestion(content);
    else this.#showAnswer();
  }

  /** Shows what the message has got, while it is being answered and when it has ended. */
  update(answering = true) {
    const { content, reasoning, thought, end } = this.#message;
    this.element.classList.toggle('answering', answering);
    this.element.classList.toggle('waiting', answering && !content && !reasoning);
    this.#reasoning.hidden = !reasoning;
    if (reasoning) {
      this.#thinking.update(reasoning);
      this.#summary.textContent = content || !answering ? `Thought${thought > 0 ? ` for ${duration(thought)}` : ''}` : 'Thinking';
    }
    this.#prose.update(content);
    this.#foot.hidden = answering;
    if (answering) return;
    this.#prose.end();
    this.#showNote(end ?? 'interrupted');
    this.#stats.textContent = statistics(this.#message.stats);
  }

  /** Puts a field for the text in the place of the message. `done` gets the text, or null. */
  edit(done) {
    const field = el('textarea', { 'aria-label': 'Message', rows: 3, dir: 'auto' });
    field.value = this.#message.content;
    const form = el('form', { class: 'editor', onsubmit: e => { e.preventDefault(); finish(field.value); } }, field,
      el('div', { class: 'buttons' },
        el('button', { type: 'button', onclick: () => finish(null) }, 'Cancel'),
        el('button', { type: 'submit', class: 'primary' }, this.#message.role === 'user' ? 'Send' : 'Save')));
    const finish = text => {
      form.replaceWith(...hidden);
      done(text?.trim() ? text : null);
    };
    form.addEventListener('keydown', e => {
      if (e.key === 'Escape') finish(null);
      else if (e.key === 'Enter' && !e.shiftKey && !e.isComposing && e.target === field) finish(field.value);
      else return;
      e.preventDefault();
      e.stopPropagation();
    });
    const hidden = [...this.element.children];
    this.element.replaceChildren(form);
    field.style.height = `${Math.min(field.scrollHeight + 2, innerHeight / 2)}px`;
    field.focus();
  }

  #showQuestion(content) {
    const shown = el('p', { class: 'plain', dir: 'auto' }, visible(content.slice(0, SHOWN)));
    this.#body.append(shown);
    if (content.length <= SHOWN) return;
    const more = el('button', { type: 'button', class: 'more', onclick: () => {
      shown.append(visible(content.slice(SHOWN)));
      more.remove();
    } }, `Show ${number(content.length - SHOWN)} more characters`);
    this.#body.append(more);
  }

  #showAnswer() {
    this.#thinking = new Prose(this.#thoughts);
    this.#prose = this.#message.json ? jsonText(this.#body) : new Prose(this.#body, block => {
      if (this.element.classList.contains('answering')) announce(block.className === 'code' ? 'Code' : block.textContent);
    });
  }

  #showNote(end) {
    const text = end === 'error' ? this.#message.error : ENDS[end];
    this.#note.hidden = !text;
    if (!text) return;
    this.#note.classList.toggle('error', end === 'error');
    this.#note.replaceChildren(el('span', {}, visible(String(text))));
    if (end === 'error') this.#note.append(el('button', { type: 'button', onclick: () => this.#actions.retry(this.#index) }, 'Try again'));
  }

  #versionNavigation(conversation) {
    const all = versions(conversation, this.#index);
    if (all.length < 2) return null;
    const at = all.indexOf(this.#index);
    const go = to => () => this.#actions.choose(all[to]);
    return el('span', { class: 'versions', role: 'group', 'aria-label': 'Versions' },
      iconButton('left', 'Earlier version', go(at - 1), { disabled: at === 0 }), `${at + 1}/${all.length}`,
      iconButton('right', 'Later version', go(at + 1), { disabled: at === all.length - 1 }));
  }
}

// An answer by a schema is shown as it is.
function jsonText(root) {
  const block = codeBlock('json', '');
  const text = block.querySelector('code').firstChild;
  let shown = 0;
  return {
    update(content) {
      if (content && !block.isConnected) root.append(block);
      text.appendData(visible(content.slice(shown)));
      shown = content.length;
    },
    end() {},
  };
}

/** "512 tokens, 34.2 tokens/s, ..." */
export function statistics(stats) {
  const { prompt, completion, cached, rate } = stats ?? {};
  const parts = [];
  if (completion > 0) parts.push(`${number(completion)} tokens`);
  if (rate > 0) parts.push(`${rate.toFixed(rate < 10 ? 1 : 0)} tokens/s`);
  if (prompt > 0) parts.push(`prompt ${number(prompt)}${cached > 0 ? `, ${number(cached)} from the cache` : ''}`);
  return parts.join(' · ');
}

export function number(value) {
  return value.toLocaleString('en');
}

function duration(milliseconds) {
  const seconds = Math.max(1, Math.round(milliseconds / 1000));
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
