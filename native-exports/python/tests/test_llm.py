"""LLM: the calls of OpenAI's client, from several threads, and in streams that are read in turns."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import struct
import subprocess
import sys
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from unittest import mock

from test_edge_llm import HERE, MESSAGES, EdgeLlmTest, tiny_model

from edge_llm import LLM, EdgeLlmError, Status

PROMPTS = ("abc", "xyz", "a longer one", "q")
OPTIONS = {"max_tokens": 40, "temperature": 0, "ignore_eos": True}


def texts_of(chunks: list[SimpleNamespace]) -> tuple[str, str | None]:
    """What a stream said, and why it ended."""
    return "".join(chunk.choices[0].text for chunk in chunks), chunks[-1].choices[0].finish_reason


class LLMTests(EdgeLlmTest):
    def test_chat_completions(self) -> None:
        with LLM(self.path, n_ctx=200, n_threads=1, n_batch=64, n_gpu_layers=0, offload_kqv=True, use_mmap=True, use_mlock=False) as llm:
            whole = llm.chat.completions.create(model="any", messages=MESSAGES, max_tokens=12, temperature=0)
            self.assertEqual("chat.completion", whole.object)
            self.assertEqual("length", whole.choices[0].finish_reason)
            self.assertEqual(12, whole.usage.completion_tokens)
            chunks = list(llm.chat.completions.create(messages=MESSAGES, max_completion_tokens=12, temperature=0, stream=True))
            self.assertEqual(whole.choices[0].message.content, "".join(chunk.choices[0].delta.content for chunk in chunks))
            self.assertEqual(("assistant", None), (chunks[0].choices[0].delta.role, chunks[0].choices[0].finish_reason))
            self.assertEqual("length", chunks[-1].choices[0].finish_reason)
            text = llm.completions.create(prompt="abc", max_tokens=5, temperature=0).choices[0].text
            self.assertEqual(text, llm("abc", max_tokens=5, temperature=0))
            self.assertEqual(2, len(llm.embeddings.create(input=["a", "b"]).data))

    def test_examples(self) -> None:
        def run(name: str, *arguments: str, text: str = "") -> str:
            environment = os.environ | {"PYTHONPATH": sys.path[1]}
            return subprocess.run([sys.executable, HERE.parent / "examples" / f"{name}.py", *arguments], input=text, env=environment, text=True,
                                  check=True, capture_output=True, timeout=600).stdout

        self.assertEqual(run("complete", self.path, "abc", "9", "3"), run("complete", self.path, "abc", "9", "3"))
        self.assertEqual(2, run("chat", self.path, text="hi\nyou\n").count("\n"))
        self.assertTrue(run("embed", self.path, "a", "b").startswith("1.0000  a\n"))
        self.assertNotEqual("", run("stream", self.path, "abc", "20"))
        self.assertEqual(8, len(set(run("many", self.path, "abc", "12").splitlines())))
        first, second = run("two_models", self.path, self.path, "abc").splitlines()
        self.assertEqual(first, second)


class StreamTests(EdgeLlmTest):
    """A stream is read to its end, or its reader is told that it was not."""

    def setUp(self) -> None:
        self.llm = LLM(self.path, n_ctx=200, n_threads=1)
        self.addCleanup(self.llm.close)
        self.whole = [(self.llm(prompt, **OPTIONS), "length") for prompt in PROMPTS]

    def stream(self, prompt: str, **options):
        return self.llm.completions.create(prompt=prompt, stream=True, **OPTIONS, **options)

    def test_streams_of_one_thread_do_not_end_one_another(self) -> None:
        streams = [self.stream(prompt) for prompt in PROMPTS]
        parts: list[list[SimpleNamespace]] = [[] for _ in streams]
        for _ in range(42):
            for read, stream in zip(parts, streams):
                read.extend(filter(None, [next(stream, None)]))
        self.assertEqual(self.whole, [texts_of(read) for read in parts])
        self.assertEqual([41] * 4, [len(read) for read in parts])

    def test_streams_are_read_by_a_pool_of_fewer_threads(self) -> None:
        async def read(prompt: str) -> list[SimpleNamespace]:
            stream, chunks = await asyncio.to_thread(self.stream, prompt), []
            while (chunk := await asyncio.to_thread(next, stream, None)) is not None:
                chunks.append(chunk)
            return chunks

        async def together(threads: int) -> list[list[SimpleNamespace]]:
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(threads))
            return await asyncio.gather(*map(read, PROMPTS))

        for threads in (1, 2, 3):
            self.assertEqual(self.whole, [texts_of(chunks) for chunks in asyncio.run(together(threads))])

    def test_a_call_inside_a_loop_over_a_stream_leaves_it_alone(self) -> None:
        chunks = []
        for chunk in self.stream(PROMPTS[0]):
            chunks.append(chunk)
            if len(chunks) % 10 == 0:
                self.assertEqual(self.whole[1][0], self.llm(PROMPTS[1], **OPTIONS))
                self.llm.embeddings.create(input="abc")
                self.llm.chat.completions.create(messages=MESSAGES, max_tokens=2)
        self.assertEqual(self.whole[0], texts_of(chunks))

    def test_threads_that_call_and_threads_that_stream(self) -> None:
        found: list[tuple[str, str | None]] = [("", None)] * 12

        def run(i: int) -> None:
            prompt = PROMPTS[i % 4]
            found[i] = texts_of(list(self.stream(prompt))) if i < 4 else (self.llm(prompt, **OPTIONS), "length")

        threads = [threading.Thread(target=run, args=(i,)) for i in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.whole * 3, found)

    def test_streams_half_read_are_limited(self) -> None:
        streams = [self.stream("abc") for _ in range(4)]
        error = self.fails(Status.BUSY, self.stream, "abc")
        self.assertIn("max_streams", str(error))
        self.assertEqual(self.whole[0][0], self.llm(PROMPTS[0], **OPTIONS), "a whole answer has always a place")
        next(streams[0])
        streams[0].close()
        streams[0].close()
        self.fails(Status.INVALID_ARGUMENT, next, streams[0])
        with self.stream("abc") as closed:
            next(closed)
        self.fails(Status.INVALID_ARGUMENT, next, closed)
        next(self.stream("abc"))  # and is collected
        streams[1] = list(streams[1])
        for _ in range(5):
            self.assertEqual(self.whole[1], texts_of(list(self.stream(PROMPTS[1]))))
        self.assertLessEqual(len(self.llm._contexts._all), 5)
        with LLM(self.path, n_ctx=64, n_threads=1, max_streams=0) as none:
            self.fails(Status.BUSY, none.completions.create, prompt="a", stream=True)
            none("a", max_tokens=1)

    def test_at_its_end_a_stream_says_what_it_took(self) -> None:
        chunks = list(self.stream("abc", stream_options={"include_usage": True}))
        self.assertEqual((42, []), (len(chunks), chunks[-1].choices))
        self.assertEqual((5, 40, 45), tuple(vars(chunks[-1].usage).values()))
        self.assertEqual({None}, {chunk.usage for chunk in chunks[:-1]})
        self.assertEqual(self.whole[0], texts_of(chunks[:-1]))
        self.assertEqual(41, len(list(self.stream("abc", stream_options={"include_usage": False}))))

    def test_what_is_wrong_is_said_before_the_first_part(self) -> None:
        for wrong in ({"max_tokens": -5}, {"temperature": float("nan")}, {"stop": ""}, {"timeout": 0}):
            self.assertRaises(EdgeLlmError, self.llm.completions.create, prompt="abc", stream=True, **wrong)
        self.fails(Status.CONTEXT_FULL, self.stream, "a" * 300)
        self.assertEqual(self.whole[0], texts_of(list(self.stream(PROMPTS[0]))), "no context was lost")
        self.assertEqual(1, len(self.llm._contexts._all))

    def test_a_stream_of_a_closed_llm_raises(self) -> None:
        stream, unread = self.stream("abc"), self.stream("abc")
        next(stream)
        self.llm.close()
        for each in (stream, unread):
            self.fails(Status.INVALID_HANDLE, next, each)
            self.fails(Status.INVALID_ARGUMENT, next, each)
            each.close()
        self.fails(Status.INVALID_HANDLE, self.llm, "abc")
        self.fails(Status.INVALID_HANDLE, self.stream, "abc")

    def test_an_interrupted_step_ends_the_stream_with_an_error(self) -> None:
        stream = self.stream("abc")
        next(stream)
        with mock.patch.object(stream, "_pieces", mock.Mock(__next__=mock.Mock(side_effect=KeyboardInterrupt))):
            self.assertRaises(KeyboardInterrupt, next, stream)
        self.fails(Status.INVALID_ARGUMENT, next, stream)
        self.assertEqual(self.whole[0][0], self.llm(PROMPTS[0], **OPTIONS))


class EmptyTests(EdgeLlmTest):
    """Nothing is not taken for something: least of all for the text of the request before."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.bare = os.path.join(cls.folder.name, "bare.gguf")
        tiny_model.write(cls.bare, add_bos_token=False)

    def test_an_empty_prompt_does_not_go_on_from_another_text(self) -> None:
        with LLM(self.bare, n_ctx=200, n_threads=1) as llm:
            self.assertEqual([], llm.model.tokenize(""))
            for _ in range(2):
                for empty in ("", b"", [], ()):
                    self.fails(Status.INVALID_ARGUMENT, llm.completions.create, prompt=empty, max_tokens=3)
                    self.fails(Status.INVALID_ARGUMENT, llm.completions.create, prompt=empty, max_tokens=3, stream=True)
                    self.fails(Status.INVALID_ARGUMENT, llm, empty, max_tokens=3)
                    self.fails(Status.INVALID_ARGUMENT, llm.context.generate, empty, max_tokens=3)
                    self.fails(Status.INVALID_ARGUMENT, llm.context.complete, empty, max_tokens=3)
                for call in (llm, lambda none: llm.completions.create(prompt=none), lambda none: llm.chat.completions.create(messages=none)):
                    self.assertRaises(TypeError, call, None)
                llm("hello, a secret", max_tokens=3)
            self.assertNotEqual("", llm.context.complete(None, max_tokens=3, ignore_eos=True), "None goes on, as its page says")
            self.fails(Status.INVALID_ARGUMENT, llm.context.complete, None, sequence=1)

    def test_empty_chats_and_templates(self) -> None:
        for path in (self.path, self.bare):
            with LLM(path, n_ctx=200, n_threads=1) as llm:
                llm("hello, a secret", max_tokens=3)
                for empty in ([], (), iter([])):
                    self.fails(Status.INVALID_ARGUMENT, llm.chat.completions.create, messages=empty)
                self.fails(Status.INVALID_ARGUMENT, llm.chat.completions.create, messages=[{"role": "", "content": "hi"}])
                self.fails(Status.INVALID_ARGUMENT, llm.chat.completions.create, messages=[{"role": "user"}])
                self.fails(Status.INVALID_ARGUMENT, llm.model.chat_render, MESSAGES, chat_template="")
            with LLM(path, n_ctx=200, n_threads=1, chat_template="") as llm:
                self.fails(Status.INVALID_ARGUMENT, llm.chat.completions.create, messages=MESSAGES)
        with LLM(self.bare, n_ctx=200, n_threads=1, chat_template="{{ '' }}") as llm:
            llm("hello, a secret", max_tokens=3)
            self.fails(Status.INVALID_ARGUMENT, llm.chat.completions.create, messages=MESSAGES)
            self.fails(Status.INVALID_ARGUMENT, llm.chat.completions.create, messages=MESSAGES, stream=True)

    def test_empty_texts_are_not_embedded(self) -> None:
        for path in (self.path, self.bare):
            with LLM(path, n_ctx=200, n_threads=1) as llm:
                for empty in ("", [], [""], ["a", ""], [[]], [[5], []], b""):
                    self.fails(Status.INVALID_ARGUMENT, llm.embeddings.create, input=empty)
                for empty in ("", [], b""):
                    self.fails(Status.INVALID_ARGUMENT, llm.context.embed, empty)


