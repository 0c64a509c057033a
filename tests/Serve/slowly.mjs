// A server before a server: it passes everything on, but lets an answer's events come one by one, so that there is time to look at them.
import http from 'node:http';

const BETWEEN = 20; // milliseconds

/** Starts one before the server of an address. Gives its own address, and a way to close it. */
export async function slowly(address) {
  const server = http.createServer((request, response) => {
    // The host's name stays: the server compares it with the page's origin.
    const passed = http.request(new URL(request.url, address), { method: request.method, headers: request.headers }, answer => {
      response.writeHead(answer.statusCode, answer.headers);
      if (answer.headers['content-type']?.startsWith('text/event-stream')) passEvents(answer, response);
      else answer.pipe(response);
    });
    passed.on('error', () => response.destroy());
    response.on('close', () => passed.destroy());
    request.pipe(passed);
  });
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function passEvents(answer, response) {
  let text = '';
  try {
    for await (const part of answer.setEncoding('utf8')) {
      const events = (text + part).split('\n\n');
      text = events.pop();
      for (const event of events) {
        response.write(`${event}\n\n`);
        await new Promise(resolve => setTimeout(resolve, BETWEEN));
      }
    }
    response.end(text);
  } catch {
    response.destroy();
  }
}
