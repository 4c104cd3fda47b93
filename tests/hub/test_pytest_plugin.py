"""The fixtures, in suites of their own that run in processes of their own."""

from __future__ import annotations

import pytest

# Each runs pytest in a process of its own, some twice.
pytestmark = pytest.mark.timeout(180)

pytest_plugins = ["pytester"]


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A directory for a suite, whose warnings are errors."""
    pytester.makeini(
        """
        [pytest]
        filterwarnings = error
        asyncio_mode = auto
        asyncio_default_fixture_loop_scope = function
        """
    )
    return pytester


def test_a_device_of_its_own_for_each_test(suite):
    suite.makepyfile(
        """
        import pytest

        seen = []

        @pytest.mark.parametrize("case", ["a/b", "ä"])
        def test_sends(iothub_device, local_hub, case):
            assert local_hub is iothub_device.hub
            assert iothub_device.telemetry() == []
            iothub_device.client().send_message({"case": case})
            iothub_device.assert_telemetry([{"case": case}])
            found = iothub_device.wait_for_telemetry(lambda message: message.json()["case"] == case)
            assert [found] == iothub_device.wait_for_telemetry(count=1)
            assert iothub_device.wait_for_packet(kind="PUBLISH").payload
            seen.append(iothub_device)

        async def test_async(iothub_device):
            client = iothub_device.client()
            iothub_device.patch_desired({"interval": 5})
            twin = await client.get_twin_async()
            assert twin.desired["interval"] == 5
            await client.patch_reported_properties_async({"interval": 5})
            await iothub_device.assert_twin_reported_async({"interval": 5}, exact=True)
            await iothub_device.assert_twin_desired_async({"interval": 5})
            seen.append(iothub_device)

        def test_the_rest(iothub_device):
            client = iothub_device.client()
            client.on_method("reboot", lambda request: {"after": request.payload})
            client.connect()
            iothub_device.wait_for_connection()
            assert iothub_device.connected
            assert iothub_device.invoke_method("reboot", 3, connect_timeout=5).payload == {"after": 3}
            iothub_device.send_c2d("hello")
            with client.messages() as messages:
                assert next(iter(messages)).body == b"hello"
            assert iothub_device.disconnect()
            iothub_device.wait_for_packet(lambda packet: packet.connection == 2)
            assert "reported" in iothub_device.twin()["properties"]

        def test_they_are_gone(local_hub):
            assert len({device.device_id for device in seen}) == 3
            assert local_hub.devices() == []
            assert all(device.packets()[-1].kind == "CLOSED" for device in seen)

        def test_a_test_may_remove_it_and_stop_the_hub(iothub_device, local_hub):
            local_hub.remove_device(iothub_device.device_id)
            local_hub.close()
        """
    )
    suite.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=6)


FAILING = """
    import pathlib

    def test_device(iothub_device):
        iothub_device.client().patch_reported_properties({"firmware": "1.0"})
        key = iothub_device.connection_string.rsplit("SharedAccessKey=", 1)[1]
        pathlib.Path("key.txt").write_text(key)
        iothub_device.assert_twin_reported({"firmware": "1.1"}, timeout=0)

    def test_hub(local_hub):
        with local_hub.device_client("by-hand") as client:
            client.send_message("hello")
        assert client is None

    def test_passes(iothub_device):
        iothub_device.client().send_message("fine")

    def test_other():
        assert 1 == 2
"""


def test_failures_show_the_packets(suite):
    suite.makepyfile(FAILING)
    result = suite.runpytest_subprocess()
    result.assert_outcomes(passed=1, failed=3)
    result.stdout.fnmatch_lines(
        [
            "*iothub_device.assert_twin_reported({*",
            'E * properties.reported.firmware: expected "1.1", got "1.0"',
            "*- MQTT packets of test_device-* -*",
            "*→ CONNECT *",
            '*$iothub/twin/PATCH/properties/reported/* 18 B {"firmware":"1.0"}',
            "*- MQTT packets of the local hub -*",
            "by-hand, connection 1:",
            "* 5 B hello",
        ]
    )
    text = result.stdout.str()
    assert text.count("- MQTT packets of ") == 2
    assert "_support/arguments.py" not in text
    assert (suite.path / "key.txt").read_text() not in text
    assert "sig=" not in text
    # Of the second test only what happened meanwhile.
    packets = text[text.index("MQTT packets of the local hub") : text.index("short test summary")]
    assert "firmware" not in packets


def test_packets_of_all_tests_or_of_none(suite):
    suite.makepyfile(FAILING)
    result = suite.runpytest_subprocess("--azmqtt-packets=all", "-rA")
    result.stdout.fnmatch_lines(["*- MQTT packets of test_passes-* -*", "* 4 B fine"])
    result = suite.runpytest_subprocess("--azmqtt-packets=off")
    result.assert_outcomes(passed=1, failed=3)
    result.stdout.no_fnmatch_line("*MQTT packets of*")


def test_long_logs_are_cut(suite):
    suite.makepyfile(
        """
        def test_long(iothub_device):
            iothub_device.client().send_messages("x" for _ in range(300))
            assert False
        """
    )
    result = suite.runpytest_subprocess()
    # How it began is there, and how it ended.
    result.stdout.fnmatch_lines(
        ["*- MQTT packets of test_long-* -*", "*→ CONNECT *", "… * lines are left out", "*← PUBACK *"]
    )
    assert result.stdout.str().count("\n    0.") <= 100


def test_long_lines_are_cut(suite):
    suite.makepyfile(
        """
        def test_long(iothub_device):
            iothub_device.client().send_message("x", properties={"p": "v" * 5000})
            assert False
        """
    )
    text = suite.runpytest_subprocess().stdout.str()
    assert max(map(len, text.splitlines())) <= 301


def test_a_wait_in_vain_shows_the_test_and_not_how_waiting_works(suite):
    suite.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("wait", [
            lambda device: device.wait_for_telemetry(timeout=0),
            lambda device: device.wait_for_telemetry(bool, 0),
            lambda device: device.wait_for_packet(kind="PUBACK", timeout=0),
            lambda device: device.wait_for_connection(timeout=0),
            lambda device: device.hub.inject_fault("drop").wait(timeout=0),
        ])
        def test_in_vain(iothub_device, wait):
            wait(iothub_device)
        """
    )
    result = suite.runpytest_subprocess()
    result.assert_outcomes(failed=5)
    for hidden in ("_hub/", "_local/", "_hub_faults.py", "_support/", "testing.py:"):
        assert hidden not in result.stdout.str()


