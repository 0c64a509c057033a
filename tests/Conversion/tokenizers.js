// Hugging Face's tokenizers library, for tests: reads lines {"file": PATH, "texts": [TEXT, ...]} and answers each with {"ids": [[ID, ...], ...]} or
// {"error": MESSAGE}. The first argument is the folder that the library was installed to.
const { Tokenizer } = require(require('path').join(process.argv[2], 'node_modules', 'tokenizers'));

async function answer(line) {
  try {
    const { file, texts } = JSON.parse(line);
    const tokenizer = Tokenizer.fromFile(file);
    const ids = [];
    for (const text of texts) ids.push((await tokenizer.encode(text, null)).getIds());
    return { ids };
  } catch (e) {
    return { error: String(e.message) };
  }
}

(async () => {
  for await (const line of require('readline').createInterface({ input: process.stdin })) process.stdout.write(JSON.stringify(await answer(line)) + '\n');
})();
