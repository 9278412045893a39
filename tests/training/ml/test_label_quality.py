import numpy as np

from training.ml.label_quality import label_quality, suspicious


def test_a_label_that_the_model_firmly_contradicts_is_the_most_suspicious():
    labels = np.arange(100) % 10
    answers = np.full((100, 10), 0.01)
    answers[np.arange(100), labels] = 0.91
    answers[42] = 0.01
    answers[42, 7] = 0.91  # its label says 2
    answers[13] = 0.1  # no opinion
    quality = label_quality(labels.astype(np.uint8), answers.astype(np.float32))
    assert quality.shape == (100,)
    assert suspicious(quality, 2).tolist() == [42, 13]
    assert 0 <= quality[42] < quality[13] < quality[0] <= 1
