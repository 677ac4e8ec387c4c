package postroadtest

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/postroad/postroad/clients/go"
	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

func toProto(e postroad.Event) *pb.Event {
	p := &pb.Event{Id: e.ID, Topic: e.Topic, Key: e.Key, Type: e.Type, ContentType: e.ContentType,
		Payload: e.Payload, Headers: e.Headers, SearchKeys: e.SearchKeys}
	if !e.Time.IsZero() {
		p.Time = timestamppb.New(e.Time)
	}
	if !e.DeliverAt.IsZero() {
		p.DeliverAt = timestamppb.New(e.DeliverAt)
	}
	return p
}

func fromProto(p *pb.Event, topic string) postroad.Event {
	e := postroad.Event{ID: p.GetId(), Topic: topic, Key: p.GetKey(), Type: p.GetType(),
		ContentType: p.GetContentType(), Payload: p.GetPayload(), Headers: p.GetHeaders(),
		SearchKeys: p.GetSearchKeys(), Time: p.GetTime().AsTime()}
	if p.GetDeliverAt() != nil {
		e.DeliverAt = p.GetDeliverAt().AsTime()
	}
	return e.Clone()
}

// newID makes a UUIDv7 (RFC 9562).
func newID(now time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], uint64(now.UnixMilli())<<16|rand.Uint64()&0xfff|0x7000)
	binary.BigEndian.PutUint64(b[8:], rand.Uint64()>>2|1<<63)
	text := hex.EncodeToString(b[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}
