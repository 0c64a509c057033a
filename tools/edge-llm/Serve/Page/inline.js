// What is inside a paragraph: texts and nodes { type, children | text | href }. One pass over the text; at most OPEN marks are open at a time,
// so nodes are nested no deeper than that and time is linear. HTML stays text, except <br>.

const OPEN = 32;
const SPECIAL = /[\\`*_~[\]<&\n]|!\[|https?:\/\//g;
const ESCAPED = /[!-/:-@[-`{-~]/;
const ENTITY = /&(amp|lt|gt|quot|apos|nbsp|#39);/y;
const ENTITIES = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0', '#39': "'" };
const BREAK = /<br[ \t]*\/?>/iy;
const ANGLE = /<((?:https?:\/\/|mailto:)[^\s<>]*)>/y;
const BARE = /https?:\/\/[^\s<>"`[\]|\\]+/y;

/** The nodes of a text: strings, and { type: 'strong' | 'em' | 'del' | 'link', children }, { type: 'code', text }, { type: 'break' }. */
export function inline(text) {
  const out = [];
  const open = []; // marks that may still be closed: { mark, count, at }, where out[at] is their text
  const spans = codeSpans(text);
  let at = 0;

  for (;;) {
    SPECIAL.lastIndex = at;
    const next = SPECIAL.exec(text);
    const start = next ? next.index : text.length;
    if (start > at) out.push(text.slice(at, start));
    if (!next) break;
    at = start;
    switch (next[0]) {
      case '\\': escape(); break;
      case '`': code(); break;
      case '*': case '_': case '~': emphasis(); break;
      case '[': case '![': begin({ mark: '[', count: 0 }, next[0]); break;
      case ']': link(); break;
      case '\n': out.push({ type: 'break' }); at++; break;
      case '<': if (!take(BREAK, () => ({ type: 'break' })) && !take(ANGLE, m => linkTo(m[1]))) plain(1); break;
      case '&': if (!take(ENTITY, m => ENTITIES[m[1]])) plain(1); break;
      default: bare(); break;
    }
  }
  return tidy(out);

  function plain(length) {
    out.push(text.slice(at, at + length));
    at += length;
  }

  function begin(entry, mark) {
    if (open.length === OPEN) open.shift();
    open.push({ ...entry, at: out.length });
    plain(mark.length);
  }

  function take(pattern, make) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (!match) return false;
    out.push(make(match));
    at += match[0].length;
    return true;
  }

  // Mathematics between \( and \) or \[ and \] is shown as it is written.
  function escape() {
    const next = text[at + 1] ?? '';
    if (next === '\n') at++;
    else if (ESCAPED.test(next) && !'()[]'.includes(next)) {
      at++;
      plain(1);
    } else plain(next === '' ? 1 : 2);
  }

  function code() {
    const { length, close } = spans(at);
    if (close < 0) {
      plain(length);
      return;
    }
    let inside = text.slice(at + length, close).replaceAll('\n', ' ');
    if (inside.startsWith(' ') && inside.endsWith(' ') && inside.trim() !== '') inside = inside.slice(1, -1);
    out.push({ type: 'code', text: inside });
    at = close + length;
  }

  function emphasis() {
    const mark = text[at];
    let count = 1;
    while (text[at + count] === mark) count++;
    const before = text[at - 1] ?? ' ', after = text[at + count] ?? ' ';
    const left = !isSpace(after) && (!isPunctuation(after) || isSpace(before) || isPunctuation(before));
    const right = !isSpace(before) && (!isPunctuation(before) || isSpace(after) || isPunctuation(after));
    if (mark === '~' ? count !== 2 : count > 3) {
      plain(count);
      return;
    }
    if (right && (mark !== '_' || !left || isPunctuation(after))) count = close(mark, count);
    if (count === 0) return;
    if (left && (mark !== '_' || !right || isPunctuation(before))) begin({ mark, count }, mark.repeat(count));
    else plain(count);
  }

  // Pairs a closing run with open ones, and gives what is left of it.
  function close(mark, count) {
    while (count > 0) {
      const i = open.findLastIndex(entry => entry.mark === mark);
      if (i < 0) break;
      const entry = open[i];
      const used = Math.min(entry.count, count, 2);
      const children = out.splice(entry.at + 1);
      entry.count -= used;
      count -= used;
      at += used;
      out[entry.at] = mark.repeat(entry.count);
      out.push({ type: mark === '~' ? 'del' : used === 2 ? 'strong' : 'em', children });
      open.length = entry.count > 0 ? i + 1 : i;
    }
    return count;
  }

  function link() {
    const i = open.findLastIndex(entry => entry.mark === '[');
    if (i < 0) {
      plain(1);
      return;
    }
    const target = text[at + 1] === '(' ? destination(text, at + 2) : null;
    const begun = open[i].at;
    open.length = i;
    if (!target) {
      plain(1);
      return;
    }
    const children = out.splice(begun + 1);
    out[begun] = { type: 'link', href: target.href, children: children.length ? children : [target.href] };
    at = target.end;
  }

  function bare() {
    BARE.lastIndex = at;
    const match = BARE.exec(text);
    if (!match) {
      plain(4);
      return;
    }
    const href = withoutTail(match[0]);
    out.push(linkTo(href));
    at += href.length;
  }
}

function linkTo(href) {
  return { type: 'link', href, children: [href.replace(/^mailto:/, '')] };
}

// For a run of backticks: its length, and where the next run of the same length begins (-1: nowhere).
function codeSpans(text) {
  let runs = null;
  return at => {
    if (!runs) {
      runs = new Map();
      for (const { index, 0: run } of text.matchAll(/`+/g)) {
        if (!runs.has(run.length)) runs.set(run.length, { at: 0, starts: [] });
        runs.get(run.length).starts.push(index);
      }
    }
    let length = 1;
    while (text[at + length] === '`') length++;
    const run = runs.get(length);
    while (run && run.starts[run.at] <= at) run.at++;
    return { length, close: run?.starts[run.at] ?? -1 };
  };
}

// "target)" or "<target> "title")": an unfinished one ends at white space or where another link's target begins.
function destination(text, at) {
  while (text[at] === ' ') at++;
  let end = at, href;
  if (text[at] === '<') {
    while (end < text.length && !'>\n'.includes(text[end])) end++;
    if (text[end] !== '>') return null;
    href = text.slice(at + 1, end++);
  } else {
    for (let depth = 0; end < text.length && !' \n<'.includes(text[end]); end++) {
      if (text[end] === ']' && text[end + 1] === '(') return null;
      if (text[end] === '(') depth++;
      else if (text[end] === ')' && depth-- === 0) break;
    }
    href = text.slice(at, end);
  }
  while (text[end] === ' ') end++;
  const quote = text[end];
  if (quote === '"' || quote === "'") {
    const close = text.indexOf(quote, end + 1);
    if (close < 0) return null;
    end = close + 1;
  }
  return text[end] === ')' ? { href, end: end + 1 } : null;
}

// A sentence goes on after an address: its punctuation is no part of it, nor is a parenthesis that was opened before it.
function withoutTail(href) {
  let unopened = 0, end = href.length;
  for (const c of href) unopened += c === ')' ? 1 : c === '(' ? -1 : 0;
  for (; ; end--) {
    if (href[end - 1] === ')' && unopened > 0) unopened--;
    else if (!'.,;:!?*_~\''.includes(href[end - 1])) break;
  }
  return href.slice(0, end);
}

function tidy(nodes) {
  const tidied = [];
  for (const node of nodes) {
    if (typeof node !== 'string') tidied.push(node.children ? { ...node, children: tidy(node.children) } : node);
    else if (typeof tidied.at(-1) === 'string') tidied[tidied.length - 1] += node;
    else if (node !== '') tidied.push(node);
  }
  return tidied;
}

function isSpace(c) {
  return /\s/.test(c);
}

function isPunctuation(c) {
  return /[\p{P}\p{S}]/u.test(c);
}
