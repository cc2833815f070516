"""Draws a page of a PDF as a PNG: picture.py FILE.pdf PAGE FILE.png, the first page is 1."""

import sys

import pypdfium2

source, page, target = sys.argv[1:]
pdf = pypdfium2.PdfDocument(source)
pdf[int(page) - 1].render(scale=1.1).to_pil().convert("P", palette=1, colors=256).save(target, optimize=True)
