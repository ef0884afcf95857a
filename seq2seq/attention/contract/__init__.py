"""The contract of attention mechanisms as code: run by the tests and by `seq2seq check-attention`."""
