"""Renders the templates with Jinja2 as Python's transformers sets it up, after make-golden.mjs.

Writes jinja2.json: the conversations where it does not give the text in NAME.json (null: it refuses them). It is what the templates
were written for, so the tests take its word. Needs Jinja2 3.1.
"""
import datetime
import json
import pathlib

from jinja2 import ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = pathlib.Path(__file__).parent
NOW = datetime.datetime(2024, 7, 26, 12)


class Generation(ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        next(parser.stream)
        return parser.parse_statements(["name:endgeneration"], drop_needle=True)


def raise_exception(message):
    raise ValueError(message)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, ext.loopcontrols])
environment.filters["tojson"] = tojson
environment.globals["raise_exception"] = raise_exception
environment.globals["strftime_now"] = NOW.strftime

conversations = json.loads((HERE / "conversations.json").read_text("utf-8"))
defaults = {"tools": None, "documents": None, "add_generation_prompt": True, **conversations["variables"]}
differences = {}
same = 0
for file in sorted(HERE.glob("*.jinja")):
    golden = json.loads(file.with_suffix(".json").read_text("utf-8"))
    with open(file, encoding="utf-8", newline="") as source:
        template = source.read()
    for name, conversation in conversations["cases"].items():
        try:
            text = environment.from_string(template).render({**defaults, **conversation})
        except Exception:
            text = None
        if text == golden[name]:
            same += text is not None
        else:
            differences.setdefault(file.stem, {})[name] = text
(HERE / "jinja2.json").write_text(json.dumps(differences, indent=1, ensure_ascii=False) + "\n", "utf-8")
print(f"{same} conversations rendered alike; {sum(map(len, differences.values()))} differ")
