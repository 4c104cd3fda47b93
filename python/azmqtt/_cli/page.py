"""The page of a local service, on the command line: ``--open``, ``page``, and ``azmqtt hub trust``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azmqtt._cli.common import say_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - it has no other name

#: The path of the request for another link.
_LINKS = "/azmqtt/page/links"

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

    add_connection(_add_page(commands, "hub", _page_of_hub))
    trust = commands.add_parser(
        "trust",
        help="print how browsers and other programs come to trust a hub's certificate",
        description="Print how to import a hub's certificate authority into the stores of the system, of Firefox and "
        "Chromium, and how Node, Python and curl find it. Nothing is imported.",
    )
    trust.add_argument("ca_file", metavar="FILE", help="the hub's CA file, as azmqtt hub prints it")
    trust.set_defaults(run=_trust)


def add_namespace_commands(commands: Commands) -> None:
    """Add the commands below ``namespace``."""
    from azmqtt._cli.namespace_find import add_connection

    add_connection(_add_page(commands, "namespace", _page_of_namespace))


def _add_page(commands: Commands, service: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
    page = commands.add_parser(
        "page",
        help=f"print a link to the page of a running {service}",
        description=f"Print a link that opens the page of a running {service} in a browser on this machine. The link "
        "works once, within a minute. Keep it secret: it gives full access.",
    )
    page.add_argument("--open", action="store_true", help="open it in the browser, too")
    page.set_defaults(run=run)
    return page


def show(url: str, *, open_it: bool, quiet: bool = False) -> None:
    """Print a link to the page, and open it if that is wanted."""
    if not quiet:
        say_text(f"The page is in a browser of this machine, by this link, once and within a minute:\n  {url}")
    if open_it:
        import webbrowser

        webbrowser.open(url)


def _page_of_hub(arguments: argparse.Namespace) -> int:
    from azmqtt._cli.service import service_api

    answer, _ = service_api(arguments).request("POST", _LINKS)
    return _say_link(answer, arguments)


def _page_of_namespace(arguments: argparse.Namespace) -> int:
    from azmqtt._cli.namespace_find import find

    return _say_link(find(arguments)[0].ask("POST", _LINKS), arguments)


def _say_link(answer: object, arguments: argparse.Namespace) -> int:
    from azmqtt._errors import BadAnswer

    url = answer.get("url") if isinstance(answer, dict) else None
    if not isinstance(url, str) or not url.startswith("https://"):
        raise BadAnswer("the answer contains no link")
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
