"""The command's short name in a checkout and in the image: ``python -m app`` is ``python -m market_data``.

It is no part of the wheel, so that a project with an ``app`` package of its own is not disturbed.
"""
