// LangChain over the chat interface. Arguments: base URL.
import assert from 'node:assert/strict';
import { z } from 'zod';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';

const configuration = { baseURL: process.argv[2] + '/v1' };
const make = more => new ChatOpenAI({ model: 'small', apiKey: 'none', configuration, maxTokens: 24, maxRetries: 0, modelKwargs: { seed: 1 }, ...more });
const model = make();

const whole = await model.invoke('Tell me a story.');
assert.ok(whole.text.length > 0);
assert.ok(whole.usage_metadata.output_tokens > 0);
let text = '';
for await (const chunk of await model.stream('Tell me a story.')) text += chunk.text;
assert.equal(text, whole.text);

const Cat = z.object({ name: z.enum(['Tom', 'Mia']), age: z.number().int().min(0).max(30) });
const cat = await make({ maxTokens: 200 }).withStructuredOutput(Cat, { method: 'jsonSchema' }).invoke('A cat.');
assert.ok(Cat.safeParse(cat).success);
const called = await make({ maxTokens: 200 }).bindTools([{ type: 'function', function: { name: 'pick', parameters: { type: 'object', properties: { n: { enum: [1, 2] } }, required: ['n'] } } }], { tool_choice: 'pick' }).invoke('Pick.');
assert.equal(called.tool_calls[0].name, 'pick');
assert.ok([1, 2].includes(called.tool_calls[0].args.n));

const embeddings = new OpenAIEmbeddings({ model: 'small', apiKey: 'none', configuration });
assert.equal((await embeddings.embedDocuments(['a cat', 'a dog'])).length, 2);
await assert.rejects(make({ model: 'other' }).invoke('x'), e => e.status === 404);
const abort = new AbortController();
await assert.rejects(async () => {
  let seen = 0;
  for await (const _ of await make({ maxTokens: 500 }).stream('Tell me a story.', { signal: abort.signal })) if (++seen === 3) abort.abort();
});
assert.equal((await model.invoke('Tell me a story.')).text, whole.text);
console.log('ok');
