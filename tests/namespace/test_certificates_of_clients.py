"""CA certificates of a local namespace, and each way in which a client certificate may hold the client's name."""

from __future__ import annotations

import pytest

import azmqtt

SCHEMES = {
    "SubjectMatchesAuthenticationName": ("pump-1", {}),
    "DnsMatchesAuthenticationName": ("pump-1.example", {"dns_names": ["other.example", "pump-1.example"]}),
    "UriMatchesAuthenticationName": ("urn:pump:1", {"uris": ["urn:pump:1"]}),
    "IpMatchesAuthenticationName": ("10.0.0.1", {"ip_addresses": ["10.0.0.1", "::1"]}),
    "EmailMatchesAuthenticationName": ("pump-1@example.com", {"email_addresses": ["pump-1@example.com"]}),
    "ThumbprintMatch": ("pump-1", {"self_signed": True}),
}


def try_to_connect(namespace: azmqtt.LocalNamespace, name: str, certificate: azmqtt.DeviceCertificate) -> str | None:
    """Connect once; return why it was refused."""
    files = {"certificate": certificate.certificate, "private_key": certificate.private_key}
    try:
        with namespace.mqtt_client(name, **files) as client:
            client.connect()
    except azmqtt.AuthenticationFailed:
        return namespace.last_refusal
    return None


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_validation_scheme(scheme):
    authentication_name, names = SCHEMES[scheme]
    with azmqtt.LocalNamespace() as namespace:
        namespace.create_ca_certificate("own-ca", namespace.ca_pem)
        common_name = authentication_name if scheme.startswith("Subject") else "somebody"
        certificate = namespace.create_certificate(common_name, **names)
        prints = [certificate.thumbprint] if scheme == "ThumbprintMatch" else []
        namespace.create_client(
            "pump", authentication_name=authentication_name, validation_scheme=scheme, allowed_thumbprints=prints
        )
        assert try_to_connect(namespace, "pump", certificate) is None
        refused = try_to_connect(namespace, "pump", namespace.create_certificate("nobody"))
        assert refused is not None


@pytest.mark.parametrize(
    ("names", "error", "text"),
    [
        ({"ip_addresses": ["pump"]}, ValueError, "ip_addresses: 'pump' is not an address"),
        ({"dns_names": ["pümp"]}, ValueError, "not ASCII"),
        ({"dns_names": "pump.example"}, TypeError, "dns_names must be a list"),
        ({"uris": [5]}, TypeError, "uris: an item"),
    ],
)
def test_names_are_checked(names, error, text):
    with azmqtt.LocalNamespace() as namespace, pytest.raises(error, match=text):
        namespace.create_certificate("pump", **names)


def test_ca_certificates_from_their_making_to_their_end():
    with azmqtt.LocalNamespace() as namespace:
        made = namespace.create_ca_certificate("own-ca", namespace.ca_file, description="mine")
        assert (made.name, made.encoded_certificate, made.description) == ("own-ca", namespace.ca_pem, "mine")
        assert made.issue_time < made.expiry_time
        with pytest.raises(ValueError, match="the CA certificate own-ca already exists"):
            namespace.create_ca_certificate("own-ca", namespace.ca_pem)
        other = namespace.create_certificate("not-an-authority").certificate
        updated = namespace.update_ca_certificate("own-ca", encoded_certificate=other)
        assert (updated.encoded_certificate, updated.description) == (other, "mine")
        assert namespace.update_ca_certificate("own-ca", description="") == namespace.get_ca_certificate("own-ca")
        short = namespace.add_ca(namespace.ca_pem)
        assert [each.name for each in namespace.list_ca_certificates()] == sorted(["own-ca", short])
        namespace.delete_ca(short)
        namespace.delete_ca_certificate("own-ca")
        assert namespace.list_ca_certificates() == []
        for call in (
            lambda: namespace.get_ca_certificate("own-ca"),
            lambda: namespace.update_ca_certificate("own-ca"),
            lambda: namespace.delete_ca_certificate("own-ca"),
        ):
            with pytest.raises(LookupError, match="the CA certificate own-ca does not exist"):
                call()
        with pytest.raises(ValueError, match="certificate"):
            namespace.create_ca_certificate("no-ca", b"nothing")