class RequestTests(EdgeLlmTest):
    """What OpenAI's client may send is done, changes nothing, or is refused by its name."""

    def setUp(self) -> None:
        self.llm = LLM(self.path, n_ctx=200, n_threads=1)
        self.addCleanup(self.llm.close)

    def test_harmless_options_change_nothing(self) -> None:
        def chat(**options) -> str:
            return self.llm.chat.completions.create(messages=MESSAGES, max_tokens=8, temperature=0, **options).choices[0].message.content

        for options in ({"n": 1}, {"stream": None}, {"logprobs": False}, {"logprobs": None, "top_logprobs": 0}, {"response_format": {"type": "text"}}, {"modalities": ["text"]},
                        {"tool_choice": "auto"}, {"tools": [{"type": "function"}], "tool_choice": "none"}, {"parallel_tool_calls": True}, {"store": False},
                        {"metadata": {"a": "b"}, "user": "me", "service_tier": "auto", "model": "any"}, {"stop": None, "seed": None, "stream_options": None},
                        {"reasoning_effort": "none", "verbosity": "medium", "functions": None}, {"logit_bias": {"5": -100.0}}):
            self.assertEqual(chat(), chat(**options), options)
        for options in ({"n": 1, "best_of": 1, "echo": False, "suffix": "", "logprobs": None},):
            self.assertEqual(self.llm("abc", max_tokens=8, temperature=0),
                             self.llm.completions.create(prompt="abc", max_tokens=8, temperature=0, **options).choices[0].text)

    def test_what_cannot_be_done_is_refused_by_name(self) -> None:
        for options in ({"logprobs": True}, {"top_logprobs": 3}, {"response_format": {"type": "xml"}}, {"modalities": ["text", "audio"]},
                        {"reasoning_effort": "high"}, {"n": 0}, {"n": 2, "stream": True}):
            error = self.fails(Status.UNSUPPORTED, self.llm.chat.completions.create, messages=MESSAGES, **options)
            self.assertIn(next(iter(options)), str(error))
        for options in ({"logprobs": 0}, {"best_of": 2}, {"echo": True}, {"suffix": "x"}):
            self.assertIn(next(iter(options)), str(self.fails(Status.UNSUPPORTED, self.llm.completions.create, prompt="a", **options)))
        for options in ({"encoding_format": "int8"}, {"encoding_format": ""}, {"dimensions": 3}):
            self.assertIn(next(iter(options)), str(self.fails(Status.UNSUPPORTED, self.llm.embeddings.create, input="a", **options)))
        self.fails(Status.INVALID_ARGUMENT, self.llm.completions.create, prompt="a", stream_options={"include_usage": True})
        self.fails(Status.UNSUPPORTED, self.llm.completions.create, prompt="a", stream=True, stream_options={"more": True})
        self.fails(Status.UNSUPPORTED, self.llm.completions.create, prompt=["a", "b"], stream=True)
        for call, needed in ((self.llm.chat.completions.create, {"messages": MESSAGES}), (self.llm.completions.create, {"prompt": "a"}),
                             (self.llm.embeddings.create, {"input": "a"})):
            with self.assertRaisesRegex(TypeError, "temprature"):
                call(**needed, temprature=1)

    def test_tools_are_called(self) -> None:
        llm = LLM(self.path, n_ctx=400, n_threads=1, chat_template="{# [TOOL_CALLS] [ARGS] tool_calls #}{% for m in messages %}{{ m.content }}{% endfor %}")
        self.addCleanup(llm.close)
        tools = [{"type": "function", "function": {"name": "get.n", "parameters": {
            "type": "object", "properties": {"n": {"enum": [7]}}, "required": ["n"]}}}]
        for tool_choice in ("required", {"type": "function", "function": {"name": "get.n"}}):
            options = {"messages": MESSAGES, "tools": tools, "tool_choice": tool_choice, "parallel_tool_calls": False, "max_tokens": 150, "seed": 3}
            answer = llm.chat.completions.create(**options).choices[0]
            call = answer.message.tool_calls[0]
            self.assertEqual(("tool_calls", None, "get.n", {"n": 7}),
                             (answer.finish_reason, answer.message.content, call.function.name, json.loads(call.function.arguments)))
            parts = [part.choices[0] for part in llm.chat.completions.create(stream=True, **options)]
            deltas = [each for part in parts for each in part.delta.tool_calls or []]
            self.assertEqual([call.id], [each.id for each in deltas if each.id])
            self.assertEqual(call.function.arguments, "".join(each.function.arguments for each in deltas))
            self.assertEqual("tool_calls", parts[-1].finish_reason)
        for tool_choice in ("some", {"type": "function"}, {"name": "other"}):
            self.fails(Status.INVALID_ARGUMENT, llm.chat.completions.create, messages=MESSAGES, tools=tools, tool_choice=tool_choice)
        self.fails(Status.INVALID_ARGUMENT, llm.chat.completions.create, messages=MESSAGES, tool_choice="required")

    def test_tokens_stand_for_texts(self) -> None:
        tokens, others = self.llm.model.tokenize("abc"), self.llm.model.tokenize("xyz")

        def vectors(value, **options) -> list:
            return [each.embedding for each in self.llm.embeddings.create(input=value, **options).data]

        expected = vectors(["abc", "xyz"])
        for one in ("abc", b"abc", tokens, tuple(tokens), ["abc"], [tokens]):
            self.assertEqual(expected[:1], vectors(one), one)
        for two in (["abc", "xyz"], [tokens, others], [tokens, "xyz"]):
            self.assertEqual(expected, vectors(two), two)
        packed = base64.b64decode(vectors("abc", encoding_format="base64", dimensions=32)[0])
        self.assertEqual(expected[0], list(struct.unpack("<32f", packed)))

        def texts(value, **options) -> list[str]:
            choices = self.llm.completions.create(prompt=value, max_tokens=8, seed=3, ignore_eos=True, **options).choices
            self.assertEqual(list(range(len(choices))), [choice.index for choice in choices])
            return [choice.text for choice in choices]

        alone = texts("abc") + texts("xyz")
        for one in (tokens, ["abc"], [tokens], b"abc"):
            self.assertEqual(alone[:1], texts(one), one)
        self.assertEqual(alone, texts(["abc", others]))
        several = texts("abc", n=3)
        self.assertEqual((alone[0], 3), (several[0], len(set(several))))
        self.assertEqual(several, texts("abc", n=3))
        self.assertEqual(several[:2] + texts("xyz", n=2), texts(["abc", "xyz"], n=2))
        usage = self.llm.completions.create(prompt=["abc", "xyz"], max_tokens=8, n=2, ignore_eos=True).usage
        self.assertEqual((10, 32, 42), (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens))
        self.assertEqual(2, len(self.llm.chat.completions.create(messages=MESSAGES, max_tokens=2, n=2).choices))
        with LLM(self.path, n_ctx=200, n_threads=1, seed=3) as seeded:
            self.assertEqual(several, [choice.text for choice in seeded.completions.create(prompt="abc", max_tokens=8, n=3, ignore_eos=True).choices])

    def test_answers_are_messages(self) -> None:
        answer = self.llm.chat.completions.create(messages=MESSAGES, max_tokens=3).choices[0].message
        as_dict = {"role": "assistant", "content": answer.content}

        class Dumped:  # as OpenAI's client has them
            def model_dump(self, exclude_none: bool) -> dict[str, str]:
                return as_dict

        for message in (answer, Dumped()):
            self.assertEqual(self.llm.model.chat_render([*MESSAGES, as_dict]), self.llm.model.chat_render([*MESSAGES, message]))


if __name__ == "__main__":
    unittest.main()
