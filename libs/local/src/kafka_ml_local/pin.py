"""Write the `*.jars` files: resolve what Kafka and S3Proxy need, fetch it, note sizes and SHA-256. For whoever updates them."""

import hashlib
from pathlib import Path

from jgo.maven import MavenContext

from kafka_ml_local.java import Jar, cache_folder

PROGRAMS = {
    # kafka-clients is named although kafka needs it: its own dependency on log4j would bring a version in that Kafka can't use
    "kafka": [
        "org.apache.kafka:kafka_2.13:4.1.0",
        "org.apache.kafka:kafka-clients:4.1.0",
        "org.slf4j:slf4j-simple:1.7.36",
    ],
    "s3proxy": ["org.gaul:s3proxy:2.9.0"],
}
UNUSED = (
    "com.azure:",
    "com.microsoft.azure:",
    "io.netty:",
    "io.projectreactor",
    "net.java.dev.jna:",
    "rackspace",
    "-sdk-sts:",
)
"""Parts of names of jars that S3Proxy needs only to reach other clouds' stores."""


def pin(program: str, coordinates: list[str]) -> None:
    """Write `<program>.jars` beside this module."""
    maven = MavenContext(repo_cache=cache_folder() / "maven", timeout=30)
    named, needed = maven.resolver.resolve([maven.create_dependency(each) for each in coordinates])
    jars = set()
    for dependency in [*named, *needed]:
        coordinate = f"{dependency.groupId}:{dependency.artifactId}:{dependency.version}"
        if dependency.classifier or any(part in coordinate for part in UNUSED):
            continue
        content = dependency.artifact.resolve().read_bytes()
        jars.add(Jar(coordinate, len(content), hashlib.sha256(content).hexdigest()))
    lines = [f"{jar.coordinate} {jar.size} {jar.sha256}" for jar in sorted(jars, key=lambda jar: jar.coordinate)]
    heading = f"# group:artifact:version bytes sha256 - what {coordinates[0]} needs to run"
    Path(__file__).with_name(f"{program}.jars").write_text("\n".join([heading, *lines, ""]))


if __name__ == "__main__":
    for program, coordinates in PROGRAMS.items():
        pin(program, coordinates)
