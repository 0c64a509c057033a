// What steps of page.mjs do with the page.

/** The conversation on a page. */
export const chat = page => ({
  /** Waits until the page knows the models. */
  ready: () => page.locator('#model:enabled').waitFor(),

  async say(text) {
    await this.ready();
    await page.locator('#text').fill(text);
    await page.locator('#text').press('Enter');
  },

  ended: () => page.locator('#send:visible').waitFor(),

  /** Says something and gives the answer. */
  async ask(text, selector) {
    const before = await page.locator('.assistant').count();
    await this.say(text);
    await page.locator('.assistant').nth(before).waitFor();
    await this.ended();
    return this.last(selector);
  },

  last: (selector = '.assistant > .prose') => page.locator(selector).last().textContent(),

  /** Fills in settings by their names. */
  async set(settings) {
    await page.getByRole('button', { name: 'Settings' }).click();
    const form = page.locator('#settings');
    for (const [name, value] of Object.entries(settings)) {
      if (value === true) await form.locator(`[name=${name}]`).check();
      else await form.locator(`[name=${name}]`).fill(value);
    }
    await form.getByRole('button', { name: 'Done' }).click();
  },
});

/** Events of an answer that has a text, as the server would send them. */
export function events(text, { reasoning, end = 'stop', error } = {}) {
  const chunk = delta => ({ choices: [{ index: 0, delta, finish_reason: null }] });
  const sent = [];
  if (reasoning) sent.push(chunk({ reasoning_content: reasoning }));
  for (let i = 0; i < text.length; i += 400) sent.push(chunk({ content: text.slice(i, i + 400) }));
  if (error) sent.push({ error: { message: error, type: 'server_error', param: null, code: null } });
  else if (end) {
    sent.push({ choices: [{ index: 0, delta: {}, finish_reason: end }] });
    sent.push({ choices: [], usage: { prompt_tokens: 800, completion_tokens: 100, prompt_tokens_details: { cached_tokens: 512 } }, timings: { predicted_per_second: 38.2 } });
  }
  return sent.map(event => `data: ${JSON.stringify(event)}\n\n`).join('') + (end && !error ? 'data: [DONE]\n\n' : '');
}

/** Has the next questions on a page answered so. Gives the requests. */
export async function answerWith(page, text, options) {
  const requests = [];
  await page.route('**/v1/chat/completions', route => {
    requests.push(route.request());
    return route.fulfill({ contentType: 'text/event-stream', body: events(text, options) });
  });
  return requests;
}
