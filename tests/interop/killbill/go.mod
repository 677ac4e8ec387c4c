module github.com/postroad/postroad/tests/interop/killbill

go 1.21

require (
	github.com/killbill/standalone-queue/gen-go v0.0.0-20201028174618-aff0c8762441
	github.com/killbill/standalone-queue/queue-client v0.0.0-20221007211629-68ea74ac6fa4
)
