"""Attention mechanisms. Importing any module of the package registers the built-in ones."""

from seq2seq.attention import catalogue as catalogue
