// Reads an answer into a message and measures it.

import { complete } from './api.js';
import { request } from './settings.js';

/** Fills a message of a conversation until the answer ends, however it ends; the message tells how. `onChange` is called for each piece. */
export async function answer(conversation, index, signal, onChange) {
  const message = conversation.messages[index];
  const clock = { first: 0, pieces: 0, thought: 0 };
  try {
    for await (const event of complete(request(conversation, message.parent), signal)) {
      read(message, event, clock);
      onChange();
    }
    message.end ??= 'stop';
  } catch (e) {
    message.end = e.name === 'AbortError' ? 'stopped' : 'error';
    if (message.end === 'error') Object.assign(message, { error: e.message, status: e.status });
  }
  message.stats ??= measured(clock);
}

function read(message, { choices, usage, timings }, clock) {
  const { delta, finish_reason: end } = choices?.[0] ?? {};
  if (delta?.reasoning_content || delta?.content) {
    clock.first ||= performance.now();
    clock.pieces++;
    if (delta.reasoning_content) message.reasoning = (message.reasoning ?? '') + delta.reasoning_content;
    if (delta.content) {
      if (message.reasoning) message.thought ??= performance.now() - clock.first;
      message.content += delta.content;
    }
    message.live = measured(clock);
  }
  if (end) message.end = end;
  if (usage) message.stats = { ...measured(clock), ...told(usage, timings) };
}

// A piece is about a token, and the first one tells nothing of the time that it took.
function measured({ first, pieces }) {
  const seconds = (performance.now() - first) / 1000;
  return { completion: pieces, rate: pieces > 1 ? (pieces - 1) / seconds : 0 };
}

function told(usage, timings) {
  const stats = {
    prompt: usage.prompt_tokens, completion: usage.completion_tokens,
    cached: usage.prompt_tokens_details?.cached_tokens ?? timings?.cache_n ?? 0,
  };
  return timings?.predicted_per_second ? { ...stats, rate: timings.predicted_per_second } : stats;
}
