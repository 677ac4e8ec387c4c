# What Postroad is built and tested with: Debian 12 packages. Sourced by ./dev.

# The compiler, the tools and the libraries that `./dev run` needs.
build_packages=(
  ca-certificates ccache clang-19 cmake git libclang-rt-19-dev lld-19 llvm-19 ninja-build pkg-config
  libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev libcli11-dev libfmt-dev
  libgrpc++-dev libjemalloc-dev libmariadb-dev libpq-dev libprotobuf-dev librdkafka-dev librocksdb-dev libspdlog-dev libsqlite3-dev libssl-dev libsystemd-dev
  libtomlplusplus-dev libxxhash-dev prometheus-cpp-dev protobuf-compiler protobuf-compiler-grpc zlib1g-dev
)
# What the tests need besides.
test_packages=(
  chromium curl libbenchmark-dev libgmock-dev libgtest-dev libpqxx-dev mariadb-server openssl postgresql python3
  python3-jsonschema python3-venv
)
# What gets the Go that the Go client is tested with (scripts/go.sh), where there is none at all.
go_packages=(
  golang-go
)
# What gets and runs the Kafka broker that the tests start (scripts/kafka.sh), a Java peer,
# rsocket-java's programs (tests/interop/rsocket-java) and examples/outbox/java.
kafka_packages=(
  default-jdk-headless maven
)
# What the MySQL server needs to run that the tests start (scripts/mysql.sh).
mysql_packages=(
  libaio1 libnuma1
)
# What gets the npm that the TypeScript client and the RSocket clients are tested with, where there is none.
node_packages=(
  nodejs npm
)
# What `./dev check` needs besides.
check_packages=(
  clang-format-19 clang-tidy-19 python3
)
