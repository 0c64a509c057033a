// The steps of page.mjs. Each has a browser of its own without a past; `expected` is what the browser may complain of.
import assert from 'node:assert/strict';
import { chat } from './page-support.mjs';
import { answers } from './page-answers.mjs';

const STORY = 'Tell me a story.'; // the small model writes a hundred tokens

const talking = {
  'begins empty': { async run(page) {
    const response = await page.goto('/');
    assert.match(response.headers()['content-security-policy'] ?? '', /default-src 'none'; script-src 'self'; style-src 'self'/);
    await chat(page).ready();
    assert.equal(await page.locator('#model option').count(), 2);
    assert.equal(await page.evaluate(() => document.activeElement.id), 'text');
    assert.ok(await page.locator('#send').isDisabled());
  } },

  'streams an answer': { slow: true, async run(page) {
    await page.goto('/');
    await chat(page).set({ temperature: '0' });
    await page.locator('#text').focus();
    await page.keyboard.type(STORY);
    await page.keyboard.press('Enter');
    await page.locator('#stop').waitFor();
    const lengths = new Set();
    while (await page.locator('#stop').isVisible()) lengths.add((await chat(page).last()).length);
    assert.ok(lengths.size > 4, `the answer came in ${lengths.size} pieces`);
    assert.match(await page.locator('.stats').last().textContent(), /\d+ tokens · [\d.]+ tokens\/s · prompt \d+/);
    await page.locator('#usage-text', { hasText: /^\d+ of 1,024 tokens$/ }).waitFor();
    assert.equal(await page.locator('.title').textContent(), STORY);
    assert.ok((await page.locator('#live').textContent()).includes('The answer has ended'));
  } },

  'a line of its own with Shift': { async run(page) {
    await page.goto('/');
    await page.keyboard.type('one');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('two');
    assert.equal(await page.inputValue('#text'), 'one\ntwo');
    assert.equal(await page.locator('.message').count(), 0);
  } },

  'stops': { slow: true, async run(page) {
    await page.goto('/');
    await chat(page).set({ temperature: '0' });
    await chat(page).say(STORY);
    await page.waitForFunction(() => document.querySelector('.assistant .prose p')?.textContent.length > 20);
    await page.keyboard.press('Escape');
    await chat(page).ended();
    assert.equal(await page.locator('.note').last().textContent(), 'Stopped.');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'text');
    assert.ok((await chat(page).ask('What is the capital of France?')).length > 0, 'the next message is answered');
  } },

  'answers again': { async run(page) {
    await page.goto('/');
    await chat(page).set({ temperature: '1', seed: '1' });
    const first = await chat(page).ask(STORY);
    await chat(page).set({ seed: '2' });
    await page.locator('.assistant').hover();
    await page.getByRole('button', { name: 'Answer again' }).click();
    await chat(page).ended();
    const second = await chat(page).last();
    assert.notEqual(second, first);
    assert.match(await page.locator('.versions').textContent(), /2\/2/);
    await page.getByRole('button', { name: 'Earlier version' }).click();
    assert.equal(await chat(page).last(), first);
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'Later version');
    await page.keyboard.press('Enter');
    assert.equal(await chat(page).last(), second);
  } },

  'edits a message': { async run(page) {
    await page.goto('/');
    await chat(page).ask('Hello');
    await chat(page).ask('And more');
    await page.locator('.user').first().hover();
    await page.locator('.user').first().getByRole('button', { name: 'Edit message' }).click();
    await page.keyboard.press('Escape');
    assert.equal(await page.locator('.message').count(), 4);
    await page.keyboard.press('Enter');
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.type('Goodbye');
    await page.keyboard.press('Enter');
    await chat(page).ended();
    assert.deepEqual(await page.locator('.user .plain').allTextContents(), ['Goodbye']);
    await page.getByRole('button', { name: 'Earlier version' }).first().click();
    assert.deepEqual(await page.locator('.user .plain').allTextContents(), ['Hello', 'And more']);
    await page.locator('#text').focus();
    await page.keyboard.press('ArrowUp');
    assert.equal(await page.locator('.editor textarea').inputValue(), 'And more');
  } },

  'switches the model': { async run(page) {
    await page.goto('/');
    await chat(page).ready();
    const second = await page.locator('#model option').nth(1).getAttribute('value');
    await page.selectOption('#model', second);
    const request = page.waitForRequest('**/v1/chat/completions');
    await chat(page).ask('Hello');
    assert.equal((await request).postDataJSON().model, second);
    await page.reload();
    await chat(page).ready();
    assert.equal(await page.inputValue('#model'), second);
  } },

  'keeps several conversations': { async run(page, context) {
    await page.goto('/');
    const first = await chat(page).ask('Hello');
    await page.getByRole('button', { name: 'New conversation' }).click();
    assert.equal(await page.locator('.message').count(), 0);
    const second = await chat(page).ask('What is the capital of France?');
    assert.deepEqual(await page.locator('.title').allTextContents(), ['What is the capital of France?', 'Hello']);
    await page.reload();
    assert.equal(await chat(page).last(), second);
    await page.locator('.title', { hasText: 'Hello' }).click();
    assert.equal(await chat(page).last(), first);
    await page.locator('li', { hasText: 'Hello' }).hover();
    await page.getByRole('button', { name: 'Delete "Hello"' }).click();
    assert.equal(await page.locator('.title').count(), 1);
    await page.getByRole('button', { name: 'Undo' }).click();
    assert.equal(await chat(page).last(), first);
    const other = await context.newPage();
    await other.goto('/');
    assert.equal(await other.locator('.title').count(), 2);
    await chat(page).ask('What is 2 + 2?');
    await other.locator('.title').first().filter({ hasText: 'Hello' }).waitFor();
  } },

  'answers while another conversation is shown': { slow: true, async run(page) {
    await page.goto('/');
    await chat(page).set({ temperature: '0' });
    await chat(page).say(STORY);
    await page.locator('#stop').waitFor();
    await page.getByRole('button', { name: 'New conversation' }).click();
    assert.ok(await page.locator('#send').isVisible());
    await page.locator('.title', { hasText: STORY }).click();
    await chat(page).ended();
    assert.ok((await chat(page).last()).length > 40);
    assert.equal(await page.locator('.note:visible').count(), 0);
  } },

  'leaves the place where one reads': { slow: true, options: { viewport: { width: 400, height: 300 } }, async run(page) {
    await page.goto('/');
    await chat(page).set({ temperature: '0' });
    await chat(page).say(STORY);
    await page.waitForFunction(() => document.querySelector('.assistant .prose p')?.textContent.length > 200);
    await page.evaluate(() => (document.querySelector('main').scrollTop = 0));
    await page.locator('#latest').waitFor();
    await chat(page).ended();
    assert.equal(await page.evaluate(() => document.querySelector('main').scrollTop), 0);
    await page.locator('#latest').click();
    assert.ok(await page.evaluate(() => document.querySelector('main').scrollTop) > 0);
    assert.ok(!await page.locator('#latest').isVisible());
  } },

  'keeps what had come when it is loaded again': { slow: true, async run(page) {
    await page.goto('/');
    await chat(page).set({ temperature: '0' });
    await chat(page).say(STORY);
    await page.waitForFunction(() => document.querySelector('.assistant .prose p')?.textContent.length > 20);
    await page.reload();
    assert.ok((await chat(page).last()).length > 20);
    assert.match(await page.locator('.note').last().textContent(), /^The answer was interrupted|^The connection to the server was lost/);
  } },

  'sends settings': { async run(page) {
    await page.goto('/');
    await chat(page).set({ system: 'Be short.', temperature: '0.5', top_p: '0.9', top_k: '20', min_p: '0.1', seed: '7', max_tokens: '5', stop: 'END\n\\n\\n' });
    const request = page.waitForRequest('**/v1/chat/completions');
    await chat(page).ask(STORY);
    const { messages, model, stream, stream_options: options, ...rest } = (await request).postDataJSON();
    assert.deepEqual(rest, { temperature: 0.5, top_p: 0.9, top_k: 20, min_p: 0.1, seed: 7, max_tokens: 5, stop: ['END', '\n\n'] });
    assert.deepEqual(messages, [{ role: 'system', content: 'Be short.' }, { role: 'user', content: STORY }]);
    assert.equal(await page.locator('.note').last().textContent(), 'The answer reached the limit of its length.');
    await chat(page).set({ top_p: '2' });
    await page.locator('#text').fill('again');
    await page.keyboard.press('Enter');
    assert.match(await page.locator('#problem').textContent(), /Top p: expected 0 to 1/);
    assert.equal(await page.evaluate(() => document.activeElement.name), 'top_p');
  } },

  'answers by a schema': { async run(page) {
    await page.goto('/');
    const schema = { type: 'object', properties: { name: { type: 'string', maxLength: 12 }, big: { type: 'boolean' } }, required: ['name', 'big'], additionalProperties: false };
    await chat(page).set({ json: true, schema: JSON.stringify(schema) });
    const answer = JSON.parse(await chat(page).ask('Hello', '.assistant code'));
    assert.deepEqual(Object.keys(answer).sort(), ['big', 'name']);
    assert.equal(typeof answer.big, 'boolean');
  } },
};

