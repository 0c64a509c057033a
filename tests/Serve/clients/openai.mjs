// The official client of OpenAI, with chat, streams, tools, schemas, embeddings, errors, abort and retry. Arguments: base URL.
import assert from 'node:assert/strict';
import { z } from 'zod';
import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';

const base = process.argv[2];
const client = new OpenAI({ apiKey: 'none', baseURL: base + '/v1', maxRetries: 1 });
const ask = (content, more = {}) => ({ model: 'small', messages: [{ role: 'user', content }], max_tokens: 24, seed: 1, ...more });

const whole = await client.chat.completions.create(ask('Tell me a story.'));
assert.equal(whole.object, 'chat.completion');
assert.ok(whole.choices[0].message.content.length > 0);
assert.equal(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens);
assert.ok(whole._request_id);

let text = '', usage;
for await (const chunk of await client.chat.completions.create(ask('Tell me a story.', { stream: true, stream_options: { include_usage: true } }))) {
  text += chunk.choices[0]?.delta?.content ?? '';
  usage = chunk.usage ?? usage;
}
assert.equal(text, whole.choices[0].message.content);
assert.equal(usage.completion_tokens, whole.usage.completion_tokens);

// The client's own helper puts a stream together.
const runner = client.chat.completions.stream(ask('Tell me a story.'));
assert.equal((await runner.finalChatCompletion()).choices[0].message.content, text);

const Cat = z.object({ name: z.enum(['Tom', 'Mia']), age: z.number().int().min(0).max(30) });
const parsed = await client.chat.completions.parse(ask('A cat.', { max_tokens: 200, response_format: zodResponseFormat(Cat, 'cat') }));
assert.ok(Cat.safeParse(parsed.choices[0].message.parsed).success);

const tools = [{ type: 'function', function: { name: 'add', parameters: { type: 'object', properties: { a: { type: 'integer', minimum: 0, maximum: 9 }, b: { type: 'integer', minimum: 0, maximum: 9 } }, required: ['a', 'b'] } } }];
const called = await client.chat.completions.create(ask('Add.', { max_tokens: 200, tools, tool_choice: 'required' }));
const call = called.choices[0].message.tool_calls[0];
assert.equal(called.choices[0].finish_reason, 'tool_calls');
const { a, b } = JSON.parse(call.function.arguments);
const after = await client.chat.completions.create({ ...ask('Add.', { tools, tool_choice: 'none' }), messages: [
  { role: 'user', content: 'Add.' }, called.choices[0].message, { role: 'tool', tool_call_id: call.id, content: String(a + b) }] });
assert.equal(after.choices[0].message.tool_calls, undefined);
assert.ok(after.choices[0].message.content.length > 0);

// Base64 is what the client asks for unless told otherwise.
const vectors = await client.embeddings.create({ model: 'small', input: ['a cat', 'a dog'] });
assert.equal(vectors.data.length, 2);
assert.ok(Math.abs(vectors.data[0].embedding.reduce((sum, x) => sum + x * x, 0) - 1) < 1e-3);

assert.equal((await client.models.list()).data[0].id, 'small');
assert.equal((await client.models.retrieve('small')).id, 'small');
await assert.rejects(client.models.retrieve('other'), e => e instanceof OpenAI.NotFoundError && e.code === 'model_not_found');
await assert.rejects(client.chat.completions.create(ask('x', { temperature: 9 })), e => e instanceof OpenAI.BadRequestError && e.param === 'temperature');
await assert.rejects(client.chat.completions.create(ask('the cat sat '.repeat(2000))), e => e.code === 'context_length_exceeded');

const completion = await client.completions.create({ model: 'small', prompt: 'Once upon', max_tokens: 8, logprobs: 1 });
assert.ok(completion.choices[0].text.length > 0);
assert.ok(completion.choices[0].logprobs.tokens.length > 0);

// An abort ends the stream, and the server goes on serving.
const stream = await client.chat.completions.create(ask('Tell me a story.', { stream: true, max_tokens: 500, ignore_eos: true }));
let seen = 0;
for await (const _ of stream) if (++seen === 3) stream.controller.abort();
assert.ok(seen < 500);
assert.equal((await client.chat.completions.create(ask('Tell me a story.'))).choices[0].message.content, text);
console.log('ok');
