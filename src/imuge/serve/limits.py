"""What the service takes and for how long, in one frozen record; every limit is on by default."""

from dataclasses import dataclass, fields

from imuge.errors import ConfigError

MAX_PIXELS = 6048 * 4032  # the frame of 24-megapixel cameras, for which memory and times are set
MULTIPART_ROOM = 64 * 2**10  # bytes a body may have beyond its picture: boundaries and fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of one service; a caller is one token or, without tokens, one address.

    Raises:
        ConfigError: one is out of range.
    """

    max_bytes: int = 64 * 2**20  # of the uploaded picture
    max_pixels: int = MAX_PIXELS  # width x height, read from the header before anything is decoded
    workers: int = 1  # processes that compute, each with its own networks
    queue: int = 16  # jobs that may wait, beyond those that run
    queue_per_caller: int = 8
    job_timeout_s: float = 600.0  # for one job, without its time in the queue
    job_base_s: float = 60.0  # of that for a picture of any size
    job_s_per_megapixel: float = 25.0  # and so much more for each megapixel
    connections: int = 512  # open at once
    connections_per_address: int = 64  # proxies that are trusted excepted
    header_timeout_s: float = 10.0  # for the head of a request, from its first byte
    idle_timeout_s: float = 15.0  # without a byte: between requests, of a body, of an answer
    upload_timeout_s: float = 60.0  # for the whole body of a request
    uploads: int = 16  # bodies being received at once
    uploads_per_caller: int = 8
    memory_bytes: int = 6 * 2**30  # address space of a worker; 0 means no limit
    keep_s: float = 600.0  # how long a finished job can be asked for
    held_bytes: int = 2**30  # bodies that arrive, uploads that wait, results that are kept
    held_bytes_per_caller: int = 2**29
    jobs_per_minute: float = 60.0  # for each token and each address; 0 means no limit
    requests_per_minute: float = 1200.0  # the same, for requests of any kind
    grace_s: float = 60.0  # after SIGTERM, for jobs that run or wait

    def __post_init__(self) -> None:
        may_be_zero = {"memory_bytes", "jobs_per_minute", "requests_per_minute", "grace_s", "queue"}
        for item in fields(self):
            value = getattr(self, item.name)
            if value < 0 or (value == 0 and item.name not in may_be_zero):
                raise ConfigError(f"expected {item.name} to be above 0, got {value}")

    @property
    def max_body_bytes(self) -> int:
        """The largest body of a request."""
        return self.max_bytes + MULTIPART_ROOM

    def time_s(self, megapixels: float) -> float:
        """The longest that a picture of this size may be worked on."""
        return min(self.job_timeout_s, self.job_base_s + megapixels * self.job_s_per_megapixel)
