package postroadtest

import (
	"fmt"
	"time"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

// settle does what a member asks for; what cannot be done it is told.
func (s *Server) settle(sub *subscription, m *member, request *pb.Settle) {
	held := func(delivery uint64) *entry {
		if e := sub.inFlight[delivery]; e != nil && e.member == m {
			return e
		}
		m.refuse(delivery, notFound("UNKNOWN_DELIVERY", "this member has no such delivery (any more)"))
		return nil
	}
	for _, delivery := range request.GetAcks() {
		if e := held(delivery); e != nil {
			sub.ack(e, nil)
		}
	}
	if request.AckUpTo != nil {
		for delivery, e := range sub.inFlight {
			if e.member == m && delivery <= request.GetAckUpTo() {
				sub.ack(e, nil)
			}
		}
	}
	for i, nack := range request.GetNacks() {
		delay := time.Duration(-1)
		if nack.Delay != nil {
			if f := checkDuration(nack.GetDelay(), 0, year, fmt.Sprintf("settle.nacks[%d].delay", i)); f != nil {
				m.refuse(nack.GetDeliveryId(), f)
				continue
			}
			delay = nack.GetDelay().AsDuration()
		}
		if e := held(nack.GetDeliveryId()); e != nil {
			sub.fail(e, nack.GetReason(), delay)
		}
	}
	s.extendAndEnd(sub, m, request, held)
}

func (s *Server) extendAndEnd(sub *subscription, m *member, request *pb.Settle, held func(uint64) *entry) {
	for i, extend := range request.GetExtends() {
		f := checkDuration(extend.GetBy(), 100*time.Millisecond, 24*time.Hour, fmt.Sprintf("settle.extends[%d].by", i))
		if f != nil {
			m.refuse(extend.GetDeliveryId(), f)
		} else if e := held(extend.GetDeliveryId()); e != nil {
			e.changes++ // the deadline before counts no more
			sub.later(e, extend.GetBy().AsDuration(), func() { sub.expire(e) })
		}
	}
	for _, terminate := range request.GetTerminates() {
		if e := held(terminate.GetDeliveryId()); e != nil {
			sub.terminate(e, terminate.GetReason())
		}
	}
	for i, reply := range request.GetReplies() {
		if len(reply.GetPayload()) > maxReplyBytes {
			m.refuse(reply.GetDeliveryId(), invalidAs("REPLY_TOO_LARGE",
				fmt.Sprintf("settle.replies[%d].payload", i), "has more than 64 KiB"))
		} else if e := held(reply.GetDeliveryId()); e != nil {
			sub.ack(e, reply.GetPayload())
		}
	}
}

func (m *member) refuse(delivery uint64, f *failure) {
	m.failures = append(m.failures, &pb.SettleFailures_Failure{DeliveryId: delivery, Error: f.detail()})
}
