"""python3 -m unittest discover native-exports/python/tests, with EDGE_LLM_LIBRARY naming the library unless the package has one inside."""

from __future__ import annotations

import ctypes
import ctypes.util
import gc
import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import warnings
from pathlib import Path
from typing import Any
from unittest import mock

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), os.environ.get("EDGE_LLM_PACKAGE", str(HERE.parent))]

import tiny_model  # noqa: E402

import edge_llm  # noqa: E402
from edge_llm import LLM, Context, EdgeLlmError, Model, Status, _library  # noqa: E402

MESSAGES = [{"role": "user", "content": "hi"}]


class EdgeLlmTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = os.path.join(cls.folder.name, "tiny.gguf")
        tiny_model.write(cls.path)
        cls.model = Model(cls.path)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.model.close()
        cls.folder.cleanup()

    def fails(self, status: Status, call, *arguments, **options) -> EdgeLlmError:
        with self.assertRaises(EdgeLlmError) as caught:
            call(*arguments, **options)
        self.assertEqual(status, caught.exception.status, caught.exception)
        return caught.exception


class LibraryTests(EdgeLlmTest):
    def test_version_and_features(self) -> None:
        self.assertRegex(edge_llm.version(), r"^\d+\.\d+\.\d+")
        features = edge_llm.features()
        self.assertEqual(features.level, edge_llm.processor_levels()[0])
        self.assertEqual("baseline", edge_llm.processor_levels()[-1])
        self.assertGreaterEqual(features.default_threads, 1)
        self.assertEqual(0, features.offload_plugins)

    def test_the_best_library_that_does_not_refuse_the_processor_is_loaded(self) -> None:
        class Built:
            def __init__(self, path: str) -> None:
                self.path, self.level = path, Path(path).parent.name
                if self.level in refused:
                    raise EdgeLlmError(status, "needs a newer processor")

        status = Status.UNSUPPORTED
        with tempfile.TemporaryDirectory() as package, mock.patch.dict(os.environ), mock.patch.object(_library, "Library", Built), \
                mock.patch.object(_library, "__file__", os.path.join(package, "_library.py")):
            os.environ.pop("EDGE_LLM_LIBRARY", None)
            refused: set[str] = set()
            self.assertEqual("libedge_llm.so.1", _library._load().path, "none in the package: the system's loader looks for it")
            for level in ("baseline", "v3", "v4"):
                os.makedirs(os.path.join(package, "lib", level))
                Path(package, "lib", level, "libedge_llm.so.1").touch()
                self.assertEqual(level, _library._load().level)
            refused = {"v4"}
            self.assertEqual("v3", _library._load().level)
            refused = {"v4", "v3"}
            self.assertEqual("baseline", _library._load().level)
            status = Status.OUT_OF_MEMORY  # says nothing about the processor
            self.fails(Status.OUT_OF_MEMORY, _library._load)
            status, refused = Status.UNSUPPORTED, {"v4", "v3", "baseline"}
            self.fails(Status.UNSUPPORTED, _library._load)

    def test_scalar_kernels_are_not_taken_silently(self) -> None:
        def features(name: bytes, info) -> int:
            info.instruction_set, info.instruction_set_length = ctypes.cast(ctypes.c_char_p(name), ctypes.c_void_p).value, len(name)
            return 0

        for name, forced, lines in ((b"scalar", "", 1), (b"scalar", "scalar", 0), (b"avx2", "", 0)):
            loaded = mock.Mock(path="libedge_llm.so.1")
            loaded.function = lambda _, name=name: lambda info: features(name, info)
            with mock.patch.dict(os.environ, EDGE_LLM_ISA=forced), mock.patch.object(_library._log, "warning") as warning:
                _library._warn_of_scalar(loaded)
                self.assertEqual(lines, warning.call_count, (name, forced))

    def test_a_file_that_is_not_the_library_is_named(self) -> None:
        for wrong in (sys.executable, ctypes.util.find_library("m"), self.path, "/no/such/file"):
            child = subprocess.run([sys.executable, "-c", "import edge_llm\ntry: edge_llm.version()\nexcept edge_llm.EdgeLlmError as e: print(e)"],
                                   env={**os.environ, "EDGE_LLM_LIBRARY": wrong, "PYTHONPATH": sys.path[1]}, capture_output=True, text=True)
            self.assertIn(f"cannot load {wrong}", child.stdout, child.stderr)

    def test_in_a_forked_child_every_call_says_so(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of a fork beside threads, which is what is tried here
            child = os.fork()
        if child == 0:
            try:
                self.model.tokenize("a")
                os._exit(1)
            except EdgeLlmError as error:
                os._exit(0 if error.status == Status.FORKED else 2)
        self.assertEqual(0, os.waitpid(child, 0)[1])


class ModelTests(EdgeLlmTest):
    def test_info_metadata_and_plan(self) -> None:
        info = self.model.info
        self.assertEqual(("llama", "tiny", 131, 1024, 32, 2), (info.architecture, info.name, info.vocab_size, info.context_length,
                                                             info.embedding_length, info.block_count))
        self.assertTrue(info.has_tokenizer and info.has_chat_template and info.add_bos)
        metadata = self.model.metadata
        self.assertEqual("llama", metadata["general.architecture"])
        self.assertEqual("string[131]", metadata["tokenizer.ggml.tokens"])
        plan = self.model.plan(n_ctx=128, n_threads=1)
        self.assertEqual(plan.total, plan.weights + plan.kv_cache + plan.activations)
        self.assertEqual(2 * 128 * 2 * 2 * 32 * 2, plan.kv_cache)  # K and V, positions, layers, heads, padded head width, half

    def test_tokens_and_text(self) -> None:
        tokens = self.model.tokenize("ab c")
        self.assertEqual(1, tokens[0])
        self.assertEqual(" ab c", self.model.detokenize(tokens))
        self.assertEqual(b"b", self.model.token_bytes(self.model.tokenize("b", add_special=False)[-1]))
        self.assertEqual(tokens, self.model.tokenize("ab c".encode()))
        self.assertEqual([], self.model.tokenize("", add_special=False))
        self.fails(Status.INVALID_ARGUMENT, self.model.detokenize, [999])

    def test_chat_templates(self) -> None:
        self.assertEqual("<user> hi\n<assistant>", self.model.chat_render(MESSAGES))
        self.assertEqual("<user> hi\n", self.model.chat_render(MESSAGES, add_generation_prompt=False))
        self.assertEqual("hi 3", self.model.chat_render(MESSAGES, chat_template="{{ messages[0].content }} {{ n }}", variables={"n": 3}))
        self.assertEqual(self.model.tokenize("<user> hi\n<assistant>", add_special=True), self.model.chat_tokenize(MESSAGES))
        self.fails(Status.INVALID_ARGUMENT, self.model.chat_render, MESSAGES, chat_template="{% if %}")
        self.fails(Status.INVALID_ARGUMENT, self.model.chat_render, [{"content": "no role"}])

    def test_from_bytes_and_log(self) -> None:
        lines = []
        with open(self.path, "rb") as file:
            data = file.read()
        for source in (data, bytearray(data), memoryview(data)):
            with Model.from_bytes(source, log=lambda level, text: lines.append((level, text))) as model:
                self.assertEqual(self.model.info, model.info)
        self.assertEqual(3, len([line for line in lines if line[0] == 3]))
        # The library's folder has no plug-in: as many layers as fit are none, and a number of layers is refused.
        with Model(self.path, n_gpu_layers=-1, log=lambda level, text: lines.append((level, text))) as model, Context(model, n_ctx=64):
            self.assertEqual(0, model.info.gpu_layers)
        self.assertTrue(any(level == 2 and "stay on the CPU" in text for level, text in lines))
        error = self.fails(Status.UNSUPPORTED, lambda: Model(self.path, n_gpu_layers=99))
        self.assertIn("n_gpu_layers", error.message)
        self.fails(Status.PLUGIN_ERROR, lambda: Model(self.path, n_gpu_layers=1, offload=self.path))
        self.fails(Status.INVALID_FILE, Model.from_bytes, b"")
        self.fails(Status.INVALID_FILE, Model.from_bytes, data[:1000])

    def test_errors(self) -> None:
        error = self.fails(Status.INVALID_FILE, Model, "/no/such/file")
        self.assertIn("/no/such/file", str(error))
        self.assertIn("edge_llm_model_open", error.detail)
        self.assertRaises(ValueError, self.model.context, n_batch=0)
        self.assertRaises(ValueError, self.model.context, type_k="f8")
        self.assertRaises(MemoryError, self.model.context, n_ctx=1 << 30)
        closed = Model(self.path)
        closed.close()
        closed.close()
        self.fails(Status.INVALID_HANDLE, lambda: closed.info)

    def test_errors_cross_processes(self) -> None:
        for error in (self.fails(Status.INVALID_FILE, Model, "/no/such/file"), self.fails(Status.INVALID_ARGUMENT, self.model.detokenize, [999]),
                      self.fails(Status.OUT_OF_MEMORY, self.model.context, n_ctx=1 << 30)):
            copy = pickle.loads(pickle.dumps(error))
            self.assertEqual((type(error), error.status, str(error), error.detail), (type(copy), copy.status, str(copy), copy.detail))

    def test_chats_that_are_no_unicode_are_invalid(self) -> None:
        for message in ({"role": "user", "content": "a\ud800"}, {"role": "\udfff", "content": "a"}, {"role": "user", "content": [{"\ud800": "a"}]}):
            self.fails(Status.INVALID_ARGUMENT, self.model.chat_render, [message])
        self.fails(Status.INVALID_ARGUMENT, self.model.chat_render, MESSAGES, variables={"\ud800": "a"})
        self.fails(Status.INVALID_ARGUMENT, self.model.chat_render, MESSAGES, tools=[{"name": "\ud800"}])

    def test_numbers_that_c_would_cut_are_refused(self) -> None:
        wide = (1 << 32) + 3
        for option in ("n_ctx", "n_batch", "n_threads", "n_seq_max", "logits_rows"):
            self.assertIn(str(wide), str(self.fails(Status.INVALID_ARGUMENT, self.model.context, **{option: wide})))
        self.fails(Status.INVALID_ARGUMENT, self.model.detokenize, [wide])
        self.fails(Status.INVALID_ARGUMENT, self.model.token_bytes, wide)
        with self.model.context(n_threads=1) as context:
            for call in (lambda: context.eval([wide]), lambda: context.eval([5], sequence=wide), lambda: context.logits(-1),
                         lambda: context.copy(0, wide), lambda: context.generate([wide]), lambda: context.generate([5], max_tokens=wide),
                         lambda: context.generate([5], top_k=wide), lambda: context.generate([5], logit_bias={wide: 1.0})):
                self.fails(Status.INVALID_ARGUMENT, call)
            self.assertEqual([], context.tokens())
            self.assertRaises(TypeError, context.eval, [5.0])

    def test_the_date_is_today_unless_one_is_given(self) -> None:
        template = "{{ strftime_now('%Y-%m-%d') }}"
        days = [time.strftime("%Y-%m-%d"), self.model.chat_render(MESSAGES, chat_template=template), time.strftime("%Y-%m-%d")]
        self.assertIn(days[1], (days[0], days[2]))
        self.assertEqual("2024-07-26", self.model.chat_render(MESSAGES, chat_template=template, date=1721995200))
        with LLM(self.path, n_ctx=64, chat_template="{% if strftime_now('%Y')|int < 2025 %}{{ raise_exception('no clock') }}{% endif %}a") as llm:
            llm.chat.completions.create(messages=MESSAGES, max_tokens=1)


class ContextTests(EdgeLlmTest):
    def test_texts_follow_a_grammar(self) -> None:
        schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
        with self.model.context(n_ctx=128) as context:
            def text(**options: Any) -> str:
                pieces = list(context.generate("abc", max_tokens=60, seed=3, temperature=2, **options))
                self.assertEqual("eos", pieces[-1].finish_reason)
                return "".join(pieces)

            self.assertIsInstance(json.loads(text(json_schema=schema))["age"], int)
            self.assertIsInstance(json.loads(text(json_schema=json.dumps(schema)))["age"], int)
            self.assertRegex(text(regex="[a-c]{3,9}"), "^[a-c]{3,9}$")
            self.assertIn(text(grammar='root ::= "yes" | "no"'), ("yes", "no"))
            self.assertIn("line 1", str(self.fails(Status.GRAMMAR_ERROR, lambda: context.generate("abc", grammar="root ::= ("))))
            self.fails(Status.GRAMMAR_ERROR, lambda: context.generate("abc", json_schema={"contains": {}}))
            self.fails(Status.INVALID_ARGUMENT, lambda: context.generate("abc", regex="a", grammar="root ::= a"))
            self.fails(Status.INVALID_ARGUMENT, lambda: context.generate("abc", regex="a{30}", max_tokens=3))
            self.assertRaises(TypeError, context.generate, "abc", json_schema=5)
        with LLM(self.path, n_ctx=128) as llm:
            form = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}
            answer = llm.chat.completions.create(messages=MESSAGES, max_tokens=60, response_format=form)
            self.assertIsInstance(json.loads(answer.choices[0].message.content)["age"], int)
            answer = llm.chat.completions.create(messages=MESSAGES, max_tokens=60, response_format={"type": "json_object"})
            self.assertIsInstance(json.loads(answer.choices[0].message.content), dict)

    def test_every_stage_of_the_sampler_acts(self) -> None:
        with self.model.context(n_ctx=64) as context:
            def tokens(**options: Any) -> list[int]:
                return [p.token for p in context.generate("abc", max_tokens=24, ignore_eos=True, seed=3, temperature=1.2, **options)]

            plain = tokens()
            self.assertEqual(plain, tokens(typical_p=1, dynatemp_range=0, xtc_probability=0, dry_multiplier=0, mirostat=0,
                                           samplers="penalties;dry;top_n_sigma;top_k;typ_p;top_p;min_p;xtc;temperature"))
            for options in ({"typical_p": 0.2}, {"top_n_sigma": 0.2}, {"dynatemp_range": 0.9, "dynatemp_exponent": 2}, {"mirostat": 2, "mirostat_tau": 1},
                            {"xtc_probability": 1, "xtc_threshold": 0.001}, {"samplers": "temperature"}):
                self.assertNotEqual(plain, tokens(**options), options)
            few = {5: 100, 6: 100, 7: 100}  # three tokens must repeat themselves
            self.assertNotEqual(tokens(logit_bias=few), tokens(logit_bias=few, dry_multiplier=9, dry_base=2, dry_allowed_length=1, dry_breakers=[]))
            for wrong in ({"samplers": "tall"}, {"mirostat": 3}, {"typical_p": 1.5}, {"dry_breakers": ["", "a"]}):
                self.fails(Status.INVALID_ARGUMENT, lambda: context.generate("abc", **wrong))

    def test_a_prompt_is_not_ended_where_the_model_asks_for_an_end_of_text(self) -> None:
        path = os.path.join(self.folder.name, "ended.gguf")
        tiny_model.write(path, add_eos_token=True)
        with Model(path) as model, model.context(n_ctx=64) as context:
            whole, prompt = model.tokenize("ab"), model.tokenize("ab", prompt=True)
            self.assertEqual((2, whole[:-1]), (whole[-1], prompt))
            context.complete("ab", max_tokens=1, temperature=0)
            self.assertEqual(prompt, context.tokens()[:len(prompt)])
            self.assertNotIn(2, context.tokens())

    def test_generate(self) -> None:
        with self.model.context(n_threads=1) as context:
            pieces = list(context.generate("abc", max_tokens=8, seed=5, ignore_eos=True))
            self.assertEqual(9, len(pieces))
            self.assertEqual(["length"], [p.finish_reason for p in pieces if p.finish_reason])
            self.assertEqual("".join(pieces), context.complete("abc", max_tokens=8, seed=5, ignore_eos=True))
            self.assertEqual(self.model.detokenize([p.token for p in pieces[:-1]]), "".join(pieces))
            self.assertNotEqual("".join(pieces), context.complete("abc", max_tokens=8, seed=6, ignore_eos=True))
            self.assertEqual(len(self.model.tokenize("abc")) - 1, context.counters.reused_tokens)
            greedy = context.complete("abc", max_tokens=8, temperature=0, ignore_eos=True)
            self.assertEqual(greedy, context.complete(self.model.tokenize("abc"), max_tokens=8, temperature=0, ignore_eos=True))
            self.assertEqual("", context.complete("abc", max_tokens=8, temperature=0, ignore_eos=True, stop=greedy[:2]))
            self.assertNotIn(pieces[0].token, [p.token for p in context.generate("abc", max_tokens=8, ignore_eos=True, logit_bias={pieces[0].token: float("-inf")})])
            self.fails(Status.INVALID_ARGUMENT, context.generate, "abc", temperature=float("nan"))
            self.fails(Status.CONTEXT_FULL, context.generate, [5] * 2000)

    def test_texts_are_kept_on_disk_and_shared_by_salt(self) -> None:
        prompt = [3 + i * 37 % 100 for i in range(200)]
        with tempfile.TemporaryDirectory() as folder:
            answers = []
            for salt, reused in (("a", 0), ("a", 192), ("b", 0), (None, 0)):
                with self.model.context(n_ctx=256, n_threads=1, prompt_cache=folder, type_k="iq4_nl", type_v="q5_1") as context:
                    answers.append([p.token for p in context.generate(prompt, max_tokens=4, temperature=0, ignore_eos=True, salt=salt)])
                    self.assertEqual(reused, context.counters.reused_tokens)
                    context.remove()
                    self.assertEqual(answers[0], [p.token for p in context.generate(prompt, max_tokens=4, temperature=0, ignore_eos=True, salt=salt)])
                    self.assertEqual(192, context.counters.reused_tokens)
            self.assertEqual([answers[0]] * 4, answers)
            self.fails(Status.INVALID_ARGUMENT, self.model.context, prompt_cache=folder, prompt_cache_bytes=-1)
            self.fails(Status.INVALID_FILE, self.model.context, prompt_cache=os.path.join(folder, os.listdir(folder)[0]))

    def test_going_on_and_stopping_early(self) -> None:
        with self.model.context(n_threads=1) as context:
            whole = [p.token for p in context.generate("abc", max_tokens=10, temperature=0, ignore_eos=True)][:-1]
            context.remove()
            for i, _ in enumerate(context.generate("abc", temperature=0, ignore_eos=True)):
                if i == 3:
                    break
            held = context.tokens()
            self.assertEqual(self.model.tokenize("abc") + whole[:3], held)
            self.assertEqual(whole[3:6], [p.token for p in context.generate(None, max_tokens=3, temperature=0, ignore_eos=True)][:-1])

    def test_cancel_and_timeout(self) -> None:
        with self.model.context(n_threads=1) as context:
            reasons = []
            for i, piece in enumerate(context.generate("abc", ignore_eos=True)):
                if i == 2:
                    context.cancel()
                reasons.append(piece.finish_reason)
            self.assertEqual([None, None, None, "cancelled"], reasons)
            self.fails(Status.DEADLINE_EXCEEDED, context.generate, "abc", timeout=0)
            context.set_deadline(0)
            self.fails(Status.DEADLINE_EXCEEDED, context.eval, [5])
            for never in (None, float("inf"), 1e300):
                context.set_deadline(never)
                context.eval([5])

    def test_a_new_generation_ends_the_one_before(self) -> None:
        with self.model.context(n_threads=1) as context:
            alone = list(context.generate("xyz", max_tokens=5, temperature=0, ignore_eos=True))
            first = context.generate("abc", temperature=0, ignore_eos=True)
            next(first)
            second = context.generate("xyz", max_tokens=5, temperature=0, ignore_eos=True)
            self.fails(Status.INVALID_ARGUMENT, next, first)
            self.assertEqual(alone, list(second), "nobody else took its steps")
            self.fails(Status.INVALID_ARGUMENT, next, first)  # and never just ends
            self.assertEqual([], list(second), "it was read to its end")
            unread = context.generate("abc", max_tokens=5)
            context.eval([5])
            self.fails(Status.INVALID_ARGUMENT, next, unread)

    def test_an_interrupt_ends_a_long_call(self) -> None:
        # Shells start what they put in the background with SIGINT ignored, and Python leaves that as it is.
        self.addCleanup(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, signal.default_int_handler))
        with self.model.context(n_threads=1) as context:
            ended = []

            def endless() -> None:
                os.kill(os.getpid(), signal.SIGINT)
                try:
                    while True:
                        context.trim(0)
                        context.eval([5] * 20)
                except EdgeLlmError as error:
                    ended.append(error.status)

            self.assertRaises(KeyboardInterrupt, context._interruptibly, 1000, endless)
            self.assertEqual([Status.CANCELLED], ended)
            context.trim(0)
            prompt = [5 + i % 50 for i in range(100)]
            context.eval(prompt)
            expected = bytes(context.logits())
            context.trim(0)
            for token in prompt:
                context.eval([token])
            self.assertEqual(expected, bytes(context.logits()))
            self.fails(Status.CONTEXT_FULL, context.eval, [5] * 2000)

    def test_closed_from_another_thread(self) -> None:
        context = self.model.context(n_threads=1)
        generation = context.generate("abc", ignore_eos=True)
        next(generation)
        thread = threading.Thread(target=context.close)
        thread.start()
        thread.join()
        self.fails(Status.INVALID_HANDLE, lambda: list(generation))

    def test_logits_are_a_buffer(self) -> None:
        with self.model.context(n_threads=1, logits_rows=3, n_seq_max=2) as context:
            tokens = self.model.tokenize("abc")
            context.eval(tokens)
            logits = context.logits()
            self.assertEqual(("f", 4, 131), (logits.format, logits.itemsize, len(logits)))
            self.assertEqual(max(range(131), key=lambda i: logits[i]), context.sample(temperature=0))
            context.eval_batch([tokens[0], tokens[0], tokens[1]], sequences=[0, 1, 1], want_logits=[True, False, True])
            self.assertEqual(2, len({bytes(context.logits(row)) for row in range(2)}))
            self.fails(Status.INVALID_ARGUMENT, context.logits, 2)
            try:
                import numpy
            except ImportError:
                return
            viewed = numpy.asarray(logits)
            self.assertEqual(numpy.float32, viewed.dtype)
            logits[0] = 42
            self.assertEqual(42, viewed[0], "no copy")

    def test_embeddings(self) -> None:
        with self.model.context(n_threads=1) as context:
            vector = context.embed("abc")
            self.assertEqual(32, len(vector))
            self.assertAlmostEqual(1, sum(x * x for x in vector), 5)
            self.assertEqual(vector.tolist(), context.embed(self.model.tokenize("abc")).tolist())

    def test_sequences_and_states(self) -> None:
        with self.model.context(n_threads=1, n_seq_max=3) as context, self.model.context(n_threads=2, n_seq_max=1) as other:
            tokens = self.model.tokenize("abcdef")
            context.eval(tokens)
            context.copy(0, 1)
            context.trim(3, sequence=1)
            self.assertEqual((tokens, tokens[:3], []), (context.tokens(), context.tokens(1), context.tokens(2)))
            state = context.save()
            other.load(state)
            self.assertEqual(tokens, other.tokens())
            path = os.path.join(self.folder.name, "state")
            context.save_file(path, sequence=1)
            other.load_file(path)
            self.assertEqual(tokens[:3], other.tokens())
            context.eval(tokens[3:], sequence=1)
            other.eval(tokens[3:])
            self.assertEqual(bytes(context.logits()), bytes(other.logits()))
            self.fails(Status.INVALID_FILE, other.load, state[:-1])
            self.assertEqual([], other.tokens())

    def test_threads_have_contexts_of_their_own(self) -> None:
        texts = []

        def run(threads: int) -> None:
            with self.model.context(n_threads=threads) as context:
                texts.append(context.complete("abc", max_tokens=30, seed=9, ignore_eos=True))

        workers = [threading.Thread(target=run, args=(1 + i % 2,)) for i in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.assertEqual(8, len(texts))
        self.assertEqual(1, len(set(texts)))

    def test_what_is_not_closed_is_collected(self) -> None:
        model = Model(self.path, log=lambda *_: None)
        context = model.context(n_threads=1)
        handle = context._handle
        del model
        gc.collect()
        context.eval([5])
        library = context._library
        del context
        gc.collect()
        self.assertEqual(Status.INVALID_HANDLE, library.function("context_close")(handle))


if __name__ == "__main__":
    unittest.main()
