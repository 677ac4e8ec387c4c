// Package scenarios is the tests that every client of Postroad passes against the real server,
// behind a proxy that breaks connections: tests/client/scenarios.md. The C++ client's have the same
// names.
package scenarios
