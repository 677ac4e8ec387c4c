package postroad

// The states of a connection, and what leads from one to another.

import "fmt"

// State is what a client, publisher, stream or subscriber is doing. See the package documentation
// for the diagram.
type State int

const (
	// Closed: not started yet, or ended.
	Closed State = iota
	// Connecting: an attempt is under way.
	Connecting
	// Connected: its stream is up.
	Connected
	// Disconnected: the connection was lost or an attempt failed; the next one waits its turn.
	Disconnected
	// Draining: being closed; handlers that run end, and what they settled (or what was posted) is
	// still sent.
	Draining
)

// String gives the state's name.
func (s State) String() string {
	switch s {
	case Closed:
		return "Closed"
	case Connecting:
		return "Connecting"
	case Connected:
		return "Connected"
	case Disconnected:
		return "Disconnected"
	case Draining:
		return "Draining"
	}
	return fmt.Sprintf("State(%d)", int(s))
}

// StateChange is what WithStateCallback tells.
type StateChange struct {
	// Component is "publisher", "stream orders" or "subscriber billing".
	Component string
	// From and To are the states before and after.
	From, To State
	// Err is why it is no longer connected, or has ended; nil if all is well.
	Err error
}

// transition is what can happen to a component.
type transition int

const (
	attempt   transition = iota // starts to connect
	establish                   // the stream is up
	lose                        // the attempt failed, or the stream ended
	drain                       // its owner closes it, and something is still to be done
	end                         // it has ended
)

func (t transition) String() string {
	return [...]string{"attempt", "establish", "lose", "drain", "end"}[t]
}

// next is the state machine: the state after t happened in s, and whether that is a change.
func (s State) next(t transition) (State, bool) {
	to := s
	switch t {
	case attempt:
		if s == Closed || s == Disconnected {
			to = Connecting
		}
	case establish:
		if s == Connecting {
			to = Connected
		}
	case lose:
		if s == Connecting || s == Connected {
			to = Disconnected
		}
	case drain:
		if s != Closed {
			to = Draining
		}
	case end:
		to = Closed
	}
	return to, to != s
}
