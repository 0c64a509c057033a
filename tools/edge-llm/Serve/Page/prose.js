// Markdown on the page, for a text that may still grow: an update parses and changes only the end of it.

import { copyButton, el, visible } from './dom.js';
import { inline } from './inline.js';
import { parse, same } from './markdown.js';

// More text can change the last block or split it in two: the blocks before the last two are final.
const UNSETTLED = 2;

export class Prose {
  #root;
  #onSettled;
  #settled = 0; // length of the text whose blocks are final
  #first = 0; // the child of the root that shows the first block after it
  #blocks = [];

  /** @param onSettled is given the element of each block that has become final. */
  constructor(root, onSettled = () => {}) {
    this.#root = root;
    this.#onSettled = onSettled;
  }

  /** Shows a text that begins with the one shown before. */
  update(text) {
    const rest = text.slice(this.#settled);
    const blocks = parse(rest);
    patch(this.#root, this.#first, this.#blocks, blocks);
    this.#blocks = blocks;
    if (blocks.length > UNSETTLED) this.#settle(blocks.length - UNSETTLED, rest);
  }

  /** The text is whole. */
  end() {
    this.#settle(this.#blocks.length, '');
  }

  #settle(count, rest) {
    for (let i = 0; i < count; i++) this.#onSettled(this.#root.children[this.#first + i]);
    this.#first += count;
    this.#blocks = this.#blocks.slice(count);
    if (this.#blocks.length > 0) this.#settled += startOfLine(rest, this.#blocks[0].line);
  }
}

function startOfLine(text, line) {
  let start = 0;
  for (; line > 0; line--) start = text.indexOf('\n', start) + 1;
  return start;
}

// Makes the children of an element that show old blocks show new ones.
function patch(parent, first, old, blocks) {
  for (let i = 0; i < blocks.length; i++) {
    const shown = parent.children[first + i];
    if (i >= old.length) parent.append(build(blocks[i]));
    else if (!same(old[i], blocks[i]) && !grow(shown, old[i], blocks[i])) shown.replaceWith(build(blocks[i]));
  }
  for (let i = old.length; i > blocks.length; i--) parent.lastElementChild.remove();
}

// Changes a block in place where little of it is new.
function grow(shown, old, block) {
  if (old.type !== block.type || old.start !== block.start || old.checked !== block.checked) return false;
  if (block.type === 'code') {
    if (old.info !== block.info || !block.text.startsWith(old.text)) return false;
    shown.querySelector('code').firstChild.appendData(visible(block.text.slice(old.text.length)));
  } else if (block.children) {
    shown.classList.toggle('loose', block.loose === true);
    patch(shown, block.checked === undefined ? 0 : 1, old.children, block.children);
  } else return false;
  return true;
}

function build(block) {
  switch (block.type) {
    case 'heading': return el(`h${Math.min(6, block.level + 2)}`, { dir: 'auto' }, ...nodes(inline(block.text)));
    case 'rule': return el('hr');
    case 'quote': return el('blockquote', { dir: 'auto' }, ...block.children.map(build));
    case 'bullets': return el('ul', { dir: 'auto', class: block.loose && 'loose' }, ...block.children.map(build));
    case 'ordered':
      return el('ol', { dir: 'auto', start: block.start === 1 ? null : block.start, class: block.loose && 'loose' }, ...block.children.map(build));
    case 'item': return el('li', {}, checkbox(block.checked), ...block.children.map(build));
    case 'table': return table(block);
    case 'code': return codeBlock(block.info, block.text);
    default: return el('p', { dir: 'auto' }, ...nodes(inline(block.text)));
  }
}

/** A block of code with a button to copy it. */
export function codeBlock(info, text) {
  const code = el('code', {}, document.createTextNode(visible(text)));
  return el('div', { class: 'code', dir: 'ltr' },
    el('div', { class: 'code-head' }, el('span', {}, info.slice(0, 40) || 'text'), copyButton('Copy code', () => code.textContent)),
    el('pre', { tabindex: 0, 'aria-label': 'Code' }, code));
}

function checkbox(checked) {
  return checked === undefined ? null : el('input', { type: 'checkbox', disabled: true, checked, 'aria-label': checked ? 'done' : 'open' });
}

function table({ align, rows: [head, ...body] }) {
  const row = (tag, cells) => el('tr', {}, ...cells.map((cell, i) => el(tag, { class: align[i], dir: 'auto' }, ...nodes(inline(cell)))));
  return el('div', { class: 'table', tabindex: 0, role: 'group', 'aria-label': 'Table' },
    el('table', {}, el('thead', {}, row('th', head)), el('tbody', {}, ...body.map(cells => row('td', cells)))));
}

function nodes(found, inLink = false) {
  return found.map(node => {
    if (typeof node === 'string') return visible(node);
    switch (node.type) {
      case 'code': return el('code', {}, visible(node.text));
      case 'break': return el('br');
      case 'link': return link(node, inLink);
      default: return el({ strong: 'strong', em: 'em', del: 'del' }[node.type], {}, ...nodes(node.children, inLink));
    }
  });
}

// Anything but an address of the web or of mail stays text, as do images: the page loads nothing that a message names.
function link(node, inLink) {
  const href = inLink ? null : safe(node.href);
  if (!href) return el('span', {}, ...nodes(node.children, inLink));
  return el('a', { href, title: href, target: '_blank', rel: 'noopener noreferrer' }, ...nodes(node.children, true));
}

function safe(href) {
  const url = URL.canParse(href) ? new URL(href) : null;
  return ['http:', 'https:', 'mailto:'].includes(url?.protocol) ? url.href : null;
}
