"""A reader for each layout and each tool that data sets with masks come from.

Every module describes its layout in its docstring and holds it as `LAYOUT`; `data.layouts` lists
them all. A new one is a module here and a line there.
"""
