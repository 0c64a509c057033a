// Elements of the page. Texts become text nodes: nothing on this page reads HTML.

const SVG = 'http://www.w3.org/2000/svg';

// Outlines on a grid of 24.
const ICONS = {
  menu: 'M4 7h16M4 12h16M4 17h16',
  plus: 'M12 5v14M5 12h14',
  send: 'M12 19V5M6 11l6-6 6 6',
  stop: 'M8 8h8v8H8z',
  down: 'M12 5v14M6 13l6 6 6-6',
  copy: 'M9 9h11v11H9zM15 9V4H4v11h5',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  edit: 'M4 20l1-4.5L16.5 4 20 7.5 8.5 19zM14 6.5l3.5 3.5',
  retry: 'M19.5 12a7.5 7.5 0 1 1-2.4-5.5M19.5 3.5v4h-4',
  trash: 'M4.5 7h15M9.5 7V4h5v3M6.5 7l1 13h9l1-13',
  close: 'M6 6l12 12M18 6L6 18',
  sliders: 'M4 8h9M19 8h1M4 16h1M11 16h9M16 5.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5M8 13.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5',
  theme: 'M12 3.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17M12 4v16M12 8l6 -2.5M12 12h8.3M12 16l6 2.5',
  left: 'M14.5 6l-6 6 6 6',
  right: 'M9.5 6l6 6-6 6',
};

/** An element. Names that begin with "on" are listeners; false, null and undefined leave an attribute out. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter(child => child != null && child !== false));
  return element;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('class', 'icon');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button that shows an icon alone. */
export function iconButton(name, label, onclick, attributes = {}) {
  return el('button', { type: 'button', class: 'icon-button', 'aria-label': label, title: label, onclick, ...attributes }, icon(name));
}

/** A button that copies a text and says so for a moment. */
export function copyButton(label, text) {
  const button = iconButton('copy', label, async () => {
    const copied = await copy(text());
    button.replaceChildren(icon(copied ? 'check' : 'close'));
    announce(copied ? 'Copied' : 'The browser refused to copy');
    setTimeout(() => button.replaceChildren(icon('copy')), 1500);
  });
  return button;
}

/** Has a screen reader say something. */
export function announce(text) {
  document.getElementById('live').append(el('p', {}, text));
}

/** Forgets what was announced, so that it does not grow. */
export function clearAnnouncements() {
  document.getElementById('live').replaceChildren();
}

/** A text without characters that reorder what stands around them: they can make code look like other code. */
export function visible(text) {
  return text.replace(/[\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}

// The clipboard is refused to pages that do not come from this machine or by https: the older way is left.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const focused = document.activeElement;
    const area = el('textarea', { class: 'hidden-text', readonly: true });
    area.value = text;
    (focused?.closest('dialog') ?? document.body).append(area);
    area.select();
    const copied = document.execCommand('copy');
    area.remove();
    focused?.focus();
    return copied;
  }
}
