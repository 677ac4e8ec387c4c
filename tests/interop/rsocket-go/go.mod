module postroad/rsocket-interop

go 1.24

require github.com/rsocket/rsocket-go v0.8.12
