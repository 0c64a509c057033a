"""peer.py's commands with LoRA adapters: lora.py ADAPTER=SCALE,... COMMAND ...; EDGE_LLM_SHARED names the folder that has peer.py."""

import contextlib
import ctypes
import os
import sys

sys.path.insert(0, os.path.join(os.environ["EDGE_LLM_SHARED"], "tools", "peer"))
import peer  # noqa: E402

PLAIN = peer.Model.context
ADAPTERS = [item.rsplit("=", 1) for item in sys.argv[1].split(",")]


@contextlib.contextmanager
def context(model, *arguments, **options):
    library = model.lib
    library.llama_adapter_lora_init.restype = ctypes.c_void_p
    library.llama_adapter_lora_init.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    library.llama_set_adapters_lora.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p), ctypes.c_size_t, ctypes.POINTER(ctypes.c_float)]
    adapters = [library.llama_adapter_lora_init(model.handle, os.fsencode(path)) for path, _ in ADAPTERS]
    if not all(adapters):
        model.peer.fail("cannot load an adapter")
    with PLAIN(model, *arguments, **options) as made:
        count = len(adapters)
        scales = (ctypes.c_float * count)(*[float(scale) for _, scale in ADAPTERS])
        if library.llama_set_adapters_lora(made.handle, (ctypes.c_void_p * count)(*adapters), count, scales) != 0:
            model.peer.fail("cannot set the adapters")
        yield made


peer.Model.context = context
sys.exit(peer.main(sys.argv[2:]))
