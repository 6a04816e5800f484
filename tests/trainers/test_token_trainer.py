"""The order in which rows are seen."""

from trainers.token_trainer import ShuffledBatches


def test_each_epoch_sees_every_row_once_in_another_order_and_batches_by_length() -> None:
    lengths = [(7 * i) % 13 for i in range(20)]
    sampler = ShuffledBatches(lengths, batch_size=8, seed=1)
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second
    assert first == list(ShuffledBatches(lengths, batch_size=8, seed=1))
    for start in range(0, 20, 8):
        batch = [lengths[row] for row in first[start : start + 8]]
        assert batch == sorted(batch, reverse=True)
