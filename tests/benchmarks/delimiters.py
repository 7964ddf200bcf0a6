"""Which delimiter a text file has: our own rule against csv.Sniffer and CleverCSV, on made-up contact sheets.

    pip install clevercsv        (for the comparison only; the program does not need it)
    python tests/benchmarks/delimiters.py [--files 400] [--seed 1] [FILE.csv ...]

Files named besides are judged as well, and shown one by one, since only a person knows what they should be.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import io
import random
import time
from collections.abc import Callable
from pathlib import Path

from batch.loader.open import choose_delimiter

DELIMITERS = ";,\t|"
NAMES = [
    "Ana Souza",
    "João d'Ávila",
    "Null, Maria",
    'Bia "Bibi" Lima',
    "Zé; o do bar",
    "Íris",
    "Dr. Caio | Filho",
    "N/A",
]
ADDRESSES = ["Rua A, 12, apto 3", "Av. Brasil; 1500", "Praça da Sé", "R. 7, s/n, Centro, São Paulo", ""]
NOTES = ["", "ligar, depois das 18h", "cliente desde 01/02/2020; vip", "linha 1\nlinha 2", "=1+1", "a|b|c"]


def sheet(rng: random.Random) -> tuple[str, str]:
    """A sheet as text, and its delimiter. Quoting as programs do it: only where it is needed, or everywhere."""
    delimiter = rng.choice(DELIMITERS)
    columns = rng.sample(
        ["Nome", "Telefone", "Endereço", "Valor", "Vencimento", "Obs", "E-mail", "Código"], rng.randint(2, 8)
    )
    makers: dict[str, Callable[[], str]] = {
        "Nome": lambda: rng.choice(NAMES),
        "Telefone": lambda: f"({rng.randint(11, 99)}) 9{rng.randint(1000, 9999)}-{rng.randint(1000, 9999)}",
        "Endereço": lambda: rng.choice(ADDRESSES),
        "Valor": lambda: f"{rng.randint(1, 9)}.{rng.randint(100, 999)},{rng.randint(10, 99)}",
        "Vencimento": lambda: f"{rng.randint(10, 28)}/{rng.randint(10, 12)}/2026",
        "Obs": lambda: rng.choice(NOTES),
        "E-mail": lambda: f"p{rng.randint(1, 99)}@exemplo.com.br",
        "Código": lambda: f"{rng.randint(0, 99999):05d}",
    }
    out = io.StringIO()
    quoting = rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=rng.choice(["\r\n", "\n"]))
    if rng.random() < 0.2:
        writer.writerow(["Contatos de novembro, exportados em 03/11/2026"])
    writer.writerow(columns)
    for _ in range(rng.randint(1, 60)):
        writer.writerow([makers[column]() for column in columns])
    return out.getvalue(), delimiter


def ours(text: str) -> str:
    return choose_delimiter(text.splitlines(keepends=True)[:500], ())


def sniffer(text: str) -> str:
    try:
        return csv.Sniffer().sniff(text[:65536], delimiters=DELIMITERS).delimiter
    except csv.Error:
        return "none"


def clever(text: str) -> str:
    detector = importlib.import_module("clevercsv").Detector()
    found = detector.detect(text[:65536], delimiters=list(DELIMITERS))
    return found.delimiter if found is not None and found.delimiter else "none"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("more", type=Path, nargs="*")
    options = parser.parse_args()
    rng = random.Random(options.seed)  # noqa: S311 - repeatable material
    material = [sheet(rng) for _ in range(options.files)]
    for name, judge in (("ours", ours), ("csv.Sniffer", sniffer), ("CleverCSV", clever)):
        begin = time.perf_counter()
        right = sum(judge(text) == delimiter for text, delimiter in material)
        seconds = time.perf_counter() - begin
        print(f"{name:<12} {right} of {len(material)} right, {seconds * 1000 / len(material):.1f} ms a file")  # noqa: T201
    for path in options.more:
        text = path.read_text(encoding="cp1252")
        print(f"{path.name}: ours {ours(text)!r}, csv.Sniffer {sniffer(text)!r}, CleverCSV {clever(text)!r}")  # noqa: T201


if __name__ == "__main__":
    main()
