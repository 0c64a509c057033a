"""LoRA adapters and overrides of metadata, from Python."""

from __future__ import annotations

import os
import unittest

from test_edge_llm import EdgeLlmTest

import edge_llm
import tiny_model
from edge_llm import LLM, Model, Status

TOKENS = [3, 40, 77]


class AdapterTests(EdgeLlmTest):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.files = [os.path.join(cls.folder.name, f"{seed}.gguf") for seed in (2, 3)]
        for seed, path in enumerate(cls.files, start=2):
            tiny_model.write_adapter(path, seed)

    @staticmethod
    def logits(context: edge_llm.Context, sequence: int = 0) -> list[float]:
        context.eval(TOKENS, sequence=sequence)
        return context.logits().tolist()

    def test_contexts_and_sequences_have_adapters(self) -> None:
        with self.model.load_adapter(self.files[0]) as a, self.model.load_adapter(self.files[1]) as b:
            self.assertEqual((4, 14, 8.0), (a.info.rank, a.info.tensor_count, a.info.alpha))
            self.assertEqual(os.path.getsize(self.files[0]), a.info.file_bytes)
            self.assertEqual("a test", a.metadata("adapter.lora.task_name"))
            with self.model.context() as plain, self.model.context(adapters=[a, (b, 0.5)], n_seq_max=4) as both:
                alone, together = self.logits(plain), self.logits(both)
                self.assertNotEqual(alone, together)
                both.set_adapters([a], sequence=1)
                only_a = self.logits(both, 1)
                self.assertNotIn(only_a, (alone, together))
                both.set_adapters([], sequence=2)
                self.assertEqual(alone, self.logits(both, 2))
                self.fails(Status.INVALID_ARGUMENT, both.set_adapters, [a], sequence=2)
                both.set_adapters([(a, 1)])
                both.set_adapters(None, sequence=3)
                self.assertEqual(only_a, self.logits(both, 3))
                self.assertNotEqual(plain.embed(TOKENS).tolist(), both.embed(TOKENS).tolist())
                a.close()
                a.close()
                self.fails(Status.INVALID_ARGUMENT, both.eval, TOKENS, sequence=3)
                self.fails(Status.INVALID_HANDLE, both.set_adapters, [a])
                both.eval(TOKENS, sequence=2)

    def test_what_cannot_be_applied_is_refused(self) -> None:
        self.fails(Status.INVALID_FILE, self.model.load_adapter, self.path)
        self.fails(Status.INVALID_FILE, self.model.load_adapter, "/no/such/file")
        with self.model.load_adapter(self.files[0]) as a, self.model.context() as context:
            self.fails(Status.INVALID_ARGUMENT, context.set_adapters, [a, (a, 2)])
            self.fails(Status.INVALID_ARGUMENT, context.set_adapters, [(a, float("nan"))])
            for wrong in ("text", [self.files[0]], [(a, "1")], [None], 3):
                with self.assertRaises(TypeError):
                    context.set_adapters(wrong)
            with Model(self.path) as other, other.context() as foreign:
                self.fails(Status.INVALID_ARGUMENT, foreign.set_adapters, [a])

    def test_llm_takes_files(self) -> None:
        options = {"max_tokens": 8, "temperature": 0, "ignore_eos": True}
        with LLM(self.path) as plain, LLM(self.path, adapters=[(self.files[0], 0.5), self.files[1]]) as with_both:
            self.assertNotEqual(plain("abc", **options), with_both("abc", **options))
        with self.assertRaises(TypeError):
            LLM(self.path, adapters=self.files[0])
        self.fails(Status.INVALID_FILE, LLM, self.path, adapters=["/no/such/file"])

    def test_metadata_is_overridden(self) -> None:
        overrides = {"general.name": "other", "llama.rope.freq_base": 500.0, "tokenizer.ggml.add_bos_token": False, "new.count": 7}
        with open(self.path, "rb") as file:
            data = file.read()
        with Model(self.path, overrides=overrides) as model, Model.from_bytes(data, overrides=overrides) as copy, LLM(self.path, overrides=overrides) as llm:
            for each in (model, copy, llm.model):
                self.assertEqual("other", each.info.name)
                self.assertFalse(each.info.add_bos)
                self.assertEqual("7", each.metadata["new.count"])
            with model.context() as changed, self.model.context() as plain:
                self.assertNotEqual(self.logits(plain), self.logits(changed))
                self.fails(Status.INVALID_ARGUMENT, plain.load, changed.save())
        self.fails(Status.INVALID_ARGUMENT, Model, self.path, overrides={"llama.embedding_length": 1.5})
        for wrong in ({"a": None}, {3: 4}, ["a=int:1"], {"a": [1]}):
            with self.assertRaises(TypeError):
                Model(self.path, overrides=wrong)


del EdgeLlmTest  # its tests are run where it is

if __name__ == "__main__":
    unittest.main()
