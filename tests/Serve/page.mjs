// Drives the web page in Chromium, and saves a picture of each step:
//   node page.mjs PLAYWRIGHT URL FOLDER [STEP...]
// PLAYWRIGHT is the folder that playwright-core was installed to, URL a server of two models, FOLDER where the pictures go.
// EDGE_LLM_CHROMIUM names the browser, /usr/bin/chromium by default. Writes a line for each step, "ok NAME" or "FAILED NAME: why".
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { slowly } from './slowly.mjs';
import { steps } from './page-steps.mjs';

const [playwright, url, folder, ...names] = process.argv.slice(2);
const { chromium } = createRequire(path.resolve(playwright, 'package.json'))('playwright-core');
fs.mkdirSync(folder, { recursive: true });
const executablePath = process.env.EDGE_LLM_CHROMIUM || '/usr/bin/chromium';
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] }); // containers allow neither
const relay = await slowly(url);
let failed = 0;
for (const [name, { run, slow = false, options = {}, expected = /^$/ }] of Object.entries(steps)) {
  if (names.length > 0 && !names.includes(name)) continue;
  const baseURL = slow ? relay.url : url;
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, colorScheme: 'light', baseURL, ...options });
  const complaints = [];
  // What the browser complains of is a fault, and so is a request to anyone but the server.
  context.on('console', message => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()));
  context.on('weberror', error => complaints.push(String(error.error())));
  context.on('request', request => request.url().startsWith(baseURL) || complaints.push(`request to ${request.url().slice(0, 100)}`));
  const page = await context.newPage();
  page.setDefaultTimeout(30000);
  try {
    await run(page, context);
    const unexpected = complaints.filter(text => !expected.test(text));
    if (unexpected.length > 0) throw new Error(unexpected.join('; '));
    console.log(`ok ${name}`);
  } catch (e) {
    failed++;
    console.log(`FAILED ${name}: ${e.stack.replace(/\u001b\[\d+m/g, '')}`);
  }
  const shown = context.pages().at(-1);
  await shown?.screenshot({ path: path.join(folder, `${name}.png`) }).catch(() => {});
  await context.close();
}
await browser.close();
relay.close();
process.exitCode = failed === 0 ? 0 : 1;
