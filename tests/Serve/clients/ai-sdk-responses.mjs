// Vercel's AI SDK with its provider for OpenAI, whose way is /v1/responses. Arguments: base URL.
import assert from 'node:assert/strict';
import { createOpenAI } from '@ai-sdk/openai';
import { APICallError, generateObject, generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai';

const provider = createOpenAI({ apiKey: 'none', baseURL: process.argv[2] + '/v1' });
const common = { model: provider('small'), maxOutputTokens: 24, temperature: 0, maxRetries: 0 };

const whole = await generateText({ ...common, system: 'Be brief.', prompt: 'Tell me a story.' });
assert.ok(whole.text.length > 0);
assert.ok(whole.usage.inputTokens > 0 && whole.usage.outputTokens > 0);

const streamed = streamText({ ...common, system: 'Be brief.', prompt: 'Tell me a story.' });
let text = '';
for await (const part of streamed.textStream) text += part;
assert.equal(text, whole.text);
assert.equal(await streamed.finishReason, whole.finishReason);
assert.equal((await streamed.usage).outputTokens, whole.usage.outputTokens);

const schema = jsonSchema({ type: 'object', properties: { name: { enum: ['Tom', 'Mia'] }, age: { type: 'integer', minimum: 0, maximum: 30 } }, required: ['name', 'age'], additionalProperties: false });
const { object } = await generateObject({ ...common, maxOutputTokens: 300, schema, prompt: 'A cat.' });
assert.ok(['Tom', 'Mia'].includes(object.name));

let ran = 0;
const add = tool({ description: 'Adds.', inputSchema: jsonSchema({ type: 'object', properties: { a: { type: 'integer', minimum: 0, maximum: 9 } }, required: ['a'], additionalProperties: false }), execute: async ({ a }) => { ran++; return a + 1; } });
const tools = { add };
// With store, the default, the client sends ids of items instead of the items.
for (const store of [true, false]) for (const make of [generateText, streamText]) {
  ran = 0;
  const run = make({ ...common, providerOptions: { openai: { store } }, maxOutputTokens: 300, tools, prompt: 'Add.', stopWhen: stepCountIs(2),
    prepareStep: ({ stepNumber }) => ({ toolChoice: stepNumber === 0 ? { type: 'tool', toolName: 'add' } : 'none' }) });
  const steps = await (await run).steps;
  assert.equal(steps[0].finishReason, 'tool-calls');
  assert.equal(steps[0].toolResults[0].output, steps[0].toolCalls[0].input.a + 1);
  assert.ok(steps[1].text.length > 0); // it has read the result
  assert.ok(steps[1].usage.inputTokens > steps[0].usage.inputTokens - 300);
  assert.equal(ran, steps[0].toolCalls.length);
}

await assert.rejects(generateText({ ...common, model: provider('other'), prompt: 'x' }), e => APICallError.isInstance(e) && e.statusCode === 404);
await assert.rejects(generateText({ ...common, prompt: 'x', providerOptions: { openai: { store: false, previousResponseId: 'resp_1' } } }), e => e.statusCode === 400 && e.message.includes('previous_response_id'));
const abort = new AbortController();
let seen = 0;
for await (const _ of streamText({ ...common, maxOutputTokens: 500, prompt: 'Tell me a story.', abortSignal: abort.signal, onError: () => {} }).textStream) if (++seen === 3) abort.abort();
assert.equal((await generateText({ ...common, system: 'Be brief.', prompt: 'Tell me a story.' })).text, whole.text);
console.log('ok');
