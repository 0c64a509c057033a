// Writes the templates and what an independent implementation renders from them, beside this file.
//   npm install --no-save --ignore-scripts @huggingface/jinja@0.5.11 @huggingface/ollama-utils@0.0.18
//   node make-golden.mjs [folder with node_modules]
// Then check-jinja2.py compares them with Jinja2 itself.
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";

const here = import.meta.dirname;
const modules = path.resolve(process.argv[2] ?? here, "node_modules");

// strftime_now reads the clock: stop it.
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...args) {
    super(...(args.length ? args : [2024, 6, 26, 12, 0, 0]));
  }
};

const { Template } = createRequire(path.join(modules, "x.js"))("@huggingface/jinja");
const { variables, cases } = JSON.parse(fs.readFileSync(path.join(here, "conversations.json"), "utf8"));

// The package does not export its table; its source is a literal.
function ollamaTemplates() {
  const source = fs.readFileSync(path.join(modules, "@huggingface/ollama-utils/src/chat-template-automap.ts"), "utf8");
  const start = source.indexOf("= [", source.indexOf("OLLAMA_CHAT_TEMPLATE_MAPPING")) + 2;
  const entries = new Function("return " + source.slice(start).replace(/;\s*$/, ""))();
  return entries.map((entry) => ({ name: entry.model.replace("library/", "").replace(/[:/]/g, "-"), source: entry.gguf }));
}

// Not copied here: what its publisher gives for non-commercial use alone, and long texts under licences with conditions.
const leftOut = {
  "for non-commercial use only": ["aya", "command-", "exaone", "mistral-large", "qwen-0.5b", "smallthinker", "stable-code"],
  "long texts under licences with conditions": ["dbrx", "firefunction", "llama-guard", "shieldgemma"],
};
const isLeftOut = (name) => Object.values(leftOut).flat().some((start) => name.startsWith(start));

const names = new Set();
const table = [];
for (const { name, source } of ollamaTemplates()) {
  let unique = name;
  for (let i = 2; names.has(unique); i++) unique = `${name}-${i}`;
  names.add(unique);
  if (isLeftOut(name)) continue;
  const golden = {};
  for (const [caseName, input] of Object.entries(cases)) {
    try {
      golden[caseName] = new Template(source).render({ tools: null, documents: null, add_generation_prompt: true, ...variables, ...structuredClone(input) });
    } catch {
      golden[caseName] = null;
    }
  }
  fs.writeFileSync(path.join(here, `${unique}.jinja`), source);
  fs.writeFileSync(path.join(here, `${unique}.json`), JSON.stringify(golden, null, 1) + "\n");
  table.push(`| ${unique} | ${Object.values(golden).filter((text) => text !== null).length} of ${Object.keys(golden).length} |`);
}
fs.writeFileSync(path.join(here, "README.md"), `# Chat templates that models ship

${table.length} real templates, from the GGUF files of the models that the Ollama library names so. \`make-golden.mjs\` takes them from the npm package
\`@huggingface/ollama-utils\` (MIT licence; its table \`chat-template-automap\`), and renders \`conversations.json\` with \`@huggingface/jinja\`, an
implementation independent of ours, into \`NAME.json\` (null: it refuses). \`check-jinja2.py\` renders them with Jinja2 itself; where that differs,
\`jinja2.json\` has its text. (Known causes: JavaScript's way to write lists and to add them to strings, and methods against keys of one name.)

## Licences

The package is under the MIT licence ([LICENSE](LICENSE)); no template has a licence text in it. A template is a short description of a format
that its model's publisher ships in each model file. These are here as test data; nothing that is built or published contains them. As far
as we know, most belong to models under Apache 2.0 or MIT (Granite, Mistral and Devstral, OLMo, Phi, Qwen, SmolLM, TinyLlama, Yi,
DeepSeek-R1, Cogito and others), some to models under licences that allow redistribution with conditions (Llama and what is made from it,
Gemma, Falcon, DeepSeek, GLM, Nemotron). Left out are these, by their names' beginnings:

${Object.entries(leftOut).map(([why, starts]) => `- ${why}: ${starts.map((start) => `\`${start}\``).join(", ")}`).join("\n")}

## Templates

| Template | Conversations rendered, of ${Object.keys(cases).length} |
|---|---|
${table.join("\n")}
`);
