"""Builds a wheel with the library inside: python3 build_wheel.py [OUT [ARTIFACTS]]

ARTIFACTS is a folder that native-exports/publish filled: baseline/ and, on x64, v3/ and v4/ (default: artifacts/native). Offload plug-ins in
ARTIFACTS/plugins come along. Needs nothing but Python; the same inputs give the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import re
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LIBRARY = "libedge_llm.so.1"
DATE = (1980, 1, 1, 0, 0, 0)
MACHINES = {62: "x86_64", 183: "aarch64"}  # as ELF files name them

METADATA = """\
Metadata-Version: 2.1
Name: edge-llm
Version: {version}
Summary: Large language models on CPUs and small boards
License: MIT
Requires-Python: >=3.9
Classifier: Programming Language :: Python :: 3
Classifier: Operating System :: POSIX :: Linux
Classifier: Typing :: Typed
Description-Content-Type: text/markdown

{readme}"""

WHEEL = """\
Wheel-Version: 1.0
Generator: build_wheel.py
Root-Is-Purelib: false
Tag: {tag}
"""


def project_version() -> str:
    return re.search(r"<VersionPrefix>(.*?)</VersionPrefix>", (ROOT / "Directory.Build.props").read_text()).group(1)


def wheel_tag(libraries: list[bytes]) -> str:
    """The oldest glibc that has all symbols the libraries ask for, and their processor, which need not be this machine's."""
    minor = max(int(m) for library in libraries for m in re.findall(rb"GLIBC_2\.(\d+)", library))
    (machine,) = {MACHINES[int.from_bytes(library[18:20], "little")] for library in libraries}
    return f"py3-none-manylinux_2_{minor}_{machine}"


def build(out: Path, artifacts: Path) -> Path:
    files: dict[str, bytes] = {f"edge_llm/{path.name}": path.read_bytes() for path in sorted((HERE / "edge_llm").iterdir()) if path.suffix in (".py", ".typed")}
    libraries = {path.parent.name: path.read_bytes() for path in sorted(artifacts.glob(f"*/{LIBRARY}"))}
    if "baseline" not in libraries:
        sys.exit(f"build_wheel: {artifacts}/baseline/{LIBRARY} is missing: native-exports/publish baseline")
    for plugin in sorted(artifacts.glob("plugins/libedge_llm_offload_*.so")):
        files[f"edge_llm/lib/plugins/{plugin.name}"] = plugin.read_bytes()
    for level, data in libraries.items():
        files[f"edge_llm/lib/{level}/{LIBRARY}"] = data
    version, tag = project_version(), wheel_tag(list(libraries.values()))
    info = f"edge_llm-{version}.dist-info"
    files[f"{info}/METADATA"] = METADATA.format(version=version, readme=(ROOT / "docs" / "python.md").read_text()).encode()
    files[f"{info}/WHEEL"] = WHEEL.format(tag=tag).encode()
    for name in ("LICENSE", "THIRD-PARTY-NOTICES.md"):
        files[f"{info}/{name}"] = (ROOT / name).read_bytes()
    record = "".join(f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in files.items()) + f"{info}/RECORD,,\n"
    files[f"{info}/RECORD"] = record.encode()

    out.mkdir(parents=True, exist_ok=True)
    wheel = out / f"edge_llm-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return wheel


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


if __name__ == "__main__":
    arguments = sys.argv[1:]
    result = build(Path(arguments[0]) if arguments else ROOT / "artifacts" / "wheel", Path(arguments[1]) if len(arguments) > 1 else ROOT / "artifacts" / "native")
    print(f"{result} ({result.stat().st_size} bytes)")
