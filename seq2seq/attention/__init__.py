"""Attention mechanisms. Importing any module of the package registers the built-in ones."""

from seq2seq.attention import catalogue as catalogue
from seq2seq.attention import controls as controls
from seq2seq.attention import recurrences as recurrences
from seq2seq.attention import softmaxes as softmaxes
