// OpenAI's library for agents, whose way is /v1/responses: a loop of tools, a schema, streams. Arguments: base URL.
import assert from 'node:assert/strict';
import { z } from 'zod';
import OpenAI from 'openai';
import { Agent, run, setDefaultOpenAIClient, setTracingDisabled, tool } from '@openai/agents';

setTracingDisabled(true);
setDefaultOpenAIClient(new OpenAI({ apiKey: 'none', baseURL: process.argv[2] + '/v1', maxRetries: 0 }));
const modelSettings = { temperature: 0, maxTokens: 200 };

const teller = new Agent({ name: 'Teller', model: 'small', instructions: 'Be brief.', modelSettings });
const whole = await run(teller, 'Hello');
assert.ok(whole.finalOutput.length > 0);
const streamed = await run(teller, 'Hello', { stream: true });
let text = '';
for await (const piece of streamed.toTextStream()) text += piece;
await streamed.completed;
assert.equal(text, whole.finalOutput);

// The model must call; another agent answers with what the tool returned.
let ran = 0;
const add = tool({ name: 'add', description: 'Adds.', parameters: z.object({ a: z.number().int().min(0).max(9) }), execute: async ({ a }) => { ran++; return String(a + 1); } });
const adder = new Agent({ name: 'Adder', model: 'small', instructions: 'Add.', tools: [add], toolUseBehavior: 'stop_on_first_tool', modelSettings: { ...modelSettings, toolChoice: 'required', parallelToolCalls: false } });
const added = await run(adder, 'Add.');
assert.equal(ran, 1);
assert.match(added.finalOutput, /^([1-9]|10)$/);
const history = added.history;
assert.deepEqual(history.slice(-2).map(item => item.type), ['function_call', 'function_call_result']);
const after = await run(new Agent({ name: 'Teller', model: 'small', tools: [add], modelSettings: { ...modelSettings, toolChoice: 'none' } }), history);
assert.ok(after.finalOutput.length > 0);

const Cat = z.object({ name: z.enum(['Tom', 'Mia']), age: z.number().int().min(0).max(30) });
const cat = await run(new Agent({ name: 'Cats', model: 'small', outputType: Cat, modelSettings: { ...modelSettings, maxTokens: 300 } }), 'A cat.');
assert.ok(Cat.safeParse(cat.finalOutput).success);

await assert.rejects(run(new Agent({ name: 'Other', model: 'other' }), 'x'), e => e.status === 404 && e.code === 'model_not_found');
console.log('ok');
