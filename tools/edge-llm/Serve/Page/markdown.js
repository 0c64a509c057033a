// Markdown to blocks: plain objects, so that a test needs no browser. Any text gives blocks; time is linear in its length, because a line is
// read a fixed number of times for each level that blocks are nested, and there are at most DEEPEST levels. A list ends at a line that is
// neither indented nor an item, a quote at a line without ">". Underlined headings, indented code and HTML are paragraphs.

const DEEPEST = 10;

/** The blocks of a text. Each has `line`, the number of its first line. */
export function parse(text) {
  return blocks(text.split('\n').map(line => (line.endsWith('\r') ? line.slice(0, -1) : line)), 0);
}

/** Whether two blocks would be shown alike. */
export function same(a, b) {
  if (a.type !== b.type || a.text !== b.text || a.info !== b.info || a.level !== b.level || a.start !== b.start) return false;
  if (a.loose !== b.loose || a.checked !== b.checked || a.rows?.length !== b.rows?.length) return false;
  if (a.rows && JSON.stringify([a.align, a.rows]) !== JSON.stringify([b.align, b.rows])) return false;
  return !a.children || (a.children.length === b.children.length && a.children.every((child, i) => same(child, b.children[i])));
}

function blocks(lines, depth) {
  const found = [];
  for (let at = 0; at < lines.length;) {
    if (isBlank(lines[at])) {
      at++;
      continue;
    }
    const nested = depth < DEEPEST ? quote(lines, at, depth) ?? rule(lines, at) ?? list(lines, at, depth) : rule(lines, at);
    const { end, ...block } = fence(lines, at) ?? heading(lines, at) ?? nested ?? table(lines, at) ?? paragraph(lines, at, depth);
    found.push({ ...block, line: at });
    at = end;
  }
  return found;
}

// The end of a text that still grows may be the beginning of the closing fence: that is not shown as code.
function fence(lines, at) {
  const open = fenceOf(lines[at]);
  if (!open) return null;
  const indent = indentOf(lines[at]);
  const code = [];
  for (let i = at + 1; i < lines.length; i++) {
    const line = lines[i].trim();
    if (line !== '' && line.replaceAll(open.mark, '') === '') {
      if (line.length >= open.length) return { type: 'code', info: open.info, text: code.join('\n'), end: i + 1 };
      if (i === lines.length - 1) break;
    }
    code.push(dedent(lines[i], indent));
  }
  return { type: 'code', info: open.info, text: code.join('\n'), end: lines.length };
}

