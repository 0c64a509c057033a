// Clients whose first request is refused with 503 try again, when the server says. Arguments: base URL, openai or anthropic.
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import Anthropic from '@anthropic-ai/sdk';

const [, , base, name] = process.argv;
if (name === 'openai') {
  const client = new OpenAI({ apiKey: 'none', baseURL: base + '/v1', maxRetries: 8 });
  assert.ok((await client.responses.create({ model: 'small', input: 'Hello', max_output_tokens: 16 })).output_text.length > 0);
} else {
  const client = new Anthropic({ apiKey: 'none', baseURL: base, maxRetries: 8 });
  assert.ok((await client.messages.create({ model: 'small', max_tokens: 16, messages: [{ role: 'user', content: 'Hello' }] })).content[0].text.length > 0);
}
console.log('ok');
