"""Quantizes many files with llama.cpp in one process and tells each tensor's type.

    peer_types.py FOLDER_OF_PEER < JOBS

A line of JOBS is a JSON object: "input", "output", "type", and perhaps "imatrix" (a file, or name: number of columns, which all count alike), "pure",
"allow_requantize", "leave_output_tensor", "output_type", "embedding_type", "tensor_type" (pairs). For each a line comes back:
{"types": {name: type}} or {"error": text}.
"""

import ctypes as C
import json
import sys

sys.path.insert(0, sys.argv[1])
import peer as P  # noqa: E402

peer = P.Peer()
base = peer.base
base.gguf_get_tensor_name.restype, base.gguf_get_tensor_name.argtypes = C.c_char_p, (C.c_void_p, C.c_int64)


def tensor_types(path):
    """Name -> type's name."""
    gguf = base.gguf_init_from_file(path.encode(), P.GgufInit(True, None))
    types = {base.gguf_get_tensor_name(gguf, i).decode(): base.ggml_type_name(base.gguf_get_tensor_type(gguf, i)).decode().upper()
             for i in range(base.gguf_get_n_tensors(gguf))}
    base.gguf_free(gguf)
    return types


def run(job):
    p = peer.lib.llama_model_quantize_default_params()
    p.nthread, p.ftype, p.only_copy = 1, P.FTYPES[job["type"]], job["type"] == "COPY"
    p.pure, p.allow_requantize = job.get("pure", False), job.get("allow_requantize", False)
    p.quantize_output_tensor = not job.get("leave_output_tensor", False)
    if "output_type" in job:
        p.output_tensor_type = P.GGML_TYPES[job["output_type"].lower()]
    if "embedding_type" in job:
        p.token_embedding_type = P.GGML_TYPES[job["embedding_type"].lower()]
    keep = []
    if "tensor_type" in job:
        rows = [(k.encode(), P.GGML_TYPES[v.lower()]) for k, v in job["tensor_type"]] + [(None, P.GGML_TYPE_COUNT)]
        keep.append((P.TensorOverride * len(rows))(*rows))
        p.tt_overrides = C.cast(keep[-1], C.c_void_p)
    if "imatrix" in job:
        if isinstance(job["imatrix"], str):
            entries = P.load_imatrix(peer, job["imatrix"])[0]
        else:
            entries = {name: [1.0] * columns for name, columns in job["imatrix"].items()}
        rows = []
        for name, values in entries.items():
            keep.append((C.c_float * len(values))(*values))
            rows.append((name.encode(), C.cast(keep[-1], C.POINTER(C.c_float)), len(values)))
        keep.append((P.ImatrixData * (len(rows) + 1))(*rows))
        p.imatrix = C.cast(keep[-1], C.c_void_p)
    peer.messages.clear()
    if peer.lib.llama_model_quantize(job["input"].encode(), job["output"].encode(), C.byref(p)) != 0:
        return {"error": peer.messages[-1][1] if peer.messages else "failed"}
    return {"types": tensor_types(job["output"])}


for line in sys.stdin:
    print(json.dumps(run(json.loads(line))), flush=True)
