import numpy as np

from training.ml.dataset_summary import INK_BINS, summarize


def flat(values: list[int], labels: list[int]):
    """Images of one grey value each."""
    images = np.zeros((len(values), 28, 28), np.uint8) + np.array(values, np.uint8)[:, None, None]
    return summarize(images, np.array(labels, np.uint8))


def test_the_mean_is_over_the_class_only_and_rounded():
    told = flat([10, 21, 200], [3, 3, 4])
    assert np.unique(told.means[3]).tolist() == [16]  # 15.5, to even
    assert np.unique(told.means[4]).tolist() == [200]
    assert not told.means[7].any()


def test_means_of_many_bright_images_do_not_overflow():
    assert np.unique(flat([255] * 5000, [1] * 5000).means[1]).tolist() == [255]


def test_every_image_is_in_the_histogram_the_darkest_and_the_brightest_too():
    told = flat([0, 0, 26, 255], [0, 1, 2, 3])
    assert told.ink.sum() == 4
    assert told.ink[0] == 2
    assert told.ink[-1] == 1  # a white picture has more ink than the last bin says
    assert told.ink[np.searchsorted(INK_BINS, 26 / 255, "right") - 1] == 1
    assert abs(told.mean_ink - 281 / 4 / 255) < 1e-6


def test_repeats_are_told_from_different_pictures():
    assert flat([5, 5, 5, 9], [0, 0, 1, 2]).distinct == 2


def test_an_empty_split():
    told = flat([], [])
    assert (told.ink.sum(), told.mean_ink, told.distinct) == (0, 0.0, 0)
