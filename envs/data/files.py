"""Rows of data files: JSON lines, lists in JSON, tables in CSV and Parquet, folders that `datasets` saved."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from envs.data.json_lines import JsonLineError, parse_json, read_json_lines

Row = Mapping[str, Any]
_OTHER_FORMATS = {
    ".gz": "unpack it first",
    ".zip": "unpack it first",
    ".xz": "unpack it first",
    ".bz2": "unpack it first",
    ".zst": "unpack it first",
    ".xlsx": "save the sheet as .csv",
    ".xls": "save the sheet as .csv",
    ".ods": "save the sheet as .csv",
    ".arrow": "write it as .parquet, or save the data set with save_to_disk and name its folder",
    ".feather": "write it as .parquet",
    ".pkl": "write it as .jsonl: a pickle can run code",
    ".npz": "write it as .jsonl",
    ".yaml": "write it as .jsonl",
    ".yml": "write it as .jsonl",
}  # endings that people bring, and what to do about them
SAVED_DATASET, SAVED_PARTS = "state.json", "dataset_dict.json"  # what `save_to_disk` writes into a folder


def read_file(path: str | Path) -> Iterator[tuple[dict[str, Any], str]]:
    """The rows of a file, each with the words that say where it stands; the ending tells the format.

    .jsonl and unknown endings: JSON lines; .json: a list of objects, or JSON lines; .csv, .tsv: a header, then rows
    of text; .parquet: a table; a folder: a data set or several parts that `save_to_disk` of the library datasets wrote.

    Raises:
        ValueError: there is no such file, or it is not in its format (file and row are named).
    """
    file = Path(path).expanduser()
    if not file.exists():
        raise ValueError(f"data file {str(path)!r} does not exist (looked for {file.resolve()})")
    if file.suffix.lower() in _OTHER_FORMATS and file.is_file():
        raise ValueError(
            f"{path}: files that end in {file.suffix} are not read ({_OTHER_FORMATS[file.suffix.lower()]}); expected "
            ".jsonl, .json, .csv, .tsv or .parquet"
        )
    if file.is_dir():
        rows: Iterator[dict[str, Any]] = read_saved(file)
    elif file.suffix in (".csv", ".tsv"):
        rows = _read_csv(file)
    elif file.suffix == ".parquet":
        rows = _read_parquet(file)
    elif file.suffix == ".json":
        rows = _read_json(file)
    else:
        rows = read_jsonl(file)
    for number, row in enumerate(rows, 1):
        yield row, f"{path} row {number}"


def read_jsonl(path: str | Path) -> Iterator[dict[str, Any]]:
    """The rows of a JSONL file.

    Raises:
        ValueError: the file does not exist, or a line is no JSON object (named by its number).
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise ValueError(f"data file {str(path)!r} does not exist (looked for {file.resolve()})")
    try:
        yield from (row for _, row in read_json_lines(file, once=True))
    except JsonLineError as error:
        hint = ""
        if isinstance(error.__cause__, UnicodeDecodeError):
            hint = "; a table ends in .parquet or .csv"
            with file.open("rb") as opened:
                if opened.read(2) in (b"\xff\xfe", b"\xfe\xff"):
                    hint = ", but UTF-16: save it as UTF-8"
        raise ValueError(f"{error}{hint}") from error


def _read_json(file: Path) -> Iterator[dict[str, Any]]:
    try:
        rows = parse_json(file.read_text(encoding="utf-8-sig"), once=True)
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is no text in UTF-8: {error}") from error
    except json.JSONDecodeError:
        yield from read_jsonl(file)  # JSON lines in a file that ends in .json
        return
    if isinstance(rows, dict):
        if rows and all(isinstance(value, list | dict) for value in rows.values()):
            fields = ", ".join(map(repr, list(rows)[:5])) + (", ..." if len(rows) > 5 else "")
            raise ValueError(
                f"{file}: expected a list of objects, a row each, got one object with the fields {fields}: write the "
                "rows that stand in it as a list"
            )
        rows = [rows]
    if not isinstance(rows, list):
        raise ValueError(f"{file}: expected a list of objects, got {type(rows).__name__}")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise ValueError(f"{file} row {number}: expected an object, got {type(row).__name__}")
        yield row


def _read_csv(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        table = csv.DictReader(lines, delimiter="\t" if file.suffix == ".tsv" else ",", strict=True)
        names = list(table.fieldnames or ())
        if len(names) == 1 and ";" in names[0]:
            raise ValueError(f"{file}: its columns are separated by semicolons ({names[0]!r}): save it with commas")
        try:
            for number, row in enumerate(table, 1):
                if None in row or None in row.values():
                    width = len(table.fieldnames or ())
                    raise ValueError(f"{file} row {number}: not as many fields as the header has ({width})")
                yield row
        except (csv.Error, UnicodeDecodeError) as error:
            raise ValueError(f"{file}: not read as a table: {error}") from error


def _read_parquet(file: Path) -> Iterator[dict[str, Any]]:
    try:
        import pyarrow.parquet  # heavy, and files of text need it not
    except ModuleNotFoundError as error:
        raise ValueError(f"{file}: reading Parquet needs pyarrow, which comes with the extra `envs`") from error
    try:
        table = pyarrow.parquet.read_table(file)
    except pyarrow.ArrowInvalid as error:
        raise ValueError(f"{file} is no Parquet file: {error}") from error
    yield from table.to_pylist()


def is_saved(folder: Path) -> bool:
    """True for a folder that `save_to_disk` of the library datasets wrote."""
    return (folder / SAVED_DATASET).is_file() or (folder / SAVED_PARTS).is_file()


def read_saved(folder: Path) -> Iterator[dict[str, Any]]:
    """The rows of a folder that `save_to_disk` wrote; of several parts, each with its name as the column `split`.

    Raises:
        ValueError: another folder.
    """
    if not is_saved(folder):
        raise ValueError(
            f"{folder} is a folder, but none that `save_to_disk` of the library datasets wrote; one with data files in "
            f"it is read as hf:{folder}"
        )
    found = _load(str(folder))
    if not isinstance(found, Mapping):
        yield from found
        return
    for part, rows in found.items():
        for row in rows:
            yield {"split": part, **row}


def read_hugging_face(dataset: str, config: str | None, split: str) -> Iterator[dict[str, Any]]:
    """The rows of one split of a Hugging Face data set (downloaded or cached by the `datasets` library)."""
    yield from _load(dataset, config, split=split)


def read_parts(dataset: str, config: str | None) -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
    """(name, rows) of every split of a Hugging Face data set, or of a folder that `save_to_disk` wrote."""
    found = _load(dataset, config)
    yield from (found if isinstance(found, Mapping) else {"train": found}).items()


def _load(dataset: str, config: str | None = None, split: str | None = None) -> Any:
    """What the library makes of a folder of its own, or of a name on the hub: rows, or rows by split.

    Raises:
        ValueError: the hub has no such data set, or cannot be reached.
    """
    import datasets  # heavy: a second to import

    folder = Path(dataset).expanduser()
    if split is None and is_saved(folder):
        return datasets.load_from_disk(str(folder))
    try:
        return datasets.load_dataset(dataset, config, split=split)
    except (ConnectionError, FileNotFoundError) as error:  # offline, or DatasetNotFoundError
        raise ValueError(
            f"the data set {dataset!r} cannot be had from the Hugging Face hub ({error}); with its files on this "
            "machine, name their folder: gsm8k and math take folder=FOLDER (train.jsonl, test.jsonl), others hf:FOLDER"
        ) from error
