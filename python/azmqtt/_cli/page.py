"""The page of a local hub, on the command line: ``azmqtt hub --open``, ``azmqtt hub page``, ``azmqtt hub trust``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azmqtt._cli.common import say_text

if TYPE_CHECKING:
    import argparse

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - it has no other name

#: How each program comes to trust a certificate authority: on Windows and macOS, for the current user alone.
_TRUST = """\
{file}
  SHA-256 {fingerprint}

The key of this authority signs certificates for any site. Import the authority only if you started the hub, and remove
it when you are done. This command imports nothing.

curl:
  curl --cacert {quoted} https://localhost:…/
Python:
  azmqtt.DeviceClient.from_connection_string("…", trust={python})
  ssl.create_default_context(cafile={python})
  SSL_CERT_FILE={quoted} python …
Node:
  NODE_EXTRA_CA_CERTS={quoted} node …
Firefox:
  Settings, Privacy & Security, Certificates, View Certificates, Authorities, Import
Chromium on Linux (certutil is in the package libnss3-tools or nss-tools):
  certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n azmqtt -i {quoted}
  certutil -d sql:$HOME/.pki/nssdb -D -n azmqtt                        # removes it
Debian, Ubuntu (all programs that use OpenSSL's store):
  sudo cp {quoted} /usr/local/share/ca-certificates/azmqtt.crt && sudo update-ca-certificates
Fedora, RHEL:
  sudo trust anchor {quoted}
macOS (Safari, Chrome):
  security add-trusted-cert -k ~/Library/Keychains/login.keychain-db {quoted}
Windows (Edge, Chrome):
  certutil -user -addstore Root {quoted}"""


def add_commands(commands: Commands) -> None:
    """Add what goes below ``hub``."""
    from azmqtt._cli.service import add_connection

    page = commands.add_parser(
        "page",
        help="print a link to the page of a hub that runs",
        description="Print a link that opens the page of a running hub in a browser of this machine, once and within a "
        "minute. To have the link is to be allowed everything.",
    )
    add_connection(page)
    page.add_argument("--open", action="store_true", help="open it in the browser, too")
    page.set_defaults(run=_page)
    trust = commands.add_parser(
        "trust",
        help="print how browsers and other programs come to trust a hub's certificate",
        description="Print how to import a hub's certificate authority into the stores of the system, of Firefox and "
        "Chromium, and how Node, Python and curl find it. Nothing is imported.",
    )
    trust.add_argument("ca_file", metavar="FILE", help="the hub's CA file, as azmqtt hub prints it")
    trust.set_defaults(run=_trust)


def show(url: str, *, open_it: bool, quiet: bool = False) -> None:
    """Print a link to the page, and open it if that is wanted."""
    if not quiet:
        say_text(f"The page is in a browser of this machine, by this link, once and within a minute:\n  {url}")
    if open_it:
        import webbrowser

        webbrowser.open(url)


def _page(arguments: argparse.Namespace) -> int:
    from azmqtt._cli.service import service_api
    from azmqtt._errors import BadAnswer

    answer, _ = service_api(arguments).request("POST", "/azmqtt/page/links")
    url = answer.get("url") if isinstance(answer, dict) else None
    if not isinstance(url, str) or not url.startswith("https://"):
        raise BadAnswer("the hub's answer holds no link")
    say_text(url)
    if arguments.open:
        show(url, open_it=True, quiet=True)
    return 0


def _trust(arguments: argparse.Namespace) -> int:
    import hashlib
    import os
    import shlex
    import ssl

    from azmqtt._support.pem import read_pem

    text = read_pem("FILE", arguments.ca_file).decode("ascii", "replace")
    begin, end = text.find("-----BEGIN CERTIFICATE-----"), text.find("-----END CERTIFICATE-----")
    if not 0 <= begin < end:
        msg = f"FILE: {arguments.ca_file} holds no certificate"
        raise ValueError(msg)
    der = ssl.PEM_cert_to_DER_cert(text[begin : end + len("-----END CERTIFICATE-----")])
    path = os.path.abspath(arguments.ca_file)  # noqa: PTH100 - pathlib takes longer to import
    fingerprint = hashlib.sha256(der).digest().hex(":").upper()
    say_text(_TRUST.format(file=path, fingerprint=fingerprint, quoted=shlex.quote(path), python=repr(path)))
    return 0