const looks = {
  'fits a phone': { options: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }, async run(page) {
    await page.goto('/');
    await page.locator('#text').fill('Hello');
    await page.locator('#send').tap();
    await chat(page).ended();
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390);
    assert.ok(!await page.locator('#sidebar').isVisible());
    await page.locator('#menu').tap();
    assert.ok(await page.locator('#sidebar').isVisible());
    assert.ok(await page.evaluate(() => document.getElementById('page').inert));
    await page.keyboard.press('Escape');
    assert.ok(!await page.locator('#sidebar').isVisible());
    assert.equal(await page.evaluate(() => document.activeElement.id), 'menu');
    await page.locator('#open-settings').tap();
    assert.ok(await page.evaluate(() => document.getElementById('settings').scrollWidth <= innerWidth));
  } },

  'is dark where the system is': { options: { colorScheme: 'dark' }, async run(page) {
    await page.goto('/');
    const lightness = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).reduce((sum, part) => sum + Number(part), 0));
    assert.ok(await lightness() < 150);
    await page.getByRole('button', { name: 'Dark' }).click();
    assert.ok(await lightness() > 600);
    await page.reload();
    assert.ok(await lightness() > 600);
    await page.getByRole('button', { name: 'Dark' }).click();
    await page.emulateMedia({ colorScheme: 'light' });
    await page.locator('html[data-theme=light]').waitFor(); // it follows the system again
    assert.ok(await lightness() > 600);
    await page.emulateMedia({ colorScheme: 'dark' });
    await chat(page).ask('Hello');
  } },

  'is used by the keyboard alone': { async run(page) {
    await page.goto('/');
    await chat(page).ask('Hello');
    await page.keyboard.press('Tab'); // the field is the last: it leaves the page
    const visited = [];
    for (let i = 0; i < 14; i++) {
      await page.keyboard.press('Tab');
      visited.push(await page.evaluate(() => {
        const { activeElement: element } = document;
        const { outlineStyle, outlineWidth } = getComputedStyle(element);
        const ring = element.id === 'text' || (outlineStyle !== 'none' && outlineWidth !== '0px');
        const name = element.getAttribute('aria-label') || element.textContent || element.id;
        return ring ? name.trim() : `no ring: ${name}`;
      }));
      if (visited.at(-1) === 'Message') break;
    }
    assert.deepEqual(visited.filter(name => name.startsWith('no ring')), []);
    assert.deepEqual(visited.slice(0, 5), ['Skip to the message field', 'New conversation', 'Hello', 'Delete "Hello"', 'Conversations']);
    assert.ok(visited.includes('Answer again') && visited.at(-1) === 'Message', visited.join(', '));
    assert.equal(await page.evaluate(() => [...document.querySelectorAll('button, input, textarea, select')].filter(element =>
      !(element.getAttribute('aria-label') || element.textContent.trim() || element.labels?.length)).length), 0, 'all have names');
  } },
};

export const steps = { ...talking, ...looks, ...answers };
