package postroadtest

import (
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

// reader is a Read call.
type reader struct {
	*Server
	request  *pb.ReadRequest
	topic    string // "": several, or a pattern
	next     uint64 // offset in the topic, or position in the feed
	end      uint64 // where everything was that was there at the start
	epoch    *pb.EpochChanged
	replaced bool
	since    uint64 // deletions of topics before it began
	told     bool   // caught up
}

func (s service) Read(request *pb.ReadRequest, stream pb.Postroad_ReadServer) error {
	if err := stream.SendHeader(nil); err != nil { // clients wait for it
		return err
	}
	if f := checkRead(request); f != nil {
		return f
	}
	r := &reader{Server: s.Server, request: request}
	if len(request.GetTopics()) == 1 && !strings.Contains(request.GetTopics()[0], "*") {
		r.topic = request.GetTopics()[0]
	}
	if f := r.open(); f != nil {
		return f
	}
	defer r.leave()
	for {
		response, changed, f := r.step()
		if f != nil {
			return f
		}
		if response != nil {
			if err := stream.Send(response); err != nil {
				return err
			}
		}
		if changed == nil {
			continue
		}
		if r.request.GetStopAtEnd() && r.told {
			return nil
		}
		var heartbeat <-chan time.Time
		if request.GetHeartbeat() != nil {
			heartbeat = time.After(request.GetHeartbeat().AsDuration())
		}
		select {
		case <-changed:
		case <-heartbeat:
			if err := stream.Send(&pb.ReadResponse{Cursor: r.cursor()}); err != nil {
				return err
			}
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

func checkRead(request *pb.ReadRequest) *failure {
	if f := checkPatterns(request.GetTopics(), "topics"); f != nil {
		return f
	}
	if f := checkFilter(request.GetFilter(), "filter"); f != nil {
		return f
	}
	if n := request.GetMaxBatchBytes(); n != 0 && (n < 4<<10 || n > 4<<20) {
		return invalid("max_batch_bytes", "must be 4 KiB to 4 MiB")
	}
	if request.GetLast() > 1_000_000 {
		return invalid("last", "must be at most 1,000,000")
	}
	if request.GetHeartbeat() != nil && request.GetHeartbeat().AsDuration() < time.Second {
		return invalid("heartbeat", "must be at least 1 s")
	}
	if f := checkTime(request.GetTime(), "time"); f != nil {
		return f
	}
	if request.GetClientId() != "" {
		return checkName(request.GetClientId(), "client_id", false)
	}
	return nil
}

// open finds the start, and ends an older reader of the same client.
func (r *reader) open() *failure {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.draining {
		return errDraining
	}
	if f := r.start(); f != nil {
		return f
	}
	r.since = r.deletions
	if id := r.request.GetClientId(); id != "" {
		if older := r.readers[id]; older != nil {
			older.replaced = true
			r.broadcast()
		}
		r.readers[id] = r
	}
	return nil
}

func (r *reader) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if id := r.request.GetClientId(); r.readers[id] == r {
		delete(r.readers, id)
	}
}

// log is what it reads, and the number of its first record; with the feed, others' events too.
func (r *reader) log() (records []*record, first uint64) {
	if r.topic == "" {
		return r.feed, 0
	}
	if t := r.topics[r.topic]; t != nil {
		return t.records, t.first
	}
	return nil, 0
}

func (r *reader) start() *failure {
	records, first := r.log()
	r.end = first + uint64(len(records))
	switch start := r.request.GetStart().(type) {
	case nil, *pb.ReadRequest_End:
		r.next = r.end
	case *pb.ReadRequest_Beginning:
		r.next = first
	case *pb.ReadRequest_Cursor:
		return r.startAfter(start.Cursor, first)
	case *pb.ReadRequest_Last:
		r.startLast(records, first, start.Last)
	case *pb.ReadRequest_Time:
		r.next = first + uint64(startAt(records, start.Time.AsTime()))
	case *pb.ReadRequest_Offset:
		if r.topic == "" {
			return invalid("offset", "needs a single topic")
		}
		if start.Offset > r.end {
			return &failure{code: codes.OutOfRange, reason: "BEYOND_END", field: "offset", message: "is beyond the end of the topic"}
		}
		r.next = start.Offset
	}
	return nil
}

func (r *reader) startLast(records []*record, first, last uint64) {
	r.next = r.end
	for i := len(records); i > 0 && last > 0; i-- {
		if r.reads(records[i-1]) {
			last--
			r.next = first + uint64(i-1)
		}
	}
}

// startAfter goes on from a cursor; that of another incarnation of the log counts for nothing.
func (r *reader) startAfter(cursor string, first uint64) *failure {
	p, ok := parsePlace(cursor, r.topic)
	if !ok {
		return invalidAs("BAD_CURSOR", "cursor", "is not a cursor over these topics")
	}
	r.next = p.next
	if now := r.place().epoch; p.epoch != now {
		r.epoch = &pb.EpochChanged{OldEpoch: epochText(p.epoch), NewEpoch: epochText(now)}
		r.next = first
	} else if p.next > r.end {
		return &failure{code: codes.OutOfRange, reason: "BEYOND_END", field: "cursor", message: "is beyond the end of the log"}
	}
	return nil
}

func (r *reader) cursor() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.place().String()
}

// place is where it is. A topic that was deleted is another incarnation than the one after it.
func (r *reader) place() place {
	return place{epoch: r.Server.epoch + r.deleted[r.topic], topic: r.topic, next: r.next}
}

// reads says whether a record is one for this reader, but for its filter.
func (r *reader) reads(one *record) bool {
	return !one.gone && covers(r.request.GetTopics(), one.topic)
}

// step gives what there is to send, and, once there is no more, what to wait for.
func (r *reader) step() (*pb.ReadResponse, <-chan struct{}, *failure) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.replaced:
		return nil, nil, errReplaced
	case r.draining:
		return nil, nil, errDraining
	case r.topic != "" && r.deleted[r.topic] > r.since:
		return nil, nil, errDeleted
	}
	response := &pb.ReadResponse{EpochChanged: r.epoch}
	r.epoch = nil
	records, first := r.log()
	if r.next < first {
		response.Gaps = append(response.Gaps, &pb.Gap{Topic: r.topic, First: r.next, End: first})
		r.next = first
	}
	full := r.take(records[min(r.next-first, uint64(len(records))):], response)
	if !r.told && r.next >= r.end && !full {
		r.told, response.CaughtUp = true, true
	}
	var changed <-chan struct{}
	if !full {
		changed = r.changed
	}
	if response.Batches == nil && response.Gaps == nil && response.EpochChanged == nil && !response.CaughtUp {
		return nil, changed, nil
	}
	response.Cursor = r.place().String()
	return response, changed, nil
}

