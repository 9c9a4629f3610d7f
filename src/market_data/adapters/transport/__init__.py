"""The venues over the network: ``network`` joins ``websocket`` (httpx-ws) and ``rest`` (httpx) behind the port."""
