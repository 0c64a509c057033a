"""Layers on a device, from Python: the reference plug-in, which a C compiler makes."""

from __future__ import annotations

import os
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from test_edge_llm import HERE, EdgeLlmTest

import tiny_model
from edge_llm import LLM, Model, Status

TOKENS = [3, 40, 77, 5, 6]
BUILD = HERE.parent.parent / "plugins" / "build"


class OffloadTests(EdgeLlmTest):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.built = tempfile.TemporaryDirectory()
        output = subprocess.run([BUILD, cls.built.name, "reference"], text=True, capture_output=True, timeout=600).stdout
        if "no C compiler" in output:
            raise unittest.SkipTest(output)
        cls.plugin = next(Path(cls.built.name).glob("*edge_llm_offload_reference.*"))

    @classmethod
    def tearDownClass(cls) -> None:
        super().tearDownClass()
        cls.built.cleanup()

    @staticmethod
    def logits(model: Model) -> list[float]:
        with model.context(n_threads=1) as context:
            context.eval(TOKENS)
            return context.logits().tolist()

    def test_layers_give_the_same_bits_and_the_log_is_told(self) -> None:
        lines: list[tuple[int, str]] = []
        with mock.patch.dict(os.environ, EDGE_LLM_REFERENCE_FAULT="log"):
            with Model(self.path, n_gpu_layers=2, offload=self.plugin, log=lambda level, text: lines.append((level, text))) as model:
                self.assertEqual(2, model.info.gpu_layers)
                self.assertEqual(self.logits(self.model), self.logits(model))
            self.assertIn((2, "plug-in: a stage\nis made"), lines)
            self.assertTrue(any(text.startswith("offload: ") for _, text in lines))
            told = len(lines)
            with Model(self.path, n_gpu_layers=1, offload=self.plugin) as model:
                self.logits(model)
            self.assertEqual(told, len(lines))

    def test_bytes_and_llms_take_the_same_options(self) -> None:
        options = {"n_gpu_layers": 2, "offload": self.plugin, "offload_kqv": False, "offload_devices": [0], "offload_split": [1.0], "offload_inexact": True}
        with open(self.path, "rb") as file, Model.from_bytes(file.read(), **options) as model:
            self.assertEqual(2, model.info.gpu_layers)
            self.assertEqual(self.logits(self.model), self.logits(model))
        with LLM(self.path, n_ctx=64, n_threads=1, **options) as device, LLM(self.path, n_ctx=64, n_threads=1) as own:
            self.assertEqual(2, device.model.info.gpu_layers)
            self.assertEqual(own("abc", max_tokens=5, temperature=0), device("abc", max_tokens=5, temperature=0))
        wrong = options | {"offload_devices": [7]}
        with open(self.path, "rb") as file:
            self.fails(Status.INVALID_ARGUMENT, Model.from_bytes, file.read(), **wrong)
        self.fails(Status.INVALID_ARGUMENT, LLM, self.path, **wrong)

    def test_adapters_keep_layers_off_a_device_or_are_refused(self) -> None:
        path = os.path.join(self.folder.name, "adapter.gguf")
        tiny_model.write_adapter(path, 2)
        with Model(self.path, n_gpu_layers=-1, offload=self.plugin) as model, model.context(n_threads=1) as context:
            with model.load_adapter(path) as late:
                self.fails(Status.UNSUPPORTED, context.set_adapters, [late])
                self.fails(Status.UNSUPPORTED, context.set_adapters, [late], sequence=0)
                self.fails(Status.UNSUPPORTED, context.generate, TOKENS, adapters=[late])
                with model.context(n_threads=1, adapters=[late]) as later, self.model.load_adapter(path) as own:
                    with self.model.context(n_threads=1, adapters=[own]) as expected:
                        later.eval(TOKENS)
                        expected.eval(TOKENS)
                        self.assertEqual(expected.logits().tolist(), later.logits().tolist())


if __name__ == "__main__":
    unittest.main()
