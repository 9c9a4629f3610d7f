"""Kafka: what carries the records from the producer to everybody who reads them."""
