// Steps of page.mjs whose answers are given: Markdown, hostile texts, failures.
import assert from 'node:assert/strict';
import { answerWith, chat, events } from './page-support.mjs';

const MARKDOWN = `# A plan

Some **bold**, *light* and \`code\` with a [link](https://example.org/a_(b)).

1. Read
   - with \`File\`
   - by line
2. Write

> Said calmly.

\`\`\`csharp
foreach (string line in File.ReadLines(path)) Console.WriteLine(line.Trim().ToUpperInvariant()); // and it goes on so that it scrolls
if (x < 1 && y > 2)
	return "<b>";
\`\`\`

| Type | Size | Tokens/s |
|:--|--:|:-:|
| Q4_K_M | 4.9 GB | 34.2 |
| Q8_0 | 8.5 GB | 19.8 |

- [x] done
- [ ] open
`;

const RUN = 'window.ran=true'; // no space: it would end the target of a link
const HOSTILE = `<script>${RUN}</script><img src=x onerror="${RUN}"><svg onload="${RUN}">

[run](javascript:${RUN}) [run](JaVaScRiPt:${RUN}) [run](  javascript:${RUN}) [run](java&#115;cript:${RUN}) [run](<java\tscript:${RUN}>)
[data](data:text/html,<script>${RUN}</script>) [blob](blob:https://example.org/x) [file](file:///etc/passwd) [here](/v1/models) [vb](vbscript:x)
![image](https://example.org/pixel.png) ![data](data:image/svg+xml,<svg onload="${RUN}">) <https://example.org/"onclick="${RUN}>
<a href="javascript:${RUN}">a</a> <iframe src="javascript:${RUN}"></iframe> <style>*{display:none}</style> &lt;script&gt;${RUN}&lt;/script&gt;

\`\`\`html "><script>${RUN}</script>
</code></pre><script>${RUN}</script>
if (access \u202e ⁦// check\u2069 ⁦admin) {
\`\`\`

| <script>${RUN}</script> | [x](javascript:${RUN}) |
|---|---|
| <img src=x onerror=${RUN}> | \`<script>\` |

Reversed \u202egpj.exe and \u202dforced, {{constructor.constructor('${RUN}')()}} \${${RUN}}
`;

async function open(page, text, options) {
  await page.goto('/');
  await chat(page).ready();
  return answerWith(page, text, options);
}

