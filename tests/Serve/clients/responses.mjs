// The official client of OpenAI over /v1/responses: texts, streams, schemas, tools, errors, abort. Arguments: base URL.
import assert from 'node:assert/strict';
import { z } from 'zod';
import OpenAI from 'openai';
import { zodTextFormat, zodResponsesFunction } from 'openai/helpers/zod';

const client = new OpenAI({ apiKey: 'none', baseURL: process.argv[2] + '/v1', maxRetries: 0 });
const ask = (input, more = {}) => ({ model: 'small', input, max_output_tokens: 24, temperature: 0, ...more });

const whole = await client.responses.create(ask('Tell me a story.', { instructions: 'Be brief.' }));
assert.ok(whole.output_text.length > 0);
assert.equal(whole.usage.total_tokens, whole.usage.input_tokens + whole.usage.output_tokens);
assert.ok(whole._request_id);

let text = '', last;
for await (const event of await client.responses.create(ask('Tell me a story.', { instructions: 'Be brief.', stream: true }))) {
  if (event.type === 'response.output_text.delta') text += event.delta;
  last = event;
}
assert.equal(text, whole.output_text);
assert.equal(last.type, `response.${whole.status}`);

// The client's own helper puts a stream together.
const helper = client.responses.stream(ask('Tell me a story.', { instructions: 'Be brief.' }));
assert.equal((await helper.finalResponse()).output_text, text);

const Cat = z.object({ name: z.enum(['Tom', 'Mia']), age: z.number().int().min(0).max(30) });
const parsed = await client.responses.parse(ask('A cat.', { max_output_tokens: 300, text: { format: zodTextFormat(Cat, 'cat') } }));
assert.ok(Cat.safeParse(parsed.output_parsed).success);

// A call, its result, and an answer. What came out goes in again as it is.
const add = zodResponsesFunction({ name: 'add', parameters: z.object({ a: z.number().int().min(0).max(9), b: z.number().int().min(0).max(9) }), function: ({ a, b }) => a + b });
const input = [{ role: 'user', content: 'Add.' }];
const called = await client.responses.parse(ask(input, { max_output_tokens: 300, tools: [add, { type: 'web_search' }], tool_choice: 'required', parallel_tool_calls: false }));
const call = called.output.find(item => item.type === 'function_call');
assert.equal(call.name, 'add');
input.push(...called.output, { type: 'function_call_output', call_id: call.call_id, output: String(call.parsed_arguments.a + call.parsed_arguments.b) });
const after = await client.responses.create(ask(input, { tools: [add], tool_choice: 'none' }));
assert.ok(after.output_text.length > 0);
let streamed = '';
for await (const event of await client.responses.create(ask(input.slice(0, 1), { max_output_tokens: 300, tools: [add], tool_choice: { type: 'function', name: 'add' }, stream: true })))
  if (event.type === 'response.function_call_arguments.delta') streamed += event.delta;
assert.deepEqual(Object.keys(JSON.parse(streamed)), ['a', 'b']);

const probable = await client.responses.create(ask('Hello', { include: ['message.output_text.logprobs'], top_logprobs: 2 }));
assert.equal(probable.output[0].content[0].logprobs[0].top_logprobs.length, 2);
assert.ok((await client.responses.inputTokens.count({ model: 'small', input: 'Hello' })).input_tokens > 0);

await assert.rejects(client.responses.retrieve('resp_1'), e => e instanceof OpenAI.NotFoundError && e.code === 'not_found');
await assert.rejects(client.responses.create(ask('x', { model: 'other' })), e => e instanceof OpenAI.NotFoundError && e.code === 'model_not_found');
await assert.rejects(client.responses.create(ask('x', { previous_response_id: 'resp_1' })), e => e instanceof OpenAI.BadRequestError && e.param === 'previous_response_id');
await assert.rejects(client.responses.create(ask('the cat sat '.repeat(2000))), e => e.status === 400 && e.code === 'context_length_exceeded');

// An abort ends the stream, and the server goes on serving.
const stream = await client.responses.create(ask('Tell me a story.', { stream: true, max_output_tokens: 500, ignore_eos: true }));
let seen = 0;
for await (const _ of stream) if (++seen === 8) stream.controller.abort();
assert.ok(seen < 500);
assert.equal((await client.responses.create(ask('Tell me a story.', { instructions: 'Be brief.' }))).output_text, text);
console.log('ok');