// take moves over records into the response; true if it is full before their end.
func (r *reader) take(records []*record, response *pb.ReadResponse) bool {
	left := int(r.request.GetMaxBatchBytes())
	if left == 0 {
		left = 256 << 10
	}
	limit := r.end
	for i, one := range records {
		if r.request.GetStopAtEnd() && r.next >= limit {
			return false
		}
		if one.gone && r.topic == "" && covers(r.request.GetTopics(), one.topic) {
			if response.Batches != nil { // told before events, it must not overtake any
				return true
			}
			addGap(one, response)
		}
		if r.reads(one) && lets(r.request.GetFilter(), one.event) {
			size := proto.Size(one.event)
			if i > 0 && size > left && response.Batches != nil {
				return true
			}
			left -= size
			r.add(one, response)
		}
		r.next++
	}
	return false
}

// addGap tells of a record that is gone.
func addGap(one *record, response *pb.ReadResponse) {
	reason := pb.GapReason_GAP_REASON_RETENTION
	if one.deleted {
		reason = pb.GapReason_GAP_REASON_TOPIC_DELETED
	}
	if n := len(response.Gaps); n > 0 {
		last := response.Gaps[n-1]
		if last.GetTopic() == one.topic && last.GetEnd() == one.offset && last.GetReason() == reason {
			last.End++
			return
		}
	}
	response.Gaps = append(response.Gaps, &pb.Gap{Topic: one.topic, First: one.offset, End: one.offset + 1, Reason: reason})
}

// add puts an event into the last batch, or a new one.
func (r *reader) add(one *record, response *pb.ReadResponse) {
	var batch *pb.EventBatch
	if n := len(response.Batches); n > 0 {
		batch = response.Batches[n-1]
	}
	if batch == nil || batch.GetTopic() != one.topic || !batch.GetStoredAt().AsTime().Equal(one.stored) ||
		(r.topic == "" && one.position-batch.GetFirstPosition() != one.offset-batch.GetFirstOffset()) {
		batch = &pb.EventBatch{Topic: one.topic, FirstOffset: one.offset, StoredAt: timestamppb.New(one.stored)}
		if r.topic == "" {
			batch.FirstPosition = one.position
		}
		response.Batches = append(response.Batches, batch)
	}
	n := uint64(len(batch.GetEvents()))
	if len(batch.GetOffsets()) == 0 && one.offset != batch.GetFirstOffset()+n {
		for i := range n {
			batch.Offsets = append(batch.Offsets, batch.GetFirstOffset()+i)
		}
	}
	if len(batch.GetOffsets()) > 0 {
		batch.Offsets = append(batch.Offsets, one.offset)
	}
	batch.Events = append(batch.Events, one.event)
}
