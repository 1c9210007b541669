"""What the Hub demands of a repository, as its documentation has it: cards' front matter, and which files go through LFS."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from huggingface_hub.repocard import REGEX_YAML_BLOCK
from huggingface_hub.repocard_data import model_index_to_eval_results

LARGE_BYTES = 10 * 1024 * 1024
COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
RELATIONS = ("adapter", "merge", "quantized", "finetune")
LICENSES = {
    "apache-2.0", "mit", "openrail", "bigscience-openrail-m", "creativeml-openrail-m", "bigscience-bloom-rail-1.0",
    "bigcode-openrail-m", "afl-3.0", "artistic-2.0", "bsl-1.0", "bsd", "bsd-2-clause", "bsd-3-clause",
    "bsd-3-clause-clear", "c-uda", "cc", "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0",
    "cc-by-sa-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0",
    "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cdla-sharing-1.0",
    "cdla-permissive-1.0", "cdla-permissive-2.0", "wtfpl", "ecl-2.0", "epl-1.0", "epl-2.0", "etalab-2.0", "eupl-1.1",
    "eupl-1.2", "agpl-3.0", "gfdl", "gpl", "gpl-2.0", "gpl-3.0", "lgpl", "lgpl-2.1", "lgpl-3.0", "isc", "mpl-2.0",
    "ms-pl", "odc-by", "odbl", "osl-3.0", "postgresql", "ofl-1.1", "ncsa", "unlicense", "zlib", "pddl", "lgpl-lr",
    "unknown", "other",
}  # fmt: skip
KEYS = {
    "model": {
        "language", "license", "license_name", "license_link", "library_name", "tags", "datasets", "metrics", "base_model",
        "base_model_relation", "pipeline_tag", "model-index",
    },
    "space": {
        "title", "emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "python_version", "app_file", "pinned", "license",
        "short_description", "models", "datasets", "tags", "preload_from_hub",
    },
}  # fmt: skip
_ID = r"[\w-][\w.-]*/[\w-][\w.-]*"


def front_matter(content: str) -> Any:
    """The YAML of a card, found as the Hub finds it; None where there is none."""
    match = REGEX_YAML_BLOCK.search(content)
    return yaml.safe_load(match.group(2)) if match else None


def complaints(content: str, repo_type: str) -> list[str]:
    """What the Hub would say against a card's front matter."""
    said = front_matter(content)
    if not isinstance(said, dict):
        return ["there is no metadata"]
    checks = {"model": _model, "space": _space}[repo_type]
    unknown = [f'"{key}" is not a known field' for key in said if key not in KEYS[repo_type]]
    return [*unknown, *_common(said), *checks(said)]


def _common(said: Mapping[str, Any]) -> Iterator[str]:
    if "license" in said and said["license"] not in LICENSES:
        yield '"license" must be one of the known ones'
    if said.get("license") == "other" and not said.get("license_name"):
        yield '"license_name" goes with "other"'
    for key in ("tags", "datasets", "metrics", "models"):
        if key in said and not (isinstance(said[key], list) and all(isinstance(each, str) for each in said[key])):
            yield f'"{key}" must be a list of strings'


def _model(said: Mapping[str, Any]) -> Iterator[str]:
    languages = said.get("language", [])
    for language in [languages] if isinstance(languages, str) else languages:
        if not re.fullmatch("[a-z]{2,3}(-[A-Za-z0-9]+)*|code|multilingual", language):
            yield f'"language" must be an ISO 639 code, not {language}'
    if "base_model" in said and not re.fullmatch(_ID, said["base_model"]):
        yield '"base_model" must be a model on the Hub'
    if said.get("base_model_relation", "quantized") not in RELATIONS:
        yield f'"base_model_relation" must be one of {RELATIONS}'
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", str(said.get("library_name", "x"))):
        yield '"library_name" must be a name'
    if said.get("pipeline_tag") != "automatic-speech-recognition":
        yield '"pipeline_tag" must be the task'
    if "model-index" in said:
        try:
            model_index_to_eval_results(said["model-index"])
        except (KeyError, TypeError, ValueError) as error:
            yield f'"model-index" lacks {error}'


def _space(said: Mapping[str, Any]) -> Iterator[str]:
    if said.get("sdk") not in ("gradio", "docker", "static"):
        yield '"sdk" must be one of gradio, docker, static'
    for key in ("colorFrom", "colorTo"):
        if said.get(key, "red") not in COLOURS:
            yield f'"{key}" must be one of {", ".join(COLOURS)}'
    if len(said.get("short_description", "")) > 60:
        yield '"short_description" length must be less than or equal to 60 characters long'
    if not re.fullmatch(r"3\.\d+(\.\d+)?", str(said.get("python_version"))) or isinstance(
        said["python_version"], float
    ):
        yield '"python_version" must be a string such as "3.11"'
    if not isinstance(said.get("sdk_version"), str):
        yield '"sdk_version" must be a string'
    if any(not re.fullmatch(_ID, model) for model in said.get("models", [])):
        yield '"models" must be models on the Hub'
    if any(
        not re.fullmatch(rf"{_ID}( [^\s,]+(,[^\s,]+)*( [0-9a-f]{{40}})?)?", line)
        for line in said.get("preload_from_hub", [])
    ):
        yield '"preload_from_hub" must be repositories, each with files and a commit at most'


def is_binary(contents: bytes) -> bool:
    """Whether the Hub takes the file through LFS only, whatever its size."""
    try:
        contents.decode()
    except UnicodeDecodeError:
        return True
    return b"\0" in contents


def needs_lfs(contents: bytes) -> bool:
    return is_binary(contents) or len(contents) > LARGE_BYTES


def is_tracked(name: str, attributes: str) -> bool:
    """Whether a ``.gitattributes`` sends a file through LFS; patterns without a slash hold in every folder."""
    lines = [line.split() for line in attributes.splitlines() if "filter=lfs" in line]
    return any(fnmatch.fnmatch(name if "/" in p else name.split("/")[-1], p.lstrip("/")) for p, *_ in lines)
