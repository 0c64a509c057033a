// The official client of Anthropic: texts, streams, tools, schemas, errors, abort. Arguments: base URL.
import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';

const client = new Anthropic({ apiKey: 'none', baseURL: process.argv[2], maxRetries: 0 });
const ask = (content, more = {}) => ({ model: 'small', max_tokens: 24, temperature: 0, messages: [{ role: 'user', content }], ...more });
const textOf = message => message.content.filter(block => block.type === 'text').map(block => block.text).join('');

const whole = await client.messages.create(ask('Tell me a story.', { system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }] }));
assert.ok(textOf(whole).length > 0);
assert.ok(whole._request_id);
const counted = await client.messages.countTokens({ model: 'small', system: 'Be brief.', messages: [{ role: 'user', content: [{ type: 'text', text: 'Tell me a story.' }] }] });
assert.equal(counted.input_tokens, whole.usage.input_tokens + whole.usage.cache_read_input_tokens);

// The client's own helper puts a stream together.
let text = '';
const helper = client.messages.stream(ask('Tell me a story.', { system: 'Be brief.' })).on('text', piece => { text += piece; });
const streamed = await helper.finalMessage();
assert.equal(text, textOf(whole));
assert.equal(streamed.stop_reason, whole.stop_reason);
assert.equal(streamed.usage.output_tokens, whole.usage.output_tokens);

const stopped = await client.messages.create(ask('Tell me a story.', { stop_sequences: ['#', ' '] }));
assert.equal(stopped.stop_reason, 'stop_sequence');
assert.equal(stopped.stop_sequence, ' ');

// A call, its result, and an answer. What came out goes in again as it is.
const tools = [{ name: 'add', description: 'Adds.', input_schema: { type: 'object', properties: { a: { type: 'integer', minimum: 0, maximum: 9 } }, required: ['a'] } }];
const calling = { max_tokens: 300, tools, tool_choice: { type: 'any', disable_parallel_tool_use: true } };
const called = await client.messages.create(ask('Add.', calling));
assert.equal(called.stop_reason, 'tool_use');
const use = called.content.find(block => block.type === 'tool_use');
assert.equal(typeof use.input.a, 'number');
const put = await client.messages.stream(ask('Add.', { ...calling, tool_choice: { type: 'tool', name: 'add' } })).finalMessage();
assert.equal(typeof put.content.at(-1).input.a, 'number');
const after = await client.messages.create({ ...ask('', { tools, tool_choice: { type: 'none' } }), messages: [
  { role: 'user', content: 'Add.' }, { role: 'assistant', content: called.content },
  { role: 'user', content: [{ type: 'tool_result', tool_use_id: use.id, content: [{ type: 'text', text: String(use.input.a + 1) }] }, { type: 'text', text: 'And?' }] }] });
assert.ok(textOf(after).length > 0);

const schema = { type: 'object', properties: { name: { enum: ['Tom', 'Mia'] } }, required: ['name'], additionalProperties: false };
const parsed = await client.messages.parse(ask('A cat.', { max_tokens: 300, output_config: { format: { type: 'json_schema', schema } } }));
assert.ok(['Tom', 'Mia'].includes(JSON.parse(textOf(parsed)).name));

await assert.rejects(client.messages.create(ask('x', { model: 'other' })), e => e instanceof Anthropic.NotFoundError && e.error.error.type === 'not_found_error' && e.requestID.length > 0);
await assert.rejects(client.messages.create(ask('x', { temperature: 9 })), e => e instanceof Anthropic.BadRequestError && e.message.includes('temperature'));
await assert.rejects(client.messages.create(ask([{ type: 'image', source: { type: 'url', url: 'http://localhost/x.png' } }])), e => e.status === 400 && e.message.includes("'image'"));

// An abort ends the stream, and the server goes on serving.
const stream = await client.messages.create(ask('Tell me a story.', { stream: true, max_tokens: 500, ignore_eos: true }));
let seen = 0;
for await (const _ of stream) if (++seen === 5) stream.controller.abort();
assert.ok(seen < 500);
assert.equal(textOf(await client.messages.create(ask('Tell me a story.', { system: 'Be brief.' }))), text);
console.log('ok');
