"""The named sessions of a notebook, and its one sandbox.

A session is an `SmtpClient` with a name. `@NAME` means one for a single command; `use`
changes which one is meant when no `@NAME` stands in a line. A name is taken when a
server has answered; what was recorded of an attempt in vain can be asked for all the
same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from IPython.core.error import UsageError

from smtpnb.client import SmtpClient

if TYPE_CHECKING:
    import pandas as pd

    from smtpnb.notebook.background import Handle
    from smtpnb.sandbox import Sandbox

DEFAULT: Final = "main"


class Sessions:
    """Clients by name, the current one, and the sandbox.

    Attributes:
        current: The name of the session that is meant without `@NAME`.
        addresses: What stood in MAIL and RCPT, in order, once each.
        targets: By session, what it connected to last.
        handles: By session, the last command that ran in its background.
        dialling: By session, the client that connects at this moment.
    """

    def __init__(self) -> None:
        self.current = DEFAULT
        self.targets: dict[str, tuple[Any, dict[str, Any]]] = {}
        self.addresses: dict[str, None] = {}
        self.handles: dict[str, Handle] = {}
        self.dialling: dict[str, SmtpClient] = {}
        self._clients: dict[str, SmtpClient] = {}
        self._unanswered: set[str] = set()  # names that `connect` made
        self._sandbox: Sandbox | None = None

    def __contains__(self, name: str) -> bool:
        in_vain = name in self._unanswered and name not in self.dialling
        return name in self._clients and not in_vain

    def __iter__(self) -> Any:
        return (name for name in self._clients if name in self)

    def clients(self) -> list[SmtpClient]:
        """Return all clients, and those that connect beside them."""
        return [*self._clients.values(), *self.dialling.copy().values()]

    def client(self, name: str = "") -> SmtpClient:
        """Return the client of a session; only the current one is made if need be.

        Raises:
            UsageError: There is no session of that name, and none was tried.
        """
        name = name or self.current
        if name == self.current:
            return self._clients.setdefault(name, SmtpClient())
        client = self._clients.get(name)
        if client is None or (name not in self and not len(client.transcript)):
            raise self._unknown(name)
        return client

    def _unknown(self, name: str) -> UsageError:
        known = ", ".join(self) or "none yet"
        return UsageError(
            f"there is no session {name!r}; there are: {known} "
            "(%smtp @NAME connect HOST makes one)"
        )

    def look(self, name: str = "") -> SmtpClient | None:
        """Return the client of a session if there is one; nothing is made."""
        return self._clients.get(name or self.current)

    def made(self, name: str) -> SmtpClient:
        """Return the client of a session, made if need be, to connect it."""
        name = name or self.current
        if name not in self._clients and name != self.current:
            self._unanswered.add(name)
        return self._clients.setdefault(name, SmtpClient())

    def second(self, client: SmtpClient) -> SmtpClient:
        """Return a client like this one, for a second connection beside its own."""
        fresh = client.beside()
        fresh.on_tick, fresh.on_progress = client.on_tick, client.on_progress
        return fresh

    def stop(self, name: str, client: SmtpClient) -> None:
        """Cancel what runs in a session: a new connection alone, if one is made."""
        self.dialling.get(name, client).cancel()

    def connected(
        self, name: str, client: SmtpClient, target: tuple[Any, dict[str, Any]]
    ) -> None:
        """Give a name to the client that connected, and keep what it connected to."""
        self._clients[name], self.targets[name] = client, target
        self._unanswered.discard(name)

    def use(self, name: str) -> SmtpClient:
        """Make a session the current one.

        Raises:
            UsageError: There is no session of that name.
        """
        if name != self.current and name not in self:
            raise self._unknown(name)
        self.current = name
        return self.client(name)

    def adopt(self, client: object, name: str = "") -> SmtpClient:
        """Take a client made in Python as a session, and make it current.

        Raises:
            UsageError: It is no SmtpClient.
        """
        if not isinstance(client, SmtpClient):
            raise UsageError(f"a session is an SmtpClient, not {type(client).__name__}")
        known = [key for key, value in self._clients.items() if value is client]
        self.current = name or (known[0] if known else self._free_name())
        self._clients[self.current] = client
        self._unanswered.discard(self.current)
        return client

    def _free_name(self) -> str:
        number = 1
        while f"client{number}" in self._clients:
            number += 1
        return f"client{number}"

    def sandbox(self, **settings: Any) -> Sandbox:
        """Return the sandbox, started if need be.

        Raises:
            UsageError: It runs already, with other settings; or they are wrong.
        """
        from smtpnb.sandbox import Sandbox  # loads asyncio and cryptography

        if self._sandbox is None:
            try:
                self._sandbox = Sandbox(**settings)
            except (TypeError, ValueError, AttributeError) as error:
                raise UsageError(str(error)) from None
        elif settings:
            raise UsageError("the sandbox runs already; %smtp sandbox stop ends it")
        return self._sandbox

    def stop_sandbox(self) -> None:
        """End the sandbox, if there is one; the next one is a new one."""
        sandbox, self._sandbox = self._sandbox, None
        if sandbox is not None:
            sandbox.stop()

    def table(self) -> pd.DataFrame:
        """Return one row for each session: name, peer, state, tls, current."""
        import pandas as pd  # only here: a table was asked for

        rows = [
            (
                name,
                client.peer,
                str(client.state),
                str(client.tls["version"]) if client.tls else "",
                name == self.current,
            )
            for name, client in self._clients.items()
            if name in self
        ]
        columns = ["name", "peer", "state", "tls", "current"]
        return pd.DataFrame(rows, columns=columns)

    def close(self) -> None:
        """Cancel every session and what runs in them, and stop the sandbox."""
        for client in self.clients():
            client.cancel()
        self.stop_sandbox()
