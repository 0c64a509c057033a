"""Jinja2 as Python's transformers sets it up for chat templates.

As a program it renders lines of JSON, each with a template and a context, to lines of JSON: the text, or null where it refuses.
"""
import datetime
import json
import sys

from jinja2 import ext, nodes, pass_eval_context
from jinja2.sandbox import ImmutableSandboxedEnvironment

NOW = datetime.datetime(2024, 7, 6, 9, 5, 3)


class AssistantTracker(ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_generation_support"), [], [], body).set_lineno(line)

    @pass_eval_context
    def _generation_support(self, context, caller):
        return caller()


def raise_exception(message):
    raise ValueError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def strftime_now(format):
    return NOW.strftime(format)


environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[AssistantTracker, ext.loopcontrols])
environment.filters["tojson"] = tojson
environment.globals["raise_exception"] = raise_exception
environment.globals["strftime_now"] = strftime_now


def render(template, context):
    try:
        return environment.from_string(template).render(**context)
    except Exception:  # Jinja2 lets any exception of Python through
        return None


if __name__ == "__main__":
    for line in sys.stdin:
        template, context = json.loads(line)
        print(json.dumps(render(template, context)), flush=True)
