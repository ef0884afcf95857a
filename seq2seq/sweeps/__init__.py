"""Sweeps of `seq2seq train -m`: cells that are trained once, continued, and never overwritten."""
