#!/usr/bin/env python3
"""Load on an OpenAI server, ours or any other: clients that each send the next request when the last one has ended (a closed loop).

    bench/serve.py http://127.0.0.1:8080 [--clients 1,4,16] [--seconds 30] [--prompt 128] [--tokens 64] [--model NAME] [--key KEY] [--json]

Prints a line for each number of clients: answers and tokens a second; time to the first token (TTFT), time per token after it (TPOT) and time between
tokens (ITL), median and p99 in milliseconds, as vLLM's bench defines them; goodput: answers a second with a TTFT and a TPOT within --goal."""
import argparse
import http.client
import json
import ssl
import statistics
import threading
import time
from urllib.parse import urlsplit

WORDS = "the boy saw a small cat near the old house and went to look for her friend at the river before it was dark".split()


def prompt(words, seed):
    return f"Story {seed}: " + " ".join(WORDS[(seed * 7 + i * i) % len(WORDS)] for i in range(words))


def connect(url):
    if url.scheme == "https":
        return http.client.HTTPSConnection(url.hostname, url.port or 443, context=ssl.create_default_context())
    return http.client.HTTPConnection(url.hostname, url.port or 80)


def ask(connection, options, seed):
    """One answer: time to the first token, times between tokens, tokens."""
    body = {"model": options.model, "prompt": prompt(options.prompt, seed), "max_tokens": options.tokens, "temperature": 0, "stream": True,
            "ignore_eos": True, "stream_options": {"include_usage": True}}
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {options.key}"}
    start = last = time.perf_counter()
    connection.request("POST", options.path + "/v1/completions", json.dumps(body), headers)
    response = connection.getresponse()
    if response.status != 200:
        raise SystemExit(f"{response.status}: {response.read().decode()}")
    first, gaps, tokens = None, [], 0
    for line in response:
        if not line.startswith(b"data: ") or line.startswith(b"data: [DONE]"):
            continue
        event = json.loads(line[6:])
        tokens = (event.get("usage") or {}).get("completion_tokens", tokens)
        if not event["choices"] or not event["choices"][0]["text"]:
            continue
        now = time.perf_counter()
        if first is None:
            first = now - start
        else:
            gaps.append(now - last)
        last = now
    return first, gaps, tokens, last - start


def client(options, number, until, answers):
    connection = connect(options.url)
    seed = number * 100_000
    while time.perf_counter() < until:
        answers.append(ask(connection, options, seed))
        seed += 1


def run(options, clients):
    answers = []
    start = time.perf_counter()
    threads = [threading.Thread(target=client, args=(options, i + 1, start + options.seconds, answers)) for i in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - start
    first = sorted(answer[0] for answer in answers)
    per_token = sorted((total - first) / (tokens - 1) for first, _, tokens, total in answers if tokens > 1)
    gaps = sorted(gap for answer in answers for gap in answer[1])
    goal_first, goal_token = (float(goal) / 1000 for goal in options.goal.split(","))
    good = sum(1 for first, _, tokens, total in answers if first <= goal_first and (tokens < 2 or (total - first) / (tokens - 1) <= goal_token))
    def at(values, part):
        return round(1000 * values[int(part * (len(values) - 1))], 2) if values else None
    return {"clients": clients, "answers": len(answers), "requests_per_second": round(len(answers) / took, 3),
            "tokens_per_second": round(sum(answer[2] for answer in answers) / took, 2), "ttft_ms": [at(first, 0.5), at(first, 0.99)],
            "tpot_ms": [at(per_token, 0.5), at(per_token, 0.99)], "itl_ms": [at(gaps, 0.5), at(gaps, 0.99)], "goodput": round(good / took, 3)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--clients", default="1,4,16")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--prompt", type=int, default=128, help="words of the prompt")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--model", default="default")
    parser.add_argument("--key", default="none")
    parser.add_argument("--goal", default="1000,100", help="ms to the first token, ms per token")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    options.url = urlsplit(options.url)
    options.path = options.url.path.rstrip("/")
    ask(connect(options.url), options, 0)  # the model is in memory then
    if not options.json:
        print(f"{'clients':>7} {'answers':>7} {'req/s':>7} {'tok/s':>7} {'TTFT p50':>9} {'p99':>8} {'TPOT p50':>9} {'p99':>7} {'ITL p50':>8} {'p99':>7} {'goodput':>7}")
    for clients in map(int, options.clients.split(",")):
        found = run(options, clients)
        if options.json:
            print(json.dumps(found), flush=True)
        else:
            print(f"{clients:7} {found['answers']:7} {found['requests_per_second']:7.2f} {found['tokens_per_second']:7.1f} {found['ttft_ms'][0]:9.1f} {found['ttft_ms'][1]:8.1f} "
                  f"{found['tpot_ms'][0]:9.2f} {found['tpot_ms'][1]:7.2f} {found['itl_ms'][0]:8.2f} {found['itl_ms'][1]:7.2f} {found['goodput']:7.2f}", flush=True)


if __name__ == "__main__":
    main()
