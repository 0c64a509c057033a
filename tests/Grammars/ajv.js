// ajv, for tests: reads lines {"schema": SCHEMA, "values": [TEXT, ...]} and answers each with {"errors": [MESSAGE or "", ...]} or {"error": MESSAGE}
// for a schema that it does not compile. The first argument is the folder that ajv and ajv-formats were installed to.
const path = require('path');
const installed = name => require(path.join(process.argv[2], 'node_modules', name));
const [Ajv, Ajv2020, addFormats] = ['ajv', 'ajv/dist/2020', 'ajv-formats'].map(name => installed(name).default);

function answer(line) {
  try {
    const { schema, values } = JSON.parse(line);
    const is2020 = typeof schema === 'object' && /2020-12/.test(schema.$schema ?? '');
    delete schema.$schema; // drafts older than 7 are read as draft 7
    delete schema.id; // what $id was called
    const ajv = new (is2020 ? Ajv2020 : Ajv)({ strict: false, logger: false, validateSchema: false });
    addFormats(ajv);
    const validate = ajv.compile(schema);
    return { errors: values.map(text => (validate(JSON.parse(text)) ? '' : ajv.errorsText(validate.errors))) };
  } catch (e) {
    return { error: String(e.message) };
  }
}

(async () => {
  for await (const line of require('readline').createInterface({ input: process.stdin })) process.stdout.write(JSON.stringify(answer(line)) + '\n');
})();
