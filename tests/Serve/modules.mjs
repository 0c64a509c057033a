// The modules of the web page that need no browser, under node's test runner.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

// A copy, because node takes a .js file for a module where package.json says so.
const page = fileURLToPath(new URL('../../tools/edge-llm/Serve/Page/', import.meta.url));
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'edge-llm-page-'));
for (const name of fs.readdirSync(page)) fs.copyFileSync(path.join(page, name), path.join(folder, name));
fs.writeFileSync(path.join(folder, 'package.json'), '{"type": "module"}');
test.after(() => fs.rmSync(folder, { recursive: true }));
const load = name => import(pathToFileURL(path.join(folder, name)));
const { parse, same } = await load('markdown.js');
const { inline } = await load('inline.js');
const { add, choose, create, path: branch, read, versions } = await load('conversation.js');
const { Store } = await load('store.js');
const { problem, request } = await load('settings.js');

const strong = (...children) => ({ type: 'strong', children });
const em = (...children) => ({ type: 'em', children });
const code = text => ({ type: 'code', text });
const link = (href, ...children) => ({ type: 'link', href, children });
const BREAK = { type: 'break' };

for (const [text, ...nodes] of [
  ['plain'],
  ['a **b *c* d** e', 'a ', strong('b ', em('c'), ' d'), ' e'],
  ['***x***', em(strong('x'))],
  ['snake_case_name and _it_', 'snake_case_name and ', em('it')],
  ['2 * 3 * 4 and **open', '2 * 3 * 4 and **open'],
  ['你好**世界**吗', '你好', strong('世界'), '吗'],
  ['~~x~~ ~y~', { type: 'del', children: ['x'] }, ' ~y~'],
  ['`` a`b `` `open', code('a`b'), ' `open'],
  ['`**not**` \\*not\\*', code('**not**'), ' *not*'],
  ['\\(x_1\\) \\[y\\]', '\\(x_1\\) \\[y\\]'],
  ['[a *b*](http://x.y/(z) "t").', link('http://x.y/(z)', 'a ', em('b')), '.'],
  ['**range [0, 1)** of', strong('range [0, 1)'), ' of'],
  ['![alt](https://x.y/z.png)', link('https://x.y/z.png', 'alt')],
  ['(see https://a.b/c_(d)), **https://e.f**.', '(see ', link('https://a.b/c_(d)', 'https://a.b/c_(d)'), '), ', strong(link('https://e.f', 'https://e.f')), '.'],
  ['<https://a.b> <mailto:c@d.e> <b>', link('https://a.b', 'https://a.b'), ' ', link('mailto:c@d.e', 'c@d.e'), ' <b>'],
  ['one\ntwo<br>three &lt;&amp;', 'one', BREAK, 'two', BREAK, 'three <&'],
  ['[open](http://x', '[open](', link('http://x', 'http://x')],
]) test(`inline: ${text}`, () => assert.deepEqual(inline(text), nodes.length ? nodes : [text]));

// Blocks without what the cases do not look at.
const bare = block => {
  const { line, loose, ...rest } = block;
  for (const name of Object.keys(rest)) if (rest[name] === undefined) delete rest[name];
  return rest.children ? { ...rest, children: rest.children.map(bare) } : rest;
};
const p = text => ({ type: 'paragraph', text });
const item = (...children) => ({ type: 'item', children });
const bullets = (...children) => ({ type: 'bullets', children });

