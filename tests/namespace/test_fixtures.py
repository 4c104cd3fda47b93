"""The fixtures of the pytest plugin, in suites of their own that run in processes of their own."""

from __future__ import annotations

import pytest

# Each runs pytest in a process of its own.
pytestmark = pytest.mark.timeout(180)

pytest_plugins = ["pytester"]


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A directory for a suite, whose warnings are errors."""
    pytester.makeini(
        "[pytest]\nfilterwarnings = error\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
    )
    return pytester


def test_a_client_of_its_own_for_each_test(suite):
    suite.makepyfile(
        """
        import pytest
        import azmqtt

        seen = set()

        @pytest.fixture(scope="module", autouse=True)
        def permissions(local_namespace):
            local_namespace.create_topic_space("everything", ["#"])
            for name in ("Publisher", "Subscriber"):
                local_namespace.create_permission_binding(name, topic_space_name="everything", permission=name)

        @pytest.mark.parametrize("case", ["a/b", "ä"])
        def test_publishes(mqtt_client, local_namespace, case):
            mqtt_client.publish(f"cases/{case}", {"case": case})
            message = local_namespace.wait_for_message("cases/#", predicate=lambda each: each.json()["case"] == case)
            assert message.authentication_name == message.client_id
            assert message.authentication_name.startswith("test_publishes")
            seen.add(message.client_id)

        async def test_async(mqtt_client, local_namespace):
            await mqtt_client.publish_async("a", b"")
            seen.add((await local_namespace.wait_for_message_async("a")).client_id)

        def test_they_are_gone(local_namespace):
            assert len(seen) == 3
            assert local_namespace.list_clients() == []
        """
    )
    suite.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=4)


def test_what_a_test_makes_goes_with_it(suite):
    suite.makepyfile(
        """
        def test_makes(local_namespace, mqtt_client):
            local_namespace.create_client("client1")
            local_namespace.create_client_group("pumps", "attributes.type = 'pump'")
            local_namespace.create_topic_space("topics", ["a"])
            local_namespace.create_permission_binding(
                "publish", client_group_name="pumps", topic_space_name="topics", permission="Publisher"
            )
            local_namespace.delete_client(local_namespace.list_clients()[-1].name)

        def test_finds_none(local_namespace):
            assert local_namespace.list_clients() == local_namespace.list_permission_bindings() == []
            assert local_namespace.list_client_groups() == local_namespace.list_topic_spaces() == []

        def test_stops_it(local_namespace):
            local_namespace.close()

        def test_comes_too_late(mqtt_client):
            pass
        """
    )
    done = suite.runpytest_subprocess("-p", "no:cacheprovider")
    done.assert_outcomes(passed=3, errors=1)
    done.stdout.fnmatch_lines(["*local_namespace, which is one for all tests, was closed by an earlier one*"])


def test_options_come_from_a_fixture(suite):
    suite.makepyfile(
        """
        import pytest

        @pytest.fixture(scope="session")
        def local_namespace_options():
            return {"hostname": "127.0.0.1"}

        def test_option(local_namespace):
            assert local_namespace.hostname == "127.0.0.1"
        """
    )
    suite.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


FAILING = """
    import pytest
    import azmqtt

    @pytest.fixture(scope="module")
    def permissions(local_namespace):
        local_namespace.create_topic_space("everything", ["#"])
        local_namespace.create_permission_binding("publish", topic_space_name="everything", permission="Publisher")

    def test_client(permissions, mqtt_client, local_namespace):
        mqtt_client.publish("pumps/1", {"pressure": 21})
        local_namespace.assert_messages("pumps/#", [{"pressure": 22}], timeout=0)

    def test_namespace(permissions, local_namespace):
        local_namespace.create_client("by-hand")
        with local_namespace.mqtt_client("by-hand") as client:
            client.publish("pumps/2", "hello", user_properties={"a": "b"})
        assert client is None

    def test_token(permissions, local_namespace):
        token = azmqtt.EntraToken(lambda: local_namespace.entra_token("11111111-2222-3333-4444-555555555555"))
        with local_namespace.mqtt_client("by-token", authentication=token) as client:
            client.publish("pumps/3", "denied")

    def test_passes(permissions, mqtt_client):
        mqtt_client.publish("pumps/4", "fine")

    def test_other():
        assert 1 == 2
"""


def test_failures_show_the_packets(suite):
    suite.makepyfile(FAILING)
    result = suite.runpytest_subprocess()
    result.assert_outcomes(passed=1, failed=4)
    result.stdout.fnmatch_lines(
        [
            "*- MQTT packets of test_client-* -*",
            "*→ CONNECT *",
            '*pumps/1 15 B *{"pressure":21}',
            "*- MQTT packets of the local namespace -*",
            "by-hand, connection 1:",
            "*pumps/2 5 B * hello",
            "*- MQTT packets of the local namespace -*",
            "by-token, connection 1:",
            "*→ CONNECT *OAUTH2-JWT*",
            "*← PUBACK *",
        ]
    )
    text = result.stdout.str()
    assert text.count("- MQTT packets of ") == 3
    # No part of a token; each begins like this.
    assert "eyJ" not in text
    # Of the second test only what happened meanwhile.
    packets = text[text.index("MQTT packets of the local namespace") : text.index("short test summary")]
    assert "pumps/1" not in packets


def test_packets_of_all_tests_or_of_none(suite):
    suite.makepyfile(FAILING)
    result = suite.runpytest_subprocess("--azmqtt-packets=all", "-rA")
    result.stdout.fnmatch_lines(["*- MQTT packets of test_passes-* -*", "*pumps/4 4 B * fine"])
    result = suite.runpytest_subprocess("--azmqtt-packets=off")
    result.assert_outcomes(passed=1, failed=4)
    result.stdout.no_fnmatch_line("*MQTT packets of*")


def test_both_services_show_their_packets(suite):
    suite.makepyfile(
        """
        def test_both(iothub_device, mqtt_client):
            iothub_device.client().send_message("to the hub")
            mqtt_client.connect()
            assert False
        """
    )
    result = suite.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*to the hub", "*- MQTT packets of test_both-* -*", "*→ CONNECT protocol-level=5*"])
    assert result.stdout.str().count("- MQTT packets of ") == 2


def test_faults_of_a_test_go_with_it(suite):
    suite.makepyfile(
        """
        import pytest

        @pytest.fixture(scope="module")
        def delayed(local_namespace):
            return local_namespace.inject_fault("delay:on=connect,seconds=0.01", count=100)

        def test_first(local_namespace, delayed):
            local_namespace.inject_fault("lose:on=puback", count=5)
            assert len(local_namespace.faults()) == 2

        def test_second(local_namespace, delayed):
            assert [fault.fault_id for fault in local_namespace.faults() if not fault.over] == [delayed.fault_id]
            delayed.remove()

        def test_third(local_namespace):
            local_namespace.inject_fault("lose:on=puback", count=5)

        def test_fourth(local_namespace):
            assert all(fault.over for fault in local_namespace.faults())
        """
    )
    suite.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=4)
