"""A PostgreSQL server of one's own, from Debian's package, for as long as the tests run."""

import os
import secrets
import shutil
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path

import psycopg

PASSWORD = "p@ss/word " + secrets.token_hex(4)  # to be quoted in an address, never to be shown
ACCOUNT = "postgres" if os.name == "posix" and os.geteuid() == 0 else None  # it refuses root


def programs():
    """The folder of initdb and pg_ctl, or None."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return versions[-1].parent if versions else None


class Server:
    """One cluster; `stop` and `start` let it go away and come back."""

    def __init__(self, folder):
        self.bin = programs()
        self.data = folder / "data"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        given = folder / "password"
        given.write_text(PASSWORD)
        for path in (folder, given):
            if ACCOUNT:
                shutil.chown(path, ACCOUNT)
        self._run("initdb", "-D", self.data, "-U", "owner", "--auth=scram-sha-256",
                  "-E", "UTF8", "--locale=C", f"--pwfile={given}")  # fmt: skip
        (self.data / "postgresql.auto.conf").write_text(
            f"port = {self.port}\nlisten_addresses = '127.0.0.1'\n"
            f"unix_socket_directories = '{folder}'\nfsync = off\nmax_connections = 20\n"
        )

    def start(self):
        self._run("pg_ctl", "start", "-w", "-D", self.data, "-l", self.data / "log")

    def stop(self):
        self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", self.data)

    def url(self, database, user="owner"):
        quoted = PASSWORD.replace("@", "%40").replace("/", "%2F").replace(" ", "%20")
        return f"postgresql://{user}:{quoted}@127.0.0.1:{self.port}/{database}"

    def sql(self, statement, database="postgres"):
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement)

    def _run(self, program, *arguments):
        command = [self.bin / program, *arguments]
        done = subprocess.run(
            command,
            user=ACCOUNT,
            cwd="/",
            stdout=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, (command, done.stdout)


@contextmanager
def running(folder):
    server = Server(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
