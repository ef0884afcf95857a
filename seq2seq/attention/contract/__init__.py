"""The contract of attention mechanisms, run by the tests and by `seq2seq check-attention`."""
