// The official client of Ollama, with chat, streams, tools, formats, embeddings, lists, errors, abort and retry. Arguments: base URL.
import assert from 'node:assert/strict';
import { Ollama } from 'ollama';

const host = process.argv[2];
const client = new Ollama({ host });
const ask = (content, more = {}) => ({ model: 'small', messages: [{ role: 'user', content }], options: { num_predict: 24, seed: 1 }, ...more });

const whole = await client.chat(ask('Tell me a story.'));
assert.equal(whole.message.role, 'assistant');
assert.ok(whole.message.content.length > 0);
assert.equal(whole.done, true);
assert.equal(whole.done_reason, 'length');
assert.equal(whole.eval_count, 24);
assert.ok(whole.total_duration >= whole.eval_duration && whole.eval_duration > 0);

let text = '', last;
for await (const part of await client.chat(ask('Tell me a story.', { stream: true }))) {
  text += part.message.content;
  last = part;
}
assert.equal(text, whole.message.content);
assert.equal(last.prompt_eval_count, whole.prompt_eval_count);

const schema = { type: 'object', properties: { name: { enum: ['Tom', 'Mia'] }, age: { type: 'integer', minimum: 0, maximum: 30 } }, required: ['name', 'age'], additionalProperties: false };
const cat = JSON.parse((await client.chat(ask('A cat.', { format: schema, options: { num_predict: 200 } }))).message.content);
assert.ok(['Tom', 'Mia'].includes(cat.name) && Number.isInteger(cat.age));
assert.equal(typeof JSON.parse((await client.generate({ model: 'small', prompt: 'A cat.', format: 'json', options: { num_predict: 300 } })).response), 'object');

// A conversation with a call goes on; whether the model calls is its own choice.
const tools = [{ type: 'function', function: { name: 'add', description: 'Adds.', parameters: { type: 'object', properties: { a: { type: 'integer' }, b: { type: 'integer' } }, required: ['a', 'b'] } } }];
const after = await client.chat(ask('', { tools, messages: [
  { role: 'user', content: 'Add 1 and 2.' },
  { role: 'assistant', content: '', tool_calls: [{ function: { name: 'add', arguments: { a: 1, b: 2 } } }] },
  { role: 'tool', tool_name: 'add', content: '3' }] }));
for (const call of after.message.tool_calls ?? []) assert.equal(typeof call.function.arguments, 'object');

const first = await client.generate({ model: 'small', prompt: 'A cat.', system: 'Be brief.', options: { num_predict: 4 } });
assert.equal(first.context.length, first.prompt_eval_count + 4);
const second = await client.generate({ model: 'small', prompt: 'A dog.', context: first.context, options: { num_predict: 4 } });
assert.deepEqual(second.context.slice(0, first.context.length), first.context);
let raw = '';
for await (const part of await client.generate({ model: 'small', prompt: 'Once upon', raw: true, stream: true, options: { num_predict: 8, stop: ['.'] } })) raw += part.response;
assert.ok(raw.length > 0 && !raw.includes('.'));

const vectors = await client.embed({ model: 'small', input: ['a cat', 'a dog'] });
assert.equal(vectors.embeddings.length, 2);
assert.ok(Math.abs(vectors.embeddings[0].reduce((sum, x) => sum + x * x, 0) - 1) < 1e-3);
assert.equal((await client.embeddings({ model: 'small', prompt: 'a cat' })).embedding.length, vectors.embeddings[0].length);

assert.equal((await client.list()).models[0].name, 'small:latest');
assert.equal((await client.ps()).models[0].model, 'small:latest');
const show = await client.show({ model: 'small' });
assert.ok(show.capabilities.includes('completion'));
assert.equal(show.model_info['general.architecture'], 'llama');
assert.match((await client.version()).version, /^\d+\.\d+\.\d+$/);

await assert.rejects(client.chat({ ...ask('x'), model: 'other' }), e => e.name === 'ResponseError' && e.status_code === 404 && e.message.includes("'other'"));
await assert.rejects(client.chat(ask('x', { options: { temperature: 'hot' } })), e => e.status_code === 400 && e.message.includes('options.temperature'));
await assert.rejects(client.chat(ask('x', { stream: true, think: true })), e => e.status_code === 400 && e.message.includes('thinking'));
await assert.rejects(client.pull({ model: 'other' }), e => e.status_code === 501 && e.message.includes('edge-llm pull'));
await assert.rejects(client.delete({ model: 'other' }), e => e.status_code === 501);

// An abort ends the stream, and the server goes on serving.
const endless = await client.chat(ask('Tell me a story.', { stream: true, options: { num_predict: -1, ignore_eos: true } }));
let seen = 0;
await assert.rejects(async () => {
  for await (const _ of endless) if (++seen === 3) endless.abort();
}, { name: 'AbortError' });
assert.ok(seen >= 3 && seen < 900);
assert.equal((await client.chat(ask('Tell me a story.'))).message.content, text);

assert.equal((await client.generate({ model: 'small', prompt: '', keep_alive: 0 })).done_reason, 'unload');
assert.equal((await client.ps()).models.length, 0);
assert.equal((await client.chat(ask('Tell me a story.'))).message.content, text);
console.log('ok');
