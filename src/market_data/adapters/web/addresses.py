"""Which addresses lead where."""

import ipaddress

__all__ = ["is_address", "is_any", "is_loopback", "split"]


def split(address: str) -> tuple[str, int]:
    """Cut ``host:port``; a host of IPv6 stands in brackets there, and without here."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches an address."""
    return host.lower() == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def is_any(host: str) -> bool:
    """Tell whether it stands for all addresses of this machine."""
    return is_address(host) and ipaddress.ip_address(host).is_unspecified


def is_address(host: str) -> bool:
    """Tell whether it is a number and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
