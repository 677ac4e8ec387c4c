package postroad

// How messages that carry events pass through gRPC: as bytes.

import (
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
)

// The streams carry batches, which are encoded and decoded here and not by the generated code:
// that allocates many times an event.
const (
	methodPostStream = "/postroad.v1.Postroad/PostStream"
	methodRead       = "/postroad.v1.Postroad/Read"
	methodSubscribe  = "/postroad.v1.Postroad/Subscribe"
)

var (
	twoWays = grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	oneWay  = grpc.StreamDesc{ServerStreams: true}
)

// rawCodec passes encoded messages through; they are []byte to send and *[]byte to receive.
type rawCodec struct{}

// Name is that of the codec on the other side.
func (rawCodec) Name() string { return "proto" }

// Marshal passes the bytes on as they are; they must not change until gRPC has sent them.
func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	b, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("postroad: cannot send a %T", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(b)}, nil
}

// Unmarshal gives a message bytes of its own, since gRPC uses its buffers again.
func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	b, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("postroad: cannot receive into a %T", v)
	}
	*b = data.Materialize()
	return nil
}

func callOptions() grpc.CallOption { return grpc.ForceCodecV2(rawCodec{}) }
