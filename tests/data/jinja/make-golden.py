"""Renders templates with Jinja2 as Python's transformers sets it up, into golden.json (null: it refuses).

Needs Jinja2 3.1. Run it again when cases are added; the tests need no Python.
"""
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cases import CASES, CONTEXT
from reference import render

HERE = pathlib.Path(__file__).parent

lines = []
for group, templates in CASES.items():
    rendered = []
    for template in templates:
        text = render(template, CONTEXT)
        if text and re.search(r" at 0x[0-9a-f]+>", text):
            text = None  # an address
        rendered.append("   " + json.dumps([template, text], ensure_ascii=True))
    lines.append(f"  {json.dumps(group)}: [\n" + ",\n".join(rendered) + "\n  ]")
text = '{\n "context": ' + json.dumps(CONTEXT) + ',\n "cases": {\n' + ",\n".join(lines) + "\n }\n}\n"
(HERE / "golden.json").write_text(text, "utf-8")
print(sum(map(len, CASES.values())), "templates in", len(CASES), "groups")
