// The settings of a conversation, as they were typed, and the request that they make.

import { path } from './conversation.js';

/** Numbers that a request may have; an empty one is left to the server. */
export const NUMBERS = [
  { name: 'temperature', label: 'Temperature', hint: '0 always takes the likeliest token', min: 0, max: 2, step: 0.05 },
  { name: 'top_p', label: 'Top p', hint: 'likeliest tokens that have this probability together', min: 0, max: 1, step: 0.01 },
  { name: 'top_k', label: 'Top k', hint: 'this many of the likeliest tokens; 0 takes all', min: 0, max: 1000000, step: 1 },
  { name: 'min_p', label: 'Min p', hint: 'tokens at least this fraction as likely as the likeliest', min: 0, max: 1, step: 0.01 },
  { name: 'repeat_penalty', label: 'Repeat penalty', hint: '1 has no effect', min: 0.001, max: 10, step: 0.05 },
  { name: 'presence_penalty', label: 'Presence penalty', hint: '0 has no effect', min: -2, max: 2, step: 0.1 },
  { name: 'frequency_penalty', label: 'Frequency penalty', hint: '0 has no effect', min: -2, max: 2, step: 0.1 },
  { name: 'seed', label: 'Seed', hint: 'the same seed gives the same answer', min: 0, max: 4294967295, step: 1, fallback: 'random' },
  { name: 'max_tokens', label: 'Max tokens', hint: 'the longest answer', min: 1, max: 10000000, step: 1, fallback: 'no limit' },
];

/** What is wrong with the settings: { name, message }, or null. */
export function problem(settings) {
  for (const { name, label, min, max, step } of NUMBERS) {
    const text = settings[name] ?? '';
    const value = Number(text);
    if (text === '') continue;
    if (!(value >= min && value <= max)) return { name, message: `${label}: expected ${min} to ${max}` };
    if (step === 1 && !Number.isInteger(value)) return { name, message: `${label}: expected a whole number` };
  }
  if (!settings.json || !settings.schema?.trim()) return null;
  try {
    const schema = JSON.parse(settings.schema);
    return typeof schema === 'object' && schema && !Array.isArray(schema) ? null : { name: 'schema', message: 'JSON schema: expected an object' };
  } catch (e) {
    return { name: 'schema', message: `JSON schema: ${e.message}` };
  }
}

/** The body of a request for the answer to a message. */
export function request(conversation, to) {
  const { settings } = conversation;
  const messages = path(conversation, to).map(i => conversation.messages[i]).filter(({ role, content }) => role === 'user' || content !== '');
  const body = { model: settings.model, messages: messages.map(({ role, content }) => ({ role, content })) };
  if (settings.system?.trim()) body.messages.unshift({ role: 'system', content: settings.system });
  for (const { name } of NUMBERS) if (settings[name]) body[name] = Number(settings[name]);
  const stop = (settings.stop ?? '').split('\n').filter(line => line !== '');
  if (stop.length > 0) body.stop = stop.map(line => line.replaceAll('\\n', '\n'));
  if (settings.json) body.response_format = responseFormat(settings.schema);
  return body;
}

function responseFormat(schema) {
  if (!schema?.trim()) return { type: 'json_object' };
  return { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema: JSON.parse(schema) } };
}