for (const [text, ...blocks] of [
  ['# One #\ntwo\nthree', { type: 'heading', level: 1, text: 'One' }, p('two\nthree')],
  ['#none\n\n####### none', p('#none'), p('####### none')],
  ['- a\n  - b\n    c\n- d', bullets(item(p('a'), bullets(item(p('b\nc')))), item(p('d')))],
  ['1. a\n  - b\n\n   c\n2. d', { type: 'ordered', start: 1, children: [item(p('a'), bullets(item(p('b'))), p('c')), item(p('d'))] }],
  ['The year\n1986. was\n- good', p('The year\n1986. was'), bullets(item(p('good')))],
  ['3) a', { type: 'ordered', start: 3, children: [item(p('a'))] }],
  ['- [x] a\n- [ ] b', bullets({ type: 'item', checked: true, children: [p('a')] }, { type: 'item', checked: false, children: [p('b')] })],
  ['```js\na\n\n\tb\n```\nc', { type: 'code', info: 'js', text: 'a\n\n\tb' }, p('c')],
  ['````\n```\n````', { type: 'code', info: '', text: '```' }],
  ['```\nunfinished\n``', { type: 'code', info: '', text: 'unfinished' }],
  ['- a\n  ```\n  b\n    c\n  ```', bullets(item(p('a'), { type: 'code', info: '', text: 'b\n  c' }))],
  ['> a\n> > b\nc', { type: 'quote', children: [p('a'), { type: 'quote', children: [p('b')] }] }, p('c')],
  ['a\n---\n* * *', p('a'), { type: 'rule' }, { type: 'rule' }],
  ['|a|b|\n|-|-:|\n|1|2\\|3|4|\nend', { type: 'table', align: ['start', 'end'], rows: [['a', 'b'], ['1', '2|3']] }, p('end')],
  ['a | b\n-|-', { type: 'table', align: ['start', 'start'], rows: [['a', 'b']] }],
  ['a | b\n-', p('a | b\n-')],
  ['a\r\nb\r\n\r\nc', p('a\nb'), p('c')],
]) test(`blocks: ${JSON.stringify(text)}`, () => assert.deepEqual(parse(text).map(bare), blocks));

// Texts that try every beginning of a block, in an order that a seed gives.
const PIECES = ['\n', '\n', '\n\n', '- ', '1. ', '2) ', '  ', '    ', '> ', '```', '~~~', '# ', '|', '---', '|-|', 'a', 'b ', '*', '**', '_', '[x] ', '\t', '|a|b|\n|-|-|\n', '`'];
function* texts(count) {
  let state = 1;
  const random = limit => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 8) % limit;
  };
  for (; count > 0; count--) yield Array.from({ length: 3 + random(25) }, () => PIECES[random(PIECES.length)]).join('');
}
const count = process.env.EDGE_LLM_FULL === '1' ? 20000 : 1000;

test('more text changes only the last two blocks', () => {
  for (const text of texts(count)) {
    const whole = parse(text);
    for (let end = 0; end < text.length; end++) {
      parse(text.slice(0, end)).slice(0, -2).forEach((block, i) => {
        assert.ok(whole[i] && same(block, whole[i]) && block.line === whole[i].line, JSON.stringify([text.slice(0, end), text]));
      });
    }
  }
});

test('no letter is lost', () => {
  const letters = block => [block.info, block.text, ...(block.rows ?? []).flat(), ...(block.children ?? []).map(letters)].join('').replace(/[^ab]/g, '');
  const shown = node => (typeof node === 'string' ? node : node.text ?? (node.children ?? []).map(shown).join(''));
  for (const text of texts(count)) {
    if (!text.includes('|')) assert.equal(parse(text).map(letters).join(''), text.replace(/[^ab]/g, ''), JSON.stringify(text));
    assert.equal(inline(text).map(shown).join('').replace(/[^ab]/g, ''), text.replace(/[^ab]/g, ''), JSON.stringify(text));
  }
});

// Time that grows with the square of the length would take hours.
for (const unit of ['*a ', '*a**b ', '[', '[a](', '](', '[](b "', '`', '`a``b', '_a', '<br ', 'http://', ')', '&', '\\', '*a _b ', 'a\n', '![x](y ', '~~a', '<http://a']) {
  test(`inline in linear time: ${JSON.stringify(unit)}`, () => assert.ok(inline(unit.repeat(200000 / unit.length)).length > 0));
}
for (const unit of ['>', '> ', '- ', '- a\n', ' - a\n', '|', '|a|b\n|-|-\n', 'a|b\n', '```\n', '# ', '- - x\n', '1. ', '>\n', '- a\n\n\n\n', 'a\n-', '`', '#']) {
  test(`blocks in linear time: ${JSON.stringify(unit)}`, () => assert.ok(parse(unit.repeat(200000 / unit.length)).length > 0));
}

test('nesting is bounded', () => {
  const depth = node => 1 + Math.max(0, ...(node.children ?? []).map(depth));
  assert.ok(Math.max(...inline('*a **b '.repeat(9999) + '**x*'.repeat(9999)).map(depth)) < 100);
  assert.ok(Math.max(...parse('>'.repeat(9999) + ' - '.repeat(9999)).map(depth)) < 30);
});

