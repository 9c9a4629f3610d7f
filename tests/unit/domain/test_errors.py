"""What the errors say of themselves, where a text is made of parts."""

from market_data.domain.errors import BrokerMisadvertised, BrokerUnavailable


def test_a_broker_that_does_not_answer_is_named_with_the_trouble_and_what_to_do() -> None:
    assert str(BrokerUnavailable("a:1", "it is asleep")) == "no Kafka broker answers at a:1: it is asleep"
    told = str(BrokerUnavailable("a:1", "it is asleep", hint="Wake it"))
    assert told == "no Kafka broker answers at a:1: it is asleep. Wake it"


def test_a_broker_that_sends_its_clients_astray_is_named_with_the_address_it_gives() -> None:
    error = BrokerMisadvertised("a:1", "b:2", "its name is not known")
    assert str(error).startswith("Kafka at a:1 answers, but sends its clients to b:2 (its advertised.listeners)")
    assert "where they find: its name is not known. Let the broker advertise" in str(error)
    assert error.problem == "it sends its clients to b:2 (advertised.listeners), where they find: its name is not known"
