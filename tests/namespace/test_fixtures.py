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
