"""Writes what fuzzing begins from, a folder for each target: the golden vectors and the sample pipelines, as bare bytes."""

import base64
import json
import pathlib
import sys

root = pathlib.Path(__file__).parent.parent
vectors = root / "tests" / "vectors"
corpus = pathlib.Path(sys.argv[1])


def read(name: str):
    return json.loads((vectors / f"{name}.json").read_text())


def write(target: str, inputs: list[bytes]) -> None:
    folder = corpus / target
    folder.mkdir(parents=True, exist_ok=True)
    for n, data in enumerate(inputs):
        (folder / f"good-{n:03}").write_bytes(data)


def poison(file: pathlib.Path) -> bytes:
    """A case of the poison corpus, its repeated pieces once."""
    pieces = json.loads(file.read_text())["update"]
    return b"".join(bytes.fromhex(piece if isinstance(piece, str) else piece[0]) for piece in pieces)


for target, file in [("op", "ops"), ("gossip", "gossip"), ("request", "request"), ("response", "response")]:
    write(target, [bytes.fromhex(entry["bytes"]) for entry in read(file)])
good = [bytes.fromhex(entry["update"]) for entry in read("updates")]
write("gate", good + [poison(file) for file in sorted((vectors / "poison").glob("*.json"))])
digits = read("link")["link"].split("#", 1)[1]
write("link", [base64.urlsafe_b64decode(digits + "=" * (-len(digits) % 4))[:-4]])
samples = root / "engine" / "samples"
write("pipeline", [file.read_bytes() for file in sorted([*samples.glob("*.ga"), *samples.glob("*.json")])])
