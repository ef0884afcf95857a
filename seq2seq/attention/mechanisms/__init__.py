"""One file a mechanism: the code that `seq2seq.attention.config` names."""
