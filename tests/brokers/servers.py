"""Real brokers, each a process of the test's own: on a loopback port, with its data in a folder.

`kill()` is kill -9; `start()` afterwards goes on with the same data on the same port.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

START = 60  # seconds


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def program(*names: str) -> str:
    places = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/lib/rabbitmq/bin"])
    for name in names:
        if found := shutil.which(name, path=places):
            return found
    raise RuntimeError(f"{names[0]} is not installed: see install_packages in .ci/run")


def wait_until(is_so: Callable[[], bool], what: str, seconds: float = START) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not in {seconds} s")
        time.sleep(0.02)


class Server(ABC):
    """A broker."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    @abstractmethod
    def url(self) -> str:
        """Of the destination, as `agent-events relay run --to` takes it."""

    @abstractmethod
    def command(self) -> Sequence[str]: ...

    def environment(self) -> dict[str, str]:
        return {}

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=os.environ | self.environment(),
            )
        wait_until(self._is_there, f"{type(self).__name__} on port {self.port}")

    def _is_there(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError((self.folder / "log").read_text()[-3000:])
        return self.is_ready()

    def is_ready(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def kill(self) -> None:
        os.kill(self.pid(), signal.SIGKILL)
        assert self.process is not None
        self.process.wait(30)
        self.process = None

    def stop(self) -> None:
        if self.process is not None:
            self.kill()


class Nats(Server):
    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def command(self) -> Sequence[str]:
        config = self.folder / "nats.conf"
        config.write_text(
            f'listen: "127.0.0.1:{self.port}"\n'
            f'jetstream {{ store_dir: "{self.folder}/data" }}\n'
            "max_payload: 100000\n"
        )
        return [program("nats-server"), "-c", str(config)]


class Redis(Server):
    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def command(self) -> Sequence[str]:
        settings = {
            "port": self.port,
            "bind": "127.0.0.1",
            "dir": self.folder,
            "appendonly": "yes",
            # What is acknowledged survives the process: the kernel has it. With everysec it need
            # not: while the disk is busy, writing is put off for up to two seconds.
            "appendfsync": "no",
            "save": "",
            "proto-max-bulk-len": 1024 * 1024,
        }
        options = [str(word) for name, value in settings.items() for word in (f"--{name}", value)]
        return [program("redis-server"), *options]


class Rabbitmq(Server):
    """With an Erlang port mapper of its own, in the foreground: the usual one stays for ever."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.mapper_port, self.node_port = free_port(), free_port()
        self.mapper: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    def environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.folder),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self.mapper_port),
            "RABBITMQ_NODENAME": f"agent_events_{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(self.node_port),
            "RABBITMQ_MNESIA_BASE": f"{self.folder}/mnesia",
            "RABBITMQ_LOG_BASE": f"{self.folder}/logs",
            "RABBITMQ_CONFIG_FILE": f"{self.folder}/rabbitmq.conf",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{self.folder}/plugins",
            "RABBITMQ_PID_FILE": f"{self.folder}/pid",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none"
            ),
        }

    def command(self) -> Sequence[str]:
        (self.folder / "plugins").write_text("[].\n")
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            "max_message_size = 200000\n"
            "disk_free_limit.absolute = 50MB\n"
        )
        return [program("/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server")]

    def start(self) -> None:
        if self.mapper is None:
            epmd = [program("epmd"), "-port", str(self.mapper_port), "-address", "127.0.0.1"]
            self.mapper = subprocess.Popen(epmd, cwd=self.folder)
        (self.folder / "pid").unlink(missing_ok=True)
        super().start()

    def is_ready(self) -> bool:
        """The listener is opened last."""
        return super().is_ready() and (self.folder / "pid").exists()

    def kill(self) -> None:
        """The script waits for the virtual machine, whose pid it writes down."""
        os.kill(int((self.folder / "pid").read_text()), signal.SIGKILL)
        assert self.process is not None
        self.process.wait(30)
        self.process = None

    def stop(self) -> None:
        super().stop()
        if self.mapper is not None:
            self.mapper.kill()
            self.mapper.wait(30)


class Kafka(Server):
    """librdkafka's mock cluster, in a process of its own: `kafka_server.py` says how.

    It has its messages in memory. So `kill()` takes its only broker down, which breaks all
    connections, and `start()` brings it up again with what it had; `stop()` ends the process.
    """

    def __init__(self, folder: Path, *, partitions: int = 4) -> None:
        super().__init__(folder)
        self.partitions = partitions
        self.bootstrap = ""

    @property
    def url(self) -> str:
        return f"kafka://{self.bootstrap}"

    def command(self) -> Sequence[str]:
        script = Path(__file__).with_name("kafka_server.py")
        return [sys.executable, str(script), str(self.partitions)]

    def start(self) -> None:
        if self.process is None:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            self.bootstrap = self._answer()
        else:
            self.tell("up")

    def kill(self) -> None:
        self.tell("down")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def tell(self, command: str) -> None:
        """up, down, or `fail CODE [CODE …]`: the errors of the next requests to produce."""
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(f"{command}\n".encode())
        self.process.stdin.flush()
        assert self._answer() == "done"

    def _answer(self) -> str:
        assert self.process is not None
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode().strip()
