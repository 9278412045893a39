"""The curves of a run as an event file for TensorBoard, written without TensorFlow.

The file is TFRecord: length, masked CRC of the length, content, masked CRC of the content
(https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details). The content is
an `Event` in protocol buffers' wire format (tensorflow/core/util/event.proto); only the few fields
of scalars are needed.
"""

import struct
from collections.abc import Iterator

from training.models import EpochMetric, TrainingRun

_CASTAGNOLI = 0x82F63B78  # the polynomial of CRC-32C, reflected


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (_CASTAGNOLI if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _crc_table()


def file_name(run: TrainingRun) -> str:
    """TensorBoard reads files that have `tfevents` in their names."""
    return f"events.out.tfevents.{int(_began(run))}.digitsite-run-{run.pk}"


def event_file(run: TrainingRun) -> bytes:
    """One event for each finished epoch; steps are epochs, from 1, as on the run's page."""
    wall_time = _began(run)
    records = [_record(_event(wall_time, 0, _bytes(3, b"brain.Event:2")))]
    for metric in run.epoch_metrics.all():
        ended = metric.recorded_at
        wall_time = ended.timestamp() if ended else wall_time + metric.seconds
        values = b"".join(
            _bytes(1, _bytes(1, tag.encode()) + _float(2, value)) for tag, value in _scalars(metric)
        )
        records.append(_record(_event(wall_time, metric.epoch + 1, _bytes(5, values))))
    return b"".join(records)


def _began(run: TrainingRun) -> float:
    return (run.started_at or run.queued_at).timestamp()


def _scalars(metric: EpochMetric) -> Iterator[tuple[str, float]]:
    yield "loss/training", metric.train_loss
    yield "accuracy/training", metric.train_accuracy
    if metric.val_loss is not None:
        yield "loss/validation", metric.val_loss
    if metric.val_accuracy is not None:
        yield "accuracy/validation", metric.val_accuracy
    yield "learning_rate", metric.learning_rate
    yield "epoch_seconds", metric.seconds


def _event(wall_time: float, step: int, what: bytes) -> bytes:
    return b"\x09" + struct.pack("<d", wall_time) + b"\x10" + _varint(step) + what


def _record(content: bytes) -> bytes:
    length = struct.pack("<Q", len(content))
    return length + _masked_crc(length) + content + _masked_crc(content)


def _masked_crc(content: bytes) -> bytes:
    crc = 0xFFFFFFFF
    for byte in content:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    rotated = (crc >> 15 | crc << 17) & 0xFFFFFFFF
    return struct.pack("<I", (rotated + 0xA282EAD8) & 0xFFFFFFFF)


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _float(field: int, value: float) -> bytes:
    return _varint(field << 3 | 5) + struct.pack("<f", value)


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
