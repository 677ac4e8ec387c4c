package postroad

// What a stream has to say besides events.

import (
	"fmt"
)

// Notice is what a stream has to say besides events: *Gap, *EpochChanged or *CaughtUp.
type Notice interface{ notice() }

// Gap says that events were gone before they could be read. It is an error, too, as which
// Stream.Events gives it.
type Gap struct {
	// Topic is theirs; empty: of several topics, it is not known which.
	Topic string
	// First is the first one lost, End the first one kept: offsets, or feed positions where Topic is
	// empty.
	First, End uint64
	// TopicDeleted: they went with their topic; else retention took them.
	TopicDeleted bool
}

// EpochChanged says that the log is another incarnation than the cursor's (restored from a backup, or
// a memory topic's after a crash); reading goes on from the oldest event kept. It is an error, too,
// as which Stream.Events gives it.
type EpochChanged struct {
	// Old and New are the epochs, as the server spells them.
	Old, New string
}

// CaughtUp says, once a run, that everything that was there when it began has been handled.
type CaughtUp struct{}

func (*Gap) notice()          {}
func (*EpochChanged) notice() {}
func (*CaughtUp) notice()     {}

// Error says what was lost.
func (g *Gap) Error() string {
	if g.Topic == "" {
		return fmt.Sprintf("postroad: feed positions %d to %d were lost to retention", g.First, g.End-1)
	}
	if g.TopicDeleted {
		return fmt.Sprintf("postroad: offsets %d to %d of topic %s went with it, as it was deleted", g.First, g.End-1, g.Topic)
	}
	return fmt.Sprintf("postroad: offsets %d to %d of topic %s were lost to retention", g.First, g.End-1, g.Topic)
}

// Error says from which epoch to which.
func (e *EpochChanged) Error() string {
	return fmt.Sprintf("postroad: the log's epoch changed from %s to %s", e.Old, e.New)
}
