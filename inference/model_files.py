"""The files of a registered model: what each format is for, where it is stored, how it is named."""

from dataclasses import dataclass

from inference.models import ModelVersion


@dataclass(frozen=True)
class Format:
    title: str
    purpose: str
    media_type: str


FORMATS: dict[str, Format] = {
    "onnx": Format(
        "ONNX",
        "Serves here, and runs wherever ONNX Runtime does. Takes 28 × 28 uint8 images.",
        "application/octet-stream",
    ),
    "keras": Format(
        "Keras", "Opens in Keras 3 to train further or to look inside.", "application/zip"
    ),
    "h5": Format("HDF5", "For older Keras and TensorFlow programs.", "application/x-hdf5"),
}


@dataclass(frozen=True)
class StoredFile:
    format: str
    name: str  # in the default storage
    sha256: str
    bytes: int
    download_name: str

    @property
    def about(self) -> Format:
        return FORMATS[self.format]


def stored_files(version: ModelVersion) -> list[StoredFile]:
    """The run's exported files in the order of FORMATS."""
    artifacts = version.run.artifacts
    return [
        StoredFile(
            format=format,
            name=artifacts[format]["name"],
            sha256=artifacts[format]["sha256"],
            bytes=artifacts[format]["bytes"],
            download_name=f"digitsite-v{version.number}.{format}",
        )
        for format in FORMATS
        if format in artifacts
    ]


@dataclass(frozen=True)
class ProofRow:
    """How one file, read back, agrees with the trained model on every test image."""

    title: str
    label_agreement: float  # share of images, 0..1
    max_probability_difference: str  # as people write small numbers: "3.1e-07"


def proof_rows(version: ModelVersion) -> list[ProofRow]:
    """The run's export proof in the order of FORMATS; formats without a proof are left out."""
    proof = version.run.export_proof
    return [
        ProofRow(
            about.title,
            proof[f"{format}_label_agreement"],
            f"{difference:.1e}" if difference else "0",
        )
        for format, about in FORMATS.items()
        if (difference := proof.get(f"{format}_max_abs_dp")) is not None
    ]
