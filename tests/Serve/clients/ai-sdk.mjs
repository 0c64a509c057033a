// Vercel's AI SDK over the chat interface. Arguments: base URL.
import assert from 'node:assert/strict';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { embedMany, generateObject, generateText, jsonSchema, streamText, tool, APICallError } from 'ai';

const provider = createOpenAICompatible({ name: 'edge', baseURL: process.argv[2] + '/v1', includeUsage: true, supportsStructuredOutputs: true });
const model = provider('small');
const common = { model, maxOutputTokens: 24, seed: 1, maxRetries: 0 };

const whole = await generateText({ ...common, prompt: 'Tell me a story.' });
assert.ok(whole.text.length > 0);
assert.ok(whole.usage.inputTokens > 0 && whole.usage.outputTokens > 0);

const streamed = streamText({ ...common, prompt: 'Tell me a story.' });
let text = '';
for await (const part of streamed.textStream) text += part;
assert.equal(text, whole.text);
assert.equal((await streamed.usage).outputTokens, whole.usage.outputTokens);

const schema = jsonSchema({ type: 'object', properties: { name: { enum: ['Tom', 'Mia'] }, age: { type: 'integer', minimum: 0, maximum: 30 } }, required: ['name', 'age'], additionalProperties: false });
const { object } = await generateObject({ ...common, maxOutputTokens: 200, schema, prompt: 'A cat.' });
assert.ok(['Tom', 'Mia'].includes(object.name));

let ran = 0;
const add = tool({ description: 'Adds.', inputSchema: jsonSchema({ type: 'object', properties: { a: { type: 'integer', minimum: 0, maximum: 9 } }, required: ['a'] }), execute: async ({ a }) => { ran++; return a + 1; } });
const called = await generateText({ ...common, maxOutputTokens: 200, tools: { add }, toolChoice: { type: 'tool', toolName: 'add' }, prompt: 'Add.' });
assert.equal(called.toolCalls[0].toolName, 'add');
assert.equal(called.toolResults[0].output, called.toolCalls[0].input.a + 1);
assert.equal(ran, called.toolCalls.length);

const { embeddings } = await embedMany({ model: provider.textEmbeddingModel('small'), values: ['a cat', 'a dog'] });
assert.equal(embeddings.length, 2);

await assert.rejects(generateText({ ...common, model: provider('other'), prompt: 'x' }), e => APICallError.isInstance(e) && e.statusCode === 404);
const abort = new AbortController();
let seen = 0;
for await (const _ of streamText({ ...common, maxOutputTokens: 500, prompt: 'Tell me a story.', abortSignal: abort.signal, onError: () => {} }).textStream) if (++seen === 3) abort.abort();
assert.equal((await generateText({ ...common, prompt: 'Tell me a story.' })).text, whole.text);
console.log('ok');