test('an edited message and another answer are branches', () => {
  const conversation = create({});
  const question = add(conversation, -1, { role: 'user', content: ' One\n two ' });
  const first = add(conversation, question, { role: 'assistant', content: '1' });
  const more = add(conversation, first, { role: 'user', content: 'more' });
  const second = add(conversation, question, { role: 'assistant', content: '2' });
  assert.equal(conversation.title, 'One two');
  assert.deepEqual(branch(conversation), [question, second]);
  assert.deepEqual(versions(conversation, second), [first, second]);
  choose(conversation, first);
  assert.deepEqual(branch(conversation), [question, first, more]);
  assert.deepEqual(read(JSON.stringify(conversation)), conversation);
});

test('what is no conversation is not read', () => {
  const good = { id: 'a', title: '', updated: 1, settings: {}, messages: [{ role: 'user', content: 'x', parent: -1 }], leaf: 0 };
  assert.ok(read(JSON.stringify(good)));
  for (const bad of [null, 1, {}, { ...good, leaf: 1 }, { ...good, leaf: 0.5 }, { ...good, id: 1 }, { ...good, messages: [{ ...good.messages[0], parent: 0 }] },
    { ...good, messages: [{ ...good.messages[0], role: 'system' }] }, { ...good, messages: [null] }, { ...good, messages: [{ ...good.messages[0], content: 1 }] }]) {
    assert.equal(read(JSON.stringify(bad)), null, JSON.stringify(bad));
  }
  assert.equal(read('{"id'), null);
  assert.equal(read(null), null);
});

// A storage that holds so many characters; its names are properties, as those of localStorage are.
function storage(room) {
  const values = {};
  Object.defineProperty(values, 'getItem', { value: name => values[name] ?? null });
  Object.defineProperty(values, 'removeItem', { value: name => delete values[name] });
  Object.defineProperty(values, 'setItem', { value: (name, text) => {
    if (Object.entries(values).reduce((sum, [other, value]) => sum + (other === name ? 0 : value.length), text.length) > room) throw new Error('full');
    values[name] = text;
  } });
  return values;
}

test('conversations survive, and one that does not fit is saved when there is room', () => {
  const shelf = storage(1000);
  const store = new Store(shelf);
  const conversation = length => {
    const made = create({});
    add(made, -1, { role: 'user', content: 'x'.repeat(length) });
    return made;
  };
  const [first, second] = [conversation(400), conversation(400)];
  assert.equal(store.save(first), true);
  assert.equal(store.save(second), false);
  assert.deepEqual(new Set(store.list()), new Set([first, second]));
  assert.deepEqual(new Store(shelf).list(), [first]);
  store.remove(first.id);
  assert.deepEqual(new Store(shelf).list(), [second]);
  assert.equal(store.unsaved.size, 0);
});

test('without a storage conversations live as long as the page', () => {
  const store = new Store(null);
  const conversation = create(store.settings);
  assert.equal(store.save(conversation), false);
  assert.deepEqual(store.list(), [conversation]);
  store.remove(conversation.id);
  assert.deepEqual(store.list(), []);
});

test('a request has what is set', () => {
  const conversation = create({ model: 'm', system: 's', temperature: '0', top_p: '', seed: '7', stop: 'a\\nb\n\nc', json: true, schema: '{"type": "object"}' });
  const question = add(conversation, -1, { role: 'user', content: 'q' });
  add(conversation, question, { role: 'assistant', content: '', error: 'failed' });
  assert.deepEqual(request(conversation, conversation.leaf), {
    model: 'm', messages: [{ role: 'system', content: 's' }, { role: 'user', content: 'q' }], temperature: 0, seed: 7, stop: ['a\nb', 'c'],
    response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema: { type: 'object' } } },
  });
  assert.deepEqual(request({ ...conversation, settings: { json: true, schema: ' ' } }, question).response_format, { type: 'json_object' });
});

test('settings that are wrong are told', () => {
  assert.equal(problem({}), null);
  assert.equal(problem({ top_p: '1', seed: '4294967295', schema: '{' }), null);
  for (const [name, text] of [['top_p', '1.5'], ['top_k', '2.5'], ['seed', '-1'], ['temperature', 'x'], ['max_tokens', '0']]) assert.equal(problem({ [name]: text }).name, name);
  for (const schema of ['{', '1', 'null', '[]']) assert.equal(problem({ json: true, schema }).name, 'schema');
});
