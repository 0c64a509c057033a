"""A conversation, each line of the input a turn: python3 chat.py MODEL [CHAT-TEMPLATE]"""

import sys

from edge_llm import LLM

with LLM(sys.argv[1], chat_template=sys.argv[2] if len(sys.argv) > 2 else None) as llm:
    messages = []
    for line in sys.stdin:
        messages.append({"role": "user", "content": line.rstrip("\n")})
        answer = ""
        for chunk in llm.chat.completions.create(messages=messages, max_tokens=256, stream=True):
            answer += chunk.choices[0].delta.content
            print(chunk.choices[0].delta.content, end="", flush=True)
        print()
        messages.append({"role": "assistant", "content": answer})
