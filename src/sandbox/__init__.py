"""The sandbox's short name in a checkout: ``python -m sandbox`` is ``python -m market_data_sandbox``.

It is no part of the wheel.
"""