function fenceOf(line) {
  const [, marks, info] = /^[ \t]*(```+|~~~+)(.*)$/.exec(line) ?? [];
  if (!marks || (marks[0] === '`' && info.includes('`'))) return null;
  return { mark: marks[0], length: marks.length, info: info.trim() };
}

function heading(lines, at) {
  const [, marks, rest] = /^ {0,3}(#{1,6})(?=[ \t]|$)(.*)$/.exec(lines[at]) ?? [];
  if (!marks) return null;
  let text = rest.trim();
  let end = text.length;
  while (text[end - 1] === '#') end--;
  if (end === 0 || /\s/.test(text[end - 1])) text = text.slice(0, end).trim();
  return { type: 'heading', level: marks.length, text, end: at + 1 };
}

function rule(lines, at) {
  return isRule(lines[at]) ? { type: 'rule', end: at + 1 } : null;
}

function isRule(line) {
  return /^(-{3,}|\*{3,}|_{3,})$/.test(line.replace(/[ \t]/g, ''));
}

function quote(lines, at, depth) {
  let end = at;
  while (end < lines.length && isQuote(lines[end])) end++;
  if (end === at) return null;
  const inner = lines.slice(at, end).map(line => line.replace(/^[ \t]*> ?/, ''));
  return { type: 'quote', children: blocks(inner, depth + 1), end };
}

function isQuote(line) {
  return /^ {0,3}>/.test(line);
}

function list(lines, at, depth) {
  const first = markerOf(lines[at]);
  if (!first) return null;
  const items = [];
  let end = at, blanks = 0, loose = false, item = first;
  for (let i = at; i < lines.length; i++) {
    if (isBlank(lines[i])) {
      blanks++;
      continue;
    }
    if (i > at && indentOf(lines[i]) >= first.indent + 2) {
      for (; blanks > 0; blanks--, loose = true) item.lines.push('');
      item.lines.push(dedent(lines[i], item.column));
    } else {
      const next = markerOf(lines[i]);
      if (!next || next.ordered !== first.ordered || isRule(lines[i])) break;
      loose ||= blanks > 0;
      blanks = 0;
      items.push(item = next);
    }
    end = i + 1;
  }
  const children = items.map(({ lines, checked }) => ({ type: 'item', checked, children: blocks(lines, depth + 1) }));
  return { type: first.ordered ? 'ordered' : 'bullets', start: first.start, loose, children, end };
}

function markerOf(line) {
  const [head, mark] = /^[ \t]*([-*+]|\d{1,9}[.)])(?=[ \t]|$)/.exec(line) ?? [];
  if (!mark) return null;
  const rest = line.slice(head.length);
  const text = rest.trimStart();
  const [box, state] = /^\[([ xX])\] /.exec(text) ?? [];
  const ordered = mark.length > 1;
  const indent = indentOf(line);
  const gap = text === '' ? 1 : Math.min(4, rest.length - text.length);
  return {
    indent, ordered, start: ordered ? parseInt(mark, 10) : undefined, column: indent + mark.length + gap,
    checked: box ? state !== ' ' : undefined, lines: [box ? text.slice(box.length) : text],
  };
}

function table(lines, at) {
  const align = tableAlignment(lines, at);
  if (!align) return null;
  const rows = [cells(lines[at])];
  let end = at + 2;
  for (; end < lines.length && lines[end].includes('|'); end++) rows.push(cells(lines[end]).slice(0, align.length));
  return { type: 'table', align, rows, end };
}

function tableAlignment(lines, at) {
  if (!lines[at].includes('|') || !lines[at + 1]?.includes('|') || !/^[ \t:|-]+$/.test(lines[at + 1])) return null;
  const marks = cells(lines[at + 1]);
  if (marks.length !== cells(lines[at]).length || !marks.every(mark => /^:?-+:?$/.test(mark))) return null;
  return marks.map(mark => (mark.endsWith(':') ? (mark.startsWith(':') ? 'center' : 'end') : 'start'));
}

function cells(line) {
  const row = line.trim();
  const found = [];
  let cell = '';
  for (let i = row[0] === '|' ? 1 : 0; i < row.length; i++) {
    if (row[i] === '\\' && row[i + 1] === '|') cell += row[++i];
    else if (row[i] === '|') {
      found.push(cell.trim());
      cell = '';
    } else cell += row[i];
  }
  if (cell !== '') found.push(cell.trim());
  return found;
}

function paragraph(lines, at, depth) {
  let end = at + 1;
  while (end < lines.length && !isBlank(lines[end]) && !interrupts(lines, end, depth)) end++;
  return { type: 'paragraph', text: lines.slice(at, end).map(line => line.trim()).join('\n'), end };
}

function interrupts(lines, at, depth) {
  const line = lines[at];
  if (fenceOf(line) || /^ {0,3}#{1,6}[ \t]/.test(line) || isRule(line)) return true;
  if (depth < DEEPEST) {
    if (isQuote(line)) return true;
    const marker = markerOf(line);
    if (marker) return marker.lines[0] !== '' && (!marker.ordered || marker.start === 1);
  }
  return tableAlignment(lines, at) !== null;
}

function isBlank(line) {
  return line.trim() === '';
}

function indentOf(line) {
  let columns = 0;
  for (let i = 0; line[i] === ' ' || line[i] === '\t'; i++) columns += line[i] === ' ' ? 1 : 4;
  return columns;
}

function dedent(line, columns) {
  let i = 0;
  for (let left = columns; left > 0 && (line[i] === ' ' || line[i] === '\t'); i++) left -= line[i] === ' ' ? 1 : 4;
  return line.slice(i);
}
