"""Many requests in one context: by steps, by waiting, by the library's thread, in event loops."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import time
import unittest
from typing import Any

from test_edge_llm import HERE, MESSAGES, EdgeLlmTest

from edge_llm import Status

PROMPTS = ["abc", "hello", "x y z", "12345", "the end", "a", "zz", "(b)"]


class RequestTests(EdgeLlmTest):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        with cls.model.context(n_threads=1) as alone:
            cls.expected = [alone.complete(prompt, **cls.options()) for prompt in PROMPTS]

    @staticmethod
    def options(**more: Any) -> dict[str, Any]:
        return {"max_tokens": 20, "seed": 5, "ignore_eos": True, **more}

    def setUp(self) -> None:
        self.context = self.model.context(n_threads=1, n_seq_max=4)
        self.addCleanup(self.context.close)

    def test_steps_are_shared(self) -> None:
        requests = [self.context.submit(prompt, **self.options()) for prompt in PROMPTS]
        self.assertIsNone(requests[0].poll())
        steps = 1
        while self.context.step():
            steps += 1
        self.assertLess(steps, 60)
        for request, expected in zip(requests, self.expected):
            piece, text = request.poll(), ""
            while piece is not None:
                text, piece = text + piece, request.poll()
            self.assertEqual((str(expected), "length"), (text, request.finish_reason))
            self.assertEqual(20, request.statistics.generated_tokens)
            self.assertEqual([], list(request))
            request.close()
            request.close()
            self.fails(Status.INVALID_HANDLE, request.cancel)

    def test_readers_on_threads_wait(self) -> None:
        texts: dict[int, str] = {}

        def read(i: int) -> None:
            with self.context.submit(PROMPTS[i], **self.options()) as request:
                texts[i] = str(request.text())

        threads = [threading.Thread(target=read, args=(i,)) for i in range(len(PROMPTS))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([str(text) for text in self.expected], [texts[i] for i in range(len(PROMPTS))])

    def test_the_librarys_thread_tells(self) -> None:
        told, text = threading.Semaphore(0), ""
        request = self.context.submit(PROMPTS[1], on_ready=told.release, **self.options())
        self.context.start_thread()
        while request.finish_reason is None:
            self.assertTrue(told.acquire(timeout=60))
            while (piece := request.poll()) is not None:
                text += piece
        self.assertEqual(str(self.expected[1]), text)
        with self.assertRaises(TypeError):
            self.context.submit("a", on_ready=5)

    def test_event_loops(self) -> None:
        async def read(i: int) -> str:
            with self.context.submit(PROMPTS[i], **self.options()) as request:
                return "".join([piece async for piece in request])

        async def cancelled() -> str | None:
            with self.context.submit("a", **self.options(max_tokens=900)) as request:
                async for piece in request:
                    request.cancel()
                return request.finish_reason

        async def abandoned() -> None:
            with self.context.submit("a", **self.options(max_tokens=900)) as request:
                async for piece in request:
                    pass

        async def main() -> None:
            self.assertEqual([str(text) for text in self.expected], await asyncio.gather(*map(read, range(len(PROMPTS)))))
            self.assertEqual("cancelled", await cancelled())
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(abandoned(), 0.01)

        asyncio.run(main())
        asyncio.run(main())
        with self.context.submit("a", **self.options()) as request:
            self.fails(Status.INVALID_ARGUMENT, request.__aiter__)

    def test_choices_and_chats(self) -> None:
        first, second = self.context.submit_choices(PROMPTS[0], 2, **self.options())
        texts = [str(first.text()), str(second.text())]
        self.assertEqual(str(self.expected[0]), texts[0])
        self.assertNotEqual(*texts)
        self.assertEqual(second.statistics.prompt_tokens, second.statistics.reused_tokens)
        self.assertEqual(texts[1], str(self.context.submit(PROMPTS[0], choice=1, priority=3, draft_tokens=0, adapters=[], **self.options()).text()))
        expected = str(self.context.chat(MESSAGES, **self.options()).__next__())
        for request in self.context.submit_chat_choices(MESSAGES, 2, reasoning_budget=4, **self.options(temperature=0)):
            answer = request.text()
            self.assertEqual(str(answer), "".join(part.text for part in answer.parts))
        self.assertTrue(str(self.context.submit_chat(MESSAGES, **self.options()).text()).startswith(expected))
        self.fails(Status.INVALID_ARGUMENT, self.context.submit_choices, "a", 0)
        self.fails(Status.INVALID_ARGUMENT, self.context.submit_choices, "a", 2000)
        self.fails(Status.INVALID_ARGUMENT, self.context.submit, "a", sequence=1)
        self.fails(Status.INVALID_ARGUMENT, self.context.submit, [])

    def test_ends(self) -> None:
        request = self.context.submit("a", **self.options(max_tokens=900))
        next(request)
        request.cancel()
        self.assertEqual("cancelled", request.text().finish_reason)
        self.assertEqual("deadline", self.context.submit("a", timeout=0, **self.options()).text().finish_reason)
        request = self.context.submit("a", **self.options(max_tokens=900))
        next(request)
        self.context.close()
        self.assertEqual("cancelled", request.text().finish_reason)

    def test_what_is_forgotten_is_cancelled(self) -> None:
        request = self.context.submit("a", **self.options(max_tokens=900))
        next(request)
        self.assertEqual(1, self.context.step())
        del request
        gc.collect()
        self.assertEqual(0, self.context.step())

    def test_pieces_tell_how_likely_they_were(self) -> None:
        for pieces in (list(self.context.generate("abc", logprobs=3, **self.options())), list(self.context.submit("abc", logprobs=3, **self.options()))):
            for piece in pieces[:-1]:
                told = piece.logprobs
                self.assertEqual(3, len(told.top))
                self.assertEqual(told.top, sorted(told.top, key=lambda each: -each[1]))
                self.assertLess(told.logprob, 0)
                self.assertLessEqual(told.logprob, told.top[0][1])
                self.assertLessEqual(told.sampled, told.sampled_top[0][1])
            self.assertIsNone(pieces[-1].logprobs)
        self.assertIsNone(next(self.context.generate("abc")).logprobs)
        self.fails(Status.INVALID_ARGUMENT, self.context.generate, "abc", logprobs=-1)

    def test_drafts_and_shifts_are_counted(self) -> None:
        expected = self.context.complete("abc", **self.options(max_tokens=60, temperature=0))
        for options in ({"lookup": True}, {"draft_model": self.model}, {"lookup": True, "draft_model": self.model, "draft_tokens": 3}):
            with self.model.context(n_threads=1, n_ctx=192, **options) as context:
                self.assertEqual(str(expected), str(context.complete("abc", **self.options(max_tokens=60, temperature=0))))
                if "draft_model" in options:
                    self.assertGreater(context.counters.accepted_tokens, 0)
                context.complete("xyz", draft_tokens=0, **self.options())
                self.assertEqual(0, context.counters.drafted_tokens)
        self.assertGreater(self.model.plan(draft_model=self.model).weights, self.model.plan().weights)
        with self.assertRaises(TypeError):
            self.model.context(draft_model=self.path)
        with self.model.context(n_threads=1, n_ctx=192) as context:
            request = context.submit("abc", context_shift=True, keep=64, **self.options(max_tokens=400))
            self.assertEqual("length", request.text().finish_reason)
            self.assertEqual((400, True), (request.statistics.generated_tokens, request.statistics.shifted_tokens > 0))
            context.complete("abc", context_shift=True, **self.options(max_tokens=400))
            self.assertGreater(context.counters.shifted_tokens, 0)
            self.fails(Status.INVALID_ARGUMENT, context.submit, "abc", keep=64)
            self.fails(Status.INVALID_ARGUMENT, context.submit, "abc", context_shift=True, keep=500)

    def test_a_process_ends_while_the_thread_computes(self) -> None:
        code = (f"import sys; sys.path[:0] = {sys.path!r}\n"
                f"from edge_llm import Model\n"
                f"context = Model({self.path!r}).context(n_threads=1)\n"
                "context.start_thread()\n"
                "requests = [context.submit('abc', max_tokens=1000, ignore_eos=True, on_ready=lambda: None) for _ in range(20)]\n"
                "next(requests[0])\n")
        for _ in range(3):
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, cwd=HERE)
            self.assertEqual((0, b""), (done.returncode, done.stderr))

    def test_an_interrupt_ends_the_wait(self) -> None:
        code = (f"import signal, sys, threading; sys.path[:0] = {sys.path!r}\n"
                f"from edge_llm import Model\n"
                f"context = Model({self.path!r}).context(n_threads=1)\n"
                "signal.signal(signal.SIGALRM, signal.default_int_handler)\n"
                "signal.setitimer(signal.ITIMER_REAL, 0.005)\n"
                "try:\n"
                "    while True:\n"
                "        list(context.submit('abc' * 200, max_tokens=1))\n"
                "except KeyboardInterrupt:\n"
                "    print('interrupted')\n")
        began = time.monotonic()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, cwd=HERE)
        self.assertEqual((b"interrupted\n", b""), (done.stdout, done.stderr), time.monotonic() - began)


if __name__ == "__main__":
    unittest.main()