def test_faults_end_with_the_test_that_set_them(suite):
    suite.makepyfile(
        """
        import pytest
        from azmqtt import faults

        @pytest.fixture(scope="module")
        def refused(local_hub):
            with local_hub.inject_fault(faults.Lose("puback"), device_id=local_hub.create_device("x").device_id):
                yield

        def test_a_fault_for_everybody(local_hub, iothub_device):
            local_hub.inject_fault(faults.Refuse(3), count=1000)
            local_hub.start_fault_schedule(faults.FaultSchedule(1, 60, [(faults.Drop(), {"every": 0.01})]))

        def test_the_next(local_hub, iothub_device, refused):
            assert [fault.rule["fault"] for fault in local_hub.faults() if not fault.over] == ["lose"]
            local_hub.inject_fault("drop:on=telemetry")
            iothub_device.client().connect()

        def test_the_fault_of_a_fixture_stays(local_hub, refused):
            assert [fault.rule["fault"] for fault in local_hub.faults() if not fault.over] == ["lose"]
        """
    )
    suite.runpytest_subprocess().assert_outcomes(passed=3)


def test_the_hub_as_the_suite_wants_it(suite):
    suite.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def local_hub_options(tmp_path_factory):
            return {"hostname": "127.0.0.1", "state": tmp_path_factory.mktemp("hub"), "record_packets": False}
        """
    )
    suite.makepyfile(
        """
        def test_options(local_hub, iothub_device):
            assert local_hub.hostname == "127.0.0.1"
            iothub_device.client().connect()
            assert False
        """
    )
    result = suite.runpytest_subprocess()
    result.stdout.fnmatch_lines(["*- MQTT packets of test_options-* -*", "packets are not recorded*"])


def test_with_xdist_each_worker_has_a_hub(suite):
    suite.makepyfile(
        """
        import os, pathlib, pytest

        @pytest.mark.parametrize("number", range(4))
        def test_port(local_hub, iothub_device, number):
            iothub_device.client().connect()
            worker = os.environ["PYTEST_XDIST_WORKER"]
            pathlib.Path(f"{worker}-{local_hub.port}.txt").touch()
            assert number != 3
        """
    )
    result = suite.runpytest_subprocess("-n", "2", "--maxschedchunk=1")
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["*- MQTT packets of test_port-3-* -*", "*→ CONNECT *"])
    made = [path.stem.split("-") for path in suite.path.glob("gw*.txt")]
    workers, ports = zip(*made, strict=True)
    assert len(set(workers)) == len(workers) == len(set(ports)) == 2


def test_suites_that_do_not_ask_load_nothing(suite):
    suite.makepyfile(
        """
        import sys

        def test_modules():
            assert "azmqtt.pytest_plugin" in sys.modules
            assert not {"azmqtt._hub", "azmqtt.testing", "azmqtt._hub_packets"} & set(sys.modules)
        """
    )
    suite.runpytest_subprocess("-p", "no:asyncio", "-o", "filterwarnings=").assert_outcomes(passed=1)
    suite.runpytest_subprocess("-p", "no:azmqtt", "-o", "filterwarnings=").assert_outcomes(failed=1)


def test_a_hub_that_a_test_has_closed(suite):
    suite.makepyfile(
        """
        def test_closes(local_hub):
            local_hub.close()

        def test_after_it(iothub_device):
            pass
        """
    )
    result = suite.runpytest_subprocess()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["local_hub, which is one for all tests, was closed by an earlier one"])


def test_faults_end_with_their_test(suite):
    suite.makepyfile(
        """
        import azmqtt
        from azmqtt import faults

        def test_with_a_fault(iothub_device, local_hub):
            fault = iothub_device.inject_fault(faults.Drop("telemetry"))
            iothub_device.inject_fault("lose:on=puback", count=2, skip=9)
            with local_hub.device_client("another") as another:
                another.send_message("not concerned")
            client = iothub_device.client(retry=azmqtt.RetryPolicy(base=0.01))
            client.send_message("in the end")
            fault.wait()
            assert fault.rule["device_id"] == iothub_device.device_id

        def test_after_it(local_hub):
            assert [fault.remove() for fault in local_hub.faults()] == [False, False]
        """
    )
    suite.runpytest_subprocess().assert_outcomes(passed=2)