export const answers = {
  'shows Markdown': { options: { permissions: ['clipboard-read', 'clipboard-write'] }, async run(page) {
    await open(page, MARKDOWN);
    await chat(page).ask('Plan');
    const count = selector => page.locator(`.assistant > .prose ${selector}`).count();
    for (const [selector, expected] of Object.entries({ h3: 1, 'p > strong': 1, 'p > em': 1, 'ol > li > ul > li': 2, blockquote: 1, th: 3, 'td.end': 2, 'td.center': 2, 'li > input': 2, 'input[checked]': 1 }))
      assert.equal(await count(selector), expected, selector);
    const link = page.locator('.prose a');
    assert.deepEqual([await link.getAttribute('href'), await link.getAttribute('rel')], ['https://example.org/a_(b)', 'noopener noreferrer']);
    await page.getByRole('button', { name: 'Copy code' }).click();
    assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^foreach .*\nif \(x < 1 && y > 2\)\n\treturn "<b>";$/);
    assert.match(await page.locator('.stats').last().textContent(), /^100 tokens · 38 tokens\/s · prompt 800, 512 from the cache$/);
    assert.match(await page.locator('#usage-text').textContent(), /^900/);
  } },

  'runs nothing that a message contains': { async run(page) {
    await open(page, HOSTILE, { reasoning: HOSTILE });
    await page.evaluate(() => addEventListener('securitypolicyviolation', e => (window.ran = e.blockedURI)));
    await chat(page).ask(HOSTILE);
    await page.locator('.reasoning summary').click();
    assert.equal(await page.evaluate(() => window.ran), undefined);
    assert.equal(await page.locator('#messages :is(script, style, iframe, img, object, embed, link, form)').count(), 0);
    const hrefs = await page.locator('#messages a').evaluateAll(links => links.map(link => link.href));
    assert.ok(hrefs.length > 0 && hrefs.every(href => href.startsWith('https://example.org/')), hrefs.join(' '));
    assert.equal(await page.locator('#messages *').evaluateAll(all => all.flatMap(element => [...element.attributes]).filter(({ name }) => /^on|^style$|^srcdoc$/.test(name)).length), 0);
    assert.ok(!/[\u202a-\u202e\u2066-\u2069]/.test(await page.locator('body').innerText()));
    assert.ok((await chat(page).last()).includes(`<script>${RUN}</script>`), 'it is shown as text');
    await page.reload();
    assert.equal(await page.evaluate(() => window.ran), undefined);
    assert.ok(!/[\u202a-\u202e]/.test(await page.title()));
  } },

  'takes a huge message': { async run(page) {
    const requests = await open(page, '[a](b "*'.repeat(30000));
    const text = '> - ![<b>&`*_~'.repeat(20000);
    await chat(page).ask(text);
    assert.equal(requests[0].postDataJSON().messages[0].content, text);
    assert.ok((await page.locator('.user .plain').textContent()).length < 10000);
    await page.getByRole('button', { name: /Show .* more characters/ }).click();
    assert.equal(await page.locator('.user .plain').textContent(), text);
    assert.equal((await page.locator('.title').textContent()).length, 80);
  } },

  'writes from right to left': { async run(page) {
    await open(page, 'مرحبا **بالعالم**، كيف حالك؟\n\n```\nvar x = 1;\n```');
    await chat(page).ask('مرحبا');
    assert.equal(await page.locator('.assistant > .prose p').evaluate(p => getComputedStyle(p).direction), 'rtl');
    assert.equal(await page.locator('.assistant pre').evaluate(pre => getComputedStyle(pre).direction), 'ltr');
  } },

  'folds what the model writes to itself': { async run(page) {
    await open(page, 'Forty-two.', { reasoning: 'First I **think**.' });
    await chat(page).ask('What?');
    assert.ok(!await page.locator('.reasoning .prose').isVisible());
    assert.match(await page.locator('.reasoning summary').textContent(), /^Thought/);
    await page.locator('.reasoning summary').press('Enter');
    assert.equal(await page.locator('.reasoning strong').textContent(), 'think');
    assert.equal(await chat(page).last(), 'Forty-two.');
  } },

  'tells of an error in the middle of an answer': { async run(page) {
    await open(page, 'It began well', { error: 'the context is full' });
    await chat(page).ask('Begin');
    assert.equal(await chat(page).last(), 'It began well');
    assert.match(await page.locator('.note.error').textContent(), /^the context is full/);
    await page.unroute('**/v1/chat/completions');
    await answerWith(page, 'It ended well.');
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText('It ended well.').waitFor();
    await page.unroute('**/v1/chat/completions');
    await answerWith(page, 'half', { end: null });
    await chat(page).ask('And');
    assert.match(await page.locator('.note.error').textContent(), /ended the answer too early/);
  } },

  'tells of a refusal': { expected: /status of 400/, async run(page) {
    await page.goto('/');
    await page.route('**/v1/chat/completions', route => route.fulfill({ status: 400, json: { error: { message: 'the prompt is too long', type: 'invalid_request_error' } } }));
    await chat(page).ask('Long');
    assert.match(await page.locator('.note.error').textContent(), /^the prompt is too long/);
  } },

  'asks for a key': { expected: /status of 401/, async run(page) {
    const given = [];
    await page.route('**/v1/**', route => {
      const key = route.request().headers().authorization;
      given.push(key);
      if (key !== 'Bearer secret') return route.fulfill({ status: 401, json: { error: { message: 'an API key is needed' } } });
      return route.request().method() === 'GET' ? route.continue() : route.fulfill({ contentType: 'text/event-stream', body: events('Welcome.') });
    });
    await page.goto('/');
    const dialog = page.locator('#ask-key');
    await dialog.waitFor();
    await dialog.locator('[name=key]').fill('wrong');
    await dialog.getByRole('button', { name: 'Continue' }).click();
    await dialog.locator('[name=key]').fill('secret');
    await page.keyboard.press('Enter');
    assert.equal(await chat(page).ask('Hello'), 'Welcome.');
    assert.deepEqual(given, [undefined, 'Bearer wrong', 'Bearer secret', 'Bearer secret']);
    assert.deepEqual(await page.evaluate(() => [sessionStorage['edge-llm.key'], JSON.stringify(localStorage).includes('secret')]), ['secret', false]);
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.locator('#settings [name=keep]').check();
    assert.equal(await page.evaluate(() => localStorage['edge-llm.key']), 'secret');
    await page.locator('#settings [name=keep]').uncheck();
    assert.equal(await page.evaluate(() => localStorage['edge-llm.key']), undefined);
  } },

  'works again after the network was gone': { expected: /ERR_INTERNET_DISCONNECTED/, async run(page, context) {
    await page.goto('/');
    await chat(page).ask('Hello');
    await context.setOffline(true);
    await chat(page).ask('Are you there?');
    assert.match(await page.locator('.note.error').textContent(), /^The server cannot be reached/);
    await page.locator('.title').click();
    await context.setOffline(false);
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.waitForFunction(() => document.querySelector('.assistant:last-child > .prose')?.textContent);
    await chat(page).ended();
    assert.equal(await page.locator('.note.error').count(), 0);
  } },

  'goes on with a full storage': { async run(page) {
    await open(page, 'Kept as long as the page.');
    await page.evaluate(() => {
      for (let size = 1 << 22, i = 0; size >= 1; size >>= 1) {
        for (; ; i++) {
          try {
            localStorage.setItem(`filler${i}`, 'x'.repeat(size));
          } catch {
            break;
          }
        }
      }
    });
    await chat(page).ask('Is there room?');
    assert.match(await page.locator('#notice').textContent(), /no room for this conversation/);
    assert.equal(await chat(page).last(), 'Kept as long as the page.');
    await chat(page).ask('And now?');
    assert.equal(await page.locator('.message').count(), 4);
    await page.evaluate(() => localStorage.removeItem('filler0'));
    await chat(page).ask('Now there is.');
    await page.reload();
    assert.equal(await page.locator('.message').count(), 6);
  } },

  'survives a storage that something else has written': { async run(page) {
    await page.addInitScript(() => {
      localStorage['edge-llm.conversation.x'] = '{"id":"x","messages":[{"parent":0}]}';
      localStorage['edge-llm.conversation.y'] = 'not JSON';
      localStorage['edge-llm.settings'] = '[1';
      localStorage['edge-llm.theme'] = 'pink';
    });
    await open(page, 'Fine.');
    assert.equal(await chat(page).ask('How are you?'), 'Fine.');
    assert.equal(await page.locator('.title').count(), 1);
  } },

  // The same text in small pieces and at once gives the same page, and what is final is left alone.
  'draws only the end of a growing answer': { async run(page) {
    await page.goto('/');
    const found = await page.evaluate(async markdown => {
      const { Prose } = await import('/prose.js');
      const text = Array.from({ length: 60 }, (_, i) => `## Part ${i}\n\n${markdown}`).join('\n');
      const [grown, whole] = [document.createElement('div'), document.createElement('div')];
      let built = 0;
      const watch = new MutationObserver(records => (built += records.reduce((sum, record) => sum + record.addedNodes.length, 0)));
      watch.observe(grown, { childList: true, subtree: true });
      const settled = [];
      const prose = new Prose(grown, block => settled.push(block));
      let first;
      for (let end = 0; end < text.length; end += 4) {
        prose.update(text.slice(0, end));
        first ??= end > 1000 ? [...grown.children].slice(0, 5) : undefined;
        if (end % 4000 === 0) await null;
      }
      prose.update(text);
      prose.end();
      new Prose(whole).update(text);
      await null;
      return {
        alike: grown.isEqualNode(whole), kept: first.every((block, i) => grown.children[i] === block), blocks: grown.children.length,
        settled: settled.length, inOrder: settled.every((block, i) => grown.children[i] === block), built, updates: text.length / 4,
      };
    }, MARKDOWN);
    assert.ok(found.alike && found.kept && found.inOrder, JSON.stringify(found));
    assert.equal(found.settled, found.blocks);
    assert.ok(found.built < 3 * found.updates, JSON.stringify(found));
  } },
};
