// What the page asks of the server: OpenAI's API and llama.cpp's /props.

const KEY = 'edge-llm.key';

/** A refusal or failure that can be shown: status is 0 where there was no answer. */
export class ApiError extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

/** The key that the server asks for. It is forgotten with the tab unless the user wants it kept. */
export const key = {
  get: () => read(sessionStorage) || read(localStorage),
  kept: () => read(localStorage) !== '',
  set(value, keep) {
    write(sessionStorage, value);
    write(localStorage, keep ? value : '');
  },
};

export async function models() {
  const { data } = await (await ask('v1/models')).json();
  return Array.isArray(data) ? data.map(model => String(model.id)) : [];
}

/** The length of the context and the server's own settings, as far as it tells them. */
export async function properties(model) {
  const { default_generation_settings: settings } = await (await ask(`props?model=${encodeURIComponent(model)}`)).json();
  return { contextSize: settings?.n_ctx ?? 0, defaults: settings?.params ?? settings ?? {} };
}

/** Asks for an answer and gives its events as they come. Throws an ApiError, or an AbortError when the signal says so. */
export async function* complete(body, signal) {
  const options = { ...body, stream: true, stream_options: { include_usage: true } };
  const response = await ask('v1/chat/completions', {
    method: 'POST', body: JSON.stringify(options), signal, headers: { 'Content-Type': 'application/json' },
  });
  let ended = false;
  try {
    for await (const data of events(response.body)) {
      if (data === '[DONE]') return;
      const event = parsed(data);
      if (event.error) throw new ApiError(messageOf(event));
      ended ||= event.choices?.[0]?.finish_reason != null;
      yield event;
    }
  } catch (e) {
    throw e instanceof ApiError || e.name === 'AbortError' ? e : new ApiError('The connection to the server was lost');
  }
  if (!ended) throw new ApiError('The server ended the answer too early');
}

async function ask(path, options = {}) {
  const headers = { ...options.headers };
  if (key.get()) headers.Authorization = `Bearer ${key.get()}`;
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (e) {
    throw e.name === 'AbortError' ? e : new ApiError('The server cannot be reached');
  }
  if (response.ok) return response;
  throw new ApiError(messageOf(parsed(await response.text())) || `The server answered ${response.status}`, response.status);
}

// The data of server-sent events.
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  let data = [];
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const lines = (text + part.value).split('\n');
    text = lines.pop();
    for (const line of lines.map(line => line.replace(/\r$/, ''))) {
      if (line.startsWith('data:')) data.push(line.slice(line[5] === ' ' ? 6 : 5));
      else if (line === '' && data.length > 0) {
        yield data.join('\n');
        data = [];
      }
    }
  }
}

function parsed(json) {
  try {
    return JSON.parse(json) ?? {};
  } catch {
    return {};
  }
}

function messageOf({ error }) {
  return typeof error === 'string' ? error : String(error?.message ?? '');
}

function read(storage) {
  try {
    return storage.getItem(KEY) ?? '';
  } catch {
    return '';
  }
}

function write(storage, value) {
  try {
    if (value) storage.setItem(KEY, value);
    else storage.removeItem(KEY);
  } catch {
    // Nothing can be kept here: the next page asks again.
  }
}
