"""Configuration of the documentation site: Sphinx, reading the Markdown pages of this folder."""

project = "seq2seq"
html_title = "seq2seq"
html_theme = "furo"
extensions = ["myst_parser"]
myst_heading_anchors = 3  # levels of headings that links can lead to
