"""Wrong types are TypeErrors that change nothing; and what is alive needs nothing that is closed."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import unittest
from array import array
from unittest import mock

from test_edge_llm import MESSAGES, EdgeLlmTest

import edge_llm.llm
from edge_llm import LLM, Context, Model, Status, _structs


class TypeTests(EdgeLlmTest):
    def test_wrong_types_are_refused(self) -> None:
        model = self.model
        with model.context(n_threads=1) as context, LLM(self.path, n_ctx=64, n_threads=1) as llm:
            context.eval([5, 6])
            before = context.tokens()
            create, complete, embed = llm.chat.completions.create, llm.completions.create, llm.embeddings.create
            wrong = [
                lambda: model.tokenize(5), lambda: model.tokenize([5]), lambda: model.tokenize(None), lambda: model.tokenize("a", prompt="yes"),
                lambda: model.detokenize("abc"), lambda: model.detokenize(b"abcd"), lambda: model.detokenize(bytearray(4)), lambda: model.detokenize(5),
                lambda: model.detokenize([True]), lambda: model.detokenize({5: 6}), lambda: model.detokenize([5.0]), lambda: model.detokenize([5], special=2),
                lambda: model.token_bytes("5"), lambda: model.token_bytes(True), lambda: Model.from_bytes(5), lambda: Model.from_bytes([71, 71]),
                lambda: Model.from_bytes("GGUF"), lambda: Model(5.0), lambda: Model(self.path, use_mmap="no"), lambda: Model(self.path, log=5),
                lambda: Model(self.path, log_level="3"), lambda: Model(self.path, n_gpu_layers=True), lambda: Model(self.path, rope_freq_base="1"),
                lambda: Context("model"), lambda: model.context(n_ctx=True), lambda: model.context(n_ctx=64.0), lambda: model.context(n_ctx="64"),
                lambda: model.context(n_threads=False), lambda: model.context(n_batch="8"), lambda: model.context(seed=1.5), lambda: model.context(seed=True),
                lambda: model.plan(n_seq_max="1"), lambda: model.chat_render("hi"), lambda: model.chat_render(MESSAGES[0]), lambda: model.chat_render(None),
                lambda: model.chat_render(["hi"]), lambda: model.chat_render([("role", "user")]), lambda: model.chat_render([{"role": "user", "content": 5}]),
                lambda: model.chat_render([{"role": "user", "content": b"hi"}]), lambda: model.chat_render(MESSAGES, tools="[]"),
                lambda: model.chat_render(MESSAGES, tools=[5]), lambda: model.chat_render(MESSAGES, chat_template=5), lambda: model.chat_render(MESSAGES, date="2024"),
                lambda: model.chat_render(MESSAGES, variables=[1]), lambda: model.chat_render(MESSAGES, add_generation_prompt="no"),
                lambda: context.generate(5), lambda: context.generate({5: 6}), lambda: context.generate({5}), lambda: context.generate([5.5]),
                lambda: context.generate(["a"]), lambda: context.generate([False]), lambda: context.generate(bytearray(b"abc")),
                lambda: context.generate("a", max_tokens="5"), lambda: context.generate("a", max_tokens=True), lambda: context.generate("a", max_tokens=5.0),
                lambda: context.generate("a", stop=5), lambda: context.generate("a", stop=["x", 5]), lambda: context.generate("a", stop=b"x"),
                lambda: context.generate("a", stop={"x": 1}), lambda: context.generate("a", ignore_eos="false"), lambda: context.generate("a", render_special=2),
                lambda: context.generate("a", timeout="5"), lambda: context.generate("a", sequence="0"), lambda: context.generate("a", temperature="0.5"),
                lambda: context.generate("a", temperature=True), lambda: context.generate("a", top_k=3.7), lambda: context.generate("a", seed="x"),
                lambda: context.generate("a", logit_bias=[(5, 1)]), lambda: context.generate("a", logit_bias={5.7: 1}),
                lambda: context.generate("a", logit_bias={"5": 1}), lambda: context.generate("a", logit_bias={5: "1"}), lambda: context.generate("a", top_q=1),
                lambda: context.eval("abc"), lambda: context.eval(b"abcd"), lambda: context.eval(5), lambda: context.eval([5.0]),
                lambda: context.eval([5], sequence="1"), lambda: context.eval([5], sequence=True), lambda: context.eval_batch([5], want_logits=["1"]),
                lambda: context.eval_batch([5], want_logits="1"), lambda: context.eval_batch([5], sequences="0"), lambda: context.logits("0"),
                lambda: context.sample(row=0.0), lambda: context.embed(5), lambda: context.embed({5: 6}), lambda: context.embed("a", normalize="no"),
                lambda: context.tokens("0"), lambda: context.copy("0", 1), lambda: context.copy(0, 1.0), lambda: context.remove("0"), lambda: context.trim("1"),
                lambda: context.trim(True), lambda: context.load(5), lambda: context.load([5, 6]), lambda: context.load("state"), lambda: context.save("0"),
                lambda: context.save_file(5.0), lambda: context.load_file(None), lambda: context.set_deadline("1"),
                lambda: create(messages="hi"), lambda: create(messages=MESSAGES, stream="yes"), lambda: create(messages=MESSAGES, n="1"),
                lambda: create(messages=MESSAGES, n=True), lambda: create(messages=MESSAGES, stream=True, stream_options="usage"),
                lambda: create(messages=MESSAGES, stream=True, stream_options={"include_usage": "yes"}), lambda: complete(prompt=5),
                lambda: complete(prompt={"a": 1}), lambda: complete(prompt=[5, "a"]), lambda: complete(prompt=[5.5]), lambda: embed(input=5),
                lambda: embed(input=None), lambda: embed(input=[5.5]), lambda: embed(input=[5, "a"]), lambda: embed(input={"a": 1}),
                lambda: embed(input="a", dimensions="32"), lambda: LLM(self.path, max_streams="4"), lambda: LLM(self.path, verbose="no"),
            ]
            for i, call in enumerate(wrong):
                with self.subTest(i):
                    self.assertRaises(TypeError, call)
            self.assertEqual(before, context.tokens())

    def test_what_is_as_good_is_taken(self) -> None:
        tokens = self.model.tokenize("abc")
        with self.model.context(n_threads=1) as context:
            expected = context.complete(tokens, max_tokens=5, temperature=0)
            for same in (tuple(tokens), array("i", tokens), iter(tokens), "abc", b"abc"):
                self.assertEqual(expected, context.complete(same, max_tokens=5, temperature=0))
            self.assertEqual(expected, context.complete(tokens, max_tokens=5, temperature=0, ignore_eos=0, stop=None, logit_bias={}))
            self.assertEqual("abc", self.model.detokenize(iter(tokens)).strip())
            state = context.save()
            for same in (bytearray(state), memoryview(state), memoryview(state).cast("i")):  # of numbers of four bytes: a length that is not its len()
                context.load(same)
            try:
                import numpy
            except ImportError:
                return
            self.assertEqual(expected, context.complete(numpy.array(tokens), max_tokens=numpy.int64(5), temperature=numpy.float32(0)))
            context.eval_batch(numpy.array([5, 6]), want_logits=numpy.array([False, True]))

    def test_seeds_of_64_bits(self) -> None:
        with self.model.context(n_threads=1) as context:
            for wrong in (1 << 64, -(1 << 63) - 1):
                self.fails(Status.INVALID_ARGUMENT, context.generate, "a", seed=wrong)
            for seed in (0, 1 << 63, (1 << 64) - 2, -(1 << 63)):
                context.complete("a", seed=seed, max_tokens=1)
                self.assertEqual(seed % (1 << 64), context.counters.seed)


class OrderTests(EdgeLlmTest):
    def test_a_context_outlives_its_model_for_texts_as_well(self) -> None:
        model = Model(self.path)
        context, other = model.context(n_threads=1), model.context(n_threads=1)
        expected, vector = context.complete("abc", max_tokens=5, temperature=0), context.embed("abc").tolist()
        library, handle = model._library, model._handle
        model.close()
        model.close()
        for call in (lambda: model.tokenize("abc"), lambda: model.info, lambda: model.context(n_threads=1), lambda: model.metadata):
            self.fails(Status.INVALID_HANDLE, call)
        self.assertEqual(expected, context.complete("abc", max_tokens=5, temperature=0))
        self.assertEqual(vector, context.embed("abc").tolist())
        context.close()
        context.close()
        for call in (lambda: context.generate("abc"), lambda: context.embed("abc"), context.tokens, context.cancel, lambda: context.n_ctx):
            self.fails(Status.INVALID_HANDLE, call)
        self.assertEqual(expected, other.complete("abc", max_tokens=5, temperature=0))
        self.assertEqual(0, library.function("model_get_info")(handle, _structs.ModelInfo()))
        del other
        gc.collect()
        self.assertEqual(Status.INVALID_HANDLE, library.function("model_get_info")(handle, _structs.ModelInfo()), "it went with its last context")

    def test_an_llm_that_cannot_be_made_leaves_nothing(self) -> None:
        made: list[Model] = []

        class Kept(Model):
            def __init__(self, *arguments, **options) -> None:
                super().__init__(*arguments, **options)
                made.append(self)

        with mock.patch.object(edge_llm.llm, "Model", Kept):
            for wrong in ({"n_batch": 0}, {"type_k": "f8"}, {"n_ctx": 1 << 30}):
                self.assertRaises(Exception, LLM, self.path, **wrong)
                self.fails(Status.INVALID_HANDLE, lambda: made[-1].info)

    def test_a_reader_of_a_generation_that_was_ended_gets_nothing_of_the_next(self) -> None:
        with self.model.context(n_threads=1) as context:
            alone = list(context.generate("xyz", max_tokens=30, temperature=0, ignore_eos=True))
            first = context.generate("abc", temperature=0, ignore_eos=True)
            next(first)
            ended: list[Status] = []
            go = threading.Event()

            def read() -> None:
                go.wait()
                try:
                    for _ in first:
                        pass
                except edge_llm.EdgeLlmError as error:
                    ended.append(error.status)

            thread = threading.Thread(target=read)
            thread.start()
            second = context.generate("xyz", max_tokens=30, temperature=0, ignore_eos=True)
            go.set()
            pieces = []
            while not pieces or pieces[-1].finish_reason is None:
                try:
                    pieces.append(next(second))
                except edge_llm.EdgeLlmError as error:  # the other one asks at this moment; reading goes on
                    self.assertEqual(Status.BUSY, error.status)
            thread.join()
            self.assertIn(ended, ([Status.INVALID_ARGUMENT], [Status.BUSY]))
            self.assertEqual(alone, pieces)

    def test_a_whole_text_says_whether_it_was_cut(self) -> None:
        with self.model.context(n_threads=1) as context, LLM(self.path, n_ctx=64, n_threads=1) as llm:
            for complete in (context.complete, llm):
                self.assertEqual("length", complete("abc", max_tokens=3, ignore_eos=True).finish_reason)
            make, made = edge_llm.Piece.make, []

            def cancel_after_three(*arguments) -> edge_llm.Piece:
                made.append(arguments)
                if len(made) == 3:
                    context.cancel()
                return make(*arguments)

            with mock.patch.object(edge_llm.Piece, "make", cancel_after_three):
                cut = context.complete("abc", ignore_eos=True)
            self.assertEqual(("cancelled", "".join(text for text, *_ in made[:4])), (cut.finish_reason, cut))

    def test_an_interrupted_piece_is_not_left_out(self) -> None:
        with self.model.context(n_threads=1) as context:
            generation = context.generate("abc", ignore_eos=True)
            next(generation)
            with mock.patch.object(generation, "_step", side_effect=KeyboardInterrupt):
                self.assertRaises(KeyboardInterrupt, next, generation)
            for _ in range(2):
                self.fails(Status.INVALID_ARGUMENT, next, generation)

    def test_a_refused_step_may_be_asked_for_again(self) -> None:
        with self.model.context(n_threads=1) as context:
            whole = list(context.generate("abc", max_tokens=5, temperature=0, ignore_eos=True))
            generation = context.generate("abc", max_tokens=5, temperature=0, ignore_eos=True)
            pieces = [next(generation)]
            with mock.patch.object(generation, "_step", side_effect=edge_llm.EdgeLlmError(Status.BUSY, "another call is under way")):
                self.fails(Status.BUSY, next, generation)
            self.assertEqual(whole, pieces + list(generation))


class FileTests(EdgeLlmTest):
    def test_a_pipe_is_no_state(self) -> None:
        pipe = os.path.join(self.folder.name, "pipe")
        os.mkfifo(pipe)
        with self.model.context(n_threads=1) as context:
            context.eval([5, 6])
            for call in (context.save_file, context.load_file, Model):
                self.fails(Status.INVALID_FILE, call, pipe)
            for call in (context.save_file, context.load_file):
                self.assertIn("expected a regular file", str(self.fails(Status.INVALID_FILE, call, "/dev/zero")))

    def test_a_kill_leaves_a_whole_file(self) -> None:
        path = os.path.join(self.folder.name, "state")
        script = ("import sys\nfrom edge_llm import Model\ncontext = Model(sys.argv[1]).context(n_threads=1)\ncontext.eval([5] * 1000)\n"
                  "context.save_file(sys.argv[2])\nprint(flush=True)\nwhile True: context.save_file(sys.argv[2])")
        with self.model.context(n_threads=1) as context:
            for i in range(5):
                child = subprocess.Popen([sys.executable, "-c", script, self.path, path], stdout=subprocess.PIPE,
                                         env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path[:2])})
                self.assertEqual(b"\n", child.stdout.readline())
                time.sleep(0.003 * i)
                child.send_signal(signal.SIGKILL)
                child.communicate()
                context.load_file(path)
                self.assertEqual(1000, len(context.tokens()))


if __name__ == "__main__":
    unittest.main()
