import numpy as np
import pytest

from training.ml import checkpoint
from training.ml.checkpoint import Checkpoint, UnsoundCheckpoint


def make(epoch: int) -> Checkpoint:
    arrays = [np.full((3, 2), epoch, np.float32), np.array(epoch, np.int64)]
    return Checkpoint(epoch, arrays, {"history": [epoch], "dataset": "d"})


def test_what_is_saved_is_loaded(tmp_path):
    path = checkpoint.save(tmp_path, make(3))
    loaded = checkpoint.load(path)
    assert loaded.epoch == 3
    assert loaded.meta == {"history": [3], "dataset": "d"}
    assert [a.dtype for a in loaded.arrays] == [np.float32, np.int64]
    assert loaded.arrays[0].tolist() == [[3, 3]] * 3


def test_two_are_kept(tmp_path):
    for epoch in (1, 2, 3, 4):
        checkpoint.save(tmp_path, make(epoch))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["epoch-00003.ckpt", "epoch-00004.ckpt"]
    assert checkpoint.newest(tmp_path).epoch == 4


def test_what_is_trained_anew_outlives_unsound_files_of_later_epochs(tmp_path):
    for epoch in (4, 5):
        checkpoint.save(tmp_path, make(epoch)).write_bytes(b"cut short")
    assert checkpoint.newest(tmp_path) is None

    assert checkpoint.save(tmp_path, make(1)).exists()
    assert checkpoint.newest(tmp_path).epoch == 1
    assert [path.name for path in tmp_path.iterdir()] == ["epoch-00001.ckpt"]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_a_truncated_one_is_skipped_for_the_one_before(tmp_path, share):
    checkpoint.save(tmp_path, make(1))
    path = checkpoint.save(tmp_path, make(2))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(UnsoundCheckpoint):
        checkpoint.load(path)
    assert checkpoint.newest(tmp_path).epoch == 1


def test_one_changed_byte_is_noticed(tmp_path):
    path = checkpoint.save(tmp_path, make(1))
    content = bytearray(path.read_bytes())
    content[-40] ^= 1
    path.write_bytes(content)
    with pytest.raises(UnsoundCheckpoint, match="checksum"):
        checkpoint.load(path)
    assert checkpoint.newest(tmp_path) is None


def test_an_unfinished_file_is_no_checkpoint(tmp_path):
    (tmp_path / "epoch-00009.77.part").write_bytes(b"half")
    assert checkpoint.newest(tmp_path) is None


def test_a_full_disk_leaves_the_one_before_and_no_rubbish(tmp_path, monkeypatch):
    checkpoint.save(tmp_path, make(1))

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(tmp_path, make(2))
    assert [p.name for p in tmp_path.iterdir()] == ["epoch-00001.ckpt"]


def test_no_folder_is_no_checkpoint(tmp_path):
    assert checkpoint.newest(tmp_path / "none") is None
